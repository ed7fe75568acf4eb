"""`ImplantSpec`: the prescription of a part, each field with unit, range and the reason for its default."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from meshimplant.errors import FileReadError, SpecError

#: Longer values are cut off in messages, characters.
_LONGEST_SHOWN = 80
#: Thinnest wall at which each material is commonly printed or milled in cranioplasty, mm.
MATERIALS_MIN_THICKNESS_MM = {"PEEK": 2.0, "PMMA": 3.0, "titanium": 0.6, "ceramic": 3.0}


def _field(default: Any, meaning: str, low: float | None = None, high: float | None = None) -> Any:
    """Return a field of the prescription with its meaning and its range."""
    return field(
        default=default, metadata={"meaning": meaning, "range": None if low is None else (low, high)}
    )


@dataclass(frozen=True)
class ImplantSpec:
    """The prescription of a part.

    Attributes
    ----------
    thickness_mm : float
        Distance from outer to inner surface away from the border, 0.5 to 15 mm. Default 4: stiff enough in
        PEEK and PMMA, and thinner than the median vault thickness of each of 75 adult skulls (4.4 to 10.4
        mm).
    thickness_min_mm, thickness_max_mm : float
        Limits that `check` enforces outside the feathered border. Defaults 2 and 6.
    clearance_mm : float
        Designed distance from the part's border to the bone, 0 to 3 mm. Default 0.8: within the 0.5 to 1 mm
        of published cranioplasty workflows, and wider than half the diagonal of a 0.5 x 0.5 x 1 mm voxel
        (0.61 mm), so that no voxel of bone is touched.
    bevel_deg : float
        Least angle between the part's border and the outward direction, 0 to 45 degrees. Default 0: the
        border is parallel to the wall of the defect, so that the gap is even.
    smooth_iterations : int
        Iterations of the windowed-sinc filter. Default 40 (see `smooth` for measurements).
    material : str
        One of PEEK, PMMA, titanium, ceramic; sets the wall thickness below which `check` fails.
    max_faces : int
        Largest number of faces of the written part. Default 150 000 (deviation <= 0.05 mm on a 9 cm implant).
    caudal_relief_mm : float
        How much the part is kept back along its lower edge at the temple, 0 to 10 mm, so that the muscle
        there is not pinched. Default 0.
    bodies : int or None
        Number of separate parts. Default None: one part, and a further opening that it leaves open is an
        error; a number states that the others are left open on purpose.
    """

    thickness_mm: float = _field(4.0, "Distance from outer to inner surface away from the border", 0.5, 15.0)
    thickness_min_mm: float = _field(2.0, "Thinnest wall that passes the check outside the border", 0.3, 15.0)
    thickness_max_mm: float = _field(6.0, "Thickest wall that passes the check", 0.5, 25.0)
    clearance_mm: float = _field(0.8, "Designed distance from the part's border to the bone", 0.0, 3.0)
    bevel_deg: float = _field(0.0, "Least angle at which the part's border leans inward", 0.0, 45.0)
    smooth_iterations: int = _field(40, "Iterations of the smoothing filter", 0, 200)
    material: str = _field("PEEK", "Material; sets the thinnest wall that passes the check")
    max_faces: int = _field(150_000, "Largest number of faces of the part", 1_000, 5_000_000)
    caudal_relief_mm: float = _field(
        0.0, "How much the part is kept back along its lower edge at the temple", 0.0, 10.0
    )
    bodies: int | None = _field(
        None, "Number of separate parts; without it, one, and a second opening is an error", 1, 10
    )

    def __post_init__(self) -> None:
        for name, limits in field_ranges().items():
            value = getattr(self, name)
            if limits is None or (name == "bodies" and value is None):
                continue
            low, high = limits
            kinds = int if isinstance(low, int) else int | float
            if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
                number = "a whole number" if kinds is int else "a number"
                raise SpecError(
                    f"expected {name} to be {number} between {low:g} and {high:g}, got {_shown(repr(value))}"
                )
        if not isinstance(self.material, str) or self.material not in MATERIALS_MIN_THICKNESS_MM:
            names = ", ".join(MATERIALS_MIN_THICKNESS_MM)
            raise SpecError(f"expected material to be one of {names}, got {_shown(repr(self.material))}")
        if not self.thickness_min_mm <= self.thickness_mm <= self.thickness_max_mm:
            raise SpecError(
                "expected thickness_min_mm <= thickness_mm <= thickness_max_mm, got "
                f"{self.thickness_min_mm:g} <= {self.thickness_mm:g} <= {self.thickness_max_mm:g}"
            )

    @property
    def part_count(self) -> int:
        """Number of separate parts."""
        return 1 if self.bodies is None else self.bodies

    def with_values(self, **values: Any) -> ImplantSpec:
        """Return a copy with some fields replaced; None leaves a field. Unknown names raise `SpecError`."""
        given = {key: value for key, value in values.items() if value is not None}
        _reject_unknown(given)
        return replace(self, **given)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain JSON-ready values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ImplantSpec:
        """Build a prescription from a mapping; missing fields take their defaults, unknown ones raise."""
        _reject_unknown(values)
        return cls(**values)

    @classmethod
    def read(cls, path: str | Path) -> ImplantSpec:
        """Read a prescription from a ``.toml`` or ``.json`` file."""
        from meshimplant.runtime.regular_files import parse_json, parse_toml, read_regular

        path = Path(path)
        try:
            text = read_regular(path).decode("utf-8")
            values = parse_json(text) if path.suffix.lower() == ".json" else parse_toml(text)
        except FileReadError:
            raise
        except ValueError as error:
            raise FileReadError(
                f"expected a prescription in TOML or JSON in {path.name}, got an unreadable file: {error}"
            ) from error
        if not isinstance(values, dict):
            raise SpecError(f"expected a table of fields in {path.name}, got {type(values).__name__}")
        return cls.from_dict(values)

    def to_toml(self) -> str:
        """Return the prescription as TOML text, which `read` accepts."""
        import tomli_w

        return tomli_w.dumps({name: value for name, value in self.to_dict().items() if value is not None})


def field_ranges() -> dict[str, tuple[float, float] | None]:
    """Return the smallest and the largest value of each field of `ImplantSpec`; None for words."""
    return {field.name: field.metadata["range"] for field in fields(ImplantSpec)}


def field_meanings() -> dict[str, str]:
    """Return what each field of `ImplantSpec` means, in a few words."""
    return {field.name: field.metadata["meaning"] for field in fields(ImplantSpec)}


def _shown(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def _reject_unknown(values: dict[str, Any]) -> None:
    known = list(field_meanings())
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise SpecError(
            f"expected fields of the prescription among {', '.join(known)}, "
            f"got {_shown(', '.join(unknown))}: correct or remove them"
        )
