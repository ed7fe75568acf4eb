"""Mini-plates: their sizes, recesses in the part and screws, and models of them bent to the skull."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from meshimplant.theatre.border_frame import BorderFrame
from meshimplant.theatre.fixture import (
    Fixture,
    Surroundings,
    boss,
    boss_height,
    clear_of_bone_mm,
    long_feature,
)
from meshimplant.theatre.flat_bodies import SEGMENTS, as_mesh, bored, extruded
from meshimplant.theatre.screws import LENGTHS_MM, PART_RESERVE_MM, SIZES, bone_screw, part_screw

if TYPE_CHECKING:
    import manifold3d

#: Nothing stands proud of the skull by more than this, mm; and how far a plate is drawn proud, for a skull's
#: surface is known to 0.1 mm. No source: our choice.
PROUD_MM, _DRAWN_MM = 0.3, 0.2
#: Room around a plate in its recess, and below a screw in its hole, mm. No source: our choice.
_ROOM_MM, _BELOW_MM = 0.15, 0.2
#: Bone that stands out of a plate by more than this, mm, is not suited for it. No source: our choice.
_ROUGH_MM = 0.3
#: How far bodies that are removed reach out of the part, mm.
_OUT_MM = 2.0


@dataclass(frozen=True)
class PlateSize:
    """A plate with two holes, mm. No source: our choice, of the order of low-profile neurosurgical plates.

    Attributes
    ----------
    thickness_mm, pad_mm, waist_mm : float
        Thickness, width at the holes, and width between them of a dog-bone plate.
    pitch_mm : float
        Distance between the holes.
    """

    thickness_mm: float
    pad_mm: float
    waist_mm: float
    pitch_mm: float

    @property
    def bone_seat_mm(self) -> float:
        """How deep the plate is let into the bone, so that it stands proud by at most `PROUD_MM`."""
        return max(0.0, self.thickness_mm - _DRAWN_MM)


PLATE_SIZES = {1.5: PlateSize(0.5, 4.2, 2.2, 8.0), 2.0: PlateSize(0.6, 5.0, 2.8, 10.0)}


def bone_needed_mm(screw_mm: float) -> float:
    """Return how wide the bone beside the border must be for a plate, from the middle of the gap, mm."""
    size = PLATE_SIZES[screw_mm]
    return (size.pitch_mm + size.pad_mm) / 2


def make_plate(number: int, frame: BorderFrame, around: Surroundings) -> Fixture | str:
    """Return a plate across the border with its recess, boss and two screws, or why there is none."""
    size, screw = PLATE_SIZES[around.spec.screw_mm], SIZES[around.spec.screw_mm]
    middle = frame.gap_mm / 2
    in_bone, in_part = middle + size.pitch_mm / 2, middle - size.pitch_mm / 2
    top = size.thickness_mm - size.bone_seat_mm
    rough = -clear_of_bone_mm(frame, around.bone, in_bone, size.waist_mm / 2, top)
    if rough > _ROUGH_MM:
        return f"the bone stands {rough + top:.1f} mm out of a smooth surface here"
    label, first = f"P{number}", 2 * number - 1
    head = frame.bend(np.array([[in_bone, 0.0, top]]))[0]
    held = bone_screw(
        *(f"S{first}", label, around.bone, head, -frame.outward_at(in_bone), screw.screw_mm),
        before_bone_mm=size.thickness_mm,
    )
    if isinstance(held, str):
        return held
    needed = max(LENGTHS_MM[0] + PART_RESERVE_MM, around.least_wall_mm + size.thickness_mm)
    raised = boss_height(frame, needed)
    foot, axis = frame.bend(np.array([[in_part, 0.0, 0.0]]))[0], -frame.outward_at(in_part)
    wall = frame.wall_mm + raised
    own = part_screw(
        f"S{first + 1}", label, foot, axis, screw.screw_mm, wall_mm=wall, before_part_mm=size.thickness_mm
    )
    depth = own.length_mm + min(_BELOW_MM, PART_RESERVE_MM)
    outline = _outline(size, around.spec.plate, in_part, in_bone)
    room = outline.offset(_ROOM_MM, circular_segments=SEGMENTS)
    recess = extruded(room, -size.thickness_mm, _OUT_MM, frame)
    hole = bored(
        foot - _OUT_MM * axis, axis, [(0.0, screw.core_mm / 2), (depth + _OUT_MM, screw.core_mm / 2)]
    )
    return Fixture(
        add=(boss(frame, (in_part, 0.0), needed),) if raised else (),
        remove=(recess, hole),
        features=(
            long_feature(
                *("plate", label, frame, (in_part, min(0.0, in_part + size.pad_mm))),
                width_mm=size.pad_mm + 2 * _ROOM_MM,
                heights_mm=(0.0, -wall),
            ),
        ),
        screws=(held, own),
        proud_mm=top,
        plate=as_mesh(_plate(outline, size, screw.hole_mm, (in_part, in_bone), frame)),
        boss_mm=raised,
    )


def _outline(size: PlateSize, shape: str, start: float, stop: float) -> manifold3d.CrossSection:
    """Return the plate's flat outline."""
    import manifold3d

    section = manifold3d.CrossSection
    pads = [section.circle(size.pad_mm / 2, SEGMENTS).translate((at, 0.0)) for at in (start, stop)]
    width = size.waist_mm if shape == "dog-bone" else size.pad_mm
    bar = section.square((stop - start, width)).translate((start, -width / 2))
    outline = pads[0] + pads[1] + bar
    return outline.offset(1.0, circular_segments=SEGMENTS).offset(-1.0, circular_segments=SEGMENTS)


def _plate(
    outline: manifold3d.CrossSection,
    size: PlateSize,
    hole_mm: float,
    holes: tuple[float, float],
    frame: BorderFrame,
) -> manifold3d.Manifold:
    """Return the plate as it lies: flush in the part, let into the bone, with a step over the gap."""
    import manifold3d

    for at in holes:
        outline = outline - manifold3d.CrossSection.circle(hole_mm / 2, SEGMENTS).translate((at, 0.0))
    step = size.thickness_mm - size.bone_seat_mm

    def lifted(flat: NDArray[np.float64]) -> NDArray[np.float64]:
        share = np.clip(flat[:, 0] / max(frame.gap_mm, 0.3), 0.0, 1.0)
        raised = flat + np.array([0.0, 0.0, 1.0]) * (step * share * share * (3 - 2 * share))[:, None]
        return frame.bend(raised)

    body = manifold3d.Manifold.extrude(outline, size.thickness_mm).translate((0, 0, -size.thickness_mm))
    return body.refine_to_length(0.6).warp_batch(lifted)
