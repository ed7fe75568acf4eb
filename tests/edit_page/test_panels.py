"""The panels' words and numbers, without a browser."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from meshimplant.edit_log.log_lines import LoggedEdit
from meshimplant.edit_page.findings_panel import finding_html, numbers_html
from meshimplant.edit_page.log_panel import log_html
from meshimplant.edit_page.picked_points import picked_point
from meshimplant.edit_page.prescription_panel import describe_changes
from meshimplant.report import Finding, Report
from meshimplant.spec.edits import Edit, changed_spec
from meshimplant.spec.implant_spec import ImplantSpec

viser = pytest.importorskip("viser", reason="viser is not installed: pip install 'meshimplant[edit]'")


def test_a_click_meets_the_nearest_of_several_bodies() -> None:
    near, far = (trimesh.creation.icosphere(radius=10.0) for _ in range(2))
    near.apply_translation((300.0, 0.0, 50.0))
    far.apply_translation((300.0, 0.0, -50.0))
    found = picked_point([far, near], np.array([300.0, 0.0, 500.0]), np.array([0.0, 0.0, -2.0]))
    assert found is not None
    assert found[0] == pytest.approx([300.0, 0.0, 60.0], abs=0.2)
    assert found[1] @ (0, 0, 1) > 0.97
    assert picked_point([far, near], np.array([0.0, 0.0, 500.0]), np.array([0.0, 0.0, -1.0])) is None


def test_changes_are_told_in_words() -> None:
    before = ImplantSpec().to_dict()
    changes = {"thickness_mm": 3.0, "process": "PEEK FFF", "mark": {"text": "12-7"}}
    told = describe_changes(before, changes)
    assert told == "Thickness 4 to 3 mm; Process - to PEEK FFF; Mark (Text - to 12-7)"
    assert describe_changes({"mark": {"text": "a"}}, {"mark": None}) == "no mark"


def test_every_field_of_the_prescription_has_a_control_that_holds_it() -> None:
    from meshimplant.edit_page.page_server import PageServer
    from meshimplant.edit_page.prescription_panel import PrescriptionPanel

    server = PageServer("test")
    moved: list[int] = []
    try:
        panel = PrescriptionPanel(server.viser.gui, ImplantSpec(), lambda: moved.append(1))
        assert panel.changes(ImplantSpec()) == {}
        asked = {
            **{"thickness_mm": 3.3, "border_radius_mm": 0.5, "bodies": 2, "max_faces": 20_000},
            **{"fixation": {"count": 5}, "mark": {"text": "12-7"}, "perforation": {}},
        }
        spec = changed_spec(
            ImplantSpec(), {k: v for k, v in asked.items() if k not in ("process", "material")}
        )
        panel.take(spec)
        changes = panel.changes(ImplantSpec())
        assert changed_spec(ImplantSpec(), changes) == spec
        assert changes["thickness_mm"] == 3.3
        assert panel.changes(spec) == {}
        panel.take(ImplantSpec())
        assert panel.changes(spec)["fixation"] is None
        assert panel.changes(ImplantSpec()) == {}
    finally:
        server.close()


def test_numbers_beyond_their_limit_are_said_to_be() -> None:
    finding = Finding("fit.gap_p95", "error", "too <wide>", 3.2, 3.0, "mm", (1.0, 2.0, 3.0))
    report = Report(
        spec=ImplantSpec().to_dict(), measures={"gap_p95_mm": 3.2, "penetration_mm": 0.0}, findings=[finding]
    )
    html = numbers_html(report)
    assert html.count("<tr>") == 6
    assert "failed" in html
    assert "beyond" in html
    assert "not measured" in html
    assert "data-stale" not in html
    assert "of the state before" in numbers_html(report, is_stale=True)
    told = finding_html(finding)
    assert "too &lt;wide&gt;" in told
    assert "3.20" in told


def test_a_log_crosses_out_what_was_undone() -> None:
    edit = Edit("set", {"thickness_mm": 3.0})
    lines = [LoggedEdit(1, edit, "a", "b", "2026-03-09T14:05:07Z", "A. <B>", undone=True)]
    html = log_html(lines)
    assert "<s>set thickness_mm 3.0</s>" in html
    assert "14:05 A. &lt;B&gt;" in html
    assert "No edits yet" in log_html([])
