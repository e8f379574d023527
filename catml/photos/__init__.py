"""Bytes to upright RGB, the photo table, the split, and the drawn sample."""
