"""Where the axes of a voxel file run in the patient: stated by its header, or by the user where it is not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from meshimplant.errors import GeometryError, InputError
from meshimplant.io.payload import RawVolume
from meshimplant.report import Finding
from meshimplant.voxels.grid import MAX_SHEAR_DEG, Grid

_TOWARDS = {"L": (0, 1), "R": (0, -1), "P": (1, 1), "A": (1, -1), "S": (2, 1), "I": (2, -1)}
#: What the option means, for messages.
HOW_TO_STATE = (
    "state it with orientation (--orientation, or --predicted-orientation for a prediction): "
    "three letters for the sides to which the first, second and third voxel axis run, each L or R, A or P, "
    "and S or I, such as RAS"
)
#: Two places of one volume that differ by less are one, mm; single precision over a head is exact to 1e-4.
_SAME_MM = 0.1
#: Two directions that differ by more contradict each other, degrees; a tilted head is not so oblique.
_CONTRADICTION_DEG = 20.0
#: Two voxel sizes that differ by more contradict each other; a part of 150 mm would be 1.5 mm wrong.
_SAME_SIZE_FRACTION = 0.01


def checked_orientation(orientation: str) -> str:
    """Return an orientation in capitals.

    Parameters
    ----------
    orientation : str
        Three letters: the sides of the patient to which the first, second and third voxel axis run.

    Returns
    -------
    str
        One of 48, such as ``"LPS"``.

    Raises
    ------
    InputError
        It is none of the 48.
    """
    letters = orientation.upper() if isinstance(orientation, str) else ""
    axes = {_TOWARDS[letter][0] for letter in letters if letter in _TOWARDS}
    if len(letters) != 3 or len(axes) != 3:
        raise InputError(
            f"expected an orientation of three letters, one each of L or R, A or P, and S or I, such as RAS, "
            f"got {orientation!r}: give the sides to which the voxel axes run, in their order"
        )
    return letters


def place_voxels(
    raw: RawVolume, *, orientation: str | None = None, grid: Grid | None = None, name: str
) -> tuple[NDArray[np.float64], tuple[Finding, ...]]:
    """Return the affine of a file, completed by what the user states where the header states nothing.

    Parameters
    ----------
    raw : RawVolume
        Content of the file.
    orientation : str, optional
        Three letters. They may fill a gap in the header, or decide between two statements in it that
        contradict each other; they never replace a statement.
    grid : Grid, optional
        Place of the voxels of a file that states none; its shape must agree.
    name : str
        Name of the file, for messages.

    Returns
    -------
    affine : (4, 4) array
        Index -> LPS mm.
    findings : tuple of Finding
        What was stated by the user, and contradictions of the header.

    Raises
    ------
    GeometryError
        Nothing states the orientation, the header contradicts itself, or it contradicts `orientation`.
    InputError
        `orientation` is none of the 48.
    """
    stated = None if orientation is None else checked_orientation(orientation)
    if raw.choices:
        return _chosen(raw, stated, name=name)
    if raw.affine is not None:
        require_agreement(Grid(raw.spatial_shape, raw.affine), stated, name=name)
        return raw.affine, raw.findings
    if stated is not None and raw.spacing_mm is not None:
        return _affine_of(stated, raw.spacing_mm), (*raw.findings, _stated_finding(stated))
    if grid is not None and raw.spatial_shape == grid.shape:
        return grid.affine, raw.findings
    advice = f"{HOW_TO_STATE}; or write the file with it once (meshimplant convert, with --orientation)"
    if raw.spacing_mm is None:
        advice = "write the file with its orientation and voxel size"
    raise GeometryError(
        f"expected {name} to state its place in the patient, got a header without {raw.missing}: "
        f"left and right would be a guess; {advice}"
    )


def require_agreement(grid: Grid, orientation: str | None, *, name: str) -> None:
    """Raise `GeometryError` if a file states another orientation than the user."""
    if orientation is not None and grid.orientation != checked_orientation(orientation):
        raise GeometryError(
            f"expected no orientation for a file that states its own, got {orientation} for {name}, "
            f"whose header states {grid.orientation}: leave orientation (--orientation) out, or correct the "
            "file if its header is wrong"
        )


def compare_places(
    places: Sequence[tuple[str, NDArray[np.float64]]],
    shape: tuple[int, ...],
    *,
    name: str,
    same_frame: bool = True,
) -> tuple[Finding, ...] | None:
    """Compare two affines that one header states for the same voxels.

    Parameters
    ----------
    places : sequence of two (str, (4, 4) array)
        What states an affine, and the affine, index -> LPS mm; the first of them is used.
    shape : tuple of int
        Number of voxels along each axis.
    name : str
        Name of the file, for messages.
    same_frame : bool
        Whether both lead to one frame. If not (one to the patient, one to a template), only a mirrored
        direction is a contradiction.

    Returns
    -------
    tuple of Finding or None
        Nothing where they agree, a warning where they differ a little, and None where they contradict each
        other: mirrored, or turned by more than 20 degrees.

    Raises
    ------
    GeometryError
        They state different sizes of the voxels.
    """
    (first, one), (second, other) = places
    if np.sign(np.linalg.det(one[:3, :3])) != np.sign(np.linalg.det(other[:3, :3])):
        return None
    if not same_frame:
        return ()
    _require_same_size(places, name=name)
    directions = [affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0) for affine in (one, other)]
    turn = (np.trace(directions[0].T @ directions[1]) - 1) / 2
    if np.degrees(np.arccos(np.clip(turn, -1, 1))) > _CONTRADICTION_DEG:
        return None
    corners = np.array(np.meshgrid(*((0, size - 1) for size in shape))).reshape(3, -1).T
    apart_mm = np.linalg.norm(corners @ (one - other)[:3, :3].T + (one - other)[:3, 3], axis=1).max()
    if apart_mm <= _SAME_MM:
        return ()
    message = (
        f"The {first} and the {second} of the header place the same voxels up to {apart_mm:.3g} mm apart; "
        f"the {first} ({_letters(one)}) was used: compare the result with the scan."
    )
    return (Finding("input.header_contradiction", "warning", message, float(apart_mm), _SAME_MM, "mm"),)


def no_origin_finding(field: str) -> Finding:
    """Return the warning for a header that states directions, and no place of the first voxel in `field`."""
    message = (
        f"The header states no origin ('{field}'), so its place is unknown: the first voxel was put at "
        "0 0 0 mm. Whatever is used with this volume must have the same origin."
    )
    return Finding("input.no_origin", "warning", message)


def spacing_of(directions: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return the voxel edges of directions (3, 3) in an unknown frame; None where they are sheared."""
    spacing = np.linalg.norm(directions, axis=0)
    if not np.isfinite(spacing).all() or spacing.min() <= 0:
        return None
    unit = directions / spacing
    sheared = np.abs(unit.T @ unit - np.eye(3)).max() > np.sin(np.radians(MAX_SHEAR_DEG))
    return None if sheared else spacing


