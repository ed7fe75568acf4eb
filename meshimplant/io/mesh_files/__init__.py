"""Mesh file formats: STL, 3MF, PLY and OBJ, decoded and encoded."""
