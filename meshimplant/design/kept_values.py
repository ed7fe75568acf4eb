"""Values of the line as plain trees and packed arrays, and back; what is equal has the same digest."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, overload

import numpy as np
import trimesh
from numpy.typing import NDArray

from meshimplant.check.check_part import PartCheck
from meshimplant.check.reference import Reference, ReferencePatch
from meshimplant.complete.choose_model import Disagreement
from meshimplant.complete.complete_skull import Completion
from meshimplant.complete.network_model import Uncertainty
from meshimplant.design.steps import StepResult
from meshimplant.edit.clear_way import Clearing
from meshimplant.edit.end_free_border import FreeEnd
from meshimplant.edit.round_border import RoundedBorder
from meshimplant.head.chart import Chart
from meshimplant.head.pose import HeadPose
from meshimplant.implant.features import Feature, Hold
from meshimplant.implant.find_free_border import FreeBorder
from meshimplant.implant.place_regions import PlacedRegions
from meshimplant.implant.regional_value import Region, RegionalValue
from meshimplant.implant.site import Bone, Site
from meshimplant.io.packed_arrays import Packed, pack, unpack
from meshimplant.line.separate import RemovedPiece, Separation
from meshimplant.manufacture.mould import Mould
from meshimplant.manufacture.pull import Pull
from meshimplant.mesh.convert import new_mesh
from meshimplant.report import Criterion, Finding, Report, Step
from meshimplant.skull.defect import Defect
from meshimplant.spec.fixation_spec import FixationSpec
from meshimplant.spec.implant_spec import ImplantSpec
from meshimplant.spec.mark_spec import MarkSpec
from meshimplant.spec.mould_spec import MouldSpec
from meshimplant.spec.perforation_spec import PerforationSpec
from meshimplant.spec.region_spec import RegionSpec
from meshimplant.spec.resection_spec import ResectionSpec
from meshimplant.spec.strength_spec import StrengthSpec
from meshimplant.strength.materials import Material
from meshimplant.strength.screening import LoadCase, StrengthScreening
from meshimplant.theatre.fixation import Fixation
from meshimplant.theatre.fixation_places import FixationPlace, LeftOut
from meshimplant.theatre.lip import OnlayLip
from meshimplant.theatre.mark import Marked
from meshimplant.theatre.perforate import Perforated
from meshimplant.theatre.screws import Screw
from meshimplant.voxels.volume import Volume

#: The only classes that are made from what a file holds.
_CLASSES: dict[str, type[Any]] = {
    each.__name__: each
    for each in (
        *(Bone, Chart, Clearing, Completion, Criterion, Defect, Disagreement, Feature, Finding, Fixation),
        *(
            FixationPlace,
            FixationSpec,
            FreeBorder,
            FreeEnd,
            HeadPose,
            Hold,
            ImplantSpec,
            LeftOut,
            Marked,
            MarkSpec,
        ),
        *(PartCheck, Perforated, PerforationSpec, Reference, ReferencePatch, RemovedPiece, Report, Screw),
        *(LoadCase, Material, Mould, MouldSpec, Pull, StrengthScreening, StrengthSpec),
        *(OnlayLip, ResectionSpec),
        *(PlacedRegions, Region, RegionalValue, RegionSpec),
        *(RoundedBorder, Separation, Site, Step, StepResult, Uncertainty),
    )
}
#: Marks a value of a tree that is no plain JSON.
_KIND = "$"


class LazyVolumes(Sequence[Volume]):
    """Volumes that are made when they are first used, and known by their digest before.

    Parameters
    ----------
    tree : Any
        Their tree, as `KeptValues.tree` gives it.
    make : callable
        Returns them.
    """

    def __init__(self, tree: Any, make: Callable[[], Sequence[Volume]]) -> None:
        self.tree = tree
        self._make = make
        self._made: tuple[Volume, ...] | None = None

    @overload
    def __getitem__(self, index: int) -> Volume: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Volume]: ...
    def __getitem__(self, index: int | slice) -> Volume | Sequence[Volume]:
        if self._made is None:
            self._made = tuple(self._make())
        return self._made[index]

    def __len__(self) -> int:
        return len(self.tree["items"])


class KeptValues:
    """Arrays by digest, and the trees that name them.

    Parameters
    ----------
    packed : mapping of str to Packed, optional
        Arrays of a file, by digest.
    """

    def __init__(self, packed: Mapping[str, Packed] | None = None) -> None:
        self._packed = dict(packed or {})
        self._arrays: dict[str, NDArray[Any]] = {}
        #: Trees of the objects that were seen, by identity, with the objects, so that they stay alive.
        self._seen: dict[int, tuple[Any, Any]] = {}
        #: The meshes and volumes that were seen, by digest: what is read again is the same object.
        self._objects: dict[str, Any] = {}

    def digest(self, value: Any) -> str:
        """Return the SHA-256 of a value: of its kinds, numbers and arrays."""
        return digest_of(self.tree(value))

    def tree(self, value: Any) -> Any:
        """Return a value as plain JSON-ready values, and take its arrays.

        Raises
        ------
        TypeError
            The value, or one in it, is of a class that is not kept.
        """
        if value is None or isinstance(value, bool | int | str):
            return value
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else {_KIND: "float", "text": str(float(value))}
        if isinstance(value, LazyVolumes):
            return value.tree
        if isinstance(value, np.generic):
            return self.tree(value.item())
        if isinstance(value, list):
            return [self.tree(each) for each in value]
        if isinstance(value, tuple):
            return {_KIND: "tuple", "items": [self.tree(each) for each in value]}
        if isinstance(value, dict):
            return {str(name): self.tree(each) for name, each in value.items()}
        return self._tree_of_object(value)

    def _tree_of_object(self, value: Any) -> Any:
        if id(value) in self._seen:
            return self._seen[id(value)][0]
        if isinstance(value, np.ndarray):
            return {_KIND: "array", "sha256": self._take(value)}
        tree: Any
        if isinstance(value, trimesh.Trimesh):
            arrays = {"vertices": np.asarray(value.vertices, float), "faces": np.asarray(value.faces)}
            tree = {_KIND: "mesh", **{name: self._take(each) for name, each in arrays.items()}}
        elif isinstance(value, Volume):
            tree = {_KIND: "volume", "array": self._take(value.array), "affine": value.affine.tolist()}
        elif is_dataclass(value) and type(value).__name__ in _CLASSES:
            named = {each.name: getattr(value, each.name) for each in fields(value)}
            return {_KIND: type(value).__name__, **{name: self.tree(each) for name, each in named.items()}}
        else:
            raise TypeError(f"expected a value that can be kept, got one of class {type(value).__name__}")
        self._seen[id(value)] = tree, value
        self._objects.setdefault(digest_of(tree), value)
        return tree

    def value(self, tree: Any) -> Any:
        """Return the value of a tree.

        Raises
        ------
        ValueError, KeyError, TypeError
            The tree is damaged, or an array is missing.
        """
        if isinstance(tree, list):
            return [self.value(each) for each in tree]
        if not isinstance(tree, dict):
            return tree
        kind = tree.get(_KIND)
        rest = {name: each for name, each in tree.items() if name != _KIND}
        if kind is None:
            return {name: self.value(each) for name, each in rest.items()}
        if kind == "tuple":
            return tuple(self.value(each) for each in rest["items"])
        if kind == "float":
            return float(rest["text"])
        if kind == "array":
            return self._array(rest["sha256"])
        if kind not in ("mesh", "volume"):
            return _CLASSES[kind](**{name: self.value(each) for name, each in rest.items()})
        digest = digest_of(tree)
        if digest not in self._objects:
            made: Any
            if kind == "mesh":
                made = new_mesh(self._array(rest["vertices"]), self._array(rest["faces"]))
            else:
                made = Volume(self._array(rest["array"]), np.array(rest["affine"], float))
            self._objects[digest] = made
            self._seen[id(made)] = tree, made
        return self._objects[digest]

    def narrowed(self, trees: Any) -> KeptValues:
        """Return the values that trees name; the others can then be forgotten."""
        names = _named_arrays(trees)
        kept = KeptValues({name: each for name, each in self._packed.items() if name in names})
        kept._arrays = {name: each for name, each in self._arrays.items() if name in names}
        return kept

    def packed_of(self, trees: Any) -> dict[str, Packed]:
        """Return the arrays that trees name, packed, by digest."""
        return {digest: self._pack(digest) for digest in sorted(_named_arrays(trees))}

    def _pack(self, digest: str) -> Packed:
        if digest not in self._packed:
            self._packed[digest] = pack(self._arrays[digest])
        return self._packed[digest]

    def _array(self, digest: str) -> NDArray[Any]:
        if digest not in self._arrays:
            self._arrays[digest] = unpack(self._packed[digest])
        return self._arrays[digest]

    def _take(self, array: NDArray[Any]) -> str:
        """Take an array; return its digest, which tells the order in memory, too."""
        order = "F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C"
        facts = json.dumps([array.dtype.str, array.shape, order]).encode()
        flat = array.T if order == "F" else array
        digest = hashlib.sha256(facts + b"\n")
        digest.update(np.ascontiguousarray(flat).reshape(-1).view(np.uint8).data)
        name = digest.hexdigest()
        if name not in self._packed:
            self._arrays.setdefault(name, array)
        return name


def digest_of(tree: Any) -> str:
    """Return the SHA-256 of a tree."""
    return hashlib.sha256(json.dumps(tree, allow_nan=False, sort_keys=True).encode()).hexdigest()


def _named_arrays(tree: Any) -> set[str]:
    """Return the digests of the arrays that a tree names."""
    if isinstance(tree, list):
        return set().union(*map(_named_arrays, tree)) if tree else set()
    if not isinstance(tree, dict):
        return set()
    names = {"array": ("sha256",), "mesh": ("vertices", "faces"), "volume": ("array",)}
    kind = tree.get(_KIND)
    if kind in names:
        return {tree[name] for name in names[kind]}
    return _named_arrays(list(tree.values()))
