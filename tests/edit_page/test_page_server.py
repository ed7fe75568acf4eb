"""The real server: who is answered, with what, and what it never does."""

from __future__ import annotations

import http.client
import sys
from collections.abc import Iterator

import pytest
import trimesh

from meshimplant.edit_page.page import Page, view
from meshimplant.edit_page.page_guard import SAFE_HEADERS
from meshimplant.errors import InputError, MissingDependencyError

pytest.importorskip("viser", reason="viser is not installed: pip install 'meshimplant[edit]'")


@pytest.fixture(scope="module")
def served(proud_part: trimesh.Trimesh) -> Iterator[Page]:
    with view(proud_part) as page:
        yield page


def _ask(served: Page, url: str, **headers: str) -> http.client.HTTPResponse:
    port = served.server.guard.port
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", url.removeprefix(f"http://127.0.0.1:{port}"), headers=headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


def test_a_token_opens_the_page_once(served: Page) -> None:
    url = served.new_url()
    led = _ask(served, url)
    assert led.status == 303
    page = _ask(served, led.headers["Location"])
    assert page.status == 200
    assert page.headers["Content-Type"].startswith("text/html")
    for answer in (led, page):
        assert all(answer.headers[name] == value for name, value in SAFE_HEADERS.items())
    assert _ask(served, url).status == 403


def test_wrong_tokens_hosts_and_origins_get_403(served: Page) -> None:
    session = served.server.guard.session_url()
    assert _ask(served, session).status == 200
    assert _ask(served, "/").status == 403
    assert _ask(served, "/?token=guess").status == 403
    assert _ask(served, session, Host="evil.example").status == 403
    assert _ask(served, session, Origin="http://evil.example").status == 403
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade"}
    upgrade |= {"Sec-WebSocket-Key": "x" * 22 + "==", "Sec-WebSocket-Version": "13"}
    own = f"http://127.0.0.1:{served.server.guard.port}"
    assert _ask(served, session, **upgrade).status == 403
    assert _ask(served, session, **upgrade, Origin="http://evil.example").status == 403
    assert _ask(served, "/", **upgrade, Origin=own).status == 403


def test_it_listens_on_this_computer_only_and_never_shares(served: Page) -> None:
    from viser import _messages

    assert served.server.viser.get_host() == "127.0.0.1"
    handlers = served.server.viser._websock_server._incoming_handlers
    assert handlers
    assert _messages.ShareUrlRequest not in handlers


def test_servers_of_others_are_not_guarded(served: Page) -> None:
    from websockets.asyncio import server as websockets_server

    assert websockets_server.serve.__module__ == "websockets.asyncio.server"
    assert served.server.guard.port > 0


def test_a_notebook_shows_the_session(served: Page) -> None:
    assert f'src="{served.server.guard.session_url()}"' in served._repr_html_()


def test_nothing_is_printed(proud_part: trimesh.Trimesh, capsys: pytest.CaptureFixture[str]) -> None:
    with view(proud_part, names=["a"]):
        pass
    assert capsys.readouterr() == ("", "")


def test_wrong_arguments_are_refused(proud_part: trimesh.Trimesh) -> None:
    with pytest.raises(InputError, match="expected one name for each of 1 parts, got 2"):
        view(proud_part, names=["a", "b"])
    with pytest.raises(InputError, match="expected a part or a skull"):
        view()


def test_without_viser_the_error_names_the_extra(
    proud_part: trimesh.Trimesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "viser", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'meshimplant\[edit\]'"):
        view(proud_part)
