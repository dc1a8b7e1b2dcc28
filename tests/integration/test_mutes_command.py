"""`billing mutes`: what it sends, what it prints, and how it ends when the API refuses. The real API: tests/e2e."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cli.main import billing
from tools.devserver import environment

MUTE_ID = "mute_0123456789abcdef01234567"
MUTE = {
    "mute_id": MUTE_ID,
    "provider": "stripe",
    "event_type": "invoice.paid",
    "reason": "unknown_price",
    "detail": "price_shop",
    "muted_by": "staff_sue",
    "muted_at": "2026-11-30T09:00:00Z",
    "why": "Of our other shop.",
    "is_in_force": True,
    "ended_by": None,
    "ended_at": None,
    "ended_why": "",
    "is_settled": True,
    "events": 3,
}
ENDED = {**MUTE, "is_in_force": False, "ended_by": "staff_tom", "ended_why": "We sell it now.", "is_settled": False}


@contextmanager
def answering(status: int, content: bytes) -> Iterator[tuple[str, list[tuple[Any, ...]]]]:
    """A server that gives one answer. Yield its address, and what it is sent."""
    received: list[tuple[Any, ...]] = []

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer()

        def do_POST(self) -> None:
            self.answer()

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            received.append((self.command, self.path, self.headers["Authorization"], json.loads(body or b"null")))
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Print nothing."""

    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/live", received
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(autouse=True)
def _no_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "FOLDER", tmp_path)
    for name in ("PORT", "API_URL", "API_TOKEN"):
        monkeypatch.delenv(name, raising=False)


def mutes(*arguments: str, **variables: str) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(billing, ["mutes", *arguments], env=variables, prog_name="billing")


def test_a_mute_is_added_and_ended_by_one_request_each() -> None:
    """To the API that API_URL names, below its path; an id is one part of a path."""
    with answering(200, json.dumps(MUTE).encode()) as (url, received):
        added = mutes("add", "stripe:cus_1~evt/1", "--why", "Of our other shop.", API_URL=url, API_TOKEN="abc.def")
    assert (added.exit_code, added.stdout) == (
        0,
        "mute_0123456789abcdef01234567: stripe invoice.paid, unknown_price (price_shop) is muted.\n",
    )
    path = "/live/support/parked/stripe%3Acus_1~evt%2F1/mute"
    assert received == [("POST", path, "Bearer abc.def", {"why": "Of our other shop."})]
    with answering(200, json.dumps(ENDED).encode()) as (url, received):
        ended = mutes("end", MUTE_ID, "--why", "We sell it now.", API_URL=f"{url}/", API_TOKEN="abc.def")
    assert ended.stdout.endswith("is no longer muted. Some of its events are moved within the hour.\n")
    assert received[0][:2] == ("POST", f"/live/support/mutes/{MUTE_ID}/end")


def test_the_list_has_each_mute_with_its_events_and_what_became_of_it() -> None:
    """As a table, or as the API's JSON. That some were not counted is said beside it."""
    found = {"mutes": [MUTE, ENDED], "is_cut": True}
    with answering(200, json.dumps(found).encode()) as (url, received):
        shown = mutes("list", API_URL=url, API_TOKEN="abc", COLUMNS="200")
        assert json.loads(mutes("list", "--json", API_URL=url, API_TOKEN="abc").stdout) == found
    for words in (" 3 ", "invoice.paid", "(price_shop)", "in force", "ended by"):
        assert words in shown.stdout
    assert shown.stderr == "There are more muted events than were counted.\n"
    assert received[0] == ("GET", "/live/support/mutes", "Bearer abc", None)
    with answering(200, b'{"mutes": [], "is_cut": false}') as (url, _):
        assert mutes("list", API_URL=url, API_TOKEN="abc").stderr == "Nothing is muted.\n"


def test_words_in_brackets_are_shown_as_they_were_written() -> None:
    """They are no markup: neither a person's reasons nor what a provider sent."""
    found = {
        "mutes": [
            {**MUTE, "why": "price [/old] of other app", "detail": "[red]price[/]", "muted_by": "staff_[sue]"},
            {**ENDED, "why": "see [ticket] 12", "ended_why": "see [ticket] 13", "event_type": "x[y]"},
        ],
        "is_cut": False,
    }
    with answering(200, json.dumps(found).encode()) as (url, _):
        shown = mutes("list", API_URL=url, API_TOKEN="abc", COLUMNS="200")
    assert (shown.exit_code, shown.stderr) == (0, "")
    words = "".join(shown.stdout.split())  # cells are folded
    for one in ("[/old]", "([red]price[/])", "[sue]", "[ticket]12", "[ticket]13", "x[y]"):
        assert one in words, shown.stdout


@pytest.mark.parametrize(
    ("status", "content", "code", "said"),
    [
        (404, {"detail": "There is no such parked event."}, 1, "There is no such parked event."),
        (409, {"detail": "It names an order of ours."}, 1, "It names an order of ours."),
        (422, {"detail": "x", "errors": [{"field": "why", "message": "It is empty."}]}, 1, "x why: It is empty."),
        (403, {"detail": "Support only."}, 2, "The API does not accept API_TOKEN: Support only."),
        (401, {"message": "Unauthorized"}, 2, "It may have expired"),
        (503, {}, 1, "The API answers 503."),
        (200, "a page", 2, "not with the API's JSON"),
    ],
)
def test_what_the_api_refuses_is_said_with_an_exit_code(status: int, content: object, code: int, said: str) -> None:
    """1: it does not apply. 2: there is no API here, or no way in. No token is in the message."""
    with answering(status, json.dumps(content).encode()) as (url, _):
        result = mutes("add", "a~b", "--why", "x", API_URL=url, API_TOKEN="secret.token")
    assert (result.exit_code, said in result.stderr) == (code, True), result.stderr
    assert "secret.token" not in result.output


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({}, "No local server runs"),
        ({"API_URL": "https://api.example.com"}, "API_TOKEN is not set"),
        ({"API_URL": "https://api.example.com", "API_TOKEN": "a\r\nb"}, "white space"),
        ({"API_URL": "http://api.example.com", "API_TOKEN": "a"}, "should begin with https://"),
        ({"API_URL": "api.example.com", "API_TOKEN": "a"}, "which is no address"),
        ({"API_URL": "http://127.0.0.1:1", "API_TOKEN": "a"}, "does not answer"),
    ],
)
def test_without_an_api_or_a_token_it_says_what_to_set(variables: dict[str, str], said: str) -> None:
    """A token is never sent in clear over a network."""
    result = mutes("list", **variables)
    assert (result.exit_code, said in result.stderr) == (2, True), result.stderr


def test_a_reason_is_asked_for() -> None:
    """It is recorded."""
    assert mutes("end", MUTE_ID).exit_code == 2
