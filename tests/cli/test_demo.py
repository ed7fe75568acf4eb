"""demo on files; `.ci/run` runs it as a newcomer does, on the packaged sample itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

FILES = [
    "implant.3mf", "implant.stl", "preview.html", "preview.png",
    "reconstruction.nrrd", "report.html", "report.json", "slices.png", "spec.toml", "steps",
]  # fmt: skip


def test_demo_designs_the_sample_alone_and_compares_it_with_the_truth(
    cli: Callable, case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In an empty working folder, to its default output; a coarse head stands in for the sample."""
    files = {"defective.nrrd": case.defective, "implant.nrrd": case.truth}
    monkeypatch.setattr("meshimplant.datasets.sample_files.sample_path", files.__getitem__)
    monkeypatch.chdir(tmp_path)
    done = cli("demo")
    assert done.code == 0, done.err
    assert done.err == ""
    assert sorted(path.name for path in (tmp_path / "meshimplant-demo").iterdir()) == FILES
    dice = next(line for line in done.out.splitlines() if line.startswith("against truth dice"))
    assert float(dice.split()[-1]) > 0.8
