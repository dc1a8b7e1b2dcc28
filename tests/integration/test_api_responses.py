"""Every property of every GET route's answer is what it was: no other test need name each of them."""

import json
from typing import Any

import pytest

from ledger.ports.documents import DocumentKind
from tests.conftest import moto_services
from tests.integration.golden_responses import FILE, NOW, STAFF, answer, ledger, route_of, routes
from tools.testing.fakes import FakeStore

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


LOOKS = {
    "/support/accounts/{account_id}": "account",
    "/support/accounts/{account_id}/credit-notes": "credit-notes",
    "/support/accounts/{account_id}/disputes": "disputes",
    "/support/accounts/{account_id}/purchases": "purchases",
    "/support/accounts/{account_id}/timeline": "timeline",
    "/support/declarations/{declaration_id}": "declaration",
    "/support/incidents/{incident_id}": None,  # accounts and sums, and nothing of a customer
    "/support/parked/{parked_id}": "event",
    "/support/refund-cases/{case_id}": "case",
    "/support/why/{record_id}": "why",
}
"""The pages about one thing, and what is on record of a look at it."""


def test_whatever_support_looks_at_is_on_record(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the account, and on what belongs to no account or is looked at by its own id: who, when, and which page."""
    with moto_services(monkeypatch, EVIDENCE_BUCKET_NAME="evidence") as services:
        for key, content in GOLDEN.items():
            name, caller, path = key.split(" ", 2)
            if caller != STAFF:
                continue
            before = ledger(name).documents.keys()
            assert answer(name, caller, path, services) == content
            store = services.store
            assert isinstance(store, FakeStore)
            new = [(one.kind, one.parts) for one in store.documents.keys() - before]
            looks = {parts for kind, parts in new if kind in {DocumentKind.TIMELINE_ROW, DocumentKind.SUBJECT_LOOK}}
            page = LOOKS[route_of(path)] if "{" in route_of(path) else None
            assert len(looks) == len(new), "a look writes nothing else"
            assert bool(looks) == bool(page), path
            for *_, position in looks:
                at, who, what = position.split("#", 2)
                assert (at[:16], who, what.partition(" ")[0]) == (f"{NOW:%Y-%m-%dT%H:%M}", STAFF, page)
            owners = {parts[0] for parts in looks} & {*store.accounts}
            owner = content.get("account_id") or (path.split("/")[3] if path.startswith("/support/accounts") else None)
            assert not page or page == "why" or owners == ({owner} if owner else set()), path
