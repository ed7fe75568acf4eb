"""The exported names are complete, importable and cheap."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import meshimplant

HEAVY = (
    "torch",
    "pyvista",
    "vtkmodules",
    "SimpleITK",
    "open3d",
    "trimesh",
    "igl",
    "plotly",
    "skimage",
    "scipy",
)


def _type_checking_imports() -> dict[str, str]:
    """Name -> module of the imports that type checkers see."""
    tree = ast.parse(Path(meshimplant.__file__).read_text(encoding="utf-8"))
    imports = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("meshimplant.")
    ]
    return {alias.name: node.module or "" for node in imports for alias in node.names}


def test_type_checkers_and_the_interpreter_see_the_same_names() -> None:
    lazy = {name: f"meshimplant.{home}" for name, home in meshimplant._HOME.items()}
    assert _type_checking_imports() == lazy
    assert set(meshimplant.__all__) == {"__version__", *lazy} == set(dir(meshimplant))


@pytest.mark.parametrize("name", meshimplant.__all__)
def test_every_public_name_loads_and_says_what_it_is(name: str) -> None:
    value = getattr(meshimplant, name)
    if name != "__version__":
        assert value.__name__ == name
        assert value.__doc__
        assert not value.__doc__.startswith(f"{name}("), "a dataclass without a docstring of its own"


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'patch'"):
        meshimplant.patch  # noqa: B018


def test_import_loads_nothing_heavy_and_takes_at_most_1_2_seconds() -> None:
    code = (
        "import sys, time; start = time.perf_counter(); import meshimplant; "
        "seconds = time.perf_counter() - start; "
        f"loaded = [name for name in {HEAVY!r} if name in sys.modules]; print(seconds, *loaded)"
    )
    seconds, *loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert loaded == []
    assert float(seconds) <= 1.2
