"""What is trained on features."""
