"""Build a training set: lay complete skulls into the head's frame, cut virtual defects, complete each without a network."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from meshimplant.complete.models import packaged_mean
from meshimplant.datasets.case import Case, read_case
from meshimplant.datasets.craniectomy import craniectomy
from meshimplant.datasets.skullfix import TRAINING, VALIDATION
from meshimplant.errors import InputError
from meshimplant.head.align import align_head
from meshimplant.head.pose import fit_pose
from meshimplant.io.volumes import read_volume
from meshimplant.networks.channels import complete_in_head, defective_field, opening_field
from meshimplant.networks.head_fields import head_field
from meshimplant.networks.head_grid import FINE, head_pose, packed, sample_head, unpacked
from meshimplant.networks.new_heads import laid_on, mixed, shape_of
from meshimplant.networks.training_store import NEW_HEAD, CaseName, Store, start_store, write_arrays

#: Kinds of virtual defect, in the order in which skulls get them, but for the data set's own, ``given``, which comes first where
#: there is one; and those that new heads get in turn.
ORDER = ("challenge", "bilateral", "frontoorbital", "parietotemporal", "random_1", "random_2", "random")
_NEW_ORDER = ("challenge", "bilateral", "frontoorbital", "parietotemporal", "random")
#: Seeds that are tried where a kind finds no vault.
_TRIES = 3


def training_cases(cases: Sequence[Case], *, which: str = "training") -> tuple[Case, ...]:
    """Return one case per skull that may be learnt from: never one that is kept aside for validation.

    Parameters
    ----------
    cases
        Of any data set.
    which
        ``training``: of SkullFix those that statistics may be made from; ``all``: look-alikes too.

    Raises
    ------
    InputError
        None is left.
    """
    usable = [
        case
        for case in cases
        if case.complete is not None
        and (case.dataset != "skullfix" or case.name not in VALIDATION)
        and (case.dataset != "skullfix" or which == "all" or case.name in TRAINING)
    ]
    first = {case.complete: case for case in reversed(usable)}
    if not first:
        raise InputError(
            f"expected complete skulls to learn from, got none among {len(cases)} cases: pass another data set"
        )
    return tuple(sorted(first.values(), key=lambda case: case.name))


def build_store(
    cases: Sequence[Case],
    folder: str | Path,
    *,
    data: str,
    tuning: int = 10,
    defects: int = 7,
    new_heads: int = 0,
    seed: int = 0,
    tell: Callable[[str], None] = lambda _: None,
) -> Store:
    """Build a training set, or go on with one.

    The first defect of every skull is made before any second one, and first those to choose by, so that a store that is not
    finished can be learnt from. What is there is left as it is. Measured on one core: 15 s per skull, 6 s per defect and 10 s per
    new head; 1.3 MB each.

    Parameters
    ----------
    cases
        One per skull, see `training_cases`.
    folder
        New, or begun with the same skulls and seed.
    data
        What the skulls are, and their licence; kept.
    tuning
        How many of the last skulls are kept to choose by.
    defects
        How many per skull, the kinds in `ORDER` in turn.
    new_heads
        How many heads are made of each skull that is learnt from, each on the way to another skull's shape (`mixed`) and with one
        defect, the kinds in turn.
    tell
        Called with what is being done.

    Raises
    ------
    InputError
        No skull is left to learn from; the folder holds another store.
    """
    if not 0 <= tuning < len(cases):
        raise InputError(
            f"expected fewer skulls for tuning than the {len(cases)} given, got {tuning}: take fewer"
        )
    last = len(cases) - tuning
    splits = {case.name: "training" if i < last else "tuning" for i, case in enumerate(cases)}
    store = start_store(folder, data=data, skulls=splits, seed=seed, defects=defects)
    for number, case in product(range(defects), (*cases[last:], *cases[:last])):
        name = CaseName(case.name, number, _kind(case, number))
        if not store.path_of(name).exists():
            tell(str(name))
            _add(store, case, name, seed)
    for name in new_heads_of([case.name for case in cases[:last]], new_heads, seed):
        if not store.path_of(name).exists():
            tell(str(name))
            _add_new(store, name, seed)
    return store


def _kind(case: Case, number: int) -> str:
    return "given" if number == 0 and case.has_truth else ORDER[number % len(ORDER)]


def new_heads_of(skulls: Sequence[str], count: int, seed: int) -> tuple[CaseName, ...]:
    """Return the names of `count` new heads of every skull, each with another's share and a defect; none of a single skull."""
    names = []
    for number, (place, skull) in product(range(count), enumerate(skulls)):
        others = [other for other in skulls if other != skull]
        if others:
            drawn = np.random.default_rng([seed, number, place]).integers(len(others))
            kind = _NEW_ORDER[(number + place) % len(_NEW_ORDER)]
            names.append(CaseName(f"{skull}{NEW_HEAD}{others[int(drawn)]}", number, kind))
    return tuple(names)


