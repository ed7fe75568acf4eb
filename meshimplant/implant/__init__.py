"""Measurements of a part: surfaces, wall thickness, the bone around it. Nothing here changes a mesh."""
