"""The edit log: every change of a design as one line, to be undone, made again and replayed."""
