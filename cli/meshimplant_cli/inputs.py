"""`Inputs`: reads the files that a verb is given, and keeps their findings to be printed with its result."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import trimesh

    from meshimplant.implant.features import Feature
    from meshimplant.report import Finding
    from meshimplant.voxels.volume import Volume
    from meshimplant_cli.options import SkullOptions


class Inputs:
    """Reads input files; `findings` says what was left out of them, resampled or interpreted.

    Attributes
    ----------
    findings : list of Finding
        Findings of all files read so far, in their order.
    """

    def __init__(self) -> None:
        self.findings: list[Finding] = []

    def mesh(self, path: Path, frame: str) -> trimesh.Trimesh:
        """Read a triangle mesh."""
        from meshimplant import load_mesh

        loaded = load_mesh(path, frame=frame)
        self.findings += loaded.findings
        return loaded.mesh

    def features(self, path: Path | None) -> tuple[Feature, ...]:
        """Read the features of a part; none without a file."""
        from meshimplant import read_features

        return () if path is None else read_features(path)

    def skull(self, path: Path, options: SkullOptions) -> Volume:
        """Read the mask of a skull."""
        skull = options.skull(path)
        self.findings += skull.findings
        return skull.mask

    def volume(
        self,
        path: Path,
        *,
        series: str | None = None,
        orientation: str | None = None,
        segment: str | None = None,
    ) -> Volume:
        """Read voxels as they are."""
        from meshimplant import load_volume

        loaded = load_volume(path, series=series, orientation=orientation, segment=segment)
        self.findings += loaded.findings
        return loaded.volume
