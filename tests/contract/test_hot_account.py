"""A hot account is no error: 64 callers at one moment, with DynamoDB's conflicts played, and none is refused.

Time is virtual: how fast the machine is says nothing here. A transaction takes 10 ms at DynamoDB, the way there 4 ms.
"""

from collections.abc import Callable
from typing import Any

import pytest

from ledger.domain.ids import PaymentId
from ledger.dynamodb.store import DynamoDBStore
from ledger.ports.reads import Keys
from ledger.usecases.usage import draw_credits
from tests.conftest import connection_to
from tools.testing.builders import ADA, LATER, event_of, paid, payment, record_events, refund
from tools.testing.conflicts import Conflicts
from tools.testing.races import assert_sound
from tools.testing.virtual_time import VirtualTime

CALLERS = 64
ANSWERED_WITHIN_S = 5.0

Calls = list[Callable[[], Any]]


def name(number: int) -> PaymentId:
    """A payment's id."""
    return PaymentId(f"stripe:pi_{number}")


def payments(store: DynamoDBStore) -> Calls:
    """Deliveries of payments, each for an order of its own. Each grants 1,000 credits."""
    events = [paid(payment(name(number), fulfilment_key=f"order/ord_{number}")) for number in range(CALLERS)]
    return [lambda event=event: record_events(store, event) for event in events]  # type: ignore[misc]


def draws(store: DynamoDBStore) -> Calls:
    """Runs that draw from one lot."""
    record_events(store, paid())
    return [lambda run=run: draw_credits(ADA, f"run_{run}", 5, store, now=LATER) for run in range(CALLERS)]  # type: ignore[misc]


def refunds(store: DynamoDBStore) -> Calls:
    """Deliveries of refunds, each of half a purchase."""
    record_events(store, *(paid(payment(name(number))) for number in range(CALLERS)))
    events = [event_of(refund(1000, refund_id=f"re_{n}"), names=(name(n),)) for n in range(CALLERS)]
    return [lambda event=event: record_events(store, event) for event in events]  # type: ignore[misc]


@pytest.mark.parametrize(
    ("calls", "balance"), [(payments, 1000 * CALLERS), (draws, 1000 - 5 * CALLERS), (refunds, 500 * CALLERS)]
)
def test_callers_of_one_account_at_one_moment_are_all_served(
    calls: Callable[[DynamoDBStore], Calls], balance: int, real_store: DynamoDBStore, dynamodb_local: str
) -> None:
    """Each within the time that a provider waits, and what each did counts once."""
    made = calls(real_store)
    clock = VirtualTime()
    conflicts = Conflicts(trip_s=0.004, in_progress_s=0.01, sleep=clock.sleep)
    with clock.as_the_clock(), conflicts.on(connection_to(dynamodb_local)):
        ended = clock.at_once(made)
    assert [one.error for one in ended if one.error] == []
    assert len(ended) == CALLERS
    assert max(one.after_s for one in ended) < ANSWERED_WITHIN_S
    assert conflicts.cancelled > CALLERS, "they were in each other's way"
    assert real_store.read(Keys(accounts=frozenset({ADA}))).accounts[ADA].balance == balance
    assert_sound(real_store)
