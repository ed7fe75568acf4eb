"""The whole line: from a defective skull to a checked part and its files."""
