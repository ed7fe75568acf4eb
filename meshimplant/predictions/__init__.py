"""Predictions of other programs: masks, labels, probabilities, distances and points, read as a volume."""
