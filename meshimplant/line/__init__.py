"""From voxels to a first mesh: subtract, separate, deepen, extract."""
