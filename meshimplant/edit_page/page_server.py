"""`PageServer`: viser's server behind a `PageGuard`, on this computer only."""

from __future__ import annotations

import contextlib
import io
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from meshimplant.edit_page.page_guard import LOCAL_NAMES, SAFE_HEADERS, PageGuard
from meshimplant.errors import MeshImplantError, MissingDependencyError

if TYPE_CHECKING:
    import viser
    from websockets.asyncio.server import ServerConnection
    from websockets.http11 import Request, Response

#: Two servers that start at once would find each other's guard.
_STARTING = threading.Lock()

Handler = Callable[["ServerConnection", "Request"], "Response | None"]


def require_viser() -> Any:
    """Return viser; raise `MissingDependencyError` where it is not installed."""
    try:
        import viser
    except ImportError as error:
        raise MissingDependencyError(
            "expected viser to be installed, got none: pip install 'meshimplant[edit]'"
        ) from error
    return viser


class PageServer:
    """A server on 127.0.0.1, at a port that is free, which answers nobody but its own page.

    Attributes
    ----------
    viser : viser.ViserServer
        What the page shows.
    guard : PageGuard
        Who is answered.

    Raises
    ------
    MissingDependencyError
        viser is not installed: ``pip install 'meshimplant[edit]'``.
    """

    def __init__(self, title: str) -> None:
        require_viser()
        import viser
        from viser import _messages

        self.guard = PageGuard()
        with _guarded(self.guard) as installed, _quiet():
            self.viser: viser.ViserServer = viser.ViserServer(
                host=LOCAL_NAMES[0], port=0, label=title, verbose=False
            )
        self.guard.port = self.viser.get_port()
        if not installed:
            self.viser.stop()
            raise MeshImplantError(
                "expected viser to open its server as version 1.1 does, got another way: install viser 1.1"
            )
        # A tunnel to viser's own host, with which a page can be shared: never, and nobody can ask for it.
        for message in (_messages.ShareUrlRequest, _messages.ShareUrlDisconnect):
            self.viser._websock_server.unregister_handler(message)

    def close(self) -> None:
        """Stop answering, and let the pages know."""
        with _quiet():
            self.viser.stop()


@contextlib.contextmanager
def _guarded(guard: PageGuard) -> Iterator[list[Handler]]:
    """Put a guard before the handler of the viser server that is started inside; yield what it stands before.

    viser has no hook for this: it passes its handler to `websockets.serve` inside a function. That call is
    intercepted, for viser's servers only and only while one of ours starts.
    """
    from websockets.asyncio import server as websockets_server

    original = websockets_server.serve
    installed: list[Handler] = []

    def serve(handler: Any, *places: Any, **options: Any) -> Any:
        if not getattr(handler, "__module__", "").startswith("viser."):
            return original(handler, *places, **options)
        answer: Handler = options["process_request"]
        installed.append(answer)
        return original(handler, *places, **{**options, "process_request": _checked(guard, answer)})

    with _STARTING:
        websockets_server.serve = serve  # type: ignore[assignment,misc]
        try:
            yield installed
        finally:
            websockets_server.serve = original  # type: ignore[misc]


def _checked(guard: PageGuard, answer: Handler) -> Handler:
    """Return a handler of requests that asks the guard first."""
    from websockets.datastructures import Headers
    from websockets.http11 import Request

    def process(connection: ServerConnection, request: Request) -> Response | None:
        upgrade = request.headers.get_all("Upgrade")
        passage = guard.judge(
            request.path,
            hosts=request.headers.get_all("Host"),
            origins=request.headers.get_all("Origin"),
            is_socket=bool(upgrade),
        )
        if passage.kind == "refuse":
            response: Response | None = connection.respond(403, f"Forbidden: {passage.target}\n")
        elif passage.kind == "redirect":
            response = connection.respond(303, "The page is at another address.\n")
            response.headers["Location"] = passage.target
        else:
            response = answer(connection, Request(passage.target, request.headers))
        if response is not None:
            kept = Headers(response.headers)
            for name, value in SAFE_HEADERS.items():
                kept[name] = value
            response.headers = kept
        return response

    return process


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep what viser prints, an address without a token among it, from the user."""
    with contextlib.redirect_stdout(io.StringIO()):
        yield
