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
    "hemicraniectomy",
    "bifrontal",
    "pterional",
    "suboccipital",
    "orbitofrontal",
]
#: Where each kind of defect lies. The first is that of SkullFix; the next are those of SkullBreak (Kodym, Li
#: et al., Data in Brief 35:106902, 2021), with ``random`` as a third random place; ``orbital`` is in neither.
#: The last five are the craniectomies of clinics, with the edges of real ones.
KINDS: dict[Kind, str] = {
    "challenge": "as in SkullFix: a box across the midline behind the vertex, with two burr holes",
    "bilateral": "across the midline of the forehead, in front of the vertex",
    "frontoorbital": "the forehead, down to or through the upper rim of one orbit",
    "parietotemporal": "one side, down to the base of the temple",
    "random": "anywhere on the vault",
    "random_1": "anywhere on the vault",
    "random_2": "anywhere on the vault",
    "orbital": "forehead, rim and roof of one orbit: the hole opens into the orbit",
    "hemicraniectomy": "one half, 110 to 150 mm long, down to the temporal base; sphenoid ridge bitten away",
    "bifrontal": "the forehead across the midline, from just above the brow to the coronal suture",
    "pterional": "temple and side of the forehead around the pterion; sphenoid ridge bitten away",
    "suboccipital": "the occipital bone between transverse sinuses and foramen magnum",
    "orbitofrontal": "side of the forehead with the rim and the front of the roof of one orbit",
}
#: The kinds that follow the skull's own landmarks and have burr holes, bites of a rongeur, bevels both ways
#: and thinned margins.
CLINICAL: tuple[Kind, ...] = (
    "hemicraniectomy",
    "bifrontal",
    "pterional",
    "suboccipital",
    "orbitofrontal",
)
