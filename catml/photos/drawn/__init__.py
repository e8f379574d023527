"""How the sample is drawn: a canvas, cats, poses, scenes and light."""
