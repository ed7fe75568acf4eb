"""`mould`: a mould made from a part: a springform, two halves, or a positive on a sprue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray

from meshimplant.edit.repair import is_solid
from meshimplant.errors import MeshError, require_type
from meshimplant.implant.surfaces import split_surfaces
from meshimplant.manufacture.casting import Casting, Piece
from meshimplant.manufacture.mould_block import letters
from meshimplant.manufacture.mould_frame import MouldFrame, printed
from meshimplant.manufacture.positive import positive
from meshimplant.manufacture.prove_mould import prove_mould
from meshimplant.manufacture.pull import Pull, find_pull
from meshimplant.manufacture.springform import springform
from meshimplant.manufacture.two_part import two_part
from meshimplant.mesh.areas import enclosed_mm3
from meshimplant.mesh.clean import clean_faces
from meshimplant.mesh.convert import from_manifold, to_manifold
from meshimplant.mesh.cut_away import body_count, require_solid, without_slivers
from meshimplant.mesh.topology import handles
from meshimplant.report import Finding, Place
from meshimplant.spec.mould_spec import MouldSpec

#: Details of a piece finer than this are left out, mm, one after the other until it is a solid.
_FINE_MM = (1e-3, 2e-3, 4e-3, 8e-3)
#: What each piece holds; its file is named after it.
PIECE_FILES = {
    "OUTER": "mould-outer",
    "INNER": "mould-inner",
    "RING": "mould-ring",
    "POSITIVE": "mould-positive",
}

#: Crumbs along the border line that are dropped, mm3; more is a piece of its own.
_CRUMBS_MM3 = 20.0
_MAKERS = {"springform": springform, "two-part": two_part, "positive": positive}

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Mould:
    """A mould.

    Attributes
    ----------
    pieces : dict of str to Trimesh
        The pieces as they stand around the part, LPS mm, by the name of their file: ``mould-outer``,
        ``mould-inner``, ``mould-ring``, ``mould-positive``.
    printed : dict of str to Trimesh
        The same as they are printed: in the middle of the bed, the flat base on z = 0, mm.
    pull : Pull
        The direction in which the outer piece comes off.
    measures : dict
        ``mould_kind``, ``mould_extents_mm`` and ``mould_volumes_mm3`` (of each piece),
        ``mould_resin_mm3``: volume of all pieces; ``mould_cement_mm3``: volume of the cavity, with channel
        and vents; ``mould_draft_deg``, ``mould_undercut_mm``, ``mould_wall_min_mm``,
        ``mould_deviation_p99_mm`` and ``mould_deviation_max_mm``: distance from the part, as much larger as
        it shrinks, to the cavity; ``mould_collision_mm2``: area that meets as the pieces are moved apart by
        40 mm.
    findings : tuple of Finding
        ``mould.draft``, ``mould.bed``, ``mould.collision``, ``mould.cavity``, ``mould.wall``,
        ``mould.unmarked``.
    """

    pieces: dict[str, trimesh.Trimesh]
    printed: dict[str, trimesh.Trimesh]
    pull: Pull
    measures: dict[str, Any]
    findings: tuple[Finding, ...]

    def numbers(self) -> dict[str, Any]:
        """Return what the report records of the step."""
        return {"kind": self.measures["mould_kind"], "pieces": len(self.pieces)}


def mould(
    mesh: trimesh.Trimesh,
    spec: MouldSpec | None = None,
    *,
    direction: ArrayLike | None = None,
    inside_mm: ArrayLike | None = None,
) -> Mould:
    """Make a mould in which a part is cast, or its positive for a mould of silicone.

    The direction of pull is the one in which the part grips least (`find_pull`); the outer surface lies
    below. The halves meet on a surface that passes through the part's border line as seen along the pull. The
    cavity is the part itself, cut from the pieces. It is proven that the cavity is the part, and that the
    pieces come off it and each other.

    Parameters
    ----------
    mesh : Trimesh
        A solid of one body, LPS mm. Holes through it close the way; make the mould of the part without them.
    spec : MouldSpec, optional
        Kind and sizes. None: a springform.
    direction : (3,) array-like, optional
        A direction of pull out of the head, LPS. None: the best one.
    inside_mm : (3,) array-like, optional
        A point inside the head, LPS mm. None: derived from the part's curvature.

    Returns
    -------
    Mould

    Raises
    ------
    InputError
        The direction is none.
    MeshError
        The mesh is not a solid; it grips behind itself, or a two-part mould has too little draft, with the
        place and the angle that is missing; there is no room for channel and vents.
    """
    require_type(mesh, trimesh.Trimesh, "the part")
    spec = MouldSpec() if spec is None else spec
    require_solid(mesh)
    if body_count(mesh) != 1 or handles(mesh):
        raise MeshError(
            f"expected a part of one body without holes, got {body_count(mesh)} with {handles(mesh)} holes: "
            "make the mould of each body before it is perforated"
        )
    pull = find_pull(mesh, direction=direction, inside_mm=inside_mm)
    if spec.kind != "positive":
        _require_pulled(pull, spec)
    percent = np.array([spec.shrinkage_l_percent, spec.shrinkage_p_percent, spec.shrinkage_s_percent])
    labels = split_surfaces(mesh, inside_mm=inside_mm).face_labels
    casting = Casting.of(mesh, labels, pull.direction, 1 / (1 - percent / 100))
    made, bores = _MAKERS[spec.kind](casting, spec)
    finished = [_finished(each, casting, spec) for each in made]
    bodies = {PIECE_FILES[each.name]: body for each, (body, _) in zip(made, finished, strict=True)}
    proof = prove_mould(casting, bodies, bores, spec)
    laid = {
        PIECE_FILES[each.name]: printed(bodies[PIECE_FILES[each.name]], turned=each.upside_down)
        for each in made
    }
    volumes = {name: enclosed_mm3(body) for name, body in bodies.items()}
    measures = {
        "mould_kind": spec.kind,
        "mould_extents_mm": {name: body.extents.tolist() for name, body in laid.items()},
        "mould_volumes_mm3": volumes,
        "mould_resin_mm3": sum(volumes.values()),
        "mould_draft_deg": pull.draft_deg,
        "mould_undercut_mm": pull.undercut_mm,
        **proof.measures,
    }
    unmarked = [each.name for each, (_, marked) in zip(made, finished, strict=True) if not marked]
    findings = (
        *_draft_findings(pull, spec),
        *proof.findings,
        *_bed_findings(laid, spec),
        *_unmarked(unmarked),
    )
    return Mould(
        {name: _in_patient(body, casting.frame) for name, body in bodies.items()},
        laid,
        pull,
        measures,
        findings,
    )


def _require_pulled(pull: Pull, spec: MouldSpec) -> None:
    """Raise `MeshError` for a part that no two halves leave, with place and angle."""
    if pull.undercut_at_mm is not None:
        raise MeshError(
            f"expected a part that comes out of a mould, got {pull.undercut_mm:.1f} mm that grip behind "
            f"themselves at {_place(pull.undercut_at_mm)}: {pull.undercut_deg + spec.draft_deg:.1f} degrees "
            "are missing there: bevel or smooth the border, or make the positive for a silicone mould"
        )
    if spec.kind == "two-part" and pull.draft_deg < spec.draft_deg - 1e-6:
        raise MeshError(
            f"expected a draft of at least {spec.draft_deg:g} degrees, got {pull.draft_deg:.1f} at "
            f"{_place(pull.draft_at_mm)}: {spec.draft_deg - pull.draft_deg:.1f} degrees are missing there: "
            "bevel the border, ask for less draft, or make a springform"
        )


def _place(place: Place) -> str:
    return "({:.1f}, {:.1f}, {:.1f})".format(*place)


def _finished(piece: Piece, casting: Casting, spec: MouldSpec) -> tuple[trimesh.Trimesh, bool]:
    """Return a piece with its letters as a solid, and whether there was room for them."""
    label = (spec.label or "").strip()
    layouts = [[label, piece.name], [f"{label} {piece.name}"], [piece.name]] if label else [[piece.name]]
    made = (letters(each, piece.face, piece.face_mm, upward=piece.upside_down) for each in layouts)
    text = next((each for each in made if each is not None), None)
    body = piece.body if text is None else piece.body - text
    body, *crumbs = sorted(body.decompose(), key=lambda each: -each.volume())
    if sum(each.volume() for each in crumbs) > _CRUMBS_MM3:
        raise MeshError(
            f"expected {PIECE_FILES[piece.name]} in one piece, got {1 + len(crumbs)}: smooth the part, "
            "or choose another direction of pull"
        )
    for fine in _FINE_MM:
        whole = without_slivers(from_manifold(body.simplify(fine)), casting.mesh)
        for each in (whole, clean_faces(whole)[0]):
            if is_solid(each):
                return each, text is not None
        body = to_manifold(whole)
    raise MeshError(
        f"expected a solid as {PIECE_FILES[piece.name]}, got flaws along the border line: smooth or bevel "
        "the border of the part, or choose another direction of pull"
    )


def _in_patient(body: trimesh.Trimesh, frame: MouldFrame) -> trimesh.Trimesh:
    moved = body.copy()
    moved.vertices = frame.out_of(body.vertices)
    return moved


def _draft_findings(pull: Pull, spec: MouldSpec) -> list[Finding]:
    if spec.kind != "springform" or pull.draft_deg >= spec.draft_deg:
        return []
    message = (
        f"{pull.draft_deg:.1f} degrees of draft: the ring may stick there: grease it, cut it open to take it "
        "off, or bevel the border"
    )
    value, limit = pull.draft_deg, spec.draft_deg
    return [Finding("mould.draft", "info", message, value, limit, "deg", pull.draft_at_mm)]


def _bed_findings(laid: dict[str, trimesh.Trimesh], spec: MouldSpec) -> list[Finding]:
    """Return a warning for each piece that the printer does not hold, however it is turned on the bed."""
    bed = np.array([*sorted((spec.bed_x_mm, spec.bed_y_mm)), spec.bed_z_mm])
    found = []
    for piece, body in laid.items():
        size = np.array([*sorted(body.extents[:2]), body.extents[2]])
        over = float((size - bed).max())
        if over > 0:
            message = (
                f"{piece} is {over:.1f} mm too large for a bed of {spec.bed_x_mm:g} x {spec.bed_y_mm:g} x "
                f"{spec.bed_z_mm:g} mm: use a larger printer, or split the part and make a mould of each"
            )
            found.append(Finding("mould.bed", "warning", message, over, 0.0, "mm"))
    return found


def _unmarked(names: list[str]) -> list[Finding]:
    message = "{} has no letters: its flat face has no room for them: shorten the label"
    return [Finding("mould.unmarked", "warning", message.format(PIECE_FILES[name])) for name in names]
