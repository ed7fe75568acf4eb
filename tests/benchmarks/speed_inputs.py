"""Inputs of the speed benchmark as files: a defective skull, a prediction of the complete one, and the truth.

The prediction imitates a network's: the true complete skull, its surface moved by a smooth random misfit of
some tenths of a millimetre except around the hole. A subtraction therefore leaves debris over the whole
skull, while the missing bone itself is known exactly.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy import ndimage

from meshimplant import craniectomy, read_volume, skull_phantom, write_volume
from meshimplant.datasets.case import read_case
from meshimplant.datasets.sample_files import sample_path
from meshimplant.datasets.skullfix import list_skullfix
from meshimplant.voxels.distance import signed_distance
from meshimplant.voxels.volume import Volume

NAMES = ("defective", "prediction", "complete", "implant")
#: The largest clinical grid: shape and voxel edges, mm.
LARGE_SHAPE, LARGE_SPACING_MM = (512, 512, 400), (0.455, 0.455, 0.51)
#: Standard deviation of the misfit at nodes of this distance; it is linear between them, mm.
_MISFIT_MM, _MISFIT_LENGTH_MM = 0.6, 12.0
#: No misfit this close to the missing bone, mm.
_UNTOUCHED_MM = 6.0


def prepare_input(name: str, folder: Path, *, data: Path | None, case: str) -> None:
    """Write an input into `folder`, unless it exists.

    ``sample``, ``skullfix``, ``synthetic``, or ``synthetic-N``, with N times fewer voxels.
    """
    if all((folder / f"{part}.nrrd").is_file() for part in NAMES):
        return
    makers: dict[str, Callable[[], tuple[Volume, Volume]]] = {
        "sample": _sample,
        "skullfix": lambda: _skullfix(data, case),
        "synthetic": lambda: synthetic(LARGE_SHAPE, LARGE_SPACING_MM),
    }
    if name in makers:
        complete, implant = makers[name]()
    else:
        source, times = folder.parent / "synthetic", float(name.partition("-")[2])
        complete, implant = (
            _coarser(read_volume(source / f"{part}.nrrd"), times) for part in ("complete", "implant")
        )
    write_input(folder, complete, implant)


def write_input(folder: Path, complete: Volume, implant: Volume) -> None:
    """Write the files of an input, completely or not at all, from a complete skull and its missing bone."""
    unfinished = folder.with_name(folder.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    implant = implant.with_array(implant.array & complete.array)
    defective = complete.with_array(complete.array & ~implant.array & 1)
    volumes = (defective, predict(complete, implant), complete, implant)
    for name, volume in zip(NAMES, volumes, strict=True):
        write_volume(volume, unfinished / f"{name}.nrrd")
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.rename(folder)


def predict(complete: Volume, implant: Volume, *, seed: int = 0) -> Volume:
    """Return the complete skull as a network might predict it: with misfit except around the missing bone."""
    rng = np.random.default_rng(seed)
    extent = np.array(complete.shape) * complete.spacing_mm
    coarse = rng.normal(0, _MISFIT_MM, np.ceil(extent / _MISFIT_LENGTH_MM).astype(int) + 1)
    zoom = np.array(complete.shape) / coarse.shape
    misfit = ndimage.zoom(coarse.astype(np.float32), zoom, order=1, grid_mode=True, mode="nearest")
    apart = -signed_distance(implant, smooth_voxels=0).array
    misfit *= np.clip(apart / _UNTOUCHED_MM - 1, 0, 1)
    grown = signed_distance(complete, smooth_voxels=0).array + misfit > 0
    return complete.with_array(np.where(misfit == 0, complete.array, grown).astype(np.uint8))


def synthetic(shape: tuple[int, int, int], spacing_mm: tuple[float, float, float]) -> tuple[Volume, Volume]:
    """Return a parametric skull with a craniectomy on a grid of its own, and the bone that was taken out."""
    head = skull_phantom(spacing_mm=min(spacing_mm))
    affine = np.diag([*spacing_mm, 1.0])
    middle = head.to_mm((np.array(head.shape) - 1) / 2)
    affine[:3, 3] = middle - (np.array(shape) - 1) / 2 * spacing_mm
    grid = Volume(np.zeros(shape, np.uint8), affine)
    complete = _resampled(head, grid)
    return complete, craniectomy(complete, kind="random", seed=1).truth


def _sample() -> tuple[Volume, Volume]:
    defective, implant = (read_volume(sample_path(f"{part}.nrrd")) for part in ("defective", "implant"))
    return defective.with_array(((defective.array | implant.array) != 0).astype(np.uint8)), implant


def _skullfix(data: Path | None, case: str) -> tuple[Volume, Volume]:
    if data is None:
        raise SystemExit("expected --data DATA, the folder that holds skullfix/, for the input skullfix")
    known = {known.name: known for known in list_skullfix(data / "skullfix")}
    if case not in known:
        raise SystemExit(f"expected --case to be one of {', '.join(known)}, got {case}")
    volumes = read_case(known[case])
    return volumes.complete, volumes.implant


def _coarser(volume: Volume, times: float) -> Volume:
    """Return a mask on a grid with `times` fewer voxels over the same box."""
    shape = np.rint(np.array(volume.shape) / np.cbrt(times)).astype(int)
    scale = np.array(volume.shape) / shape
    affine = volume.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ ((scale - 1) / 2)
    affine[:3, :3] *= scale
    return _resampled(volume, Volume(np.zeros(shape, np.uint8), affine))


def _resampled(mask: Volume, grid: Volume) -> Volume:
    values = mask.with_array(mask.array.astype(np.float32)).resample_to(grid)
    return grid.with_array((values.array > 0.5).astype(np.uint8))
