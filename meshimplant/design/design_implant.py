"""`design_implant`: the line from a defective skull to a checked part, every intermediate kept by name."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trimesh

from meshimplant.check.check_part import PartCheck, check_part
from meshimplant.complete.complete_skull import Completion
from meshimplant.complete.network_model import Seeing
from meshimplant.design.reconstruct import Reconstruction, reconstruct
from meshimplant.edit.bevel import bevel
from meshimplant.edit.clear_way import clear_way
from meshimplant.edit.repair import repair
from meshimplant.edit.simplify import coarsened, simplify
from meshimplant.edit.smooth import smooth
from meshimplant.edit.thickness import set_thickness
from meshimplant.edit.trim import is_clear, trim_to_clearance
from meshimplant.errors import DesignRefused, MeshError
from meshimplant.head.mean_vault import Model
from meshimplant.implant.site import Site
from meshimplant.line.deepen import deepen
from meshimplant.line.extract import extract
from meshimplant.line.separate import Separation
from meshimplant.mesh.areas import enclosed_mm3
from meshimplant.mesh.bodies import connected_meshes
from meshimplant.mesh.convert import join_meshes
from meshimplant.report import Finding, Report, Step
from meshimplant.runtime.memory import process_peak_mb
from meshimplant.runtime.versions import installed_versions
from meshimplant.spec import ImplantSpec
from meshimplant.voxels.volume import Volume

Progress = Callable[[str], None]

#: The part is cut from a body that is deeper than the bone, so that thin bone does not make a thin part.
_THINNEST_BONE_MM, _SPARE_MM = 1.0, 0.3
#: Edges of the smoothed part: those that voxels of 1 mm give it. On a vault they leave the surface by 0.001 mm.
_EDGE_MM = 0.8
#: What grew nearer to bone in getting thicker is cut this much farther off than the first cut was: two cuts in one place
#: would leave slivers that no repair mends.
_AGAIN_MM = 0.05


@dataclass(eq=False)
class Design:
    """A designed part with everything that led to it.

    Attributes
    ----------
    defective, spec
        What came in.
    completion : Completion or None
        How the vault was restored; None when the missing bone came from elsewhere.
    missing : Volume
        Complete minus defective: a mask (bool) with all its debris.
    separation : Separation
        The chosen bodies (fields, positive inside, each on a box of its own) and every piece that was removed.
    reconstruction : Volume
        The missing *bone*: uint8 mask on the input's grid.
    raw, smoothed, trimmed, implant : Trimesh
        The part after extract, smooth, trim, and at the end of the line.
    check : PartCheck
        What `check` measured and found.
    report : Report
        All of it as `report.json` holds it.
    """

    defective: Volume
    spec: ImplantSpec
    completion: Completion | None
    missing: Volume
    separation: Separation[Volume]
    reconstruction: Volume
    raw: trimesh.Trimesh
    smoothed: trimesh.Trimesh
    trimmed: trimesh.Trimesh
    implant: trimesh.Trimesh
    check: PartCheck
    report: Report = field(repr=False)

    def save(
        self, folder: str | Path, *, sources: dict[str, Path] | None = None, force: bool = False
    ) -> None:
        """Write part, reconstruction, report and previews into `folder`; see `meshimplant.design.write_design.save_design`."""
        from meshimplant.design.write_design import save_design

        save_design(self, Path(folder), sources=sources or {}, force=force)


def design_implant(
    defective: Volume,
    *,
    spec: ImplantSpec | None = None,
    method: str = "auto",
    template: Model | None = None,
    network: Seeing | None = None,
    complete: Volume | None = None,
    implant: Volume | None = None,
    level: float | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Design:
    """Turn a defective skull into a checked, printable implant.

    complete -> subtract -> separate -> extract -> smooth -> trim -> thickness -> insertion -> repair -> check. Each step is a
    public function of its own; a `Design` keeps what each returned.

    Parameters
    ----------
    defective : Volume
        Mask of the skull with the hole; non-zero is bone.
    spec : ImplantSpec
        The prescription; None: the defaults.
    method, template, network
        How to complete the skull, see `complete_skull`. Unused when `complete` or `implant` is given.
    complete, implant : Volume
        A completed skull, or the missing bone alone, from elsewhere: mask, probability or signed distance on any grid.
    level : float
        Value at the surface of `complete` or `implant`; None: 0.5 for masks and probabilities, 0 for distances.
    seed : int
        Kept in the report. No step of this line is random.
    progress : callable
        Called with each step's name before it starts.

    Raises
    ------
    InputError
        The input cannot be used; `NoDefectError` when there is nothing to fill.
    DesignRefused
        A step has no valid result; `.findings` name it.
    """
    spec = ImplantSpec() if spec is None else spec
    line = _Line(spec, seed, progress or (lambda _name: None))
    shape = reconstruct(
        defective,
        method=method,
        template=template,
        network=network,
        complete=complete,
        implant=implant,
        level=level,
        bodies=spec.bodies,
        step=line.step,
    )
    given = {"name": "given", "asked": "complete" if complete else "implant"}
    line.report.method = shape.completion.method if shape.completion else given
    line.report.add(shape.findings)
    line.report.add(shape.completion.findings if shape.completion else [])
    return _make_part(defective, shape, spec, line)


def _make_part(given: Volume, shape: Reconstruction, spec: ImplantSpec, line: _Line) -> Design:
    """Mesh the missing bone and make the part of it: all steps from extract to check; bevel where it is prescribed."""
    inside = shape.inside_mm
    depth_mm = max(0.0, spec.thickness_mm + _SPARE_MM - _THINNEST_BONE_MM)
    with line.step("extract", deepened_mm=depth_mm):
        bodies = [deepen(body, depth_mm, centre_mm=inside) for body in shape.separation.bodies]
        raw = join_meshes([_outer_skin(extract(body)) for body in bodies])
    with line.step("smooth", raw, iterations=spec.smooth_iterations) as record:
        smoothed = coarsened(smooth(raw, iterations=spec.smooth_iterations), _EDGE_MM)
        record["volume_after_mm3"] = enclosed_mm3(smoothed)
    with line.step("trim", smoothed, clearance_mm=spec.clearance_mm) as record:
        site = Site.around(shape.skull, smoothed, inside_mm=inside)
        cut = trim_to_clearance(smoothed, site, clearance_mm=spec.clearance_mm)
        record["crumbs"] = len(cut.crumbs)
        record["volume_after_mm3"] = enclosed_mm3(cut.mesh)
    with line.step("thickness", cut.mesh, thickness_mm=spec.thickness_mm) as record:
        thinned = set_thickness(cut.mesh, spec.thickness_mm, inside_mm=inside)
        if not is_clear(thinned, site, clearance_mm=spec.clearance_mm):
            again_mm = spec.clearance_mm + _AGAIN_MM
            thinned = trim_to_clearance(thinned, site, clearance_mm=again_mm).mesh
        record["volume_after_mm3"] = enclosed_mm3(thinned)
    if spec.bevel_deg > 0:
        with line.step("bevel", thinned, bevel_deg=spec.bevel_deg) as record:
            thinned = bevel(thinned, spec.bevel_deg, inside_mm=inside).mesh
            record["volume_after_mm3"] = enclosed_mm3(thinned)
    with line.step("insertion", thinned) as record:
        cleared = clear_way(thinned, site)
        record.update(cleared.numbers())
        thinned = cleared.mesh
        record["volume_after_mm3"] = enclosed_mm3(thinned)
    with line.step("repair", thinned, max_faces=spec.max_faces) as record:
        repaired = repair(thinned)
        part = simplify(repaired.mesh, max_faces=spec.max_faces, simple=True)
        record["actions"] = list(repaired.actions)
        record["volume_after_mm3"] = enclosed_mm3(part)
    with line.step("check"):
        check = check_part(
            part,
            spec=spec,
            skull=site,
            defect_mask=shape.mask,
            directions=cleared.directions,
        )
    line.report.measures = check.measures
    line.report.criteria = list(check.criteria)
    line.report.add(check.findings)
    return Design(
        given,
        spec,
        shape.completion,
        shape.missing,
        shape.separation,
        shape.mask,
        raw,
        smoothed,
        cut.mesh,
        part,
        check,
        line.report,
    )


def _outer_skin(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """Return the surface that encloses most: a body's hollows are filled, and specks beside it left out."""
    return max(connected_meshes(mesh), key=enclosed_mm3)


class _Line:
    """Keeps the report while the line runs: times each step and names the one that refuses."""

    def __init__(self, spec: ImplantSpec, seed: int, progress: Progress) -> None:
        self.report = Report(spec=spec.to_dict(), seed=seed, versions=installed_versions())
        self.progress = progress

    @contextmanager
    def step(
        self, name: str, mesh: trimesh.Trimesh | None = None, **parameters: Any
    ) -> Iterator[dict[str, Any]]:
        self.progress(name)
        start = time.perf_counter()
        record: dict[str, Any] = {}
        before = None if mesh is None else enclosed_mm3(mesh)
        try:
            yield record
        except MeshError as error:
            finding = Finding(f"design.{name}", "error", str(error))
            raise DesignRefused(f"the line stopped at {name}: {error}", [finding]) from error
        after = record.pop("volume_after_mm3", None)
        self.report.steps.append(
            Step(
                name,
                {**parameters, **record},
                round(time.perf_counter() - start, 3),
                before,
                after,
                process_peak_mb=process_peak_mb(),
            )
        )
