"""The tables of the edits that change the shape of a part: what each verb is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from meshimplant.errors import SpecError
from meshimplant.spec.spec_table import SpecTable, needed_number, number, points, table, word

#: Least and largest radius around a point, mm: some edges of the mesh, and the size of a large part.
RADIUS_MM = (3.0, 80.0)
#: A change that is steeper than this, mm per mm of its radius, would fold the surface.
STEEPEST_SHAPE = 0.5
#: A change of the thickness that is steeper would make the inner surface look like a border.
STEEPEST_WALL = 0.25
Point = tuple[float, float, float]


@dataclass(frozen=True)
class BulgeEdit(SpecTable):
    """Push or pull the outer surface around a point; the thickness stays.

    Attributes
    ----------
    point_mm : (3,) tuple
        A point on or near the outer surface, LPS mm.
    by_mm : float
        How far, outward; negative: inward. At most half of the radius.
    radius_mm : float
        Where the change ends. Default 15. No source: our choice.
    """

    TABLE: ClassVar[str] = "bulge"

    point_mm: Point = points("A point on or near the outer surface, LPS", needed=True)
    by_mm: float = needed_number("How far outward; negative: inward; at most half of the radius", -20.0, 20.0)
    radius_mm: float = number(15.0, "Where the change ends", *RADIUS_MM)

    def __post_init__(self) -> None:
        super().__post_init__()
        require_gentle(self.TABLE, self.by_mm, self.radius_mm, STEEPEST_SHAPE)


@dataclass(frozen=True)
class BorderEdit(SpecTable):
    """Move the border at a point, along the outer surface, or all of it to a drawn curve.

    Attributes
    ----------
    point_mm : (3,) tuple or None
        A point on or near the outer edge of the border, LPS mm.
    by_mm : float or None
        With a point: how far the border moves towards the bone; negative: away from it. At most half of the
        radius.
    radius_mm : float
        With a point: where the change ends. Default 15. No source: our choice.
    curve_mm : tuple of (3,) tuples or None
        Instead of a point: the closed curve that the outer edge shall follow, LPS mm.
    """

    TABLE: ClassVar[str] = "border"

    point_mm: Point | None = points("A point on or near the outer edge of the border, LPS")
    by_mm: float | None = number(
        None, "How far towards the bone; negative: away from it; at most half of the radius", -20.0, 20.0
    )
    radius_mm: float = number(15.0, "Where the change ends", *RADIUS_MM)
    curve_mm: tuple[Point, ...] | None = points(
        "Instead of a point: the closed curve that the outer edge shall follow, LPS", least=3
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.curve_mm is not None and self.point_mm is None and self.by_mm is None:
            return
        if self.curve_mm is not None or self.point_mm is None or self.by_mm is None:
            raise SpecError("expected border with point_mm and by_mm, or with curve_mm, got neither or both")
        require_gentle(self.TABLE, self.by_mm, self.radius_mm, STEEPEST_SHAPE)


@dataclass(frozen=True)
class PlaneTool(SpecTable):
    """A plane that cuts.

    Attributes
    ----------
    point_mm, normal : (3,) tuple
        A point of it, LPS mm, and its normal of any length.
    """

    TABLE: ClassVar[str] = "cut.plane"

    point_mm: Point = points("A point of the plane, LPS", needed=True)
    normal: Point = points("The normal of the plane, LPS", needed=True)


@dataclass(frozen=True)
class BoxTool(SpecTable):
    """A box along the patient's axes that cuts.

    Attributes
    ----------
    lower_mm, upper_mm : (3,) tuple
        Opposite corners, LPS mm.
    """

    TABLE: ClassVar[str] = "cut.box"

    lower_mm: Point = points("The lower corner, LPS", needed=True)
    upper_mm: Point = points("The upper corner, LPS", needed=True)


#: What each tool can keep, its default first.
KEEPS = {"plane": ("below", "above"), "box": ("outside", "inside"), "curve_mm": ("inside", "outside")}


@dataclass(frozen=True)
class CutEdit(SpecTable):
    """Cut the part by a plane, a box, or along a closed curve on its surface.

    Attributes
    ----------
    plane : PlaneTool or None
        The plane.
    box : BoxTool or None
        The box.
    curve_mm : tuple of (3,) tuples or None
        Points along the curve, LPS mm.
    keep : str or None
        The side to keep: ``below`` (default) or ``above`` the plane, ``outside`` (default) or ``inside`` the
        box, ``inside`` (default) or ``outside`` the curve.
    """

    TABLE: ClassVar[str] = "cut"

    plane: PlaneTool | None = table(PlaneTool, "A plane")
    box: BoxTool | None = table(BoxTool, "A box along the patient's axes")
    curve_mm: tuple[Point, ...] | None = points("A closed curve on the surface, LPS", least=3)
    keep: str | None = word(
        None,
        "The side to keep; by default below a plane, outside a box, inside a curve",
        ("below", "above", "inside", "outside"),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        given = [name for name in KEEPS if getattr(self, name) is not None]
        if len(given) != 1:
            raise SpecError(
                f"expected cut with one of {', '.join(KEEPS)}, got {' and '.join(given) or 'none'}: give one"
            )
        allowed = KEEPS[given[0]]
        if self.keep is not None and self.keep not in allowed:
            raise SpecError(f"expected cut.keep {' or '.join(allowed)} with {given[0]}, got {self.keep}")


@dataclass(frozen=True)
class SmoothEdit(SpecTable):
    """Smooth the outer surface around a point; its border stays.

    Attributes
    ----------
    point_mm : (3,) tuple
        A point on or near the outer surface, LPS mm.
    radius_mm : float
        Where the change ends. Default 15. No source: our choice.
    width_mm : float
        Bumps and dents of this width are halved, those half as wide go. Default 6. No source: our choice.
    """

    TABLE: ClassVar[str] = "smooth_here"

    point_mm: Point = points("A point on or near the outer surface, LPS", needed=True)
    radius_mm: float = number(15.0, "Where the change ends", *RADIUS_MM)
    width_mm: float = number(6.0, "Bumps and dents of this width are halved, narrower ones go", 1.0, 20.0)


@dataclass(frozen=True)
class ThickenEdit(SpecTable):
    """Make the wall thicker, or thinner, around a point; the outer surface stays.

    Attributes
    ----------
    point_mm : (3,) tuple
        A point on or near the outer surface, LPS mm.
    by_mm : float
        How much thicker; negative: thinner. At most a quarter of the radius, beyond which the inner surface
        would be taken for a border.
    radius_mm : float
        Where the change ends. Default 15. No source: our choice.
    """

    TABLE: ClassVar[str] = "thicken_here"

    point_mm: Point = points("A point on or near the outer surface, LPS", needed=True)
    by_mm: float = needed_number(
        "How much thicker; negative: thinner; at most a quarter of the radius", -10.0, 10.0
    )
    radius_mm: float = number(15.0, "Where the change ends", *RADIUS_MM)

    def __post_init__(self) -> None:
        super().__post_init__()
        require_gentle(self.TABLE, self.by_mm, self.radius_mm, STEEPEST_WALL)


@dataclass(frozen=True)
class HoleEdit(SpecTable):
    """Make a round hole through the part, beside those of the prescription.

    Attributes
    ----------
    point_mm : (3,) tuple
        A point on or near the outer surface, LPS mm. The wall to the border and to anything else keeps the
        width of the hole.
    diameter_mm : float
        Its diameter. Default 2, as in the prescription.
    """

    TABLE: ClassVar[str] = "hole"

    point_mm: Point = points("A point on or near the outer surface, LPS", needed=True)
    diameter_mm: float = number(2.0, "Diameter of the hole", 1.0, 5.0)


@dataclass(frozen=True)
class ScrewEdit(SpecTable):
    """Fix the part at these places, in place of those that are laid out; the latest such edit counts.

    The style is that of the prescription (plates, tabs or tangential screws), plates without one.

    Attributes
    ----------
    points_mm : tuple of (3,) tuples
        Places on or near the border, LPS mm; the nearest ones of the border are taken.
    """

    TABLE: ClassVar[str] = "screw"

    points_mm: tuple[Point, ...] = points("Places on or near the border, LPS", least=1, needed=True)


def require_gentle(verb: str, by_mm: float, radius_mm: float, steepest: float) -> None:
    """Raise `SpecError` for a change of nothing, or one that is too steep for its radius."""
    if by_mm == 0:
        raise SpecError(f"expected {verb}.by_mm other than 0, got 0: it would change nothing")
    if abs(by_mm) > steepest * radius_mm:
        raise SpecError(
            f"expected {verb}.by_mm of at most {steepest:g} times its radius of {radius_mm:g} mm, "
            f"got {by_mm:g}: give a radius of at least {abs(by_mm) / steepest:g} mm, or move less"
        )
