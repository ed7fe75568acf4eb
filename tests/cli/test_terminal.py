"""What is printed for people: rounded numbers with aligned units; and the options of the prescription."""

from __future__ import annotations

import pytest

from meshimplant.spec.implant_spec import ImplantSpec, field_meanings
from meshimplant_cli.main import build_app
from meshimplant_cli.options import PrescriptionOptions
from meshimplant_cli.terminal import measure_table, table


def test_measures_are_rounded_and_their_units_aligned() -> None:
    measures = {
        "volume_mm3": 22794.950363,
        "extents_mm": (25.63512, 101.34, 67.4),
        "gap_p95_mm": 1.0851234,
        "coverage_fraction": 0.99987,
        "border_angle_median_deg": 2.824,
        "faces": 36160,
        "watertight": True,
        "insertion_direction": None,
    }
    rows = [
        ("volume", "22 795", "mm3"),
        ("extents", "25.6, 101.3, 67.4", "mm"),
        ("gap, 95th percentile", "1.09", "mm"),
        ("coverage", "100.0", "%"),
        ("border angle, median", "2.82", "deg"),
        ("faces", "36 160", ""),
        ("watertight", "yes", ""),
        ("insertion direction", "-", ""),
    ]
    expected = [f"{label:<20}  {value:>17} {unit}".rstrip() for label, value, unit in rows]
    assert measure_table(measures.items()).splitlines() == expected


def test_columns_of_a_table_are_aligned() -> None:
    rows = [("case", "dice"), ("a", 0.91234), ("longer", None)]
    assert table(rows).splitlines() == ["case     dice", "a       0.912", "longer      -"]


@pytest.mark.parametrize("verb", ["design", "check"])
def test_every_field_of_the_prescription_is_an_option(verb: str) -> None:
    shown = {name for a in build_app()[verb].assemble_argument_collection() if a.show for name in a.names}
    assert {f"--{name.replace('_', '-')}" for name in field_meanings()} <= shown


def test_an_option_overrides_its_field() -> None:
    values = {"thickness_mm": 3.0, "material": "titanium", "max_faces": 20_000, "bodies": 2}
    assert PrescriptionOptions(**values).prescription() == ImplantSpec(**values)