def _add_new(store: Store, name: CaseName, seed: int) -> None:
    """Write a new head with its defect."""
    if not store.skull_path(name.skull).exists():
        whose = name.skull.split(NEW_HEAD)
        one, other = (unpacked(store.read_skull(skull)) for skull in whose)
        drawn = np.random.default_rng([seed, zlib.crc32(name.skull.encode())]).random()
        shape = shape_of(one)
        wanted = mixed(shape, shape_of(other), np.pi / 2 * drawn)
        write_arrays(store.skull_path(name.skull), complete=packed(laid_on(one, shape, wanted)))
    complete = unpacked(store.read_skull(name.skull))
    _write(store, name, complete, _cut(complete, name, seed))


def _add(store: Store, case: Case, name: CaseName, seed: int) -> None:
    """Write one defect of a skull, and the skull before if it is not there; nothing where the skull has no such place."""
    if name.kind == "given" or not store.skull_path(case.name).exists():
        complete, given = _lay(case)
        write_arrays(store.skull_path(case.name), complete=packed(complete))
    complete = unpacked(store.read_skull(case.name))
    kept = (complete > 0) & ~given if name.kind == "given" else _cut(complete, name, seed)
    _write(store, name, complete, kept)


def _write(
    store: Store, name: CaseName, complete: NDArray[np.float32], kept: NDArray[np.bool_] | None
) -> None:
    """Complete what was `kept` of a skull without a network, and write the case; nothing where there is no opening."""
    if kept is None:
        return
    defective = defective_field(complete, kept, FINE)
    try:
        known = complete_in_head(defective, FINE)
    except InputError:
        return
    write_arrays(
        store.path_of(name),
        defective=packed(defective),
        prior=packed(known.prior),
        opening=packed(opening_field(known.members, FINE)),
        outer_mm=known.outer_mm.astype(np.float16),
        thickness_mm=known.thickness_mm.astype(np.float16),
    )


def _lay(case: Case) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return a skull's signed distance on `FINE`, and which voxels of bone are its given implant's (none without one)."""
    if case.has_truth:
        volumes = read_case(case)
        skull, implant = volumes.complete, volumes.implant
    else:
        read = read_volume(case.complete)  # type: ignore[arg-type]
        skull, implant = read.with_array((read.array != 0).astype(np.uint8)), None
    pose, _ = align_head(skull, fit_pose(skull), packaged_mean())
    complete = head_field(skull, pose)
    if implant is None:
        return complete, np.zeros(FINE.shape, bool)
    taken, left = (
        sample_head(mask, pose, FINE, 0)
        for mask in (implant, skull.with_array(skull.array & ~implant.array & 1))
    )
    return complete, (complete > 0) & (taken > left)


def _cut(complete: NDArray[np.float32], name: CaseName, seed: int) -> NDArray[np.bool_] | None:
    """Return what a virtual defect leaves of a skull; None where the skull has no room for it."""
    skull = FINE.volume((complete > 0).astype(np.uint8))
    for attempt in range(_TRIES):
        drawn = np.random.SeedSequence([seed, zlib.crc32(str(name).encode()), attempt]).generate_state(1)
        try:
            cut = craniectomy(skull, kind=name.kind, seed=int(drawn[0]), pose=head_pose())
        except InputError:
            continue
        return np.asarray(cut.defective.array > 0)
    return None