def _chosen(
    raw: RawVolume, stated: str | None, *, name: str
) -> tuple[NDArray[np.float64], tuple[Finding, ...]]:
    """Return the one of two contradicting places that the user states."""
    listed = " and ".join(f"the {what}, which states {_letters(affine)}" for what, affine in raw.choices)
    fitting = [affine for _, affine in raw.choices if _letters(affine) == stated]
    if len(fitting) == 1 and stated is not None:
        message = f"The header holds {listed}; {stated} was used, as stated."
        return fitting[0], (*raw.findings, Finding("input.header_contradiction", "warning", message))
    one, other = (_letters(affine) for _, affine in raw.choices)
    advice = (
        f"find out which is right, and {HOW_TO_STATE}: here {one} or {other}"
        if one != other
        else "find out which is right, and write the file with it alone"
    )
    got = f"{listed} (they contradict each other, and left and right may be exchanged)"
    raise GeometryError(f"expected one orientation in the header of {name}, got {got}: {advice}")


def _require_same_size(places: Sequence[tuple[str, NDArray[np.float64]]], *, name: str) -> None:
    one, other = (np.linalg.norm(affine[:3, :3], axis=0) for _, affine in places)
    if (np.abs(one / other - 1) > _SAME_SIZE_FRACTION).any():
        shown = " and ".join(
            f"{' x '.join(f'{edge:.4g}' for edge in edges)} mm in the {what}"
            for (what, _), edges in zip(places, (one, other), strict=True)
        )
        raise GeometryError(
            f"expected one voxel size in the header of {name}, got {shown}: "
            "find out which is right, and write the file with it alone"
        )


def _affine_of(orientation: str, spacing_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the affine of voxels whose axes run to three sides; the first voxel is at 0 0 0."""
    affine = np.zeros((4, 4))
    affine[3, 3] = 1
    for axis, letter in enumerate(orientation):
        side, sign = _TOWARDS[letter]
        affine[side, axis] = sign * spacing_mm[axis]
    return affine


def _stated_finding(orientation: str) -> Finding:
    message = (
        f"The header states no orientation; {orientation} was used, as stated. "
        "Its place is unknown: the first voxel is at 0 0 0 mm."
    )
    return Finding("input.stated_orientation", "warning", message)


def _letters(affine: NDArray[np.float64]) -> str:
    return Grid((1, 1, 1), affine).orientation
