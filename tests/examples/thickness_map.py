"""Give a part a wall that tapers towards the border and is thicker where it is screwed on.

python tests/examples/thickness_map.py part.stl screws.csv thick.stl
"""

import sys

import meshimplant

part = meshimplant.read_mesh(sys.argv[1])
screws_mm = meshimplant.read_curve(sys.argv[2])  # points of a .csv, or of a 3D Slicer markup file

wanted_mm = meshimplant.feather(part, 3.0, width_mm=8, rim_mm=4)
wanted_mm = meshimplant.thicken_at(part, wanted_mm, screws_mm, thickness_mm=5, radius_mm=6)
thick = meshimplant.set_thickness(part, wanted_mm)

wall = meshimplant.measure_thickness(thick)
print(f"median {wall.median_mm:.1f} mm, thinnest {wall.min_mm:.1f} mm at {wall.min_location_mm}")
meshimplant.write_map("wall.csv", thick.vertices, wall.thickness_mm)
meshimplant.write_mesh(thick, sys.argv[3])
