"""`FindingsPanel`: the six numbers that decide, and the findings; a click leads to the place of one."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING

from meshimplant.preview.deciding_numbers import KINDS, deciding_numbers
from meshimplant.preview.verdict_kinds import VERDICT_COLOURS, VERDICT_KINDS
from meshimplant.report import Finding, Report, verdict_of
from meshimplant.runtime.value_text import with_unit

if TYPE_CHECKING:
    import viser

#: As many findings have a button; a part with more needs another design, not more buttons.
_MOST = 12
_COLOURS = {
    **{VERDICT_KINDS[verdict]: f"rgb{colour}" for verdict, colour in VERDICT_COLOURS.items()},
    "none": "rgb(91,104,120)",
}
_SEVERITIES = {"error": "fail", "warning": "warn", "info": "none"}


class FindingsPanel:
    """What is known of the part, and buttons that lead to the places of findings.

    Parameters
    ----------
    gui : viser.GuiApi
        The page's panel; controls are added where it stands.
    on_show : callable
        Called with the browser and the finding whose button was pressed.
    """

    def __init__(self, gui: viser.GuiApi, on_show: Callable[[viser.ClientHandle, Finding], None]) -> None:
        self._gui, self._on_show = gui, on_show
        self._numbers = gui.add_html("")
        self._folder = gui.add_folder("Findings")
        self._handles: list[viser.GuiHtmlHandle | viser.GuiButtonHandle] = []
        self._report: Report | None = None
        self.buttons: list[viser.GuiButtonHandle] = []

    def take(self, report: Report) -> None:
        """Show a report."""
        self._report = report
        self._numbers.content = numbers_html(report)
        for handle in self._handles:
            handle.remove()
        self._handles, self.buttons = [], []
        order = {"error": 0, "warning": 1, "info": 2}
        findings = sorted(report.findings, key=lambda each: order[each.severity])
        self._folder.label = f"Findings: {len(findings)}" if findings else "No findings"
        with self._folder:
            for finding in findings[:_MOST]:
                self._add(finding)
            if len(findings) > _MOST:
                rest = f"and {len(findings) - _MOST} more: see report.html"
                self._handles.append(self._gui.add_html(_div(rest)))

    def mark_stale(self) -> None:
        """Say that what is shown belongs to the state before the change that is being made."""
        if self._report is not None:
            self._numbers.content = numbers_html(self._report, is_stale=True)
            self._folder.label = "Findings of the state before"

    def _add(self, finding: Finding) -> None:
        self._handles.append(self._gui.add_html(finding_html(finding)))
        if finding.location_mm is None:
            return
        button = self._gui.add_button(f"Show {finding.code}", hint="Turn the view to its place")

        def show(event: viser.GuiEvent[viser.GuiButtonHandle]) -> None:
            if event.client is not None:
                self._on_show(event.client, finding)

        button.on_click(show)
        self._handles.append(button)
        self.buttons.append(button)


def numbers_html(report: Report, *, is_stale: bool = False) -> str:
    """Return the verdict and the six numbers with their limits, each with its own verdict in a word."""
    rows = []
    for number in deciding_numbers(report):
        mark = _badge(number.verdict, KINDS[number.verdict])
        rows.append(
            f"<tr><td>{escape(number.name)}</td><td style='text-align:right;white-space:nowrap'><b>"
            f"{escape(number.value)}</b></td><td style='white-space:nowrap'>{escape(number.limit)}</td>"
            f"<td>{mark}</td></tr>"
        )
    verdict = verdict_of(report.findings)
    mark = _badge(verdict, VERDICT_KINDS[verdict])
    note = " <b>of the state before; checking ...</b>" if is_stale else ""
    dim = ";opacity:0.55" if is_stale else ""
    stale = ' data-stale="yes"' if is_stale else ""
    return _div(
        f"<div>{mark}{note}</div><table data-numbers{stale} style='border-spacing:6px 2px{dim}'>"
        f"{''.join(rows)}</table>"
    )


def finding_html(finding: Finding) -> str:
    """Return a finding as a paragraph."""
    mark = _badge(finding.severity, _SEVERITIES[finding.severity])
    value = ""
    if finding.value is not None:
        value = f" <b>{escape(with_unit(finding.value, finding.unit))}</b>"
        if finding.limit is not None:
            value += f" (limit {escape(with_unit(finding.limit, finding.unit))})"
    return _div(f"{mark} {escape(finding.message)}{value}")


def _badge(word: str, kind: str) -> str:
    style = f"background:{_COLOURS[kind]};color:white;border-radius:3px;padding:0 5px;white-space:nowrap"
    return f'<span style="{style}">{escape(word)}</span>'


def _div(content: str) -> str:
    return f'<div style="padding:2px 10px;font-size:13px;line-height:1.35">{content}</div>'
