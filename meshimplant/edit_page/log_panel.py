"""`LogPanel`: the edits that were made, one of which can be taken back; and what is written to files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meshimplant.edit_page.gui_values import set_value
from meshimplant.errors import OutputError

if TYPE_CHECKING:
    import viser

    from meshimplant.edit_page.editor import EditPage

#: Files that a browser can be handed, by the label of their button.
FILES = {"STL": "implant.stl", "3MF": "implant.3mf", "Report": "report.html"}
_NONE = "none"
#: As many lines of a log are shown, the last ones.
_MOST = 30


class LogPanel:
    """The log, and what is written.

    Parameters
    ----------
    gui : viser.GuiApi
        The page's panel; controls are added where it stands.
    page : EditPage
        Does what the buttons ask for.
    """

    def __init__(self, gui: viser.GuiApi, page: EditPage) -> None:
        self._page = page
        self._lines = gui.add_html("")
        self._which = gui.add_dropdown(
            "Edit", (_NONE,), hint="An edit that is taken back; those after it stay"
        )
        self._revert = gui.add_button("Take this edit back", disabled=True)
        self._revert.on_click(lambda _: self._take_back())
        files = gui.add_button_group("Download", tuple(FILES))
        files.on_click(self._download)
        self.folder = gui.add_text("Folder", "", hint="A new or empty folder for a copy, with its log")
        save_as = gui.add_button("Save a copy there")
        save_as.on_click(lambda _: self._save_as())

    def take(self, lines: Sequence[Any]) -> None:
        """Show the lines of a log."""
        self._lines.content = log_html(lines)
        numbers = [str(line.number) for line in lines if line.is_change and not line.undone]
        self._which.options = tuple(reversed(numbers)) or (_NONE,)
        set_value(self._which, self._which.options[0])
        self._revert.disabled = not numbers

    def _take_back(self) -> None:
        if self._which.value != _NONE:
            number = int(self._which.value)
            session = self._page.session
            self._page.start("revert", lambda *, progress: session.revert(number, progress=progress))

    def _save_as(self) -> None:
        target = self.folder.value.strip()

        def save(*, progress: object) -> None:  # noqa: ARG001
            if not target:
                raise OutputError("expected the name of a folder to save to, got none: type one")
            self._page.session.save_as(Path(target).expanduser())

        self._page.start("save a copy", save)

    def _download(self, event: viser.GuiEvent[viser.GuiButtonGroupHandle]) -> None:
        client, name = event.client, FILES[event.target.value]

        def send(*, progress: Any) -> None:
            session = self._page.session
            session.save(progress=progress)
            try:
                data = (session.folder / name).read_bytes()
            except OSError as error:
                raise OutputError(
                    f"expected {name} in the folder of the design, got: {error.strerror}"
                ) from error
            if client is not None:
                client.send_file_download(name, data, save_immediately=True)

        self._page.start(f"write {name}", send)


def log_html(lines: Sequence[Any]) -> str:
    """Return the last lines of a log as a table; what was undone is crossed out."""
    if not lines:
        return _div("No edits yet.")
    rows = []
    for line in lines[-_MOST:]:
        words = " ".join(f"{name} {json.dumps(value)}" for name, value in line.edit.parameters.items())
        text = escape(f"{line.edit.verb} {words}")
        text = f"<s>{text}</s>" if line.undone else text
        who = f" {escape(line.who)}" if line.who else ""
        rows.append(f"<tr><td>{line.number}</td><td>{text}</td><td>{escape(line.time[11:16])}{who}</td></tr>")
    return _div(f"<table data-log style='border-spacing:6px 1px'>{''.join(rows)}</table>")


def _div(content: str) -> str:
    return f'<div style="padding:2px 10px;font-size:13px;overflow-wrap:anywhere">{content}</div>'
