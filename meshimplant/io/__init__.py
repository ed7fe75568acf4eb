"""Files in and out: volumes, DICOM, meshes, points, curves and maps; written whole or not at all."""
