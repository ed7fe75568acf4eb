"""A served page in a real browser, with all that it logs and asks for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from meshimplant.edit_page.page import Page as ServedPage


@dataclass
class Visit:
    """A page in a browser, with what it logged and asked for."""

    page: Page
    logged: list[str] = field(default_factory=list)
    requested: list[str] = field(default_factory=list)

    @property
    def errors(self) -> list[str]:
        """What it logged, without viser's own notes: one of a library on another one, for each load."""
        return [line for line in self.logged if not line.startswith(("log:", "warning: THREE.Clock"))]


@contextmanager
def visit(chromium: Browser, served: ServedPage, *, width: int = 1280, height: int = 720) -> Iterator[Visit]:
    """Open a served page and wait until it is drawn."""
    context = chromium.new_context(viewport={"width": width, "height": height})
    page = context.new_page()
    seen = Visit(page)
    page.on("console", lambda message: seen.logged.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: seen.logged.append(str(error)))
    page.on("request", lambda request: seen.requested.append(request.url))
    page.on("websocket", lambda socket: seen.requested.append(socket.url))
    page.goto(served.new_url())
    page.wait_for_selector("canvas")
    try:
        yield seen
    finally:
        context.close()
