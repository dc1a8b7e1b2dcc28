"""What a client is told that sends what we don't take. `python -m tests.integration.golden_refusals` writes it anew.

A problem document says by its status and type what to do, and in its words what is wrong with which field.
"""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ledger.api.gateway_event import MAX_BODY_BYTES
from tests.conftest import moto_services
from tests.integration.conftest import ADA, World
from tests.integration.test_api_bad_input import BODIES, CASE, send
from tools.testing.builders import at
from tools.testing.fakes import FakeProvider, FakeStore
from tools.testing.frontend import ApiResponse

FILE = Path(__file__).parent / "golden" / "refusals.txt"
REQUEST = "/refund-requests"
WRONG: list[Any] = ["", "x" * 5000, "not-a-date", "2026-11-01T12:00:00", -1, 1.5, 10**40, True, None, {}, [None]]
BODIES_THAT_ARE_NONE = {
    "nothing": b"",
    "an open brace": b"{",
    "a list": b"[]",
    "a text": b'"x"',
    "null": b"null",
    "no UTF-8": b"\xff\xfe",
    "half a character": b'{"message":"\\ud800"}',
    "a number of 5,000 digits": b'{"a":' + b"1" * 5000 + b"}",
    "NaN": b'{"a":NaN}',
    "a name that is there twice": b'{"a":1,"a":2}',
    "a byte too many": b" " * (MAX_BODY_BYTES + 1),
}
CONTENT_TYPES = (
    *("", "application/json", "Application/JSON; Charset=UTF-8", 'application/json;charset="utf-8"'),
    *("application/json; charset=utf-16", "application/json; version=2", "text/plain", "text/plain; charset=utf-8"),
)
QUERIES = ({"limit": "0"}, {"limit": "101"}, {"limit": "x"}, {"after": "x"}, {"after": "W10="}, {"surprise": "1"})


def lines() -> Iterator[str]:
    """Yield each kind of what is wrong, with what is answered."""
    with pytest.MonkeyPatch.context() as patch, moto_services(patch, EVIDENCE_BUCKET_NAME="evidence") as services:
        services.store, services.clock = FakeStore(), lambda: at(0)
        world = World(services, FakeProvider())  # which nothing here asks
        right = json.dumps(BODIES[REQUEST]).encode()
        for what, raw in BODIES_THAT_ARE_NONE.items():
            yield f"{what}: {_said(send(world, REQUEST, raw))}"
        yield f"the same in Base64: {_said(send(world, REQUEST, b'[]', as_base64=True))}"
        no_base64 = send(world, REQUEST, b"", event_changes={"body": "é", "isBase64Encoded": True})
        yield f"no Base64: {_said(no_base64)}"
        whole = {"body": base64.b64encode(right).decode(), "isBase64Encoded": True}
        yield f"a right body in Base64: {_said(send(world, REQUEST, b'', event_changes=whole))}"
        for kind in CONTENT_TYPES:
            yield f"content-type {kind!r}: {_said(send(world, REQUEST, right, headers={'content-type': kind}))}"
        for key in (None, "", "x" * 128, "x" * 129, "a b"):
            yield f"idempotency-key {_short(key)}: {_said(send(world, REQUEST, right, key=key))}"
        for query in QUERIES:
            yield f"query {query}: {_said(world.ada.get(REQUEST, query=query))}"
        for case_id in ("x", CASE, f"{CASE}0"):
            yield f"case {case_id}: {_said(world.ada.get(f'{REQUEST}/{case_id}'))}"
        for path, body in BODIES.items():
            yield f"POST {path}"
            for name in body:
                answers: dict[str, list[str]] = {}
                for what, content in _wrong(name, body).items():
                    answer = send(world, path, json.dumps(content).encode())
                    if f"body.{name}" in answer.text:
                        answers.setdefault(_said(answer), []).append(what)
                yield from (f"  {name} {', '.join(whats)}: {said}" for said, whats in answers.items())
        yield f"another account's: {_said(world.ada.get(f'/support/accounts/{ADA}'))}"


def _wrong(name: str, body: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the body with each wrong value of a field, and without it."""
    left_out = {other: value for other, value in body.items() if other != name}
    return {"left out": left_out, **{_short(value): {**body, name: value} for value in WRONG}}


def _said(answer: ApiResponse) -> str:
    if answer.status < 400:
        return str(answer.status)
    return f"{answer.status} {answer.json['type'].rpartition(':')[2]}: {answer.json['detail']}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) < 40 else f"{text[:6]}… ({len(text)} characters)"


if __name__ == "__main__":
    FILE.write_text("\n".join(lines()) + "\n", "utf-8")
