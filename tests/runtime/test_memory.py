"""The peak memory of the process counts allocations and never falls."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from meshimplant.runtime import memory
from meshimplant.runtime.memory import process_peak_mb


def test_the_peak_rises_with_allocated_memory_and_stays() -> None:
    before = process_peak_mb()
    if before is None:
        pytest.skip("this system does not tell")
    held = np.ones(int(before) + 64, "V1048576")
    held[:] = b"x"
    after = process_peak_mb()
    assert after is not None
    assert after - before >= 60
    del held
    assert process_peak_mb() == pytest.approx(after, abs=8)


def test_other_unixes_use_getrusage_and_other_systems_report_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    direct = process_peak_mb()
    monkeypatch.setattr(memory, "_STATUS", tmp_path / "none")
    asked = process_peak_mb()
    assert direct is not None
    assert asked is not None
    assert asked >= direct - 8
    monkeypatch.setitem(sys.modules, "resource", None)
    assert process_peak_mb() is None
