"""Whether more heads pay: concatenated backbones, averaged probabilities, mirrored views."""
