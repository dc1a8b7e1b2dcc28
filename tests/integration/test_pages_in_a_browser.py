"""The public pages in a real browser: by keyboard alone, on a phone and on a desk, and nothing is blocked."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from ledger.domain.declarations import DeclarationState
from ledger.usecases.declarations.change import read_declaration
from tests.integration.conftest import World
from tools.testing.browser import Browser, browser, executable
from tools.testing.frontend import Frontend

pytestmark = pytest.mark.skipif(
    executable() is None, reason="no Chromium on the PATH: tests/unit/api/test_pages.py reads the pages without one"
)
FOCUSED = "document.activeElement.id || document.activeElement.textContent"
PHONE, DESK = (390, 844), (1280, 900)


class _Server(BaseHTTPRequestHandler):
    """Passes each request on as API Gateway does."""

    def _serve(self) -> None:
        address = urlsplit(self.path)
        if address.path == "/favicon.ico":
            self.send_error(404)
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer = Frontend("").call(
            self.command,
            address.path,
            query=dict(parse_qsl(address.query)) or None,
            body=body or None,
            headers={name: self.headers[name] for name in ("content-type", "accept-language") if name in self.headers},
        )
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            if name != "strict-transport-security":  # the test has no TLS
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.text.encode())

    do_GET = do_POST = _serve  # noqa: N815 - http.server's names

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        """Log nothing."""


@pytest.fixture
def site(world: World) -> Iterator[str]:
    """The address of the pages."""
    assert world
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Server)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def page() -> Iterator[Browser]:
    """A page of the browser."""
    with browser() as started:
        yield started


def tab_to(page: Browser, wanted: str) -> None:
    """Press the tabulator until something has the focus, as somebody does who has no mouse."""
    for _ in range(30):
        page.press("Tab")
        if page.value(FOCUSED) == wanted:
            outline = page.value("getComputedStyle(document.activeElement).outlineStyle")
            assert outline == "solid", f"{wanted} does not show that it has the focus"
            return
    pytest.fail(f"the tabulator never comes to {wanted!r}")


def test_somebody_withdraws_by_keyboard_alone(world: World, site: str, page: Browser) -> None:
    """First without an address, which the page asks for; then whole."""
    page.open(f"{site}/withdrawal?language=en")
    tab_to(page, "Skip to the form")
    for name, text in (("name", "Ada Lovelace"), ("contract", "the one of Tuesday")):
        tab_to(page, name)
        page.write(text)
    tab_to(page, "Confirm withdrawal")
    page.press("Enter", navigates=True)
    assert page.value("document.querySelector('[role=alert] a').textContent").startswith("Enter an e-mail address")
    assert page.value("document.getElementById('name').value") == "Ada Lovelace"
    tab_to(page, "email")
    page.write("ada@example.com")
    tab_to(page, "Confirm withdrawal")
    page.press("Enter", navigates=True)
    assert page.value("document.querySelector('h1').textContent") == "We have received your withdrawal"
    declaration = read_declaration(page.value("document.querySelector('dd').textContent"), world.services.store)
    assert (declaration.state, declaration.submission.name) == (DeclarationState.CONFIRMED, "Ada Lovelace")
    assert page.complaints() == []


def test_somebody_cancels_for_a_reason_by_keyboard_alone(world: World, site: str, page: Browser) -> None:
    """The field for the reason shows once it is needed."""
    page.open(f"{site}/cancellation?language=de")
    shown = "getComputedStyle(document.querySelector('.cause')).display"
    assert page.value(shown) == "none"
    for name, text in (("name", "Ada Lovelace"), ("contract", "Creator"), ("email", "ada@example.com")):
        tab_to(page, name)
        page.write(text)
    tab_to(page, "ordinary")
    page.press("ArrowDown")
    assert page.value(FOCUSED) == "extraordinary"
    assert page.value(shown) == "block"
    tab_to(page, "message")
    page.write("Es hat nie funktioniert.")
    tab_to(page, "jetzt kündigen")
    page.press("Enter", navigates=True)
    assert page.value("document.querySelector('h1').textContent") == "Wir haben Ihre Kündigung erhalten"
    declaration = read_declaration(page.value("document.querySelector('dd').textContent"), world.services.store)
    assert declaration.submission.is_extraordinary
    assert declaration.submission.message == "Es hat nie funktioniert."


@pytest.mark.parametrize("size", [PHONE, DESK, (320, 640)], ids=["phone", "desk", "small phone"])
@pytest.mark.parametrize("language", ["en", "de", "fr", "pl"])
def test_nothing_is_cut_off_or_blocked(site: str, page: Browser, size: tuple[int, int], language: str) -> None:
    """No page is wider than its window, each target is large enough to touch, and the browser complains of nothing."""
    for kind in ("withdrawal", "cancellation"):
        page.open(f"{site}/{kind}?language={language}", width=size[0], height=size[1])
        assert page.value("document.documentElement.scrollWidth") <= size[0]
        small = "[...document.querySelectorAll('a:not(.skip),button,input:not([type=hidden]),summary')]"
        small += ".filter(one => one.closest('p,aside') === null && one.offsetParent)"
        small += ".map(one => (one.closest('label') || one).getBoundingClientRect())"
        small += ".filter(box => box.height < 24 || box.width < 24).length"
        assert page.value(small) == 0
        assert page.complaints() == []


@pytest.mark.parametrize("kind", ["withdrawal", "cancellation"])
def test_the_button_is_in_sight_from_the_start(site: str, page: Browser, kind: str) -> None:
    """On a desk without scrolling."""
    page.open(f"{site}/{kind}?language=en")
    bottom = page.value("document.querySelector('button').getBoundingClientRect().bottom")
    assert 0 < bottom <= DESK[1]
    assert page.value("document.querySelector('button').disabled") is False
