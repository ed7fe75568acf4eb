"""Kinds of virtual defects, with one line on each; imports nothing, since the CLI's help reads it."""

from __future__ import annotations

from typing import Literal

Kind = Literal[
    "challenge",
    "bilateral",
    "frontoorbital",
    "parietotemporal",
    "random",
    "random_1",
    "random_2",
    "orbital",
]
#: Where each kind of defect lies. The first is that of SkullFix; the next are those of SkullBreak (Kodym, Li
#: et al., Data in Brief 35:106902, 2021), with ``random`` as a third random place; ``orbital`` is in neither.
KINDS: dict[Kind, str] = {
    "challenge": "as in SkullFix: a box across the midline behind the vertex, with two burr holes",
    "bilateral": "across the midline of the forehead, in front of the vertex",
    "frontoorbital": "the forehead, down to or through the upper rim of one orbit",
    "parietotemporal": "one side, down to the base of the temple",
    "random": "anywhere on the vault",
    "random_1": "anywhere on the vault",
    "random_2": "anywhere on the vault",
    "orbital": "forehead, rim and roof of one orbit: the hole opens into the orbit",
}
