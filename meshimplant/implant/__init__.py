"""What is known of a part: its surfaces, its thickness, the bone around it. Nothing here changes a mesh."""
