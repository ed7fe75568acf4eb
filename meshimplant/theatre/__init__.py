"""What surgery adds to a finished part: holes, fixation and marks."""
