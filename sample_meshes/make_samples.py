"""Regenerate the samples in this folder: a skull phantom, its defective version and the true implant.

    python sample_meshes/make_samples.py [-o FOLDER]

Writes the mask (.nrrd) and a simplified mesh (.stl) of each of the three, and SHA256SUMS. The same library
versions give the same bytes. The voxels of the masks do not depend on library versions; compressed bytes and
meshes may.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import trimesh

from meshimplant.datasets.craniectomy import craniectomy
from meshimplant.datasets.phantom import skull_phantom
from meshimplant.edit.smooth import smooth
from meshimplant.mesh.convert import from_manifold, to_manifold
from meshimplant.io.meshes import write_mesh
from meshimplant.io.volumes import write_volume
from meshimplant.line.extract import extract
from meshimplant.voxels.volume import Volume

SPACING_MM = 1.0
#: A head of average proportions and thickness, tilted in the scanner.
PHANTOM_SEED, TILT_DEG = 8, 6.0
#: A defect of the right side with burr holes and inclined walls.
DEFECT_KIND, DEFECT_SEED = "parietotemporal", 0
#: Maximum faces of the skulls' and the implant's meshes. Their vertices stay within half a voxel of the
#: mask's surface (measured: 99 % within 0.26 mm).
SKULL_FACES, IMPLANT_FACES = 22_000, 8_000


def make_volumes() -> dict[str, Volume]:
    """Return the three masks by name, on one grid."""
    complete = skull_phantom(spacing_mm=SPACING_MM, seed=PHANTOM_SEED, tilt_deg=TILT_DEG)
    cut = craniectomy(complete, kind=DEFECT_KIND, seed=DEFECT_SEED)
    return {"complete": complete, "defective": cut.defective, "implant": cut.truth}


def make_mesh(mask: Volume, *, max_faces: int) -> trimesh.Trimesh:
    """Return a closed mesh of a mask's surface with at most `max_faces` faces."""
    solid = to_manifold(smooth(extract(mask)))
    tolerance_mm = 0.05
    while solid.num_tri() > max_faces:
        solid = solid.simplify(tolerance_mm)
        tolerance_mm *= 1.25
    return from_manifold(solid)


def write_samples(folder: Path) -> None:
    """Write all files and their checksums into a folder."""
    for name, volume in make_volumes().items():
        write_volume(volume, folder / f"{name}.nrrd")
        faces = IMPLANT_FACES if name == "implant" else SKULL_FACES
        write_mesh(make_mesh(volume, max_faces=faces), folder / f"{name}.stl", name=name)
    files = sorted([*folder.glob("*.nrrd"), *folder.glob("*.stl")])
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    (folder / "SHA256SUMS").write_text("".join(lines), encoding="ascii")


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description="Regenerate the samples.")
    parser.add_argument("-o", "--output", type=Path, default=Path(__file__).resolve().parent)
    folder = parser.parse_args().output
    folder.mkdir(parents=True, exist_ok=True)
    write_samples(folder)


if __name__ == "__main__":
    main()
