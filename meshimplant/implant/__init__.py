"""What is known of a part: its surfaces, wall thickness, and the bone around it. Nothing here changes a mesh."""
