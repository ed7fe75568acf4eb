"""Lengths below which triangles count as flaws, and above which a cut is worth making."""

from __future__ import annotations

#: Height of a face that has no area at the precision of an STL file (float32: 3e-5 mm at 300 mm), mm.
DEGENERATE_HEIGHT_MM = 1e-5
#: Vertices of open edges closer than this are the same, and a vertex closer than this to an open edge lies on
#: it, mm.
WELD_MM = 0.01
#: Edges along a fresh cut that are shorter than this are collapsed, mm: a tenth of a voxel.
SHORT_EDGE_MM = 0.05
#: Triangles along a fresh cut that are lower than this are flipped over their longest edge, mm.
FLAT_HEIGHT_MM = 0.01
#: A cut that nowhere goes deeper than this is not made, mm: cutting the same place again leaves slivers.
LEAST_CUT_MM = 0.05
