"""The defective skull: read and segment it, interpolate thick slices, find its openings."""
