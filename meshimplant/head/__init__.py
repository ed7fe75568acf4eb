"""The head: its pose, its braincase, the columns of bone of its vault, the mean vault, maps of directions."""
