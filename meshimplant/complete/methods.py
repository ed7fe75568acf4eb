"""The names of the completion methods, and one line on each. Imports nothing heavy: the command line's help reads it."""

from __future__ import annotations

from typing import Literal

Method = Literal["auto", "mirror", "template", "ssm", "ssm-image", "network"]
#: What each method does, in the words of the README and of the command line's help.
METHODS: dict[Method, str] = {
    "auto": "ssm where it fits the intact bone, else template; reports which and why, and warns where the two differ",
    "mirror": "the other side of the head, and the surrounding bone where that side is missing too",
    "template": "as mirror, as departures from the mean vault of a population, scaled to this head",
    "ssm": "as mirror, as departures from a statistical shape model on points, fitted to the intact bone",
    "ssm-image": "as ssm, with a shape model on images of signed distances",
    "network": "mean of template, corrected by a trained network, and ssm; needs torch (pip install 'meshimplant[network]')",
}
