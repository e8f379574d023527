"""Whether learning from augmented views pays."""
