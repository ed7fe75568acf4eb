"""What is made from a finished part: moulds and sheets."""
