"""The exported names are complete, importable and cheap."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import meshimplant

HEAVY = (
    "torch",
    "pyvista",
    "vtkmodules",
    "nibabel",
    "open3d",
    "trimesh",
    "igl",
    "plotly",
    "skimage",
    "scipy",
)


def test_the_stub_lists_every_public_name_once_and_sorted_by_room() -> None:
    stub = Path(str(meshimplant.__file__)).with_suffix(".pyi").read_text(encoding="utf-8")
    lines = stub.splitlines()
    names = [line.rsplit(" ", 1)[1] for line in lines]
    assert all(
        line.startswith("from .") and line.endswith(f" import {n} as {n}")
        for line, n in zip(lines, names, strict=True)
    )
    assert len(set(names)) == len(names)
    assert set(meshimplant.__all__) == set(names) == set(dir(meshimplant))


@pytest.mark.parametrize("name", meshimplant.__all__)
def test_every_public_name_loads_and_says_what_it_is(name: str) -> None:
    value = getattr(meshimplant, name)
    if name != "__version__":
        assert value.__name__ == name
        assert value.__doc__
        assert not value.__doc__.startswith(f"{name}("), "a dataclass without a docstring of its own"


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="attribute patch"):
        meshimplant.patch  # noqa: B018


def test_import_loads_nothing_heavy() -> None:
    code = f"import sys, meshimplant; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert loaded.split() == []
