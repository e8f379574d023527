"""The search over backbones and heads."""
