"""`split`: a part in two or three pieces that are put in one after the other, with joints between them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray

from meshimplant.edit.insertion import find_insertion
from meshimplant.errors import InputError, MeshError, require_type
from meshimplant.implant.site import Site
from meshimplant.implant.surfaces import split_surfaces
from meshimplant.mesh.convert import to_manifold
from meshimplant.mesh.cut_away import Cut, cut_away, require_solid
from meshimplant.report import Finding
from meshimplant.theatre.joint import JOINT_KINDS, JointKind, joint_tools
from meshimplant.theatre.seam import Seam, long_axis, seam_of_curve, seam_of_plane
from meshimplant.voxels.volume import Volume

Floats = NDArray[np.float64]

#: Distance between two pieces, mm: twice the accuracy of common printers (0.1 mm). No source: our choice.
GAP_MM, LARGEST_GAP_MM = 0.2, 1.0
#: Thinner lips of a stepped joint are a warning, mm. No source: our choice.
LEAST_LIP_MM = 1.2
#: How far a piece is moved out along its direction to prove that it comes off the others, and the step, mm;
#: overlap that counts as none, mm3.
_TRAVEL_MM, _MOVE_MM, _OVERLAP_MM3 = 20.0, 0.5, 0.01
#: A seam may cut off crumbs up to this size, mm3; a larger one is a piece that the user did not ask for.
_LARGEST_CRUMB_MM3 = 20.0


@dataclass(frozen=True, eq=False)
class Split:
    """A part in pieces.

    Attributes
    ----------
    pieces : tuple of Trimesh
        Closed pieces, LPS mm, in the order in which they are put in.
    directions : (n, 3) array
        Unit direction, LPS, in which each piece is taken off; it is put in the opposite way.
    joint : JointKind
        The joint.
    gap_mm : float
        Distance between two pieces.
    lip_mm : float
        Least thickness of a lip at the joints.
    dropped_mm3 : float
        Volume of the crumbs that the seams cut off and that belong to no piece.
    findings : tuple of Finding
        ``split.thin_lip``, ``split.blocked`` (a piece does not come off the ones before it) and
        ``insertion.blocked`` of a piece in the skull.
    """

    pieces: tuple[trimesh.Trimesh, ...]
    directions: Floats
    joint: JointKind
    gap_mm: float
    lip_mm: float
    dropped_mm3: float
    findings: tuple[Finding, ...]

    def measures(self) -> dict[str, Any]:
        """Return the numbers for a report."""
        return {
            "piece_count": len(self.pieces),
            "piece_volumes_mm3": [float(piece.volume) for piece in self.pieces],
            "piece_extents_mm": [np.ptp(piece.vertices, axis=0).tolist() for piece in self.pieces],
            "split_gap_mm": self.gap_mm,
            "split_lip_mm": self.lip_mm,
            "split_dropped_mm3": self.dropped_mm3,
        }


def split(
    mesh: trimesh.Trimesh,
    *,
    point_mm: ArrayLike | None = None,
    normal: ArrayLike | None = None,
    curve_mm: ArrayLike | None = None,
    pieces: int = 2,
    joint: JointKind = "stepped",
    gap_mm: float = GAP_MM,
    skull: Volume | Site | None = None,
    inside_mm: ArrayLike | None = None,
) -> Split:
    """Split a part into pieces with joints, each of which goes in along a straight path of its own.

    Without a plane or a curve the part is split across its longest extent, into pieces of equal length.

    Parameters
    ----------
    mesh : Trimesh
        A solid of one body, LPS mm.
    point_mm, normal : (3,) array-like, optional
        A point of the plane and its normal, LPS mm; the first piece lies below it. Together.
    curve_mm : (n, 3) array-like, optional
        An open curve on the outer surface from border to border, LPS mm.
    pieces : int
        2 or 3; with a plane or a curve 2.
    joint : JointKind
        ``stepped``: the outer half of the second piece overlaps the inner half of the first by 4 mm.
        ``dovetail``: tails of the first piece lie in the second. ``plain``: a wall.
    gap_mm : float
        Distance between two pieces, 0 to 1 mm.
    skull : Volume or Site, optional
        The skull or site; the path of each piece is then tested against bone.
    inside_mm : (3,) array-like, optional
        A point inside the head, LPS mm. None: derived from the part and the skull.

    Returns
    -------
    Split

    Raises
    ------
    InputError
        The arguments contradict each other, or are out of range.
    MeshError
        The mesh is not a solid, the seam misses it or cuts off a further piece.

    Notes
    -----
    The walls of a joint run along one direction, the mean direction out of the head along the seam. At the
    ends of a seam over a strongly curved part a lip is therefore thinner than at its middle; `lip_mm` tells.
    """
    require_type(mesh, trimesh.Trimesh, "the part")
    _require_arguments(point_mm, normal, curve_mm, pieces, joint, gap_mm)
    require_solid(mesh)
    site = None if skull is None else Site.around(skull, mesh, inside_mm=inside_mm)
    inside = inside_mm if site is None else site.inside_mm
    if curve_mm is not None:
        seams = [seam_of_curve(mesh, curve_mm, inside_mm=inside)]
    elif point_mm is not None and normal is not None:
        seams = [seam_of_plane(mesh, point_mm, normal, inside_mm=inside)]
    else:
        seams = _even_seams(mesh, pieces, inside)
    rest, made, lips, crumbs = mesh, [], [], []
    for seam in seams:
        tools = joint_tools(rest, seam, joint, gap_mm=gap_mm)
        first, second = (cut_away(rest, tool, bodies=1) for tool in (tools.beyond_first, tools.beyond_second))
        crumbs += [crumb.volume_mm3 for crumb in (*first.fragments, *second.fragments)]
        made.append(_piece(first))
        rest = _piece(second)
        lips.append(tools.lip_mm)
    made.append(rest)
    directions = np.array([seams[0].axes[2], *(seam.axes[2] for seam in seams)])
    findings = [
        *_lip_findings(min(lips), seams[int(np.argmin(lips))], joint),
        *_order_findings(made, directions),
        *(() if site is None else _skull_findings(made, directions, site)),
    ]
    return Split(tuple(made), directions, joint, gap_mm, min(lips), sum(crumbs), tuple(findings))


def _require_arguments(
    point: ArrayLike | None,
    normal: ArrayLike | None,
    curve: ArrayLike | None,
    pieces: int,
    joint: str,
    gap_mm: float,
) -> None:
    if (point is None) != (normal is None):
        raise InputError("expected a point and a normal of a plane, got one of them: give both")
    if point is not None and curve is not None:
        raise InputError("expected a plane or a curve, got both: give one of them")
    if pieces not in (2, 3) or (pieces == 3 and (point is not None or curve is not None)):
        raise InputError(
            f"expected 2 pieces, or 3 without a plane or a curve, got {pieces!r}: split a piece once more"
        )
    if joint not in JOINT_KINDS:
        raise InputError(
            f"expected a joint among {', '.join(JOINT_KINDS)}, got {joint!r}: choose one of them"
        )
    if not isinstance(gap_mm, int | float) or not 0 <= gap_mm <= LARGEST_GAP_MM:
        raise InputError(
            f"expected a gap between pieces of 0 to {LARGEST_GAP_MM:g} mm, got {gap_mm!r}: change it"
        )


def _even_seams(mesh: trimesh.Trimesh, pieces: int, inside_mm: ArrayLike | None) -> list[Seam]:
    """Return straight seams across the longest extent, at equal distances."""
    surfaces = split_surfaces(mesh, inside_mm=inside_mm)
    outward = surfaces.outward.directions.mean(axis=0)
    axis = long_axis(mesh, outward)
    along = np.asarray(mesh.vertices) @ axis
    middle = np.asarray(mesh.bounds).mean(axis=0)
    places = np.linspace(along.min(), along.max(), pieces + 1)[1:-1]
    points = [middle + (place - middle @ axis) * axis for place in places]
    return [seam_of_plane(mesh, point, axis, inside_mm=surfaces.centre_mm) for point in points]


def _piece(cut: Cut) -> trimesh.Trimesh:
    """Return the piece that a cut left; raise `MeshError` where it cut off more than crumbs."""
    if cut.fragments and cut.fragments[0].volume_mm3 > _LARGEST_CRUMB_MM3:
        largest = cut.fragments[0]
        x, y, z = largest.centre_mm
        raise MeshError(
            f"expected a seam that leaves one piece on each side, got a further one of "
            f"{largest.volume_mm3:.0f} mm3 at ({x:.1f}, {y:.1f}, {z:.1f}): move or turn the seam"
        )
    return cut.mesh


def _lip_findings(lip_mm: float, seam: Seam, joint: JointKind) -> list[Finding]:
    if joint != "stepped" or lip_mm >= LEAST_LIP_MM:
        return []
    x, y, z = (float(value) for value in seam.origin_mm)
    message = "A lip of the joint is thin: make the part thicker, move the seam, or use a dovetail."
    return [Finding("split.thin_lip", "warning", message, lip_mm, LEAST_LIP_MM, "mm", (x, y, z))]


def _order_findings(pieces: list[trimesh.Trimesh], directions: Floats) -> list[Finding]:
    """Return an error for each piece that does not come off those before it along its direction."""
    solids, findings = [to_manifold(piece) for piece in pieces], []
    for number, solid in enumerate(solids[1:], 1):
        before = solids[0] if number == 1 else solids[0] + solids[1]
        for moved_mm in np.arange(0, _TRAVEL_MM + _MOVE_MM / 2, _MOVE_MM):
            overlap = before ^ solid.translate((moved_mm * directions[number]).tolist())
            if overlap.volume() > _OVERLAP_MM3:
                low, high = np.array(overlap.bounding_box()).reshape(2, 3)
                x, y, z = ((low + high) / 2).tolist()
                message = (
                    f"Piece {number + 1} does not come off the ones before it: split the part elsewhere, or "
                    "with a plain joint."
                )
                findings.append(
                    Finding("split.blocked", "error", message, overlap.volume(), 0.0, "mm3", (x, y, z))
                )
                break
    return findings


def _skull_findings(pieces: list[trimesh.Trimesh], directions: Floats, site: Site) -> list[Finding]:
    """Return the findings of each piece whose path through the skull is blocked."""
    findings: list[Finding] = []
    for number, (piece, direction) in enumerate(zip(pieces, directions, strict=True), 1):
        found = find_insertion(piece, site, direction=direction).findings
        findings += [replace(each, message=f"Piece {number}: {each.message}") for each in found]
    return findings
