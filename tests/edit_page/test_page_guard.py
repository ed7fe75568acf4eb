"""Who may speak to the page's server."""

from __future__ import annotations

import pytest

from meshimplant.edit_page.page_guard import SAFE_HEADERS, PageGuard, Passage

HOST = "127.0.0.1:4567"


@pytest.fixture
def guard() -> PageGuard:
    return PageGuard(port=4567)


def _path(url: str) -> str:
    return url.removeprefix(f"http://{HOST}")


def _judge(guard: PageGuard, path: str, host: str = HOST, origin: str = "", **options: bool) -> Passage:
    origins = [origin] if origin else []
    return guard.judge(path, hosts=[host], origins=origins, **{"is_socket": False, **options})


def test_a_token_leads_to_the_session_once(guard: PageGuard) -> None:
    first, second = guard.new_url(), guard.new_url()
    assert first != second
    led = _judge(guard, _path(first))
    assert led == Passage("redirect", _path(guard.session_url()))
    assert _judge(guard, _path(first)).kind == "refuse"
    assert _judge(guard, _path(second)).kind == "redirect"
    assert first.partition("=")[2] not in guard.session_url()


def test_the_session_is_passed_on_without_its_secret(guard: PageGuard) -> None:
    session = _path(guard.session_url())
    assert _judge(guard, session) == Passage("pass", "/")
    assert _judge(guard, f"{session}a/b.js?c=d") == Passage("pass", "/a/b.js")
    own = f"http://{HOST}"
    assert _judge(guard, session.rstrip("/"), origin=own, is_socket=True) == Passage("pass", "/")
    named = {"host": "localhost:4567", "origin": "http://localhost:4567"}
    assert _judge(guard, session, is_socket=True, **named).kind == "pass"


@pytest.mark.parametrize("path", ["/", "", "/?token=", "/?token=x", "/index.html", "//", "/?token=%00"])
def test_others_are_refused(guard: PageGuard, path: str) -> None:
    guard.new_url()
    assert _judge(guard, path).kind == "refuse"


@pytest.mark.parametrize("host", ["evil.example:4567", "127.0.0.1", "127.0.0.1:80", "127.0.0.1.a:4567", ""])
def test_another_host_is_refused_and_spends_no_token(guard: PageGuard, host: str) -> None:
    url = guard.new_url()
    assert _judge(guard, _path(url), host=host).kind == "refuse"
    assert _judge(guard, _path(guard.session_url()), host=host).kind == "refuse"
    assert _judge(guard, _path(url)).kind == "redirect"


@pytest.mark.parametrize(
    "origin",
    ["null", "http://evil.example", "https://127.0.0.1:4567", "http://127.0.0.1:80", "http://localhost:4567"],
)
def test_another_origin_is_refused(guard: PageGuard, origin: str) -> None:
    for is_socket in (False, True):
        answer = _judge(guard, _path(guard.session_url()), origin=origin, is_socket=is_socket)
        assert answer.kind == "refuse"


def test_a_socket_states_its_origin_and_a_token_opens_none(guard: PageGuard) -> None:
    assert _judge(guard, _path(guard.session_url()), is_socket=True).kind == "refuse"
    own = f"http://{HOST}"
    assert _judge(guard, _path(guard.new_url()), origin=own, is_socket=True).kind == "refuse"


def test_a_header_twice_is_refused(guard: PageGuard) -> None:
    session = _path(guard.session_url())
    assert guard.judge(session, hosts=[HOST, HOST], origins=[], is_socket=False).kind == "refuse"
    assert guard.judge(session, hosts=[], origins=[], is_socket=False).kind == "refuse"
    own = f"http://{HOST}"
    assert guard.judge(session, hosts=[HOST], origins=[own, own], is_socket=True).kind == "refuse"


def test_the_policy_names_no_other_place() -> None:
    policy = SAFE_HEADERS["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert not any(word in policy for word in ("http", "ws:", " *", "//"))


def test_secrets_are_not_printed(guard: PageGuard) -> None:
    url = guard.new_url()
    assert url.partition("=")[2] not in repr(guard)
    assert _path(guard.session_url()).strip("/") not in repr(guard)
