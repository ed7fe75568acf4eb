"""`TurnedModel`: the shape model for a head whose forehead is open, and whose pose is thus uncertain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshimplant.complete.modes import fit_modes
from meshimplant.complete.shape_model import (
    HEAD_TERMS,
    LIMIT,
    POINTS,
    ROBUST,
    ShapeModel,
    on_sphere,
    radius_change,
)
from meshimplant.head.kriging import Prior, Scale
from meshimplant.head.mean_vault import FittedVault, Model, VaultMean, trimmed_rms
from meshimplant.head.sphere import direction_sphere
from meshimplant.skull.defect import Openings

#: Name of the model among those of an estimate, and of the one that it is made from.
TURNED, _MODES = "ssm-turned", "ssm"
#: Prior of the departures from a `TurnedModel`. The ellipsoid that other models are bent by, free over the
#: whole head, is left out: pose, stretches and modes are in the model, and a free ellipsoid runs away where
#: no bone holds it. Ten bifrontal openings in SkullFix training skulls, each left out of the models: the
#: outer surface is off by 1.55 mm (RMS, mean over skulls), with `OUTER_PRIOR` by 2.0 mm; 1.6 and 1.7 mm with
#: 4 and 10 mm2 instead of 1.5.
TURNED_PRIOR = Prior((Scale(1.5, 0.8, 0.95), Scale(1.0, 0.25, 0.8)), shape_variance=0.0, noise=0.3)
#: Share of the forehead that must be open. Bifrontal openings in ten training skulls: 0.84 to 1; bilateral
#: ones, across the midline behind the forehead: 0.01 to 0.50; all other kinds: up to 0.39.
OPEN_FRACTION = 0.65
#: The forehead: tangent of the angle from straight ahead, and sines of its lowest and highest elevation.
_WIDTH, _FOREHEAD_SIN = 0.84, (0.0, 0.57)
#: Prior standard deviation of the pose: pitch (radians), and shifts back and up relative to the outer radius.
#: Measured: on those ten skulls without their forehead, the pose is off by 4.1 degrees, 2.1 and 0.7 mm (RMS;
#: up to 7.3 degrees and 2.8 mm); without an equally large piece elsewhere by less than 0.4 degrees.
_POSE_DEVIATION = (np.radians(4.0), 0.03, 0.0125)
#: Standard deviation of one measurement, as `shape_model.NOISE`. The same skulls: 1.68 mm with 0.05, 1.72 mm
#: with 0.02; where the forehead is intact the larger noise of the shape model does better.
_NOISE = 0.03


@dataclass(frozen=True, eq=False)
class TurnedModel:
    """A shape model that finds the pose of the head together with its shape.

    Heads are aligned to a mean vault before they are completed. Without the forehead, pitch and centre follow
    from what this head has unlike the mean behind it, and the expected forehead comes to lie too deep or too
    far out: by 2.8 mm (RMS) in ten training skulls. Here the pose is a part of the fit, as the modes are.

    Attributes
    ----------
    model : ShapeModel
    """

    model: ShapeModel

    @property
    def about(self) -> dict[str, Any]:
        """Training data, licence, number of skulls."""
        return self.model.about

    @property
    def mean(self) -> VaultMean:
        """The mean vault, to which heads are aligned."""
        return self.model.mean

    def fit(
        self, intact: NDArray[np.int64], outer_mm: NDArray[np.float64], inner_mm: NDArray[np.float64]
    ) -> FittedVault:
        """Fit pose, size, stretches and modes to the outer surface. See `Model.fit`.

        The thickness is that of the shape model as it is, which a small turn does not change.
        """
        mean = self.model.points[:1]
        terms = np.concatenate([np.delete(self.model.terms[:, :1], 1, axis=0), turns(mean)])[:, 0]
        here = on_sphere(np.concatenate([mean, terms]), intact)
        size_mm = float(np.median(outer_mm[intact] / here[0]))
        values = outer_mm[intact] / size_mm - here[0]
        coefficients = fit_modes(here[1:].T, values, noise=_NOISE, limit=LIMIT, robust=ROBUST)
        outer = size_mm * on_sphere(mean + coefficients @ terms)[0]
        residual_mm = trimmed_rms(outer_mm[intact] - outer[intact])
        thickness_mm = self.model.fit(intact, outer_mm, inner_mm).thickness_mm
        modes = coefficients[HEAD_TERMS - 1 : -len(_POSE_DEVIATION)]
        return FittedVault(outer, thickness_mm, residual_mm, modes)


def turns(radii: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the changes (3, c, n) of radii (c, n) for one deviation of pitch, shift back, shift up."""
    points = radii[..., None] * direction_sphere()[0][:POINTS]
    moves = [np.cross((1.0, 0.0, 0.0), points), *(np.broadcast_to(e, points.shape) for e in np.eye(3)[1:])]
    pairs = zip(_POSE_DEVIATION, moves, strict=True)
    return np.stack([deviation * radius_change(radii, move) for deviation, move in pairs])


def with_turned(models: Mapping[str, Model], openings: Openings) -> dict[str, Model]:
    """Return the models, with a `TurnedModel` of the shape model among them if the forehead is open."""
    modes = models.get(_MODES)
    if not isinstance(modes, ShapeModel) or open_forehead_fraction(openings) < OPEN_FRACTION:
        return dict(models)
    return {**models, TURNED: TurnedModel(modes)}


def open_forehead_fraction(openings: Openings) -> float:
    """Return the share of the forehead's directions that lead through openings."""
    directions = direction_sphere()[0]
    x, y, z = directions.T
    forehead = (np.abs(x) < _WIDTH * -y) & (z > _FOREHEAD_SIN[0]) & (z < _FOREHEAD_SIN[1])
    open_ = np.zeros(len(directions), bool)
    for opening in openings.defects:
        open_[opening.members] = True
    return float(open_[forehead].mean())
