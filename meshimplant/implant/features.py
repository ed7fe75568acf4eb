"""`Feature`: a hole, screw, tab or mark of a part, and where it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshimplant.errors import InputError

FeatureKind = Literal["drainage", "suture", "tenting", "slot", "screw", "pocket", "plate", "tab", "mark"]
#: Every kind of feature.
FEATURE_KINDS: tuple[FeatureKind, ...] = get_args(FeatureKind)
#: The kinds that go through the part.
HOLE_KINDS: tuple[FeatureKind, ...] = ("drainage", "suture", "tenting", "slot", "screw")


@dataclass(frozen=True)
class Hold:
    """What a screw holds in.

    Attributes
    ----------
    fixation : str
        The place that the screw belongs to, such as ``P2``.
    material : str
        ``bone`` or ``part``: what its thread holds in.
    held_mm : float
        Length of it in there.
    tip_to_inner_mm : float
        From its tip to the inner table, or to the inner surface of the part.
    next_fixation : str or None
        The next place of fixation along the border, counter-clockwise from outside; None without one.
    next_mm : float or None
        Distance along the border to there.
    """

    fixation: str
    material: str
    held_mm: float
    tip_to_inner_mm: float
    next_fixation: str | None = None
    next_mm: float | None = None


@dataclass(frozen=True)
class Feature:
    """A place of a part at which something was made on purpose.

    Attributes
    ----------
    kind : FeatureKind
        ``drainage``, ``suture`` or ``tenting`` hole, ``slot``, ``screw`` hole, ``pocket`` for a tangential
        screw, recess of a ``plate``, ``tab``, ``mark``.
    label : str
        Its name on drawings and in tables, such as ``D12`` or ``S3``; no two features of a part share one.
    point_mm : (3,) tuple
        Its place on the outer surface, of a mark on the marked one, LPS mm.
    axis : (3,) tuple
        Unit direction from outside into the part, LPS: of a hole its axis, of a mark the inward normal.
    diameter_mm : float
        Diameter of the hole; of a long feature its width; of anything else that of the smallest cylinder
        about the axis that holds it.
    length_mm : float
        Length along the axis, from the point: of a screw its length, of a hole the thickness of the part.
    span_mm : (3,) tuple
        Of a long feature, such as a slot, a plate or a line of text, the vector across the axis from the
        middle of the round end on one side to that on the other; the point is its middle. Zero for one that
        is round.
    hold : Hold or None
        Of a screw, what it holds in, where that is known.
    """

    kind: FeatureKind
    label: str
    point_mm: tuple[float, float, float]
    axis: tuple[float, float, float]
    diameter_mm: float
    length_mm: float
    span_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    hold: Hold | None = None

    @property
    def is_hole(self) -> bool:
        """Whether it goes through the part."""
        return self.kind in HOLE_KINDS

    @property
    def area_mm2(self) -> float:
        """Area of its cross-section."""
        length_mm = float(np.linalg.norm(self.span_mm))
        return float(np.pi * self.diameter_mm**2 / 4 + self.diameter_mm * length_mm)

    def to_dict(self) -> dict[str, Any]:
        """Return the feature as plain JSON-ready values."""
        return asdict(self)


def near_features(
    points_mm: ArrayLike, features: Iterable[Feature], *, margin_mm: float = 0.0
) -> NDArray[np.bool_]:
    """Select the points (n, 3) that lie in the cylinder of a feature, LPS mm.

    The cylinder of a feature has its diameter, and reaches from its point to its length along its axis; that
    of a long feature is the space that the cylinder passes as it is moved along the span. It is grown by
    `margin_mm` on all sides.
    """
    points = np.asarray(points_mm, float).reshape(-1, 3)
    near = np.zeros(len(points), bool)
    for feature in features:
        along = (points - np.asarray(feature.point_mm)) @ np.asarray(feature.axis)
        inside = (along >= -margin_mm) & (along <= feature.length_mm + margin_mm)
        near |= inside & (beside_feature_mm(points, feature) <= margin_mm)
    return near


def beside_feature_mm(points_mm: ArrayLike, feature: Feature) -> NDArray[np.float64]:
    """Return how far (n,) points (n, 3), LPS mm, lie beside a feature, across its axis; negative inside."""
    axis, span = np.asarray(feature.axis), np.asarray(feature.span_mm)
    arm = np.asarray(points_mm, float).reshape(-1, 3) - np.asarray(feature.point_mm)
    across, span = arm - (arm @ axis)[:, None] * axis, span - (span @ axis) * axis
    share = np.clip(across @ span / max(float(span @ span), 1e-12), -0.5, 0.5)
    return np.asarray(np.linalg.norm(across - share[:, None] * span, axis=1) - feature.diameter_mm / 2)


def require_own_labels(features: Iterable[Feature]) -> None:
    """Raise `InputError` where two features share a label."""
    labels = [feature.label for feature in features]
    if shared := sorted({label for label in labels if labels.count(label) > 1}):
        raise InputError(
            f"expected features with labels of their own, got {', '.join(shared)} more than once: rename them"
        )
