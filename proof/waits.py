"""What waits for its account is booked at once when another event names the account. The schedule is not needed.

A history is one of the stories, in which only some notifications name whose it is: the others have lost our ids. The
deliveries are recorded one by one, in some order. What each commit changes goes through the stream's filters, the relay
and the bus, as deployed. The bus delivers at once, or everything at the end, in any order.

The oracle: when the bus is empty, nothing is parked that would be booked if it were tried again.
"""

import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from typing import Any, NamedTuple

from ledger.domain import catalogue
from ledger.domain.domain_events import CustomerIdentified, DomainEvent
from ledger.domain.events import Event
from ledger.domain.receipts import Receipt
from ledger.dynamodb import stream
from ledger.dynamodb.items import Item
from ledger.providers.registry import PROVIDERS
from ledger.usecases.record_event import record_event, release_parked
from tools.devserver.patterns import matches
from tools.orders import place_orders_of
from tools.stories import Notification, Story, stories
from tools.template import load, stream_mappings
from tools.testing.fakes import FakeStore
from tools.testing.stored_items import items_of
from tools.testing.unguarded import release_receipts
from tools.verify.world import name_of

NOW = datetime(2027, 3, 1, tzinfo=UTC)  # after all that the stories tell
_OUR_IDS = {"metadata", "custom_data", "client_reference_id"}

DomainEvents = Callable[[stream.Record], list[DomainEvent]]


class History(NamedTuple):
    """A story, and which of its notifications, by their places, name whose it is."""

    story: Story
    named: frozenset[int]
    has_orders: bool = True  # whether the orders of its checkouts are stored

    @property
    def notifications(self) -> list[Notification]:
        """Return its notifications. Those that name nobody have lost our ids."""
        return [
            one if place in self.named else replace(one, body=_without_our_ids(one.body))
            for place, one in enumerate(self.story.notifications)
        ]


def histories() -> Iterator[History]:
    """Yield each story once for each of its notifications: this one alone names whose it is. And with all of them.

    A renewal alone does not: it carries the ids of its subscription, which an event of the subscription reports too.
    """
    for story in stories():
        places = [place for place, one in enumerate(story.notifications) if not _is_renewal(one)]
        for named in (*({place} for place in places), {*range(len(story.notifications))}):
            yield History(story, frozenset(named))
            if any(one.provider == "paddle" for one in story.notifications):
                yield History(story, frozenset(named), has_orders=False)


def orders(history: History, chance: random.Random, most: int) -> Iterator[list[Notification]]:
    """Yield so many orders of a history. In the first one, what names whose it is comes last."""
    places = range(len(history.notifications))
    last = sorted(places, key=lambda place: (place in history.named, chance.random()))
    for order in (last, *(chance.sample(places, len(places)) for _ in range(most - 1))):
        yield [history.notifications[place] for place in order]


def problem_of(
    history: History,
    told: Sequence[Notification],
    chance: random.Random,
    *,
    relay: DomainEvents = stream.domain_events,
    released: Callable[[int], None] = lambda _: None,
) -> str | None:
    """Return what is parked though it is bookable, after these deliveries and the bus. None: nothing.

    `released` is told how many parked events the bus has made booked.
    """
    played = _Played(history, chance, relay)
    for one in told:
        played.deliver(one)
    played.drain()
    released(played.released)
    bookable = played.bookable()
    if not bookable:
        return None
    lines = "\n  ".join(f"{one.event_type} {one.event_id}" for one in told)
    names = [history.story.notifications[place].event_type for place in sorted(history.named)]
    return f"{history.story.name}, named by {', '.join(names)}: {', '.join(bookable)} waits, after\n  {lines}"


class _Played:
    """A ledger, its stream and its bus."""

    def __init__(self, history: History, chance: random.Random, relay: DomainEvents) -> None:
        self.store = FakeStore()
        self.released = 0  # how many parked events were booked
        self._chance, self._relay = chance, relay
        self._bus: list[DomainEvent] = []
        self._is_late = chance.random() < 0.5
        if history.has_orders:
            place_orders_of(history.story.notifications, self.store)
        self._images = _images(self.store)

    def deliver(self, one: Notification) -> None:
        """Record one delivery. The bus delivers what follows from it now, or it is late."""
        event = _translated(one.provider, one.body)
        if event:
            digest = sha256(one.body).hexdigest()
            record_event(event, self.store, body=one.body, body_sha256=digest, now=NOW)
            self._stream()
        if not self._is_late:
            self.drain()

    def drain(self) -> None:
        """Let the bus deliver everything, and what follows from that."""
        while self._bus:
            event = self._bus.pop(self._chance.randrange(len(self._bus)))
            if isinstance(event.content, CustomerIdentified):
                parked = self.store.parked_of_customer(event.content.customer_id)
                done = release_receipts(parked, _translate, self.store, now=NOW)
                done.raise_failure()
                self.released += sum(result.parked_reason is None for result in done.results)
                self._stream()

    def bookable(self) -> list[str]:
        """Return what is parked and would be booked if it were tried again. It is tried: nothing follows after this."""
        parked = [*self.store.parked_receipts()]
        tried = [(one.event_type, release_parked(one, _translate, self.store, NOW)) for one in parked]
        return [event_type for event_type, result in tried if result.parked_reason is None]

    def _stream(self) -> None:
        """Publish what has changed, as filters and relay do."""
        now = _images(self.store)
        for name, new in now.items():
            old = self._images.get(name)
            if new != old:
                record = _record(new, old)
                if any(matches(pattern, record) for pattern in _patterns()):
                    self._bus += self._relay(record)
        self._images = now


def _images(store: FakeStore) -> dict[str, Item]:
    return {name_of(item): item for item in items_of(store)}


def _record(new: Item, old: Item | None) -> stream.Record:
    images = {"NewImage": new} | ({"OldImage": old} if old else {})
    return {"eventName": "MODIFY" if old else "INSERT", "dynamodb": {"SequenceNumber": "1", **images}}


@cache
def _patterns() -> tuple[Any, ...]:
    """Return the filters of the function that reads the stream."""
    return tuple(pattern for mapping in stream_mappings(load()) for pattern in mapping.patterns)


def _without_our_ids(body: bytes) -> bytes:
    return json.dumps(_cleared(json.loads(body))).encode()


def _cleared(part: Any) -> Any:
    if isinstance(part, dict):
        return {
            name: (None if name != "metadata" else {}) if name in _OUR_IDS and value else _cleared(value)
            for name, value in part.items()
        }
    return [_cleared(one) for one in part] if isinstance(part, list) else part


def _is_renewal(one: Notification) -> bool:
    event = _translated(one.provider, one.body)
    return event is not None and event.payment is not None and event.payment.is_renewal


def _translated(provider: str, body: bytes) -> Event | None:
    module = PROVIDERS[provider]
    event: Event | None = module.translate(module.parse(body), _sold(), is_live=False)
    return event


@cache
def _sold() -> catalogue.Catalogue:
    return catalogue.load()


def _translate(parked: Receipt) -> Event | None:
    return _translated(parked.provider, parked.body or b"")
