"""Find, on every engine: money that nobody could book, and declarations by the address that was given in them."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from ledger.domain.declarations import Channel, DeclarationKind, Submission
from ledger.domain.events import Event, Owner
from ledger.domain.ids import PaymentId
from ledger.domain.index_rows import hash_of_address
from ledger.domain.money import Money
from ledger.domain.receipts import NotBookable, ParkReason, RecordOutcome
from ledger.ports.store import Store
from ledger.providers.registry import names_of_parked
from ledger.usecases.attribute_parked import dismiss_parked
from ledger.usecases.declarations.submit import confirm, declare, submit
from ledger.usecases.explain_chain import explain_chain
from ledger.usecases.find_records import MOST_FOUND, Searched, find_payments, find_records
from ledger.usecases.found import Found, FoundKind, GoTo
from ledger.usecases.index_names import index_declaration, index_parked
from ledger.usecases.record_event import record_event, release_parked
from tools.testing.builders import ADA, LATER, NOON, at, event_of, paid, payment, record_events
from tools.testing.fakes import FakeStore

KEY = "a key"
ZOE = "Zoe@Example.com"
INVOICE: dict[str, Any] = {
    "id": "in_9",
    "customer": "cus_9",
    "customer_email": ZOE,
    "number": "Ab 12-009",
    "charge": "ch_9",
    "payment_intent": "pi_9",
    "parent": {"subscription_details": {"subscription": "sub_9", "metadata": {"order_id": "ord_9"}}},
    "amount_paid": 4900,
    "total": 4900,
    "currency": "eur",
}
NAMES = (ZOE, "ab12-009", "in_9", "stripe:in_9", "ch_9", "pi_9", "sub_9", "ord_9", "evt_9", "stripe:evt_9", "cus_9")


def searched(store: Store, key: str = KEY) -> Searched:
    """A store to search, with the key of addresses' hashes."""
    return Searched(store, ("stripe", "paddle"), lambda: key, names_of_parked)


def body_of(event_id: str, invoice: dict[str, Any]) -> bytes:
    """A notification of an invoice."""
    envelope = {"id": event_id, "object": "event", "type": "invoice.paid", "created": 1793534400}
    return json.dumps({**envelope, "data": {"object": invoice}}).encode()


def parked(
    store: Store,
    event_id: str = "evt_9",
    *,
    invoice: dict[str, Any] = INVOICE,
    customer_id: str | None = "stripe:cus_9",
) -> Event:
    """An invoice that nobody could book is stored, and its rows are written."""
    reason = NotBookable(ParkReason.NO_ACCOUNT, "no order, account or customer that is known here")
    event = replace(
        event_of(names=(PaymentId(f"stripe:{event_id}"),)),
        event_id=event_id,
        event_type="invoice.paid",
        owner=Owner(customer_id=customer_id),
        at=NOON,
        not_bookable=reason,
    )
    result = record_event(event, store, body=body_of(event_id, invoice), body_sha256="0" * 64, now=LATER)
    assert result.outcome is RecordOutcome.PARKED
    assert index_parked((customer_id or event.cause, event_id), names_of_parked, lambda: KEY, store)
    return event


def kinds(text: str, store: Store) -> list[tuple[FoundKind, str]]:
    """The kind and the id of what support finds."""
    return [(one.kind, one.found_id) for one in find_records(text, searched(store))]


def the_event(text: str, store: Store) -> Found:
    """The one event that support finds."""
    (one,) = (one for one in find_records(text, searched(store)) if one.kind in {"event", "parked_event"})
    return one


