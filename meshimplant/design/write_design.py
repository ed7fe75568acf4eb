"""Write a design: part, reconstruction, prescription, report and previews, all or nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import trimesh

from meshimplant.complete.choose_model import disagreement_findings
from meshimplant.errors import MeshImplantError
from meshimplant.io.atomic import atomic_folder
from meshimplant.io.maps import write_map
from meshimplant.io.meshes import write_mesh
from meshimplant.io.payload import sha256_of
from meshimplant.io.volumes import write_volume
from meshimplant.line.extract import extract
from meshimplant.preview.report_page import write_report_html
from meshimplant.preview.write_previews import write_previews
from meshimplant.report import Finding
from meshimplant.skull.thick_slices import interpolate_slices
from meshimplant.voxels.grid import bounding_box
from meshimplant.voxels.volume import Volume

if TYPE_CHECKING:
    from meshimplant.design.design_implant import Design

_TITLE = "Cranial implant"
#: Voxel edge of the skull in pictures, mm: two pixels of the sheet; its surface has about as many faces as a page may hold.
_PICTURE_MM = 1.4
#: Voxels averaged along one axis at most: six cubed still count in a byte.
_MOST_AVERAGED = 6


def save_design(design: Design, folder: Path, *, sources: dict[str, Path], force: bool) -> None:
    """Write the files of a design into `folder`.

    implant.stl and implant.3mf (LPS millimetres), reconstruction.nrrd, spec.toml, preview.png, preview.html, report.json and
    report.html; disagreement.csv where methods of completion differ; uncertainty.csv of a network. A picture that cannot be
    made becomes a finding, never a failure. File names and paths of the sources, which may name a patient, are not kept: only
    what role they played and their SHA-256.

    Raises
    ------
    OutputError
        The folder is occupied (and not `force`) or not writable; what was there is untouched.
    """
    with atomic_folder(folder, force=force) as target:
        write_mesh(design.implant, target / "implant.stl")
        write_mesh(design.implant, target / "implant.3mf")
        write_volume(design.reconstruction, target / "reconstruction.nrrd")
        (target / "spec.toml").write_text(design.spec.to_toml(), encoding="utf-8")
        _write_doubts(design, target)
        _write_previews(design, target)
        report = design.report
        report.inputs = [
            {"name": role, "sha256": sha256_of(path)} for role, path in sources.items() if path.is_file()
        ]
        report.outputs = [{"name": path.name, "sha256": sha256_of(path)} for path in sorted(target.iterdir())]
        (target / "report.json").write_text(report.to_json(), encoding="utf-8")
        picture = target / "preview.png"
        write_report_html(
            report, target / "report.html", preview_png=picture.read_bytes() if picture.is_file() else None
        )


def _write_doubts(design: Design, target: Path) -> None:
    """Write how far the methods lie apart in the opening, where that is a warning, and how far a network's answers do."""
    if design.completion is None:
        return
    apart, unsure = design.completion.disagreement, design.completion.uncertainty
    if apart is not None and disagreement_findings(apart):
        write_map(target / "disagreement.csv", apart.points_mm, apart.apart_mm)
    if unsure is not None:
        write_map(target / "uncertainty.csv", unsure.points_mm, unsure.apart_mm)


def _write_previews(design: Design, target: Path) -> None:
    thickness_mm, gap_mm = design.check.thickness_mm, design.check.gap_mm
    try:
        skull = skull_surface(design.defective)
        write_previews(
            target / "preview.png",
            target / "preview.html",
            implant=design.implant,
            skull=skull,
            thickness_mm=thickness_mm,
            gap_mm=gap_mm,
            title=_TITLE,
        )
    except MeshImplantError as error:
        design.report.add([Finding("preview.missing", "info", f"a picture could not be made: {error}")])


def skull_surface(skull: Volume) -> trimesh.Trimesh:
    """Return a surface of the bone for pictures, from voxels averaged to about 1.4 mm, thick slices interpolated.

    Voxels are counted in bytes, and in the bone's box alone.
    """
    skull = interpolate_slices(skull)
    factor = np.clip(np.rint(_PICTURE_MM / skull.spacing_mm).astype(int), 1, _MOST_AVERAGED)
    start, stop = bounding_box(skull.array)
    skull = skull.crop(start - factor, stop + 2 * factor)
    count = (skull.array != 0).view(np.uint8)
    for axis, step in enumerate(factor):
        length = count.shape[axis] // step
        layers = [np.moveaxis(count, axis, 0)[first : length * step : step] for first in range(step)]
        count = np.moveaxis(sum(layers[1:], start=layers[0]), 0, axis)
    array = count.astype(np.float32) / np.float32(np.prod(factor))
    return extract(Volume(array, skull.coarsened(factor)), level=0.5)
