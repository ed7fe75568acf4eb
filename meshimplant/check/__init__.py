"""Checks of a finished part: measures and findings."""
