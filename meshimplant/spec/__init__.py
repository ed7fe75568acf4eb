"""The prescription of a part: its fields, and the tables of what is added to the part for surgery."""
