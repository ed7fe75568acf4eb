"""Predictions of other programs: masks, probabilities, distances and points, read as a shape."""
