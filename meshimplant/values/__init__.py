"""What the numbers of a volume mean: mask, labels, probability, signed distance, Hounsfield units."""
