"""How much memory a prediction of 100,000 photos takes."""
