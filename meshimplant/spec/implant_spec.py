"""`ImplantSpec`: the prescription of a part, each field with unit, range and the reason for its default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from meshimplant.errors import FileReadError, SpecError
from meshimplant.spec.fixation_spec import FixationSpec
from meshimplant.spec.mark_spec import MarkSpec
from meshimplant.spec.mould_spec import MouldSpec
from meshimplant.spec.perforation_spec import PerforationSpec
from meshimplant.spec.processes import PROCESSES
from meshimplant.spec.region_spec import RegionSpec, blends_mm, located
from meshimplant.spec.resection_spec import ResectionSpec
from meshimplant.spec.spec_table import SpecTable, number, table, tables, without_none, word
from meshimplant.spec.strength_spec import StrengthSpec

#: Thinnest wall at which each material is commonly printed or milled in cranioplasty, mm.
MATERIALS_MIN_THICKNESS_MM = {"PEEK": 2.0, "PMMA": 3.0, "titanium": 0.6, "ceramic": 3.0}


@dataclass(frozen=True)
class ImplantSpec(SpecTable):
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
    border_radius_mm : float or None
        Radius by which the outer and the inner edge of the border are rounded, 0.3 to 1 mm. Default None:
        they stay as sharp as they come. No source: our choice.
    lip_mm : float or None
        How far a rim of the part lies over the bone around, 1 to 8 mm, see `add_lip`; for titanium. Default
        None: the part ends at its border. No source: our choice.
    lip_thickness_mm : float
        Thickness of that rim, 0.8 to 1.5 mm. Default 1. No source: our choice.
    process : str or None
        How the part is made, see `PROCESSES`: its thinnest wall, its accuracy and the sizes that it is known
        for are checked, too, and holes are drawn larger by what they shrink. Default None: unknown.
    bodies : int or None
        Number of separate parts. Default None: one part, and a further opening that it leaves open is an
        error; a number states that the others are left open on purpose.
    regions : tuple of RegionSpec
        Places with a thickness, clearance or bevel of their own, the tables ``[[regions]]``; where two
        overlap, the later one holds. Default: none, every value holds everywhere.
    fixation : FixationSpec or None
        How the part is fixed to the skull, the table ``[fixation]``. Default None: nothing is made.
    mark : MarkSpec or None
        A text on the part, the table ``[mark]``. Default None: none.
    perforation : PerforationSpec or None
        Holes through the part, the table ``[perforation]``. Default None: none.
    strength : StrengthSpec or None
        A screening of the finished part, the table ``[strength]``. Default None: none, because it takes up to
        a minute.
    mould : MouldSpec or None
        A mould in which the part is cast, the table ``[mould]``. Default None: none.
    resection : ResectionSpec or None
        How an intact skull is cut, the table ``[resection]``, for `plan_resection` alone. Default None: the
        skull has its defect.
    """

    thickness_mm: float = number(4.0, "Distance from outer to inner surface away from the border", 0.5, 15.0)
    thickness_min_mm: float = number(2.0, "Thinnest wall that passes the check outside the border", 0.3, 15.0)
    thickness_max_mm: float = number(6.0, "Thickest wall that passes the check", 0.5, 25.0)
    clearance_mm: float = number(0.8, "Designed distance from the part's border to the bone", 0.0, 3.0)
    bevel_deg: float = number(0.0, "Least angle at which the part's border leans inward", 0.0, 45.0)
    smooth_iterations: int = number(40, "Iterations of the smoothing filter", 0, 200)
    material: str = word(
        "PEEK",
        "Material; sets the thinnest wall that passes the check",
        tuple(MATERIALS_MIN_THICKNESS_MM),
    )
    max_faces: int = number(150_000, "Largest number of faces of the part", 1_000, 5_000_000)
    caudal_relief_mm: float = number(
        0.0, "How much the part is kept back along its lower edge at the temple", 0.0, 10.0
    )
    border_radius_mm: float | None = number(
        None, "Radius by which the edges of the border are rounded", 0.3, 1.0
    )
    lip_mm: float | None = number(
        None, "How far a rim of the part lies over the bone around; for titanium", 1.0, 8.0
    )
    lip_thickness_mm: float = number(1.0, "Thickness of that rim", 0.8, 1.5)
    process: str | None = word(None, "How the part is made; its limits are checked, too", tuple(PROCESSES))
    bodies: int | None = number(
        None, "Number of separate parts; without it, one, and a second opening is an error", 1, 10
    )
    regions: tuple[RegionSpec, ...] = tables(RegionSpec, "Places with values of their own; later ones win")
    fixation: FixationSpec | None = table(FixationSpec, "How the part is fixed to the skull")
    mark: MarkSpec | None = table(MarkSpec, "A text on the part")
    perforation: PerforationSpec | None = table(PerforationSpec, "Holes through the part")
    strength: StrengthSpec | None = table(StrengthSpec, "A screening of the finished part under load")
    mould: MouldSpec | None = table(MouldSpec, "A mould in which the part is cast")
    resection: ResectionSpec | None = table(ResectionSpec, "How an intact skull is cut, for plan alone")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.thickness_min_mm <= self.thickness_mm <= self.thickness_max_mm:
            raise SpecError(
                "expected thickness_min_mm <= thickness_mm <= thickness_max_mm, got "
                f"{self.thickness_min_mm:g} <= {self.thickness_mm:g} <= {self.thickness_max_mm:g}"
            )

        for index, region in enumerate(self.regions, 1):
            asked = self.thickness_mm if region.thickness_mm is None else region.thickness_mm
            if not self.thickness_min_mm <= asked <= self.thickness_max_mm:
                raise SpecError(
                    "expected thickness_min_mm <= regions.thickness_mm <= thickness_max_mm, got "
                    f"{self.thickness_min_mm:g} <= {asked:g} <= {self.thickness_max_mm:g} "
                    f"(in [[regions]] number {index})"
                )
        blends_mm(self.thickness_mm, self.regions)  # refuses a change of thickness that is too steep

        if self.process is not None and PROCESSES[self.process].material != self.material:
            raise SpecError(
                f"expected material {PROCESSES[self.process].material} with process {self.process}, got "
                f"{self.material}: set both"
            )

        if self.lip_mm is not None:
            self._require_lip_fits()

        _ = self.drawn_perforation  # refuses holes that are too large or too close once they are drawn

    def _require_lip_fits(self) -> None:
        """Refuse a lip of a material that is too weak for it, and one where a plate or a pocket would be."""
        if self.material != "titanium":
            raise SpecError(
                f"expected material titanium with lip_mm, got {self.material}: so thin a rim would break; "
                "set the material, or leave the lip out"
            )
        if self.fixation is not None and self.fixation.style != "tabs":
            raise SpecError(
                f"expected fixation.style tabs with lip_mm, got {self.fixation.style}: the lip lies where "
                "they would; use tabs, or leave the lip out"
            )
        if self.mould is not None:
            raise SpecError(
                "expected no mould with lip_mm, got both: a part with a lip cannot leave its mould; leave "
                "one out"
            )

    @property
    def drawn_perforation(self) -> PerforationSpec | None:
        """The holes as they are drawn: larger than asked by what they shrink in the process."""
        if self.perforation is None or self.process is None:
            return self.perforation
        width = self.perforation.diameter_mm + PROCESSES[self.process].hole_growth_mm
        return self.perforation.with_values(diameter_mm=width)

    @property
    def part_count(self) -> int:
        """Number of separate parts."""
        return 1 if self.bodies is None else self.bodies

    @classmethod
    def read(cls, path: str | Path) -> ImplantSpec:
        """Read a prescription from a ``.toml`` or ``.json`` file; maps of regions are found beside it."""
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
        spec = cls.from_dict(values)
        return replace(spec, regions=tuple(located(region, path.parent) for region in spec.regions))

    def to_toml(self) -> str:
        """Return the prescription as TOML text, which `read` accepts."""
        import tomli_w

        return tomli_w.dumps(without_none(self.to_dict()))


def field_ranges(kind: type[SpecTable] = ImplantSpec) -> dict[str, tuple[float, float] | None]:
    """Return the least and largest value of each plain field of a table; None for words."""
    return {name: metadata.get("range") for name, metadata in _plain_fields(kind).items()}


def field_meanings(kind: type[SpecTable] = ImplantSpec) -> dict[str, str]:
    """Return what each plain field of a table means, in a few words."""
    return {name: metadata["meaning"] for name, metadata in _plain_fields(kind).items()}


def _plain_fields(kind: type[SpecTable]) -> dict[str, Mapping[str, Any]]:
    return {
        each.name: each.metadata
        for each in fields(kind)
        if "table" not in each.metadata and "points" not in each.metadata
    }
