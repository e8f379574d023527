"""catml: a folder of a few hundred labelled photos in, an image classifier with a believable accuracy out."""

__version__ = "0.1.0"
