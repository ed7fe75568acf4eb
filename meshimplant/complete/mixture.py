"""`mix`: the weighted mean of models: on heads that the shape model does not hold, and for open foreheads."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from meshimplant.complete.leave_out import LeftOut
from meshimplant.complete.open_forehead import TURNED
from meshimplant.complete.shape_model import HELD_MM
from meshimplant.head.mean_vault import FittedVault

#: Name of the mixture among the models of an estimate.
MIXTURE = "mixture"
#: Models that a mixture needs: the one whose residual decides and whose thickness is taken, and the others.
_MODES = "ssm"
_MIRROR = "mirror"
#: Power of a model's errors at the places left out by which its weight falls. On twelve SkullFix training
#: skulls, each left out, the outer surface of the mixture is off by 0.69 mm where the shape model does not
#: hold (the shape model alone 0.72, the scaled mean 0.76, the mirror 0.74). Powers of 2 to 16 are within
#: 0.02 mm; high ones trust a single model.
_POWER = 4.0
#: Weight of the mirror where the forehead is open. It knows no population, and errs where the model with a
#: free pose does not: with it, the worst of the ten heads of `TURNED_PRIOR` is off by 2.55 and not 3.14
#: mm, and their mean stays the same; with half, the mean is worse by 0.2 mm.
_MIRROR_OF_FOREHEAD = 0.25


def mixture_weights(
    fitted: Mapping[str, FittedVault], left_out: LeftOut | None, *, crosses_midline: bool
) -> dict[str, float] | None:
    """Return the weight of each model in the mixture; None where the shape model holds.

    None, too, where no bone could be left out. Where the forehead is open (the `TurnedModel` is among the
    models), the places left out say nothing of it, and the weights are fixed.

    Parameters
    ----------
    fitted : dict of FittedVault
        Each model, fitted to the intact bone of the head.
    left_out : LeftOut or None
        The errors of the models at places of the intact bone.
    crosses_midline : bool
        Whether the opening reaches both sides; then there is nothing to mirror, and the mirror has no weight.

    Returns
    -------
    dict of float, or None
        By name; the weights add up to 1.
    """
    if TURNED in fitted:
        shares = {TURNED: 1 - _MIRROR_OF_FOREHEAD, _MIRROR: _MIRROR_OF_FOREHEAD}
        return {name: shares.get(name, 0.0) for name in fitted}
    if left_out is None or _MODES not in fitted or fitted[_MODES].residual_mm <= HELD_MM:
        return None
    errors = np.array([left_out.relative(name) for name in left_out.names])
    weights = (errors / errors.min()) ** -_POWER
    if crosses_midline:
        weights[[name == _MIRROR for name in left_out.names]] = 0.0
    weights /= weights.sum()
    return dict(zip(left_out.names, (float(weight) for weight in weights), strict=True))


def mix(
    weights: Mapping[str, float], names: tuple[str, ...], surfaces: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return outer surface and thickness (2, ...) of the mixture of the models' (models, 2, ...).

    Only the outer surface is mixed. The thickness is the shape model's, which knows it best on every head:
    on the same skulls it is off by 0.84 mm, by the scaled mean 0.91 mm, by the mirror 1.07 mm.
    """
    share = np.array([weights[name] for name in names])
    outer = np.tensordot(share, surfaces[:, 0], axes=1)
    return np.stack([outer, surfaces[names.index(_MODES), 1]])


def mix_fitted(weights: Mapping[str, float], fitted: Mapping[str, FittedVault]) -> FittedVault:
    """Return the mixture of the models as fitted, with the shape model's thickness and coefficients.

    So is its residual: the mirror, which is a part of it, follows any head.
    """
    modes = fitted[_MODES]
    outer = np.sum([weights[name] * vault.outer_mm for name, vault in fitted.items()], axis=0)
    return FittedVault(outer, modes.thickness_mm, modes.residual_mm, modes.coefficients)
