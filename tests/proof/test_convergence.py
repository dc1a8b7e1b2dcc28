"""Order and repetition can't matter: every permutation of every story ends in the same ledger."""

import hashlib
import math
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache

import pytest

from ledger.domain import catalogue
from ledger.domain.events import Event
from ledger.domain.receipts import Receipt
from ledger.ports.commit import PaymentPointer
from ledger.providers.registry import PROVIDERS
from ledger.usecases.record_event import record_event, release_parked
from tools.orders import place_orders_of
from tools.stories import Notification, Story, stories
from tools.testing.fakes import FakeStore, world
from tools.verify import check

NOW = datetime(2026, 11, 20, tzinfo=UTC)
SOLD = catalogue.load()

Told = tuple[Notification, Event]
Ending = tuple[list[str], FakeStore]
"""The types of the events in their order, and the store that they end in."""


@cache
def translated(provider: str, body: bytes) -> Event:
    """A notification in our words."""
    known = PROVIDERS[provider]
    event: Event | None = known.translate(known.parse(body), SOLD, is_live=False)
    assert event is not None
    return event


def deliver(notification: Notification, event: Event, store: FakeStore) -> None:
    """Deliver a notification, and do what the table's stream would trigger."""
    digest = hashlib.sha256(notification.body).hexdigest()
    record_event(event, store, body=notification.body, body_sha256=digest, now=NOW)
    for parked in sorted(store.parked_receipts(), key=lambda receipt: receipt.occurred_at):
        release_parked(parked, read_again, store, NOW)


def play(history: Sequence[Told]) -> FakeStore:
    """Deliver a history."""
    store = ordered(history)
    for told in history:
        deliver(*told, store)
    return store


def ordered(history: Sequence[Told]) -> FakeStore:
    """A store in which the orders of a history are placed."""
    store = FakeStore()
    place_orders_of([notification for notification, _ in history], store)
    return store


def copy_of(store: FakeStore) -> FakeStore:
    """Another store with the same content: what is stored never changes, it is replaced."""
    copied = FakeStore()
    for name, part in vars(store).items():
        if isinstance(part, dict):
            setattr(copied, name, dict(part))
    return copied


def endings(
    store: FakeStore,
    left: Sequence[Told],
    chance: random.Random,
    most: float = math.inf,
    told: Sequence[Told] = (),
    once: Sequence[Told] = (),
) -> Iterator[Ending]:
    """Yield how each order of what is left ends, each notification told twice.

    What orders have in common at their beginning is played once for all of them. `once`: what is to be told again, at a
    later place by chance or at the end. `most`: play about so many orders, with every beginning, and then by chance.
    """
    if not left:
        for one in chance.sample(once, len(once)):
            deliver(*one, store)
        yield [event.event_type for _, event in told], store
    branches = range(len(left)) if most >= len(left) else [chance.randrange(len(left))]
    for position in branches:
        one = left[position]
        went_on, again = copy_of(store), [*once, one]
        deliver(*one, went_on)
        if chance.random() < 0.5:
            deliver(*again.pop(chance.randrange(len(again))), went_on)
        rest = [*left[:position], *left[position + 1 :]]
        yield from endings(went_on, rest, chance, most / len(left), [*told, one], again)


def read_again(parked: Receipt) -> Event:
    """A parked event, translated anew."""
    return translated(parked.provider, parked.body or b"")


def meaning(store: FakeStore) -> dict[str, object]:
    """What a ledger means: facts, lots, holds, flags and the net of entries; not who was heard first."""
    net: Counter[tuple[str, str, str]] = Counter()
    for entry in store.stored_entries.values():
        net[entry.account_id, entry.lot_id, entry.counter] += entry.credits
    return {
        "net": {key: credits_ for key, credits_ in net.items() if credits_},
        "lots": {
            **store.closed_lots,
            **{(a.account_id, k): lot for a in store.accounts.values() for k, lot in a.lots.items()},
        },
        "holds": {
            account.account_id: (dict(account.holds), dict(account.flags)) for account in store.accounts.values()
        },
        "facts": {
            item.payment_id: ({key: replace(fact, cause="") for key, fact in item.facts.items()}, item.names)
            for item in store.payments.values()
            if not isinstance(item, PaymentPointer)
        },
        "subscriptions": {key: replace(item, cause="") for key, item in store.subscriptions.items()},
        "parked": sorted(receipt.event_id for receipt in store.parked_receipts()),
    }


MOST_ORDERS = 120
"""Orders of one story. `make proof` plays all of those that have more."""


@pytest.mark.parametrize("story", stories(), ids=lambda story: story.name)
def test_every_order_with_repeats_ends_in_the_same_ledger(
    story: Story, record_property: Callable[[str, object], None]
) -> None:
    """Of a story of up to five notifications each permutation, of a longer one some, with every beginning."""
    number, length = play_orders(story, MOST_ORDERS), len(story.notifications)
    assert number == {6: 120, 7: 42}.get(length, math.factorial(length))  # of seven: every beginning of two
    record_property("histories", number)


def play_orders(story: Story, most: float = math.inf) -> int:
    """Play the orders of a story, every event told again at a seeded later place. Return their number.

    Raise AssertionError if one of them means another ledger. What `verify` proves of it is checked of every 97th.
    """
    natural = [(told, translated(told.provider, told.body)) for told in story.notifications]
    wanted = meaning(play(natural))
    assert not wanted["parked"], "a story is usable as a whole"
    number = 0
    for order, store in endings(ordered(natural), natural, random.Random(7), most):
        assert meaning(store) == wanted, f"order {number}: {order}"
        if number % 97 == 0:
            assert not [finding for finding in check(world(store)) if finding.broken]
        number += 1
    return number
