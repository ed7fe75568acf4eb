"""`Page`: a page that is being served; `view`: one for looking at parts, skull and scan."""

from __future__ import annotations

import logging
import os
import sys
import threading
import webbrowser
from collections.abc import Callable, Mapping, Sequence
from typing import Self

import trimesh

from meshimplant.check.check_part import check_part
from meshimplant.edit_page.page_server import PageServer
from meshimplant.edit_page.shown_scene import Floats, ShownHead, ShownPart, ShownScene
from meshimplant.edit_page.tools_panel import ToolsPanel
from meshimplant.edit_page.view_panel import ViewPanel
from meshimplant.edit_page.work_queue import WorkQueue
from meshimplant.errors import InputError, require_type
from meshimplant.preview.show import DesignLike
from meshimplant.voxels.volume import Volume

#: viser's labels are grey, 3.3 : 1 on white, too faint for a projector; these are 7 : 1 and more.
_CONTRAST = (
    "<style>:root{--mantine-color-dimmed:#495057!important}"
    ":root[data-mantine-color-scheme=dark]{--mantine-color-dimmed:#ced4da!important}</style>"
)
_LOG = logging.getLogger(__name__)


class Page:
    """A page that is served on 127.0.0.1 until it is closed; also a context manager.

    It answers this computer only, and there only who comes by an address from `new_url`. In a notebook, a
    cell that ends with it shows it.

    Parameters
    ----------
    scene : ShownScene
        What is shown.
    title : str
        The title of the panel.

    Raises
    ------
    MissingDependencyError
        viser is not installed: ``pip install 'meshimplant[edit]'``.
    """

    def __init__(self, scene: ShownScene, *, title: str = "meshimplant") -> None:
        self._ended = threading.Event()
        self.server = PageServer(title)
        self.queue = WorkQueue(self._failed)
        try:
            self.server.viser.gui.add_html(_CONTRAST)
            self.panel = self._build(scene)
        except BaseException:
            self.close()
            raise

    def _build(self, scene: ShownScene) -> ViewPanel:
        """Lay out the panel; return the part of it with which a scene is looked at."""
        panel = ViewPanel(self.server.viser, scene, self.queue)
        ToolsPanel(self.server.viser, panel, self.queue, None)
        return panel

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def new_url(self) -> str:
        """Return an address that opens the page once; each call makes another."""
        return self.server.guard.new_url()

    def open_browser(self) -> bool:
        """Open the page in the user's browser; return whether there is one that can show it."""
        if sys.platform.startswith("linux") and not any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY"))):
            return False  # only browsers for text would open
        return webbrowser.open(self.new_url())

    def wait(self) -> None:
        """Wait until the page is closed; Ctrl-C raises `KeyboardInterrupt` as usual."""
        while not self._ended.wait(0.5):
            pass

    def close(self) -> None:
        """End the page: browsers that show it say that the connection is lost."""
        if not self._ended.is_set():
            self._ended.set()
            self.queue.close()
            self.server.close()

    def _failed(self, error: Exception) -> None:
        """Tell whoever looks at the page that something could not be done."""
        _LOG.warning("a task of the page failed", exc_info=error)
        for client in self.server.viser.get_clients().values():
            client.add_notification(title="That did not work", body=str(error), color="red")

    def _repr_html_(self) -> str:
        """Show the page in the output of a notebook's cell."""
        address = self.server.guard.session_url()
        return f'<iframe src="{address}" width="100%" height="640" style="border:none"></iframe>'


def view(
    *parts: DesignLike | trimesh.Trimesh,
    skull: Volume | None = None,
    scan: Volume | None = None,
    asked_thickness_mm: float | None = None,
    names: Sequence[str] = (),
    title: str = "meshimplant",
) -> Page:
    """Serve a page on which parts, skull and scan are looked at; no browser is opened yet.

    The part is coloured plainly or by thickness, gap to bone or deviation from the head's mirrored side, with
    scales that stay; the skull can be faded and cut open, and three planes of the scan move through it, with
    the outline of the part.

    Parameters
    ----------
    *parts : Design or Trimesh
        A design brings its skull, scan and measures; a mesh (LPS mm) is measured when it is first coloured.
    skull : Volume, optional
        Mask of the defective skull.
    scan : Volume, optional
        The CT in Hounsfield units, for its planes. None: these show the mask.
    asked_thickness_mm : float, optional
        The prescribed thickness: its colours span 1 mm to either side. None: that of a design, else the range
        of what was measured.
    names : sequence of str, optional
        What the page calls the parts.
    title : str
        The title of the panel.

    Returns
    -------
    Page
        To be closed.

    Raises
    ------
    InputError
        There is neither a part nor a skull, or another number of names than of parts.
    MissingDependencyError
        viser is not installed: ``pip install 'meshimplant[edit]'``.

    Examples
    --------
    >>> with view(design) as page:
    ...     page.open_browser()
    ...     page.wait()
    """
    if names and len(names) != len(parts):
        raise InputError(f"expected one name for each of {len(parts)} parts, got {len(names)}")
    if skull is not None:
        require_type(skull, Volume, "the skull")
    shown = []
    for number, part in enumerate(parts):
        name = names[number] if names else "implant" if len(parts) == 1 else f"part {number + 1}"
        if not hasattr(part, "check"):
            require_type(part, trimesh.Trimesh, "a part")
        if isinstance(part, trimesh.Trimesh):
            shown.append(ShownPart(name, part, _measured(part, skull)))
            continue
        check = part.check
        shown.append(ShownPart(name, part.implant, _known(check.thickness_mm, check.gap_mm)))
        skull = part.skull if skull is None else skull
        scan = getattr(part, "scan", None) if scan is None else scan
        asked_thickness_mm = part.spec.thickness_mm if asked_thickness_mm is None else asked_thickness_mm
    head = None if skull is None else ShownHead(skull, scan)
    is_known = any(not isinstance(part, trimesh.Trimesh) for part in parts)
    scene = ShownScene(shown, head, asked_thickness_mm, "thickness" if is_known else "plain")
    return Page(scene, title=title)


def _measured(mesh: trimesh.Trimesh, skull: Volume | None) -> Callable[[], Mapping[str, Floats | None]]:
    def measure() -> Mapping[str, Floats | None]:
        check = check_part(mesh, skull=skull)
        return {"thickness": check.thickness_mm, "gap": check.gap_mm}

    return measure


def _known(thickness_mm: Floats | None, gap_mm: Floats | None) -> Callable[[], Mapping[str, Floats | None]]:
    return lambda: {"thickness": thickness_mm, "gap": gap_mm}
