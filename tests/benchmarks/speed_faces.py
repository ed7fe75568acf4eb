"""Time the mesh steps on the packaged implant at growing resolution; `run_speed` starts one process per size.

python tests/benchmarks/speed_faces.py FACES OUTPUT
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import trimesh

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.speed_meter import Meter

from meshimplant import (
    check_fit,
    check_solid,
    extract,
    read_volume,
    render_preview,
    repair,
    set_thickness,
    simplify,
    smooth,
    trim,
    write_mesh,
)
from meshimplant.datasets.sample_files import sample_path
from meshimplant.mesh.convert import new_mesh
from meshimplant.voxels.distance import signed_distance
from meshimplant.voxels.grid import bounding_box
from meshimplant.voxels.volume import Volume


def mesh_of(faces: int) -> trimesh.Trimesh:
    """Return the packaged implant as a mesh of about this many faces, from a resampled signed distance."""
    mask = read_volume(sample_path("implant.nrrd"))
    start, stop = bounding_box(mask.array)
    field = signed_distance(mask.crop(start - 4, stop + 4))
    scale = np.sqrt(len(extract(field).faces) / faces)
    shape = np.floor((np.array(field.shape) - 1) / scale).astype(int) + 1
    affine = field.affine.copy()
    affine[:3, :3] *= scale
    return extract(field.resample_to(Volume(np.zeros(shape, np.uint8), affine), fill=-4))


def time_steps(faces: int, output: Path) -> None:
    """Run the mesh steps in a row; write run.json with the cost and the initial face count of each."""
    skull = read_volume(sample_path("defective.nrrd"))
    raw = mesh_of(faces)
    meter, sizes = Meter(), {}

    def begin(name: str, mesh: trimesh.Trimesh) -> None:
        sizes[name] = len(mesh.faces)
        meter.begin(name)

    begin("smooth", raw)
    smoothed = smooth(raw)
    begin("trim", smoothed)
    trimmed = trim(smoothed, skull)
    begin("thickness", trimmed)
    thinned = set_thickness(trimmed, 4.0)
    begin("repair a solid", thinned)
    solid = repair(thinned).mesh
    broken = _broken(solid)
    begin("repair holes", broken)
    repair(broken)
    begin("simplify", solid)
    part = simplify(solid, max_faces=len(solid.faces) // 2)
    meter.end()
    del raw, smoothed, trimmed, thinned, broken, part
    begin("check a solid", solid)
    check_solid(solid)
    begin("check the fit", solid)
    check_fit(solid, skull)
    begin("write .stl", solid)
    write_mesh(solid, output / "part.stl")
    begin("write .3mf", solid)
    write_mesh(solid, output / "part.3mf")
    begin("preview", solid)
    render_preview(output / "part.png", implant=solid)
    meter.save(output, sizes=sizes)


def _broken(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """Return the mesh with one face in ten thousand removed."""
    kept = np.arange(len(mesh.faces)) % 10_000 != 5_000
    return new_mesh(np.asarray(mesh.vertices), np.asarray(mesh.faces)[kept])


def main() -> None:
    """Time the size that the command line names, and leave run.json."""
    faces, output = int(sys.argv[1]), Path(sys.argv[2])
    output.mkdir(parents=True, exist_ok=True)
    time_steps(faces, output)


if __name__ == "__main__":
    main()
