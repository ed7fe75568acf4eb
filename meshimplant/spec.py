"""`ImplantSpec`: the prescription of a part, each field with its unit, range and reason."""

from __future__ import annotations

import json
import tomllib
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from meshimplant.errors import FileReadError, SpecError

#: Thinnest wall that each material is commonly printed or milled at in cranioplasty, mm.
MATERIALS_MIN_THICKNESS_MM = {"PEEK": 2.0, "PMMA": 3.0, "titanium": 0.6, "ceramic": 3.0}

_RANGES: dict[str, tuple[float, float]] = {
    "thickness_mm": (0.5, 15.0),
    "thickness_min_mm": (0.3, 15.0),
    "thickness_max_mm": (0.5, 25.0),
    "clearance_mm": (0.0, 3.0),
    "bevel_deg": (0.0, 45.0),
    "smooth_iterations": (0, 200),
    "max_faces": (1_000, 5_000_000),
    "bodies": (1, 10),
}


@dataclass(frozen=True)
class ImplantSpec:
    """What the part must be.

    Attributes
    ----------
    thickness_mm
        Distance from outer to inner surface away from the border, 0.5 to 15 mm. Default 4: stiff enough in PEEK and PMMA
        and thinner than the median vault thickness of each of 75 adult skulls (4.4 to 10.4 mm).
    thickness_min_mm, thickness_max_mm
        Limits that `check` enforces outside the feathered border. Defaults 2 and 6.
    clearance_mm
        Designed distance between the part's border and the bone, 0 to 3 mm. Default 0.8: within the 0.5 to 1 mm that
        published cranioplasty workflows leave, and wider than half the diagonal of a 0.5 x 0.5 x 1 mm voxel (0.61 mm),
        so that no voxel of bone is touched.
    bevel_deg
        Angle to the outward direction by which the part's border leans inward at least, 0 to 45 degrees. Default 0: the
        border is parallel to the wall of the defect, so that the gap is even.
    smooth_iterations
        Passes of the windowed-sinc smoother. Default 40 (see `smooth` for what it measures).
    material
        One of PEEK, PMMA, titanium, ceramic; sets the wall thickness below which `check` fails.
    max_faces
        Face budget of the written part. Default 150 000 (deviation <= 0.05 mm on a 9 cm implant).
    bodies
        Number of separate parts asked for. Default 1.
    """

    thickness_mm: float = 4.0
    thickness_min_mm: float = 2.0
    thickness_max_mm: float = 6.0
    clearance_mm: float = 0.8
    bevel_deg: float = 0.0
    smooth_iterations: int = 40
    material: str = "PEEK"
    max_faces: int = 150_000
    bodies: int = 1

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            kinds = int if isinstance(low, int) else int | float
            if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
                number = "a whole number" if kinds is int else "a number"
                raise SpecError(f"expected {name} as {number} between {low:g} and {high:g}, got {value!r}")
        if not isinstance(self.material, str) or self.material not in MATERIALS_MIN_THICKNESS_MM:
            raise SpecError(
                f"expected material to be one of {', '.join(MATERIALS_MIN_THICKNESS_MM)}, got {self.material!r}"
            )
        if not self.thickness_min_mm <= self.thickness_mm <= self.thickness_max_mm:
            raise SpecError(
                "expected thickness_min_mm <= thickness_mm <= thickness_max_mm, got "
                f"{self.thickness_min_mm:g} <= {self.thickness_mm:g} <= {self.thickness_max_mm:g}"
            )

    def with_values(self, **values: Any) -> ImplantSpec:
        """Return a copy with some fields replaced; ``None`` means "leave as it is"; unknown names raise `SpecError`."""
        given = {key: value for key, value in values.items() if value is not None}
        _reject_unknown(given)
        return replace(self, **given)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain JSON-ready values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ImplantSpec:
        """Build a spec from a mapping; an unknown key is an error, a missing one takes its default."""
        _reject_unknown(values)
        return cls(**values)

    @classmethod
    def read(cls, path: str | Path) -> ImplantSpec:
        """Read a prescription from a ``.toml`` or ``.json`` file."""
        path = Path(path)
        try:
            text = path.read_text(encoding="utf-8")
            values = json.loads(text) if path.suffix.lower() == ".json" else tomllib.loads(text)
        except FileNotFoundError as error:
            raise FileReadError(
                f"expected a spec file, got {path.name}, which does not exist: check the path"
            ) from error
        except (OSError, UnicodeDecodeError, ValueError) as error:
            raise FileReadError(f"expected a TOML or JSON spec in {path.name}, got: {error}") from error
        if not isinstance(values, dict):
            raise SpecError(f"expected a table of fields in {path.name}, got {type(values).__name__}")
        return cls.from_dict(values)

    def to_toml(self) -> str:
        """Return the prescription as TOML text that `read` takes back."""
        import tomli_w

        return tomli_w.dumps(self.to_dict())


def _reject_unknown(values: dict[str, Any]) -> None:
    known = [field.name for field in fields(ImplantSpec)]
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise SpecError(
            f"expected spec fields among {', '.join(known)}, got {', '.join(unknown)}: correct or remove them"
        )
