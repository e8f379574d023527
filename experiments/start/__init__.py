"""How long commands take to start, beside the import of TensorFlow, which most of them can't do without."""
