"""Files in and out: volumes, DICOM, meshes, points, curves, maps; written whole or not at all."""
