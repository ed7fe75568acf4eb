"""The ways to complete a skull, and the one function that offers them, `complete_skull`."""
