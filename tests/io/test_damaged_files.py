"""Damaged files of every kind are read or refused in one of our own errors: never a hang, never much memory.

``MESHIMPLANT_DAMAGES=200 pytest tests/io/test_damaged_files.py`` tries more damages of each kind; those of
one kind are tried with ``python tests/read_damaged.py COUNT SEED KIND``, whose failures name the seed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from damage import damaged
from numpy.random import default_rng
from readable_files import KINDS
from readable_models import MODEL_KINDS

TESTS = Path(__file__).resolve().parents[1]
DAMAGES = int(os.environ.get("MESHIMPLANT_DAMAGES", "0"))
#: Kinds that are read in one process, and how many damages of each are tried.
GROUPS = {
    "voxels": ([name for name in KINDS if name.startswith(("nrrd", "nhdr", "seg.nrrd", "nii", "m"))], 16),
    "dicom": ([name for name in KINDS if name.startswith(("dicom", "rtstruct"))], 12),
    "meshes": ([name for name in KINDS if name.startswith(("stl", "ply", "obj", "3mf", "glb"))], 16),
    "lists": ([name for name in KINDS if name.startswith(("points", "curve", "map", "spec"))], 16),
    "models": (list(MODEL_KINDS), 8),
}
GROUP_OF = {name: group for group, (names, _) in GROUPS.items() for name in names}


@cache
def _outcomes(group: str) -> dict[str, Any]:
    names, count = GROUPS[group]
    count = DAMAGES or count
    command = [sys.executable, str(TESTS / "read_damaged.py"), str(count), "0", *names]
    paths = [str(TESTS), str(TESTS.parent), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=120 + count * len(names)
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    return {outcome["kind"]: outcome for outcome in map(json.loads, ended.stdout.splitlines())}


@pytest.mark.parametrize("name", [*KINDS, *MODEL_KINDS])
def test_damage_is_refused_in_our_own_words_in_time_and_within_memory(name: str) -> None:
    """The process reads the undamaged file first, and ends in an error if that fails."""
    outcome = _outcomes(GROUP_OF[name])[name]
    assert outcome["wrong"] == []
    assert outcome["refused"] > 0


def test_damage_is_never_none_and_the_same_for_the_same_seed() -> None:
    data = b"NRRD0004\nsizes: 3 4 5\n\n" + bytes(range(60))
    every = [damaged(data, default_rng(seed)) for seed in range(50)]
    assert data not in every
    assert every == [damaged(data, default_rng(seed)) for seed in range(50)]
    assert len(set(every)) > 40
