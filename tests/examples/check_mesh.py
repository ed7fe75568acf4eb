"""Check a mesh from anywhere with the built-in checks, and with a rule of your own.

python tests/examples/check_mesh.py part.stl defective.nrrd
"""

import sys

import meshimplant

LARGEST_PRINT_MM = 150

part = meshimplant.read_mesh(sys.argv[1])
skull = meshimplant.read_volume(sys.argv[2])
prescription = meshimplant.ImplantSpec(thickness_mm=3.5, clearance_mm=1.0)

check = meshimplant.check_part(part, skull=skull, spec=prescription)
findings = list(check.findings)

size_mm = float(max(part.extents))
if size_mm > LARGEST_PRINT_MM:
    message = f"the part is {size_mm:.0f} mm long and does not fit the printer: print it in two pieces"
    findings.append(meshimplant.Finding("printer.size", "error", message, size_mm, LARGEST_PRINT_MM, "mm"))

for finding in findings:
    print(f"{finding.severity} {finding.code}: {finding.message} at {finding.location_mm}")
print(meshimplant.verdict_of(findings))
