"""`ShownScene`: what a page shows: parts with their values, the skull around them and the scan."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import trimesh
from numpy.typing import NDArray

from meshimplant.edit_page.mirrored_side import deviation_from_mirrored
from meshimplant.errors import InputError
from meshimplant.head.pose import HeadPose, fit_pose
from meshimplant.preview.colour_scales import ColourScale
from meshimplant.preview.decimate import decimate, transfer_values
from meshimplant.preview.picture_errors import require_drawable
from meshimplant.preview.skull_surface import skull_surface
from meshimplant.voxels.volume import Volume

Floats = NDArray[np.float64]

#: Faces that a page turns smoothly on an office PC, and loads in a few seconds.
MAX_SKULL_FACES, MAX_PART_FACES = 120_000, 100_000


@dataclass(eq=False)
class ShownHead:
    """The skull around the parts. What is found of it once serves every later state of a part.

    Attributes
    ----------
    bone : Volume
        Mask of the skull.
    scan : Volume or None
        The CT in Hounsfield units; None shows the mask in the slices.
    """

    bone: Volume
    scan: Volume | None = None

    @cached_property
    def surface(self) -> trimesh.Trimesh:
        """The surface of the bone, LPS mm."""
        surface = skull_surface(self.bone)
        require_drawable(surface, name="the skull")
        return surface

    @cached_property
    def shown(self) -> trimesh.Trimesh:
        """The skull as it is drawn."""
        return decimate(self.surface, max_faces=MAX_SKULL_FACES)

    @cached_property
    def pose(self) -> HeadPose:
        """The head's symmetry plane and centre."""
        return fit_pose(self.bone)

    @property
    def slices_of(self) -> Volume:
        """The voxels that slices show."""
        return self.bone if self.scan is None else self.scan


@dataclass(eq=False)
class ShownPart:
    """A part, thinned for display, with the values of its vertices.

    Attributes
    ----------
    name : str
        What the page calls it.
    mesh : Trimesh
        The part itself, LPS mm.
    measured : callable
        Called once, at the first question: returns the values (n,) in mm of the part's vertices by quantity.
    """

    name: str
    mesh: trimesh.Trimesh
    measured: Callable[[], Mapping[str, Floats | None]] = field(default=dict)

    @cached_property
    def shown(self) -> trimesh.Trimesh:
        """The mesh as it is drawn."""
        require_drawable(self.mesh, name=self.name)
        return decimate(self.mesh, max_faces=MAX_PART_FACES)

    @cached_property
    def values_mm(self) -> dict[str, Floats]:
        """The known values (m,) of the vertices that are drawn, by quantity."""
        return {
            name: transfer_values(np.asarray(values, float), self.mesh, self.shown)
            for name, values in self.measured().items()
            if values is not None and np.isfinite(values).any()
        }


@dataclass(eq=False)
class ShownScene:
    """What a page shows.

    Attributes
    ----------
    parts : sequence of ShownPart
        May be empty if there is a head.
    head : ShownHead or None
        The skull and the scan.
    asked_thickness_mm : float or None
        The prescribed thickness, which fixes the scale of colours.
    first : str
        What the parts are coloured by at first: ``"plain"`` or a quantity.
    """

    parts: Sequence[ShownPart]
    head: ShownHead | None = None
    asked_thickness_mm: float | None = None
    first: str = "plain"
    _deviation: dict[int, Floats] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if not self.parts and self.head is None:
            raise InputError("expected a part or a skull to show, got none: name a mesh or a scan")

    @cached_property
    def bounds_mm(self) -> Floats:
        """The corners (2, 3) of the box around everything."""
        meshes = [part.shown for part in self.parts]
        if self.head is not None:
            meshes.append(self.head.shown)
        corners = np.array([mesh.bounds for mesh in meshes])
        return np.array([corners[:, 0].min(axis=0), corners[:, 1].max(axis=0)])

    def values_mm(self, part: ShownPart, quantity: str) -> Floats | None:
        """Return the value (m,) at each vertex that is drawn of a part; None where none is known."""
        if quantity != "deviation":
            return part.values_mm.get(quantity)
        if self.head is None:
            return None
        if id(part) not in self._deviation:
            found = deviation_from_mirrored(part.shown, self.head.surface, self.head.pose)
            self._deviation[id(part)] = found
        values = self._deviation[id(part)]
        return values if np.isfinite(values).any() else None

    def scale(self, quantity: str) -> ColourScale | None:
        """Return the scale of a quantity for all parts; None where nothing is known of it."""
        known = [values for part in self.parts if (values := self.values_mm(part, quantity)) is not None]
        if not known:
            return None
        asked_mm = self.asked_thickness_mm
        return ColourScale.of_prescription(quantity, np.concatenate(known), asked_thickness_mm=asked_mm)
