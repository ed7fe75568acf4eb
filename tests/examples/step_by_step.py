"""Run the line step by step, so that any step can be replaced by one of your own.

python tests/examples/step_by_step.py defective.nrrd part.stl
"""

import sys

import meshimplant as mi

defective = mi.read_volume(sys.argv[1])

completion = mi.complete_skull(defective)  # signed distances around the defect
missing = mi.subtract(completion.field, defective)  # the missing bone, with debris
(body,) = mi.separate(missing, skull=defective).bodies  # the implant without debris
deep = mi.deepen(body, 3.0, inside_mm=completion.pose.centre_mm)  # room for the wall
raw = mi.extract(deep)  # its surface
smooth = mi.smooth(raw)
site = mi.Site.around(defective, smooth)  # the bone around the part
trimmed = mi.trim(smooth, site, clearance_mm=0.8)
thin = mi.set_thickness(trimmed, 3.5)
free = mi.clear_way(thin, site).mesh  # undercuts removed
part = mi.repair(free).mesh

for name, mesh in {"raw": raw, "smooth": smooth, "trimmed": trimmed, "thin": thin, "part": part}.items():
    print(f"{name}: {mesh.volume / 1000:.1f} cm3, {len(mesh.faces)} faces")
mi.write_mesh(part, sys.argv[2])
