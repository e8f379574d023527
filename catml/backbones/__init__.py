"""Frozen ImageNet networks: what there is, where its weights come from, and the features it gives."""
