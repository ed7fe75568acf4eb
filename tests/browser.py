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
def visit(chromium: Browser, served: ServedPage, *, width: int, height: int) -> Iterator[Visit]:
    """Open a served page and wait until it is there."""
    with visit_url(chromium, served.new_url(), width=width, height=height) as seen:
        yield seen


@contextmanager
def visit_url(chromium: Browser, url: str, *, width: int, height: int) -> Iterator[Visit]:
    """Open an address and wait until the page is there."""
    context = chromium.new_context(viewport={"width": width, "height": height})
    page = context.new_page()
    page.set_default_timeout(90_000)  # a busy machine draws on its processor
    seen = Visit(page)
    page.on("console", lambda message: seen.logged.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: seen.logged.append(str(error)))
    page.on("request", lambda request: seen.requested.append(request.url))
    page.on("websocket", lambda socket: seen.requested.append(socket.url))
    page.goto(url)
    page.wait_for_selector("canvas")
    note = page.locator("button.mantine-Notification-closeButton")  # that it draws on the processor
    if note.count():
        note.first.click()
    try:
        yield seen
    finally:
        context.close()
