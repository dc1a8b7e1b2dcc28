"""Every property of every GET route's answer is what it was: no other test need name each of them."""

import json
from typing import Any

import pytest

from tests.conftest import moto_services
from tests.integration.golden_responses import FILE, answer, route_of, routes

GOLDEN: dict[str, Any] = json.loads(FILE.read_text("utf-8"))


@pytest.mark.parametrize("name", sorted({key.partition(" ")[0] for key in GOLDEN}))
def test_each_answer_is_what_it_was(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a change is meant: `python -m tests.integration.golden_responses` writes the file anew. Read what differs."""
    with moto_services(monkeypatch, EVIDENCE_BUCKET_NAME="evidence") as services:
        for key, content in GOLDEN.items():
            of, caller, path = key.split(" ", 2)
            if of == name:
                assert answer(name, caller, path, services) == content, key


def test_each_route_has_an_answer_that_is_kept() -> None:
    """Of a route without one, nothing is held here."""
    assert {route_of(key.split(" ", 2)[2]) for key in GOLDEN} == {*routes()}
