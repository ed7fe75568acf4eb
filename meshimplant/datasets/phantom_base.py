"""The phantom's skull base in a standard head: mm to the left, back and up from the braincase's centre."""

from __future__ import annotations

import numpy as np

from meshimplant.datasets.phantom_solids import Field, Points, cut, rod


def base_floor(points: Points) -> Field:
    """Return the height of the cranial floor: three fossae, stepped downwards from front to back."""
    side, back = np.abs(points[0]), points[1]
    front, middle, rear = _fossae(side, back)
    anterior = -25 + 8 * bump(side - 27, 14) - 4 * bump(side, 5)
    central = -46 + 18 * bump(side, 13)
    posterior = -62 + 34 * bump(side, 15) * step(-4 - back, 6)
    petrous = 15 * bump(back - _petrous_line(side), 6) * step(side - 12, 3)
    wing = 3 * bump(back - _wing_line(side), 4)
    return front * anterior + middle * central + rear * posterior + petrous + wing


def under_base(points: Points) -> Field:
    """Return the height of the skull base's underside: 3 mm below the front, more below the petrous bone."""
    side, back = np.abs(points[0]), points[1]
    front, middle, rear = _fossae(side, back)
    petrous = 15 * bump(back - _petrous_line(side), 7) * step(side - 10, 3)
    body = 16 * bump(side, 13) * bump(back + 16, 16)
    thickness = 3.5 * front + 5.0 * middle + 6.0 * rear + petrous + body
    return base_floor(points) - thickness


def foramen_magnum(base: Points) -> Field:
    """Return the field of the opening for the spinal cord, at points of the braincase's frame."""
    return cut(
        rod(base, (0, 27, -52), (0, 23, -90), 15.5),
        np.float32(0) * base[0] + base[2] + 50,
        1.0,
    )


def _fossae(side: Field, back: Field) -> tuple[Field, Field, Field]:
    """Return the weights of the anterior, middle and posterior fossa; their sum is 1."""
    behind_wing = step(back - _wing_line(side), 2.5)
    behind_ridge = step(back - _petrous_line(side), 3.0)
    return 1 - behind_wing, behind_wing * (1 - behind_ridge), behind_wing * behind_ridge


def _wing_line(side: Field) -> Field:
    """Return where the anterior fossa ends: the edge of the sphenoid's wing."""
    return -20 - 0.45 * side


def _petrous_line(side: Field) -> Field:
    """Return where the posterior fossa begins: the ridge of the petrous bone."""
    return -12 + 0.55 * side


def step(value: Field, width: float) -> Field:
    """Return a smooth step from 0 to 1 around 0."""
    return 1 / (1 + np.exp(np.clip(-value / np.float32(width), -30, 30)))


def bump(value: Field, width: float) -> Field:
    """Return a Gaussian bump of height 1 around 0."""
    return np.exp(-((value / np.float32(width)) ** 2))
