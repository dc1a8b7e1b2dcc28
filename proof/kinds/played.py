"""How the histories are played: in many orders, each notification twice, with runs in between."""

import contextlib
import itertools
import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from ledger.domain.catalogue import Catalogue
from ledger.domain.errors import BillingError
from ledger.domain.events import Event
from ledger.domain.orders import Checkout
from ledger.domain.purchases import Purchase
from ledger.domain.receipts import Receipt
from ledger.domain.refund_cases import RefundCase
from ledger.ports.commit import DocumentChange
from ledger.ports.documents import OrderPointer, checkout_key
from ledger.providers.registry import PROVIDERS
from ledger.usecases.record_event import record_event, release_parked
from ledger.usecases.refund_cases.follow_refunds import follow
from ledger.usecases.usage import draw_credits
from proof import money
from proof.kinds.history import ADA, History
from proof.kinds.refunds import refunded_by_others, refunded_by_us
from proof.kinds.terms import CHANGED_AT, CONTENT, SOLD, SOLD_BEFORE
from proof.shown import shown
from tests.proof.test_convergence import meaning
from tools.orders import order_commit
from tools.stories import with_repeats
from tools.testing.fakes import FakeStore, world
from tools.verify import check

Told = tuple[str, bytes]
"""A provider, and what it delivers."""

EARLY, NOW = datetime(2026, 9, 20, tzinfo=UTC), datetime(2026, 11, 20, tzinfo=UTC)
"""When runs draw: before a month's credits end, while things are reported; and after it, when all is received.

A change that credits a period without naming its payment is parked for a person once the period is over and its
credits are used up. So no run draws after that while such a report may still come: providers are not months late.
"""
_NOT_REFUNDED = (b'"status": "failed"', b'"status": "canceled"')
MOST_PERMUTED, MOST_ORDERS = 4, 9
OVER_REFUNDED = "No payment was refunded by more than was paid, what is approved included"
"""A provider may give back more than it took: `verify` shows it, and it is no fault of the ledger."""


@dataclass(frozen=True, slots=True)
class Order:
    """In which order a history is delivered, and what else happens."""

    told: Sequence[Told]
    has_runs: bool = False  # credits are drawn in between
    is_refunded: bool = False  # after it we refund some of what is left
    is_natural: bool = False


def history_of(kind: Callable[[History], None], chance: random.Random) -> History:
    """A history of a kind."""
    history = History(chance)
    kind(history)
    return history


def problem_of(
    history: History,
    *,
    tried: Callable[[int], None] = lambda _: None,
    make: Callable[[], FakeStore] = FakeStore,
) -> str | None:
    """What is wrong after some orders of a history, each notification twice, often with runs and refunds of ours.

    None: nothing, and all orders without runs mean the same. `make`: the store, where a test puts a mistake.
    """
    meant: object = None
    for number, order in enumerate(_orders(history)):
        chance = random.Random(history.chance.random())
        told: Sequence[Told] = with_repeats(order.told, chance)
        store = _delivered(history, told, make(), chance, has_runs=order.has_runs)
        problem = _wrong(history.told, store, is_natural=order.is_natural)
        if order.is_refunded and problem is None:
            told, problem = _refunded(history, store, chance, told, is_natural=order.is_natural)
        if not order.has_runs:
            means = meaning(store)
            meant = means if meant is None else meant
            if problem is None and means != meant:
                problem = f"another order means another ledger: {_differs(meant, means)}"
        if problem:
            return "\n  ".join([problem, f"order {number}:", *map(_line, told)])
        tried(len(told))
    return None


def _orders(history: History) -> Iterator[Order]:
    """The natural order, and others: all of them, or as many as are enough. Every other one has runs."""
    told = history.told
    yield Order(told, is_natural=True)
    for _ in range(3):
        yield Order(told, has_runs=True, is_refunded=True, is_natural=True)
    if len(told) <= MOST_PERMUTED:
        others = [list(order) for order in itertools.permutations(told)]
    else:
        others = [list(reversed(told)), *(history.chance.sample(told, len(told)) for _ in range(MOST_ORDERS))]
    for number, order in enumerate(others):
        yield Order(order, has_runs=bool(number % 2), is_refunded=number % 6 == 1)


def _delivered(
    history: History, told: Sequence[Told], store: FakeStore, chance: random.Random, *, has_runs: bool
) -> FakeStore:
    """The ledger after these deliveries, and after what runs have drawn, if any, of what there was."""
    for order, checkouts in history.orders:
        pointer = OrderPointer(order_id=order.order_id)
        known = [DocumentChange(checkout_key(order.provider, name), pointer) for name in checkouts]
        checkout = Checkout(checkout_id=checkouts[0], url="https://example.com/") if checkouts else None
        store.commit(order_commit(replace(order, checkout=checkout), *known))
    for one in told:
        _deliver(one, store, chance, NOW)
        if has_runs and chance.random() < 0.5:
            _draw(store, chance, EARLY)
    if has_runs and chance.random() < 0.5:
        _draw(store, chance, NOW)
    return store


