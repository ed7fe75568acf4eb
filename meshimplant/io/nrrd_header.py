"""Headers of NRRD files: every field that is used is checked, and every fault reported."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshimplant.errors import FileReadError, GeometryError, InputError
from meshimplant.io.number_words import decimal_number, whole_number
from meshimplant.io.orientation import spacing_of

#: Names of each voxel type in the header; the last one is written.
TYPE_NAMES = {
    "i1": ("int8", "int8_t", "signed char"),
    "u1": ("uchar", "uint8", "uint8_t", "unsigned char"),
    "i2": ("short int", "signed short", "signed short int", "int16", "int16_t", "short"),
    "u2": ("ushort", "unsigned short int", "uint16", "uint16_t", "unsigned short"),
    "i4": ("signed int", "int32", "int32_t", "int"),
    "u4": ("uint", "uint32", "uint32_t", "unsigned int"),
    "i8": (
        "longlong",
        "long long",
        "signed long long",
        "signed long long int",
        "int64",
        "int64_t",
        "long long int",
    ),
    "u8": ("ulonglong", "unsigned long long", "uint64", "uint64_t", "unsigned long long int"),
    "f4": ("float",),
    "f8": ("double",),
}
#: Sign of each axis of the file in LPS. A space that is not listed does not state where left is.
_SPACES = {
    "left-posterior-superior": (1, 1, 1),
    "lps": (1, 1, 1),
    "right-anterior-superior": (-1, -1, 1),
    "ras": (-1, -1, 1),
    "left-anterior-superior": (1, -1, 1),
    "las": (1, -1, 1),
}
_MM_PER_UNIT = {"mm": 1.0, "millimeter": 1.0, "millimetre": 1.0, "cm": 10.0, "m": 1000.0, "um": 1e-3, "": 1.0}
#: Fields whose name may be written without its space.
_ALIASES = {"datafile": "data file", "lineskip": "line skip", "byteskip": "byte skip"}
#: Kinds of an axis in space; ITK and Slicer write domain.
_SPACE_KINDS = ("domain", "space", "???", "none")
#: Voxel edges that differ by more contradict each other; a part of 150 mm would be 1.5 mm wrong.
_SAME_STEP_FRACTION = 0.01
#: A header longer than this is none, bytes.
MOST_HEADER_BYTES = 1 << 20
#: Encodings of voxels that are written as text.
TEXT_ENCODINGS = ("ascii", "text", "txt")


def read_header(data: bytes, *, name: str) -> tuple[dict[str, str], int]:
    """Return the fields by lower-case name, and where the header ends."""
    if not data.startswith(b"NRRD000"):
        raise FileReadError(
            "expected an NRRD file (its first bytes are NRRD000), "
            f"got {name}, which is not one: check the format"
        )
    end = re.search(rb"\r?\n\r?\n", data[:MOST_HEADER_BYTES])
    text = (data[: end.start()] if end else data).decode("utf-8", "replace")
    fields: dict[str, str] = {}
    for line in text.splitlines()[1:]:
        if line.startswith("#") or ":=" in line or ":" not in line:
            continue
        field, value = (part.strip() for part in line.split(":", 1))
        field = _ALIASES.get(field.lower(), field.lower())
        if field in fields:
            raise FileReadError(
                f"expected the field '{field[:80]}' once in the header of {name}, "
                "got it twice: export the file again"
            )
        fields[field] = value
    if end is None and "data file" not in fields:
        raise FileReadError(
            f"expected voxels after the header of {name}, got none: the file is truncated, copy it again"
        )
    return fields, end.end() if end else len(data)


def sizes_of(fields: dict[str, str], *, name: str) -> tuple[int, ...]:
    """Return the length of each axis."""
    try:
        sizes = tuple(whole_number(part) for part in fields["sizes"].split())
    except (KeyError, ValueError) as error:
        raise FileReadError(
            f"expected whole numbers in the field 'sizes' of {name}, "
            f"got {fields.get('sizes', 'none')[:80]!r}: the file is damaged"
        ) from error
    if fields.get("dimension") != str(len(sizes)):
        raise FileReadError(
            f"expected as many sizes as the field 'dimension' of {name} states, got dimension "
            f"{fields.get('dimension', 'none')[:40]!r} and sizes {fields['sizes'][:40]!r}: "
            "the file is damaged"
        )
    return sizes


def dtype_of(fields: dict[str, str], *, name: str) -> np.dtype[Any]:
    """Return the voxel type with its byte order."""
    stated = " ".join(fields.get("type", "").lower().split())
    code = next((code for code, names in TYPE_NAMES.items() if stated in names), None)
    if code is None:
        raise InputError(
            f"expected integer or float voxels in {name}, got NRRD type {stated[:80]!r}: export numbers"
        )
    dtype = np.dtype(code)
    if dtype.itemsize == 1 or fields.get("encoding", "raw").lower() in TEXT_ENCODINGS:
        return dtype
    endian = fields.get("endian", "").lower()
    if endian not in ("little", "big"):
        raise FileReadError(
            f"expected the field 'endian' of {name} to be little or big, got {endian[:9]!r}: "
            "the file is damaged"
        )
    return dtype.newbyteorder("<" if endian == "little" else ">")


def affine_of(
    fields: dict[str, str], axes: int, *, name: str
) -> tuple[list[bool], NDArray[np.float64] | None, str]:
    """Return which axes lie in space, the LPS affine or None, and what the header lacks for it."""
    vectors = re.findall(r"none|\([^()]*\)", fields.get("space directions", ""), flags=re.IGNORECASE)
    spatial = [vector.lower() != "none" for vector in vectors]
    if not vectors:
        return [True] * axes, None, "'space directions'"
    if len(vectors) != axes or sum(spatial) != 3:
        raise GeometryError(
            f"expected three axes in space in {name}, "
            f"got 'space directions: {fields['space directions'][:80]}' "
            f"for {axes} axes: export a 3-D volume"
        )
    signs = _SPACES.get(fields.get("space", "").lower())
    if signs is None:
        return (
            spatial,
            None,
            f"a 'space' that states where left is (its 'space' is {fields.get('space', 'none')[:80]!r})",
        )
    _require_space_kinds(fields, spatial, name=name)
    affine = np.eye(4)
    columns = [_vector(text, name=name) for text, used in zip(vectors, spatial, strict=True) if used]
    scale = np.array(signs) * _mm_per_unit(fields, name=name)
    affine[:3, :3] = np.array(columns).T * scale[:, None]
    affine[:3, 3] = _vector(fields.get("space origin", "(0,0,0)"), name=name) * scale
    _require_same_steps(fields, np.linalg.norm(columns, axis=1), spatial, name=name)
    return spatial, affine, ""


def _require_space_kinds(fields: dict[str, str], spatial: list[bool], *, name: str) -> None:
    """Raise an error where an axis that has a direction in space is one of time, colours or other values."""
    kinds = fields.get("kinds", "").split()
    if len(kinds) != len(spatial):
        return
    other = [
        kind for kind, used in zip(kinds, spatial, strict=True) if used and kind.lower() not in _SPACE_KINDS
    ]
    if other:
        raise GeometryError(
            f"expected axes of the kind domain or space in {name}, got {', '.join(other)[:80]} for an axis "
            "with a direction in space: export a 3-D volume"
        )


def _require_same_steps(
    fields: dict[str, str], steps: NDArray[np.float64], spatial: list[bool], *, name: str
) -> None:
    """Raise an error where the field 'spacings' states other voxel edges than the directions."""
    stated = [decimal_number(text) for text in fields.get("spacings", "").split()]
    if len(stated) != len(spatial):
        return
    used = np.array([step for step, inside in zip(stated, spatial, strict=True) if inside])
    if (np.isfinite(used) & (np.abs(used - steps) > _SAME_STEP_FRACTION * steps)).any():
        shown = [" x ".join(f"{step:g}" for step in edges) for edges in (steps, used)]
        raise GeometryError(
            f"expected one voxel size in the header of {name}, got {shown[0]} in 'space directions' and "
            f"{shown[1]} in 'spacings': find out which is right, and write the file with it alone"
        )


def spacing_mm_of(fields: dict[str, str], *, name: str) -> NDArray[np.float64] | None:
    """Return the voxel edges (3,) of a header without an orientation, or None where it has none."""
    vectors = re.findall(r"\([^()]*\)", fields.get("space directions", ""))
    if len(vectors) == 3:
        edges = spacing_of(np.array([_vector(text, name=name) for text in vectors]).T)
    else:
        steps = [decimal_number(text) for text in fields.get("spacings", "").split()]
        steps = [step for step in steps if np.isfinite(step)]
        edges = spacing_of(np.diag(steps)) if len(steps) == 3 else None
    return None if edges is None else edges * _mm_per_unit(fields, name=name)


def _vector(text: str, *, name: str) -> NDArray[np.float64]:
    """Return the three numbers of a vector such as (1,0,0)."""
    try:
        vector = np.array([decimal_number(part.strip()) for part in text.strip("() ").split(",")])
    except ValueError:
        vector = np.array([])
    if vector.shape != (3,):
        raise GeometryError(
            f"expected vectors of three numbers in the header of {name}, got {text[:80]}: export it again"
        )
    return vector


def _mm_per_unit(fields: dict[str, str], *, name: str) -> float:
    """Return the factor to millimetres; all axes must share one unit."""
    units = {unit.lower() for unit in re.findall(r'"([^"]*)"', fields.get("space units", ""))} or {"mm"}
    if len(units) != 1 or not units <= set(_MM_PER_UNIT):
        raise GeometryError(
            f"expected space units of millimetres in {name}, "
            f"got {', '.join(sorted(units))[:80]!r}: export it in mm"
        )
    return _MM_PER_UNIT[units.pop()]