@pytest.mark.parametrize("customer_id", ["stripe:cus_9", None])
def test_a_parked_event_is_found_by_whatever_it_names(any_store: Store, customer_id: str | None) -> None:
    """Whether or not its customer is known. It leads to the page of the parked event, and says no address."""
    parked(any_store, customer_id=customer_id)
    for text in NAMES:
        one = the_event(text, any_store)
        assert (one.kind, one.found_id, one.account_id) == (FoundKind.PARKED_EVENT, "stripe:evt_9", None)
        assert (one.go_to, one.go_to_id) == (GoTo.PARKED, f"{customer_id or 'stripe:evt_9'}~evt_9")
        assert one.amount == Money(amount_minor=4900, currency="EUR")
        assert one.summary == "Parked event invoice.paid of 49.00 EUR, invoice Ab 12-009: no account"
        assert (one.matched, one.at) == ("e-mail address" if text is ZOE else text, NOON)
    for text in ("in_", "in_99", "sub_1", "zoe@example.org", "evt_"):
        assert FoundKind.PARKED_EVENT not in dict(kinds(text, any_store))


def test_a_parked_event_is_found_by_its_day_and_amount_among_the_payments(any_store: Store) -> None:
    """In the order of their times, page by page."""
    parked(any_store, "evt_9")
    parked(any_store, "evt_8", invoice={**INVOICE, "total": 5000})
    day = date(2026, 11, 1)
    first = find_payments(day, 4900, "EUR", searched(any_store), limit=1)
    second = find_payments(day, 4900, "EUR", searched(any_store), limit=1, after=first.next)
    found = [(one.kind, one.found_id, one.amount) for one in (*first.items, *second.items)]
    amount = Money(amount_minor=4900, currency="EUR")
    assert found == [(FoundKind.PARKED_EVENT, f"stripe:evt_{one}", amount) for one in (8, 9)]
    assert second.next is None
    (other,) = find_payments(day, 5000, "EUR", searched(any_store), limit=5).items
    assert (other.found_id, other.matched) == ("stripe:evt_8", "50.00 EUR")
    assert find_payments(date(2026, 11, 2), 4900, "EUR", searched(any_store), limit=5).items == ()


def test_no_row_has_an_address_in_clear(any_store: Store) -> None:
    """Not even one that stands where an id of ours should: rows have its hash. Under another key nothing is found."""
    parked(
        any_store, invoice={**INVOICE, "metadata": {"account_id": "eve@example.com"}, "receipt_number": "x@y.example"}
    )
    rows = [*any_store.named("in_9"), *any_store.named(hash_of_address(ZOE, KEY))]
    rows += any_store.paid_between("EUR", 4900, NOON, NOON)
    assert len(rows) == 3
    assert "@" not in str(rows)
    for address in ("zoe@example.COM", "eve@example.com", "x@y.example"):
        assert [*any_store.named(address)] == []
        assert kinds(address, any_store) == [(FoundKind.PARKED_EVENT, "stripe:evt_9")]
        assert find_records(address, searched(any_store, "another")) == []


def test_an_event_that_was_booked_or_dismissed_is_not_shown_as_parked(any_store: Store) -> None:
    """Its rows stay. What they lead to is read: it says what became of it, and whose it is."""
    booked, dismissed = parked(any_store, "evt_9"), parked(any_store, "evt_8")
    settled = replace(payment(PaymentId("stripe:in_9"), account_id=ADA), customer_id="stripe:cus_9")
    sale = replace(paid(settled), event_id="evt_9", owner=replace(booked.owner, account_id=ADA))
    (receipt, _) = sorted(any_store.parked_receipts(), key=lambda one: one.event_id, reverse=True)
    assert release_parked(receipt, lambda _: sale, any_store, at(60)).outcome is RecordOutcome.BOOKED
    dismiss_parked(("stripe:cus_9", dismissed.event_id), "kim", "Of our other shop.", any_store, now=at(61))
    for text in ("sub_9", ZOE, "ab12-009"):
        every = find_records(text, searched(any_store))
        shown = {one.found_id: (one.kind, one.summary, one.account_id) for one in every}
        assert shown == {
            "stripe:evt_8": (FoundKind.EVENT, "Event invoice.paid: dismissed", None),
            "stripe:evt_9": (FoundKind.EVENT, f"Event {sale.event_type}: booked", ADA),
        }
    assert find_payments(date(2026, 11, 1), 4900, "EUR", searched(any_store), limit=5).items == ()