def _draw(store: FakeStore, chance: random.Random, now: datetime) -> None:
    run_id, credits_ = f"run_{chance.random()}", chance.choice((1, 200, 500, 1000))
    with contextlib.suppress(BillingError):
        draw_credits(ADA, run_id, credits_, store, now=now)


def _deliver(told: Told, store: FakeStore, chance: random.Random, now: datetime) -> None:
    provider, body = told
    if event := translated(provider, body, chance.choice(_deployed(body))):
        record_event(event, store, body=body, body_sha256=sha256(body).hexdigest(), now=now)
    for parked in sorted(store.parked_receipts(), key=lambda receipt: receipt.occurred_at):
        release_parked(parked, _read_again, store, now)


def _refunded(
    history: History, store: FakeStore, chance: random.Random, told: Sequence[Told], *, is_natural: bool
) -> tuple[Sequence[Told], str | None]:
    """All that was reported once we have refunded some of it, then somebody else too, and what is wrong then."""
    after = refunded_by_us(history, store, chance, NOW)
    problem = _wrong(history.told, store, is_natural=is_natural)  # with credits reserved
    if problem:
        return told, f"with refunds approved: {problem}"
    known, others = list(history.told), _taken_of_others(store)
    # A running total may contain refunds that failed later, or not: until ours is reported by itself, nobody knows.
    is_clear = not any(state in body for _, body in (*history.told, *after.told) for state in _NOT_REFUNDED)
    for news in (after, refunded_by_others(after)):
        reported = with_repeats(chance.sample(news.told, len(news.told)), chance)
        for one in reported:
            _deliver(one, store, chance, datetime.fromtimestamp(news.now, UTC))
            if news is after and is_clear and _taken_of_others(store) != others:
                return [*told, *reported], "our refund of one purchase changed the credits of another"
        for payment_id in {case.payment_id for case in store.documents.values() if isinstance(case, RefundCase)}:
            follow(payment_id, store, now=datetime.fromtimestamp(news.now, UTC))
        told, known = [*told, *reported], [*known, *news.told]
        problem = _wrong(known, store, is_natural=is_natural)
        if problem:
            break
    return told, problem


def _taken_of_others(store: FakeStore) -> dict[str, tuple[int, ...]]:
    """What is taken, or reserved, of each lot that no refund of ours is about."""
    refunded = {case.payment_id for case in store.documents.values() if isinstance(case, RefundCase)}
    payments = [home.payment for home in store.payments.values() if isinstance(home, Purchase) and home.payment]
    ours = {one.lot_id(place) for one in payments if one.payment_id in refunded for place in range(len(one.lines))}
    return {
        lot_id: (lot.refund_target, lot.dispute_target, lot.reserve_target)
        for (_, lot_id), lot in world(store).lots().items()
        if lot_id not in ours
    }


def _deployed(body: bytes) -> Sequence[Catalogue]:
    """The catalogues that may be deployed when something is reported: new terms are, before they begin."""
    content = json.loads(body)
    told_at = content.get("created") or datetime.fromisoformat(content["occurred_at"]).timestamp()
    return (SOLD_BEFORE, SOLD) if told_at < CHANGED_AT.timestamp() else (SOLD,)


def translated(provider: str, body: bytes, sold: Catalogue = SOLD) -> Event | None:
    """A notification in our words, by a catalogue of these histories."""
    module = PROVIDERS[provider]
    event: Event | None = module.translate(module.parse(body), sold, is_live=False)
    return event


def _read_again(parked: Receipt) -> Event | None:
    return translated(parked.provider, parked.body or b"")


def _wrong(told: Sequence[Told], store: FakeStore, *, is_natural: bool) -> str | None:
    """The invariants that are broken, and what the money says.

    A balance that is reported to pay before it is reported to be filled buys what is used before that is known. So
    in other orders than the natural one what is used and owed may be more than what came in bought.
    """
    broken = [
        f"{finding.invariant}: broken by {', '.join(finding.broken)}"
        for finding in check(world(store))
        if finding.broken and finding.invariant != OVER_REFUNDED
    ]
    view = shown(world(store), CONTENT)
    for lot in view["lots"]:
        lot["used"] -= 0 if is_natural else lot["owed"]
    found = [*broken, *money.findings([json.loads(body) for _, body in told], view)]
    return "; ".join(found) or None


def _differs(one: Any, other: Any) -> str:
    return "; ".join(f"{key}: {one[key]} or {other[key]}" for key in one if one[key] != other[key])[:2000]


def _line(told: Told) -> str:
    content = json.loads(told[1])
    return f"{content.get('type') or content['event_type']} {(content['data'].get('object') or content['data'])}"[:100]
