"""Names of the completion methods, with one line on each; imports nothing, since the CLI's help reads it."""

from __future__ import annotations

from typing import Literal

Method = Literal["auto", "mirror", "template", "ssm", "ssm-image", "network"]
#: What each method does, in the words of the README and of the command line's help.
METHODS: dict[Method, str] = {
    "auto": "ssm where it fits the intact bone, else a mixture of models by their errors on bone left out; "
    "without a forehead, ssm with the pose and a share of mirror; reports the reason and the expected error",
    "mirror": "the other side of the head, and the surrounding bone where that side is missing too",
    "template": "as mirror, as departures from the mean vault of a population, scaled to this head",
    "ssm": "as mirror, as departures from a statistical shape model on points, fitted to the intact bone",
    "ssm-image": "as ssm, with a shape model on images of signed distances",
    "network": "the mean of ssm and a trained network's correction of template; "
    "needs torch (pip install 'meshimplant[network]')",
}