def test_what_is_parked_is_found_behind_many_that_were_booked(new_store: Callable[[], FakeStore]) -> None:
    """A customer's events may have been parked by the hundred, and released since: their rows stay."""
    store = new_store()
    for number in range(MOST_FOUND + 5):
        event = parked(store, f"evt_{number:03}")
        dismiss_parked(("stripe:cus_9", event.event_id), "kim", "Not ours.", store, now=at(61))
    parked(store, "evt_999")
    assert kinds(ZOE, store)[0] == (FoundKind.PARKED_EVENT, "stripe:evt_999")
    assert len(kinds(ZOE, store)) == MOST_FOUND


def test_a_row_that_leads_to_an_event_without_its_name_finds_nothing(any_store: Store) -> None:
    """A foreign row is no proof: the body is read."""
    parked(any_store)
    (row,) = any_store.named("ch_9")
    any_store.put_index_rows([replace(row, name="ch_7")])
    assert kinds("ch_7", any_store) == []


def test_what_can_not_be_read_is_found_by_its_id_alone(any_store: Store) -> None:
    """A body of another form, as no provider sends it."""
    event = replace(
        event_of(), owner=Owner(customer_id="stripe:cus_7"), not_bookable=NotBookable(ParkReason.UNKNOWN_SHAPE)
    )
    record_events(any_store, event)
    assert index_parked(("stripe:cus_7", event.event_id), names_of_parked, lambda: KEY, any_store) == 2
    assert (FoundKind.PARKED_EVENT, event.cause) in kinds(event.event_id, any_store)
    assert index_parked(("stripe:cus_7", "evt_none"), names_of_parked, lambda: KEY, any_store) == 0


@pytest.mark.parametrize("text", NAMES)
def test_why_explains_what_a_parked_event_names(any_store: Store, text: str) -> None:
    """What waits, and what would release it."""
    parked(any_store)
    chain = explain_chain(text, searched(any_store), now=LATER)
    (line,) = chain.lines
    assert (line.kind, line.is_open, chain.account_ids) == ("event", True, ())
    assert "parked, no account" in line.words


SUBMISSION = Submission(
    kind=DeclarationKind.WITHDRAWAL,
    name="Zoe Example",
    contract="The order of May",
    email=ZOE,
    language="en",
    statement="I withdraw.",
    channel=Channel.PAGE,
)


def test_a_declaration_is_found_by_the_address_that_was_given_in_it(any_store: Store) -> None:
    """However that is written, once it is confirmed: with its state, beside the accounts with that address."""
    draft = declare(SUBMISSION, "token", any_store, now=at(1))
    assert index_declaration(draft.declaration_id, KEY, any_store) == 0
    confirmed = submit(replace(SUBMISSION, contract="The order of June"), "form", any_store, now=at(2))
    assert [index_declaration(confirmed.declaration_id, KEY, any_store) for _ in range(2)] == [1, 1]
    (one,) = find_records("zoe@EXAMPLE.com", searched(any_store))
    assert (one.kind, one.found_id, one.matched) == (FoundKind.DECLARATION, confirmed.declaration_id, "e-mail address")
    assert (one.go_to, one.go_to_id) == (GoTo.DECLARATION, confirmed.declaration_id)
    assert one.summary == "Declaration without a login: confirmed"
    assert index_declaration("W-0000-0000-0000", KEY, any_store) == 0
    assert "example" not in str([*any_store.named(hash_of_address(ZOE, KEY))]).lower()


def test_of_several_declarations_the_one_that_was_begun_last_comes_first(any_store: Store) -> None:
    """Whichever was confirmed last."""
    by_api = replace(SUBMISSION, channel=Channel.API)
    first, last = (declare(by_api, f"token {minute}", any_store, now=at(minute)).declaration_id for minute in (1, 2))
    for minute, name, token in ((3, last, "token 2"), (4, first, "token 1")):
        confirm(name, token, any_store, now=at(minute))
        index_declaration(name, KEY, any_store)
    assert kinds(ZOE, any_store) == [(FoundKind.DECLARATION, last), (FoundKind.DECLARATION, first)]
