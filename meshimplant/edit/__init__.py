"""The steps that change a part, one step to a file."""
