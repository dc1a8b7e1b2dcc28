"""What waits for its account is booked by the bus alone; and where the relay publishes less, it is seen."""

import random
from collections.abc import Callable

import pytest

from ledger.domain.domain_events import DomainEvent
from ledger.dynamodb import keys, stream
from ledger.dynamodb.keys import ItemKind
from proof.waits import histories, orders, problem_of

Relay = Callable[[stream.Record], list[DomainEvent]]


def played(provider: str, most: int, relay: Relay = stream.domain_events) -> tuple[str | None, int]:
    """The first problem in some orders of each history of a provider, and how much the bus released until then."""
    released: list[int] = []
    for number, history in enumerate(histories()):
        if history.story.notifications[0].provider == provider:
            chance = random.Random(number)
            for told in orders(history, chance, most):
                problem = problem_of(history, told, chance, relay=relay, released=released.append)
                if problem:
                    return problem, sum(released)
    return None, sum(released)


@pytest.mark.parametrize("provider", ["stripe", "paddle"])
def test_nothing_waits_that_can_be_booked(provider: str) -> None:
    """Once the bus is empty. And much had waited."""
    problem, released = played(provider, 1)
    assert problem is None
    assert released > 15


def without(kind: ItemKind) -> Relay:
    """A relay that publishes nothing of one kind of item."""
    return lambda record: [] if keys.kind_of(record["dynamodb"]["NewImage"]) is kind else stream.domain_events(record)


@pytest.mark.parametrize(
    ("provider", "kind"),
    [
        ("stripe", ItemKind.RECEIPT),
        ("stripe", ItemKind.SUBSCRIPTION),
        ("stripe", ItemKind.PAYMENT),
        ("paddle", ItemKind.SUBSCRIPTION),  # what one of its payments releases, its subscription releases too
    ],
)
def test_a_relay_that_publishes_less_is_seen(provider: str, kind: ItemKind) -> None:
    """Then something waits for the schedule."""
    problem, _ = played(provider, 4, without(kind))
    assert problem is not None
    assert "waits, after" in problem


@pytest.mark.parametrize("named_by", ["customer.subscription.updated", "customer.subscription.deleted"])
def test_the_first_event_of_a_subscription_counts_whichever_it_is(named_by: str) -> None:
    """A relay that hears only how subscriptions begin leaves an invoice waiting."""

    def relay(record: stream.Record) -> list[DomainEvent]:
        is_other = "SUBSCRIPTION#" in record["dynamodb"]["NewImage"]["pk"]["S"]
        return [] if is_other else stream.domain_events(record)

    found = []
    for history in histories():
        names = {history.story.notifications[place].event_type for place in history.named}
        if names == {named_by}:
            chance = random.Random(1)
            found += [problem_of(history, told, chance, relay=relay) for told in orders(history, chance, 4)]
    assert any(found)
