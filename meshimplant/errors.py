"""Every exception that meshimplant raises on purpose.

    MeshImplantError
    ├── InputError (ValueError)        what came in cannot be used as it is
    │   ├── FileReadError              missing, truncated, or not the format its name promises
    │   ├── GeometryError              affine singular, sheared or zero-spaced; grids that differ; wrong units
    │   ├── EmptyMaskError             a mask without a single voxel of what was asked for
    │   ├── NoDefectError              a skull without a hole to fill
    │   └── SpecError                  an unknown or out-of-range key in the prescription
    ├── OutputError (OSError)          the place to write to is missing, occupied or read-only
    ├── MeshError (ValueError)         a mesh operation has no valid result; the input is untouched
    ├── DesignRefused                  the line stopped rather than produce a bad part; `.findings` say why
    └── MissingDependencyError (ImportError)   an optional package is needed; the message names the extra

Each message says three things: what was expected, what came, and what to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshimplant.report import Finding


class MeshImplantError(Exception):
    """Base of all deliberate errors; catching it catches nothing accidental."""


class InputError(MeshImplantError, ValueError):
    """An argument or file cannot be used as it is."""


class FileReadError(InputError):
    """A file is missing, truncated, or is not what its name promises."""


class GeometryError(InputError):
    """A grid, affine, frame or unit is impossible, or two of them do not match."""


class EmptyMaskError(InputError):
    """A mask holds no voxel of what was asked for."""


class NoDefectError(InputError):
    """The skull has no hole that an implant could fill."""


class SpecError(InputError):
    """A prescription holds an unknown key or a value outside its range."""


class OutputError(MeshImplantError, OSError):
    """A result cannot be written where it was asked to go."""


class MeshError(MeshImplantError, ValueError):
    """A mesh operation has no valid result for this mesh."""


class DesignRefused(MeshImplantError):
    """The design line stopped on purpose; `findings` name the reasons."""

    def __init__(self, message: str, findings: Sequence[Finding] = ()) -> None:
        super().__init__(message)
        self.findings = tuple(findings)


class MissingDependencyError(MeshImplantError, ImportError):
    """An optional package is not installed."""
