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
)
from meshimplant.theatre.fixture import Fixture, Surroundings
from meshimplant.theatre.place_layout import lay_out_suited, places_between
from meshimplant.theatre.screws import LEAST_IN_BONE_MM, TIP_RESERVE_MM

#: After a place has failed, those nearer than this are not tried, mm; the border's line may depart from a
#: parabola by this much, mm, and part and bone from each other's level. No source: our choice.
_NEXT_MM, _STRAIGHT_MM, _STEP_MM = 2.0, 0.5, 1.0
#: Layouts that are tried, and then places for each point that is missing.
_LAYOUTS, _TRIED = 14, 40
_EVENED = "evenness, symmetry or a thicker bone"
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

    def lay_out(self, count: int, avoid_mm: NDArray[np.float64] | None = None) -> None:
        """Make `count` fixtures along the border, or as many as hold.

        Where one does not hold, its place is no longer suited, and all are laid out anew.
        """
        self.asked = count
        suitability = judge_places(
            self.line,
            self.around.bone,
            beside_mm=self.beside_mm,
            least_bone_mm=LEAST_IN_BONE_MM + TIP_RESERVE_MM,
            wall_mm=self._walls_mm(),
            avoid_mm=avoid_mm,
        )
        even = lay_out(self.line, suitability, count)
        reasons = suitability.reasons
        layout = lay_out_suited(self.line, suitability, count)
        best: tuple[list[Fixture], list[FixationPlace], list[int]] = [], [], []
        for _ in range(_LAYOUTS):
            self.fixtures, self.places, self._taken = [], [], []
            refused = {}
            for place in layout.places:
                made = self._made(int(place))
                if isinstance(made, Fixture):
                    self._keep(made, int(place))
                else:
                    refused[int(place)] = made
            if len(self.fixtures) > len(best[0]):
                best = self.fixtures, self.places, self._taken
            if not refused:
                break
            for place, why in refused.items():
                suitability = suitability.without(place, round(_NEXT_MM / self.line.step_mm), why)
            layout = lay_out_suited(self.line, suitability, count)
        self.fixtures, self.places, self._taken = best
        self._fill(suitability, count)
        self._explain(even, reasons, suitability)

    def _fill(self, suitability: Suitability, count: int) -> None:
        """Add what is missing of a layout in its widest gaps, where something holds."""
        for _ in range(count - len(self.fixtures)):
            for place in places_between(self.line, suitability, self._taken, count)[:_TRIED]:
                made = self._made(int(place))
                if isinstance(made, Fixture):
                    self._keep(made, int(place))
                    break
                suitability = suitability.without(int(place), round(_NEXT_MM / self.line.step_mm), made)

    def take(self, places: list[int]) -> None:
        """Make fixtures at given places of the border, where they hold."""
        self.asked = len(places)
        for place in places:
            made = self._made(place)
            if isinstance(made, Fixture):
                self._keep(made, place)
            else:
                self.left_out.append(LeftOut(place_of(self.line.points_mm[place]), made))
        self._measure_distances()

    def _keep(self, made: Fixture, place: int) -> None:
        self.fixtures.append(made)
        self._taken.append(place)
        label, point = made.features[0].label, place_of(self.line.points_mm[place])
        self.places.append(FixationPlace(label, point, 0.0, ""))

    def _explain(self, even: NDArray[np.int64], at_first: tuple[str, ...], suitability: Suitability) -> None:
        """State how far each place lies from the even layout, and why; and what of it is left out."""
        left = [int(target) for target in even]
        for number, place in enumerate(self._taken):
            target = min(left, key=lambda each: moved_mm(self.line, each, place))
            left.remove(target)
            moved = moved_mm(self.line, target, place)
            why = at_first[target] or suitability.reasons[target] or _EVENED
            self.places[number] = replace(
                self.places[number], moved_mm=moved, reason=why if moved > 0 else ""
            )
        for target in left:
            why = at_first[target] or suitability.reasons[target] or "no suited place is near"
            self.left_out.append(LeftOut(place_of(self.line.points_mm[target]), why))
        self._measure_distances()

    def _walls_mm(self) -> NDArray[np.float64]:
        """Return the thickness (n,) of the part 4 mm inside each place of the border; nan where unknown."""
        line = self.line
        above = line.points_mm - 4.0 * line.across + 3.0 * line.outward
        enter, face = self.part.rays.first(above, -line.outward)
        inside = above - (np.nan_to_num(enter) + 0.05)[:, None] * line.outward
        length = self.part.rays.first(inside, -line.outward)[0]
        return np.where(face >= 0, length + 0.05, np.nan)

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
