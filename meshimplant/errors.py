"""The exceptions that meshimplant raises on purpose.

    MeshImplantError
    ├── InputError (ValueError)        an argument or a file cannot be used as it is
    │   ├── FileReadError              missing, truncated, or not the format that its name states
    │   ├── GeometryError              affine singular, sheared or zero-spaced; grids that differ; wrong units
    │   ├── EmptyMaskError             a mask without a voxel of the required kind
    │   ├── NoDefectError              a skull without a hole to fill
    │   └── SpecError                  an unknown field of the prescription, or a value out of range
    ├── OutputError (OSError)          the place to write to is missing, occupied or read-only
    │   └── EditLocked                 another session edits the design
    ├── MeshError (ValueError)         a mesh operation has no valid result; the input is unchanged
    ├── DesignRefused                  the line stopped rather than produce a bad part; see `.findings`
    │   └── EditRefused                an edit cannot be made; the design is as it was before
    └── MissingDependencyError (ImportError)   an optional package is needed; the message names the extra

Each message states what was expected, what was found, and what to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshimplant.report import Finding, Place


class MeshImplantError(Exception):
    """Base class of all deliberate errors; accidental errors are never of this class."""


class InputError(MeshImplantError, ValueError):
    """An argument or file cannot be used as it is."""


class FileReadError(InputError):
    """A file is missing, truncated, or not of the format that its name states."""


class GeometryError(InputError):
    """A grid, affine, frame or unit is invalid, or two of them do not match."""


class EmptyMaskError(InputError):
    """A mask has no voxel of the required kind."""


class NoDefectError(InputError):
    """The skull has no hole to fill."""


class SpecError(InputError):
    """A prescription has an unknown field or a value outside its range."""


class OutputError(MeshImplantError, OSError):
    """A result cannot be written to the requested place."""


class EditLocked(OutputError):
    """Another session edits the design; it can still be read."""


class MeshError(MeshImplantError, ValueError):
    """A mesh operation has no valid result for this mesh."""


class DesignRefused(MeshImplantError):
    """The design line stopped on purpose; `findings` give the reasons."""

    def __init__(self, message: str, findings: Sequence[Finding] = ()) -> None:
        super().__init__(message)
        self.findings = tuple(findings)


class EditRefused(DesignRefused):
    """An edit cannot be made; `findings` give reasons and places, and the design is as it was before."""

    @property
    def place_mm(self) -> Place | None:
        """Where it cannot be made: the first place of the findings, LPS mm; None where there is none."""
        places = (finding.location_mm for finding in self.findings)
        return next((place for place in places if place is not None), None)


class MissingDependencyError(MeshImplantError, ImportError):
    """An optional package is not installed."""


def require_type(value: object, types: type | tuple[type, ...], role: str) -> None:
    """Raise `InputError` if an argument of a public function has a wrong type.

    Parameters
    ----------
    value : object
        The argument.
    types : type or tuple of types
        The accepted types.
    role : str
        The meaning of the argument, with its article: ``"the defective skull"``.

    Examples
    --------
    >>> require_type("head.nrrd", dict, "the defective skull")
    Traceback (most recent call last): meshimplant.errors.InputError: expected the defective skull as a dict,
    got the text 'head.nrrd': read the file first
    """
    if isinstance(value, types):
        return
    accepted = types if isinstance(types, tuple) else (types,)
    names = " or ".join(f"a {kind.__name__}" for kind in accepted if not issubclass(kind, str | PathLike))
    raise InputError(f"expected {role} as {names}, got {_described(value, names)}")


def _described(value: object, names: str) -> str:
    """Describe a value of a wrong type, and state what to do."""
    if isinstance(value, str | PathLike):
        return f"the text {str(value)!r}: read the file first"
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        shape = " x ".join(map(str, value.shape))
        advice = (
            "wrap it, as Volume(array, affine)"
            if "Volume" in names
            else "pass what the matching read_ function returns"
        )
        return f"an array of {shape or 'no'} values: {advice}"
    named = "None" if value is None else f"the {type(value).__name__} {value!r}"
    return f"{named}: pass what the matching read_ function returns"
