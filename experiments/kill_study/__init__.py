"""A study that is killed at any moment, and one that processes share, beside one that ran through undisturbed."""
