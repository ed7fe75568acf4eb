"""`PageGuard`: who may speak to the page's server. Knows HTTP heads only, no server."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qs, urlsplit

#: Names by which the page's own computer is called; any other is another site's name that points here.
LOCAL_NAMES = ("127.0.0.1", "localhost")

#: Sent with every answer: nothing is loaded from elsewhere, no address leaks to another site, none is kept.
#: The page is one file with its own scripts, which build workers, pictures and functions from memory.
SAFE_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval' blob: data:; "
        "worker-src blob: data:; style-src 'unsafe-inline'; img-src data: blob:; font-src data:; "
        "connect-src 'self' data: blob:; base-uri 'none'; form-action 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True)
class Passage:
    """What becomes of a request.

    Attributes
    ----------
    kind : str
        ``"pass"``: to `target`, the path without its secret; ``"redirect"``: to `target`, a path; or
        ``"refuse"``, with status 403, because of `target`.
    target : str
        See `kind`.
    """

    kind: Literal["pass", "redirect", "refuse"]
    target: str


@dataclass
class PageGuard:
    """Lets in who comes by a token, and only from this computer's own page.

    A token is good for one visit, which it exchanges for the secret address of the session: a token in the
    list of processes or in a log is worthless once the page is open. Everything else, also the socket over
    which the page talks, must go to that secret address, by a local name and from the page's own origin.
    """

    port: int = 0
    _session: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    _tokens: set[str] = field(default_factory=set, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def new_url(self) -> str:
        """Return an address that opens the page once."""
        token = secrets.token_urlsafe(24)
        with self._lock:
            self._tokens.add(token)
        return f"http://{LOCAL_NAMES[0]}:{self.port}/?token={token}"

    def session_url(self) -> str:
        """Return the secret address of the page, for a frame in the same browser."""
        return f"http://{LOCAL_NAMES[0]}:{self.port}/{self._session}/"

    def judge(self, path: str, *, hosts: list[str], origins: list[str], is_socket: bool) -> Passage:
        """Decide on a request.

        Parameters
        ----------
        path : str
            Path with its query.
        hosts, origins : list of str
            The values of those headers, as they came.
        is_socket : bool
            Whether the request opens a socket, which must state its origin.
        """
        names = [f"{name}:{self.port}" for name in LOCAL_NAMES]
        if len(hosts) != 1 or hosts[0].lower() not in names:
            return Passage("refuse", f"expected the host {names[0]}")
        if len(origins) > 1 or (is_socket and not origins):
            return Passage("refuse", "expected one origin, the page's own")
        if origins and origins[0].lower() != f"http://{hosts[0].lower()}":
            return Passage("refuse", "expected the page's own origin")
        parts = urlsplit(path)
        if parts.path in ("/", "") and not is_socket and self._spend(parse_qs(parts.query).get("token", [])):
            return Passage("redirect", f"/{self._session}/")
        first, _, rest = parts.path.removeprefix("/").partition("/")
        if _is_same(first, self._session):
            return Passage("pass", f"/{rest}")
        return Passage(
            "refuse", "expected an address that was not used before: start the command again for a new one"
        )

    def _spend(self, given: list[str]) -> bool:
        """Return whether the one token given is good, and take it back."""
        if len(given) != 1:
            return False
        with self._lock:
            known = [each for each in self._tokens if _is_same(each, given[0])]
            self._tokens.difference_update(known)
        return bool(known)


def _is_same(secret: str, given: str) -> bool:
    """Return whether two texts are the same, in a time that does not tell how much of them is."""
    return secrets.compare_digest(secret.encode(), given.encode())
