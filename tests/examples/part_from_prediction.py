"""Turn a network's prediction of the complete skull into a printable part.

python tests/examples/part_from_prediction.py defective.nrrd prediction.nrrd part.stl
"""

import sys

import meshimplant

defective = meshimplant.read_skull(sys.argv[1])
# Voxels on any grid (mask, probabilities, signed distances), or points with normals.
prediction = meshimplant.read_prediction(sys.argv[2], defective.mask)

design = meshimplant.design_implant(defective, complete=prediction)
meshimplant.write_mesh(design.implant, sys.argv[3])
print(f"{design.implant.volume / 1000:.1f} cm3, {design.report.verdict}")
