"""Design an implant from a mask of the defective skull, and look at what was measured.

python tests/examples/design_from_mask.py defective.nrrd case
"""

import sys

import meshimplant

prescription = meshimplant.ImplantSpec(thickness_mm=3.5, clearance_mm=1.0, material="PEEK")

# A mask, a CT, a DICOM folder or a closed mesh; a Volume in memory works as well.
design = meshimplant.design_implant(sys.argv[1], spec=prescription)
design.save(sys.argv[2])

for name in ("thickness_median_mm", "gap_median_mm", "coverage_fraction"):
    print(f"{name}: {design.report.measures[name]:.2f}")
for finding in design.report.findings:
    print(f"{finding.severity} {finding.code}: {finding.message}")
