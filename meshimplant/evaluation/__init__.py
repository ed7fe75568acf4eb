"""Agreement of reconstructions with the truth: metrics, surface errors, and summaries of many cases."""
