"""The words for what the values of a volume are, and the options that take them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["ASKING", "PREDICTION_ASKING", "VALUE_MEANINGS", "Asking", "ValueWord"]

#: What the values of a volume are, in the words of ``--values``.
ValueWord = Literal[
    "mask",
    "inverted-mask",
    "labels",
    "probability",
    "percent",
    "probability-255",
    "probability-65535",
    "inverted-probability",
    "logits",
    "inverted-logits",
    "distance",
    "distance-outside",
    "hu",
    "hu+1000",
    "hu+1024",
]

#: What each word means, for messages and documentation.
VALUE_MEANINGS: dict[str, str] = {
    "mask": "a mask, the higher value inside",
    "inverted-mask": "a mask, the lower value inside",
    "labels": "labels, 0 for the background",
    "probability": "a probability from 0 to 1, surface at 0.5",
    "percent": "a probability in percent, surface at 50",
    "probability-255": "a probability from 0 to 255, surface at 127.5",
    "probability-65535": "a probability from 0 to 65535, surface at 32767.5",
    "inverted-probability": "a probability of the background",
    "logits": "log-odds, surface at 0",
    "inverted-logits": "log-odds of the background, surface at 0",
    "distance": "signed distances, positive inside",
    "distance-outside": "signed distances, positive outside",
    "hu": "a CT in Hounsfield units",
    "hu+1000": "a CT in Hounsfield units + 1000",
    "hu+1024": "a CT in Hounsfield units + 1024",
}


@dataclass(frozen=True)
class Asking:
    """The options that a message names when the meaning of the values is open.

    Attributes
    ----------
    values : str
        The option that states what the values are.
    level : str or None
        The option that states the value at the surface, in the unit of the file; None without one.
    ct : bool
        Whether the volume may be a CT. A prediction is none, so that values from 0 to 1 with a soft
        transition, as on large voxels, are not taken for those of bone.
    """

    values: str = "--values"
    level: str | None = "--level"
    ct: bool = True


#: The options of a verb that reads one volume.
ASKING = Asking()
#: The options of a verb that reads a prediction.
PREDICTION_ASKING = Asking("--predicted-values", ct=False)
