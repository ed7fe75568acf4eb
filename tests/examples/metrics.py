"""Score a reconstruction of the missing bone against the truth, overall and by surface.

python tests/examples/metrics.py reconstruction.nrrd truth.nrrd defective.nrrd
"""

import sys

import meshimplant
from meshimplant.evaluation.surface_errors import surface_errors

prediction, truth, defective = (meshimplant.read_volume(path) for path in sys.argv[1:4])

metrics = meshimplant.evaluate(prediction, truth, defective)
print(f"Dice {metrics.dice:.3f}, border Dice {metrics.border_dice:.3f}, HD95 {metrics.hausdorff95_mm:.2f} mm")

errors = surface_errors(prediction, truth, defective)
print(f"outer surface: bias {errors.outer_bias_mm:+.2f} mm, RMS {errors.outer_rms_mm:.2f} mm")
