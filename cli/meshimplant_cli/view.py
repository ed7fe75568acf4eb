"""The verb `view`: look at parts, skull and scan in the browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from meshimplant_cli.exit_codes import UsageError
from meshimplant_cli.inputs import Inputs
from meshimplant_cli.options import Positive, SkullFile, SkullOptions
from meshimplant_cli.terminal import describe_finding, say, working

if TYPE_CHECKING:
    from meshimplant.edit_page.page import Page

NoBrowser = Annotated[
    bool, Parameter(help="Open no browser: print the address only. It opens the page once, on this computer.")
]


def view(
    *files: Path,
    skull: SkullFile | None = None,
    thickness_mm: Annotated[
        Positive | None,
        Parameter(
            help="The prescribed thickness: its colours span 1 mm to either side. Default: a design's own."
        ),
    ] = None,
    title: Annotated[str, Parameter(help="Title of the panel.")] = "meshimplant",
    no_browser: NoBrowser = False,
    skull_options: SkullOptions = SkullOptions(),
) -> None:
    """Look at parts, skull and scan in the browser, until Ctrl-C.

    Parts are coloured by thickness, by gap, and by how far they stand out of the head's other side; the skull
    is faded and cut open; planes of the scan move through the part. The page is served on this computer only,
    at an address that works once, and loads nothing from elsewhere. Needs `pip install 'meshimplant[edit]'`.

    Parameters
    ----------
    files
        Meshes, folders of designs, and scans or masks of a skull; without --skull, the first of these is it.
    """
    if not files and skull is None:
        raise UsageError("expected at least one mesh, scan or folder of a design to look at, got none")
    from meshimplant.edit_page.page_server import require_viser

    require_viser()
    inputs = Inputs()
    with working("read") as progress:
        shown = _read(files, skull, skull_options, inputs)
        progress("draw")
        from meshimplant import view as open_view

        page = open_view(*shown.pop("parts"), **shown, asked_thickness_mm=thickness_mm, title=title)
    for finding in inputs.findings:
        say(describe_finding(finding))
    serve(page, no_browser=no_browser)


def serve(page: Page, *, no_browser: bool) -> None:
    """Print the address of a page, open the browser, and wait until Ctrl-C."""
    with page:
        if no_browser or not page.open_browser():
            say(f"open {page.new_url()}")
        else:
            say(f"opened in the browser; if you do not see it, open {page.new_url()}")
        say("the address works once, on this computer; Ctrl-C ends the page")
        try:
            page.wait()
        except KeyboardInterrupt:
            say("ended")


def _read(
    files: tuple[Path, ...], skull: Path | None, options: SkullOptions, inputs: Inputs
) -> dict[str, Any]:
    """Read meshes, designs and the skull."""
    from meshimplant import Design
    from meshimplant.io.meshes import MESH_SUFFIXES

    parts: list[Any] = []
    names: list[str] = []
    for path in files:
        if (path / "steps").is_dir():
            parts.append(Design.load(path))
            names.append(path.name)
        elif path.suffix.lower() in MESH_SUFFIXES:
            parts.append(inputs.mesh(path, options.frame))
            names.append(path.name)
        elif skull is None:
            skull = path
        else:
            raise UsageError(
                f"expected one skull, got {skull.name} and {path.name}: convert the other one to a mesh"
            )
    shown: dict[str, Any] = {"parts": parts, "names": names}
    if skull is not None:
        read = options.skull(skull)
        inputs.findings += read.findings
        shown |= {"skull": read.mask, "scan": read.scan}
    return shown
