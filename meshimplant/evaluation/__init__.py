"""How well a reconstruction agrees with the truth: metrics, surface errors, many cases."""
