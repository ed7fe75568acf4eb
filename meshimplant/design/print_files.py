"""The files of a part for a printer: STL, and 3MF with names, colours, material, numbers and a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import trimesh

from meshimplant.check.check_part import PartCheck
from meshimplant.design.part_bodies import bodies_of
from meshimplant.errors import MeshImplantError
from meshimplant.io.assemblies import write_assembly
from meshimplant.io.mesh_files.threemf import Look
from meshimplant.io.meshes import write_mesh
from meshimplant.mesh.nearest import surface_tree
from meshimplant.preview.colour_scales import BONE, IMPLANT, ColourScale
from meshimplant.preview.thumbnail import draw_thumbnail
from meshimplant.spec.implant_spec import ImplantSpec

ColourBy = Literal["thickness", "gap"]
#: Colour of plates, sRGB 0 to 1.
PLATES = (0.62, 0.64, 0.68)


@dataclass(frozen=True)
class PrintLabels:
    """What the files of a printer state beside the shapes.

    Attributes
    ----------
    case_label : str
        What the case is called, never a patient's name; empty where none was given.
    material : str
        Of the part.
    licences : mapping of str to str
        Licence of the models that the shape follows, by their data.
    """

    case_label: str
    material: str
    licences: Mapping[str, str]

    def part_number(self, name: str) -> str:
        """Return the number of an object, such as ``12-7-implant``."""
        return f"{self.case_label}-{name}" if self.case_label else name

    def metadata(self) -> dict[str, str]:
        """Return the entries of the 3MF: case label, material, licence of the models."""
        terms = "; ".join(f"{licence} ({data})" for data, licence in self.licences.items())
        stated = {"CaseLabel": self.case_label, "Material": self.material, "LicenseTerms": terms}
        return {name: value for name, value in stated.items() if value}


def write_part(
    implant: trimesh.Trimesh,
    folder: Path,
    *,
    labels: PrintLabels,
    check: PartCheck | None = None,
    spec: ImplantSpec | None = None,
    colour_by: ColourBy | None = None,
) -> None:
    """Write a part as implant.stl and implant.3mf, and each of several bodies as implant-1.stl, ...

    The 3MF has an object for each body, so that a printer can place them one by one.

    Parameters
    ----------
    implant : Trimesh
        The part, LPS mm.
    folder : Path
        Where to write.
    labels : PrintLabels
        What the 3MF states.
    check : PartCheck, optional
        The measured thickness and gap, for `colour_by`.
    spec : ImplantSpec, optional
        The prescription, on which the colours are centred.
    colour_by : str, optional
        ``thickness`` or ``gap``: colour the vertices by it. None: one colour.

    Raises
    ------
    OutputError
        A file cannot be written.
    """
    write_mesh(implant, folder / "implant.stl")
    bodies = bodies_of(implant)
    named = {"implant": implant}
    if len(bodies) > 1:
        named = {f"implant-{number}": body for number, body in enumerate(bodies, 1)}
        for name, body in named.items():
            write_mesh(body, folder / f"{name}.stl", name=name)
    metadata = labels.metadata()
    colours = None
    if colour_by is not None and check is not None:
        values = check.thickness_mm if colour_by == "thickness" else check.gap_mm
        if np.isfinite(values).any():
            asked_mm = None if spec is None else spec.thickness_mm
            scale = ColourScale.of_prescription(colour_by, values, asked_thickness_mm=asked_mm)
            colours = scale.colours(values)
            metadata["Colours"] = f"{colour_by} {scale.low:g} to {scale.high:g} {scale.unit}"
    looks = {}
    for name, body in named.items():
        rows = slice(None) if body is implant else surface_tree(implant.vertices).query(body.vertices)[1]
        own = None if colours is None else colours[rows]
        looks[name] = Look(IMPLANT, labels.material, labels.part_number(name), own)
    picture = _thumbnail([(body, IMPLANT) for body in named.values()], implant)
    write_assembly(named, folder / "implant.3mf", looks=looks, metadata=metadata, thumbnail_png=picture)


def write_fit(
    path: Path,
    *,
    skull: trimesh.Trimesh,
    part: trimesh.Trimesh,
    plates: Sequence[trimesh.Trimesh] = (),
    labels: PrintLabels,
) -> None:
    """Write skull, part and plates in their places as named, coloured objects of one 3MF, to try the fit.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    objects = {"skull": (skull, BONE, "bone model"), "implant": (part, IMPLANT, labels.material)}
    objects |= {f"plate-{n}": (plate, PLATES, "titanium") for n, plate in enumerate(plates, 1)}
    looks = {
        name: Look(colour, material, labels.part_number(name))
        for name, (_, colour, material) in objects.items()
    }
    picture = _thumbnail([(mesh, colour) for mesh, colour, _ in objects.values()], part)
    meshes = {name: mesh for name, (mesh, _, _) in objects.items()}
    write_assembly(meshes, path, name="fit", looks=looks, metadata=labels.metadata(), thumbnail_png=picture)


def _thumbnail(
    objects: list[tuple[trimesh.Trimesh, tuple[float, float, float]]], part: trimesh.Trimesh
) -> bytes | None:
    """Return the picture in the file; None where it cannot be drawn, because the file is good without."""
    try:
        return draw_thumbnail(objects, part=part)
    except MeshImplantError:
        return None
