"""Where the head lies and how its vault runs: pose, braincase, columns of bone, the mean vault."""
