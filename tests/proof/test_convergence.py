"""Order and repetition can't matter: every permutation of every story ends in the same ledger."""

import hashlib
import itertools
import math
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ledger.domain import catalogue
from ledger.domain.events import Event
from ledger.domain.receipts import Receipt
from ledger.ports.commit import PaymentPointer
from ledger.providers.registry import PROVIDERS
from ledger.usecases.record_event import record_event, release_parked
from tools.orders import place_orders_of
from tools.stories import Notification, Story, stories, with_repeats
from tools.testing.fakes import FakeStore, world
from tools.verify import check

NOW = datetime(2026, 11, 20, tzinfo=UTC)
SOLD = catalogue.load()


def translated(notification: Notification) -> Event:
    """One notification in our words."""
    provider = PROVIDERS[notification.provider]
    event: Event | None = provider.translate(provider.parse(notification.body), SOLD, is_live=False)
    assert event is not None
    return event


def play(history: list[tuple[Notification, Event]]) -> FakeStore:
    """Deliver a history; after every delivery do what the table's stream would trigger."""
    store = FakeStore()
    place_orders_of([notification for notification, _ in history], store)
    for notification, event in history:
        record_event(
            event, store, body=notification.body, body_sha256=hashlib.sha256(notification.body).hexdigest(), now=NOW
        )
        for parked in sorted(store.parked_receipts(), key=lambda receipt: receipt.occurred_at):
            release_parked(parked, read_again, store, NOW)
    return store


def read_again(parked: Receipt) -> Event | None:
    """A parked event, translated anew."""
    provider = PROVIDERS[parked.provider]
    event: Event | None = provider.translate(provider.parse(parked.body or b""), SOLD, is_live=False)
    return event


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


@pytest.mark.parametrize("story", stories(), ids=lambda story: story.name)
def test_every_order_with_repeats_ends_in_the_same_ledger(
    story: Story, record_property: Callable[[str, object], None]
) -> None:
    """Each permutation, every event told again at a seeded later place, means the same. What `verify` proves of it is
    checked of every 97th.
    """
    natural = [(notification, translated(notification)) for notification in story.notifications]
    wanted = meaning(play(natural))
    assert not wanted["parked"], "a story is usable as a whole"
    record_property("histories", math.factorial(len(natural)))
    for number, order in enumerate(itertools.permutations(natural)):
        store = play(with_repeats(order, random.Random(number)))
        assert meaning(store) == wanted, f"order {number}: {[notification.event_type for notification, _ in order]}"
        if number % 97 == 0:
            assert not [finding for finding in check(world(store)) if finding.broken]
    assert number + 1 == math.factorial(len(natural))
