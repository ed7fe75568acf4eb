"""`EditPage`: the page on which a design is changed, edit by edit, with every state checked."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from meshimplant.edit_page.findings_panel import FindingsPanel
from meshimplant.edit_page.gui_values import note, set_value
from meshimplant.edit_page.log_panel import LogPanel
from meshimplant.edit_page.page import Page
from meshimplant.edit_page.prescription_panel import PrescriptionPanel, describe_changes
from meshimplant.edit_page.shown_scene import ShownHead, ShownPart, ShownScene
from meshimplant.edit_page.tools_panel import ToolsPanel
from meshimplant.edit_page.view_panel import ViewPanel
from meshimplant.errors import DesignRefused, MeshImplantError
from meshimplant.preview.colour_scales import THICKNESS_AROUND_MM
from meshimplant.preview.show import DesignLike
from meshimplant.report import Finding, Report
from meshimplant.spec.edits import SET, Edit, changed_spec

if TYPE_CHECKING:
    import viser

    from meshimplant.voxels.volume import Volume

Progress = Callable[[str], None]


class EditedDesign(DesignLike, Protocol):
    """What the page reads of a `meshimplant.Design` beside what it shows."""

    @property
    def report(self) -> Report:
        """The report."""


class SessionLike(Protocol):
    """What the page needs of a `meshimplant.EditSession`."""

    @property
    def folder(self) -> Path:
        """The folder of the design."""

    @property
    def design(self) -> EditedDesign:
        """The design as it is now."""

    @property
    def hash(self) -> str:
        """Digest of the state."""

    @property
    def log(self) -> Sequence[Any]:
        """The lines of the log."""

    @property
    def can_undo(self) -> bool:
        """Whether there is something to undo."""

    @property
    def can_redo(self) -> bool:
        """Whether there is something to make again."""

    @property
    def is_saved(self) -> bool:
        """Whether the files of the folder are those of the design."""

    def apply(self, edit: Edit, *, progress: Progress | None = None) -> object:
        """Make an edit."""

    def undo(self, *, progress: Progress | None = None) -> object:
        """Take the last edit back."""

    def redo(self, *, progress: Progress | None = None) -> object:
        """Make it again."""

    def revert(self, number: int, *, progress: Progress | None = None) -> object:
        """Take one edit back."""

    def save(self, *, progress: Progress | None = None) -> None:
        """Write the files of the folder."""

    def save_as(self, folder: str | Path) -> None:
        """Write the state into another folder."""


class EditPage(Page):
    """A page that edits; it does one thing at a time, and says what.

    Parameters
    ----------
    session : EditSession
        The open design. The page does not close it.
    scan : Volume, optional
        The CT in Hounsfield units, for its planes.
    title : str
        The title of the panel.

    Raises
    ------
    MissingDependencyError
        viser is not installed: ``pip install 'meshimplant[edit]'``.
    """

    def __init__(
        self, session: SessionLike, *, scan: Volume | None = None, title: str = "meshimplant"
    ) -> None:
        self.session = session
        self._head = ShownHead(session.design.skull, scan)
        self._is_busy = False
        #: Middle of the colours of thickness. It stays while the prescribed one is among them, so that a
        #: change can be seen.
        self._scale_mm = session.design.spec.thickness_mm
        super().__init__(self._scene(), title=title)

    def _scene(self) -> ShownScene:
        design = self.session.design
        values = {"thickness": design.check.thickness_mm, "gap": design.check.gap_mm}
        part = ShownPart("implant", design.implant, lambda: values)
        asked_mm = design.spec.thickness_mm
        if abs(asked_mm - self._scale_mm) > THICKNESS_AROUND_MM:
            self._scale_mm = asked_mm
        return ShownScene([part], self._head, self._scale_mm, "thickness")

    def _build(self, scene: ShownScene) -> ViewPanel:
        server, gui = self.server.viser, self.server.viser.gui
        self._status = gui.add_html("")
        self._progress = gui.add_progress_bar(0.0, visible=False)
        self._moves = gui.add_button_group("State", ("Undo", "Redo", "Save"))
        self._moves.on_click(lambda event: self.do(event.target.value))
        tabs = gui.add_tab_group()
        spec = self.session.design.spec
        with tabs.add_tab("Part"):
            self.apply = gui.add_button("Apply", disabled=True, color="orange")
            self.apply.on_click(lambda _: self._apply_prescription())
            self._pending = gui.add_html("")
            self.prescription = PrescriptionPanel(
                gui, spec, lambda: self.queue.submit("pending", self._show_pending)
            )
        with tabs.add_tab("Tools"):
            place = gui.add_folder("Tools", expand_by_default=True)
        with tabs.add_tab("Findings"):
            self.findings = FindingsPanel(gui, self._go_to)
        with tabs.add_tab("Log"):
            self.log = LogPanel(gui, self)
        with tabs.add_tab("View"):
            panel = ViewPanel(server, scene, self.queue)
        with place:
            self.tools = ToolsPanel(server, panel, self.queue, self._apply_edit)
        self._add_keys()
        self.findings.take(self.session.design.report)
        self.log.take(self.session.log)
        self._show_pending()
        self._tell("ready")
        return panel

    def do(self, name: str) -> None:
        """Undo, redo or save, as the buttons do."""
        moves: dict[str, Callable[..., object]] = {
            "Undo": self.session.undo,
            "Redo": self.session.redo,
            "Save": self.session.save,
        }
        self.start(name.lower(), moves[name])

    def start(self, told: str, task: Callable[..., object]) -> None:
        """Do a task of the session in the background, unless one is being done.

        `task` takes `progress`, a callable that is told the name of each step.
        """
        if self._is_busy:
            return
        self._is_busy = True
        self.queue.submit(None, lambda: self._run(told, task))

    def _run(self, told: str, task: Callable[..., object]) -> None:
        """Do a task, and show the state after it, or why there is none."""
        before, begun = self.session.hash, time.monotonic()
        self.findings.mark_stale()
        set_value(self._progress, 0.0)
        self._progress.visible = True
        self.apply.disabled = True
        steps = [step.name for step in self.session.design.report.steps]

        def progress(name: str) -> None:
            share = steps.index(name) / len(steps) if name in steps else 0.95
            set_value(self._progress, round(100 * share, 1))
            self._tell(f"{told}: {name} ...")

        try:
            progress(steps[0] if steps else told)
            task(progress=progress)
            result = f"{told}: done in {time.monotonic() - begun:.1f} s"
        except MeshImplantError as error:
            result = f"<b>refused</b>: {escape(str(error))}"
            self._mark(error)
        finally:
            self._is_busy = False
            self._progress.visible = False
        if self.session.hash != before:
            self.tools.put_away()
            self.panel.scene_changed(self._scene())
            self.prescription.take(self.session.design.spec)
        self.findings.take(self.session.design.report)
        self.log.take(self.session.log)
        self._show_pending()
        self._tell(result)

    def _apply_prescription(self) -> None:
        changes = self.prescription.changes(self.session.design.spec)
        if changes:
            self._apply_edit(Edit(SET, changes))

    def _apply_edit(self, edit: Edit) -> None:
        told = edit.verb.replace("_", " ")
        if edit.verb == SET:
            told = escape(describe_changes(self.session.design.spec.to_dict(), edit.parameters))
        self.start(told, lambda *, progress: self.session.apply(edit, progress=progress))

    def _show_pending(self) -> None:
        """Say what "Apply" would change, or why it cannot."""
        spec = self.session.design.spec
        changes = self.prescription.changes(spec)
        text, ready = "As the part is.", bool(changes)
        if changes:
            text = f"Not applied yet: {escape(describe_changes(spec.to_dict(), changes))}"
            try:
                changed_spec(spec, changes)
            except MeshImplantError as error:
                text, ready = escape(str(error)), False
        self._pending.content = note(text)
        self.apply.disabled = not ready or self._is_busy

    def _go_to(self, client: viser.ClientHandle, finding: Finding) -> None:
        if finding.location_mm is not None:
            self._add_mark(finding)
            self.panel.views.go_to_place(client, np.asarray(finding.location_mm, float))

    def _mark(self, error: MeshImplantError) -> None:
        """Mark the place because of which an edit was refused."""
        findings = error.findings if isinstance(error, DesignRefused) else ()
        for finding in findings:
            if finding.location_mm is not None:
                self._add_mark(finding)
                return

    def _add_mark(self, finding: Finding) -> None:
        place = np.asarray(finding.location_mm, float)
        scene = self.server.viser.scene
        scene.add_icosphere("/finding/place", 2.0, color=(179, 38, 30), position=place)
        scene.add_label("/finding/name", finding.code, position=place)

    def _tell(self, text: str) -> None:
        session = self.session
        verdict = session.design.report.verdict
        saved = "saved" if session.is_saved else "log kept, files not saved yet"
        state = f'state <span data-state="{session.hash}">{session.hash[:8]}</span>, {verdict}, {saved}'
        self._status.content = note(
            f"<div data-told>{text}</div><div>{escape(session.folder.name)}: {state}</div>"
        )

    def _add_keys(self) -> None:
        gui = self.server.viser.gui
        keys = {"Undo": ("Z", "cmd/ctrl"), "Redo": ("Y", "cmd/ctrl"), "Save": ("S", "cmd/ctrl")}
        for name, (key, modifier) in keys.items():
            command = gui.add_command(name, hotkey=key, modifier=modifier)  # type: ignore[arg-type]
            command.on_trigger(self._key(name))

    def _key(self, name: str) -> Callable[[object], None]:
        return lambda _: self.do(name)
