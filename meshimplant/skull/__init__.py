"""The skull as it came in: bone found in a CT, thick slices interpolated, openings found."""
