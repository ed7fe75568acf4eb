"""`FixationSearch`: the search for places at which one body of a part can be fixed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from meshimplant.report import Finding, place_of
from meshimplant.theatre import plates, tabs, tangential
from meshimplant.theatre.border_frame import BorderFrame, PartSurface, measure_frame
from meshimplant.theatre.border_line import BorderLine
from meshimplant.theatre.fixation_places import (
    FixationPlace,
    LeftOut,
    Suitability,
    judge_places,
    lay_out,
    moved_mm,
    nearby,
)
from meshimplant.theatre.fixture import Fixture, Surroundings
from meshimplant.theatre.screws import LEAST_IN_BONE_MM, TIP_RESERVE_MM

#: After a place has failed, the next one is tried this far away, mm; and the border's line may depart from a
#: parabola by this much, mm, and part and bone from each other's level. No source: our choice.
_NEXT_MM, _STRAIGHT_MM, _STEP_MM = 2.0, 0.5, 1.0
_MAKERS: dict[
    str, tuple[Callable[[int, BorderFrame, Surroundings], Fixture | str], Callable[[float], float]]
] = {
    "plates": (plates.make_plate, plates.bone_needed_mm),
    "tabs": (tabs.make_tab, tabs.bone_needed_mm),
    "tangential": (tangential.make_pocket, tangential.bone_needed_mm),
}


class FixationSearch:
    """The search for places that hold, and what was made there."""

    def __init__(self, line: BorderLine, part: PartSurface, around: Surroundings) -> None:
        self.line, self.part, self.around = line, part, around
        self.make, needed = _MAKERS[around.spec.style]
        self.beside_mm = max(needed(around.spec.screw_mm), 5.0)
        self.fixtures: list[Fixture] = []
        self.places: list[FixationPlace] = []
        self._taken: list[int] = []
        self.left_out: list[LeftOut] = []
        self.asked, self.before = 0, 0

    def lay_out(self, count: int) -> None:
        """Make `count` fixtures along the border, or as many as hold."""
        suitability = judge_places(
            self.line,
            self.around.bone,
            beside_mm=self.beside_mm,
            least_bone_mm=LEAST_IN_BONE_MM + TIP_RESERVE_MM,
        )
        self.asked = count
        for target in lay_out(self.line, suitability, count):
            self._try(int(target), nearby(self.line, suitability, int(target), count), suitability)
        self._measure_distances()

    def take(self, places: list[int]) -> None:
        """Make fixtures at given places of the border, where they hold."""
        self.asked = len(places)
        nothing = Suitability(("",) * len(self.line.points_mm))
        for place in places:
            self._try(place, np.array([place]), nothing)
        self._measure_distances()

    def _try(self, target: int, candidates: NDArray[np.int64], suitability: Suitability) -> None:
        """Make a fixture at the first candidate where one holds."""
        reason = suitability.reasons[target]
        failed: list[int] = []
        for place in candidates:
            if any(moved_mm(self.line, int(place), other) < _NEXT_MM for other in failed):
                continue
            made = self._made(int(place))
            if isinstance(made, Fixture):
                self._keep(made, target, int(place), reason)
                return
            failed.append(int(place))
            reason = reason or made
        point = place_of(self.line.points_mm[target])
        self.left_out.append(LeftOut(point, reason or "no suited place is near"))

    def _keep(self, made: Fixture, target: int, place: int, reason: str) -> None:
        moved = moved_mm(self.line, target, place)
        self.fixtures.append(made)
        self._taken.append(place)
        point = place_of(self.line.points_mm[place])
        self.places.append(FixationPlace(made.features[0].label, point, moved, reason if moved > 0 else ""))

    def _measure_distances(self) -> None:
        """Measure from each place to the next one along the border."""
        if len(self._taken) < 2:
            return
        steps = np.subtract.outer(self._taken, self._taken).T % len(self.line.points_mm)
        np.fill_diagonal(steps, len(self.line.points_mm))
        labels = [place.label for place in self.places]
        self.places = [
            replace(place, next_label=labels[row.argmin()], next_mm=float(row.min() * self.line.step_mm))
            for place, row in zip(self.places, steps, strict=True)
        ]

    def _made(self, place: int) -> Fixture | str:
        """Return the fixture at a place of the border, or why none can be there."""
        line = self.line
        frame = measure_frame(
            self.part, self.around.bone, line.points_mm[place], line.outward[place], line.across[place]
        )
        if frame is None:
            return "part or bone has no even surface here"
        if frame.line_rms_mm > _STRAIGHT_MM:
            return f"the border departs from a smooth line by {frame.line_rms_mm:.1f} mm"
        if frame.step_mm > _STEP_MM:
            return f"part and bone differ by {frame.step_mm:.1f} mm in height"
        made = self.make(self.before + len(self.fixtures) + 1, frame, self.around)
        if isinstance(made, Fixture) and (near := self._too_near(made)):
            return near
        return made

    def _too_near(self, made: Fixture) -> str:
        """Return which earlier fixture lies in the way; empty if none does."""
        own = made.features[0]
        for other in (fixture.features[0] for fixture in self.fixtures):
            apart = float(np.linalg.norm(np.subtract(own.point_mm, other.point_mm)))
            if apart < (own.diameter_mm + other.diameter_mm) / 2:
                return f"{other.label} is {apart:.0f} mm away"
        return ""

    def findings(self) -> list[Finding]:
        """Return what a person should know."""
        findings = []
        for each in self.left_out:
            message = f"the part is not fixed here: {each.reason}: choose a place by hand, or another style"
            findings.append(Finding("fixation.left_out", "warning", message, location_mm=each.point_mm))
        if len(self.places) < min(3, self.asked) or not self.places:
            message = (
                f"only {len(self.places)} of {self.asked} points hold: the part is not fixed: "
                "use another style, or points of your own"
            )
            findings.append(
                Finding("fixation.few", "warning", message, float(len(self.places)), float(self.asked), None)
            )
        if self.fixtures and self.around.spec.style == "plates":
            depth_mm = plates.PLATE_SIZES[self.around.spec.screw_mm].bone_seat_mm
            message = (
                f"the bone is to be milled {depth_mm:g} mm deep under each plate, or the plates stand proud "
                f"by more than {plates.PROUD_MM:g} mm"
            )
            findings.append(Finding("fixation.seat", "info", message, depth_mm, None, "mm"))
        return findings
