"""The kind of each verdict, by which pages and pictures colour it."""

from __future__ import annotations

from typing import Final

from meshimplant.report import Verdict

#: Style class of each verdict on the pages.
VERDICT_KINDS: Final[dict[Verdict, str]] = {
    "passed": "pass",
    "passed with warnings": "warn",
    "failed": "fail",
}
#: Colour of each verdict in the picture, sRGB, as on the pages.
VERDICT_COLOURS: Final[dict[Verdict, tuple[int, int, int]]] = {
    "passed": (29, 122, 79),
    "passed with warnings": (154, 98, 0),
    "failed": (179, 38, 30),
}
#: Colour of each kind on paper, sRGB 0 to 1; grey where nothing was measured.
KIND_COLOURS: Final[dict[str, tuple[float, float, float]]] = {
    **{
        VERDICT_KINDS[verdict]: (red / 255, green / 255, blue / 255)
        for verdict, (red, green, blue) in VERDICT_COLOURS.items()
    },
    "none": (91 / 255, 104 / 255, 120 / 255),
}
