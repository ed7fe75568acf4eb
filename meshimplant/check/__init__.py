"""What is measured of a finished part, and the findings that follow."""
