"""The same event again costs one round trip and no write, whatever it reports."""

from functools import cache

import pytest

from ledger.domain import catalogue
from ledger.domain.events import Event
from ledger.domain.receipts import RecordOutcome
from ledger.ports.commit import Commit, Refusal
from ledger.providers.registry import PROVIDERS
from tools.stories import stories
from tools.testing.builders import LATER, record_events
from tools.testing.fakes import FakeStore

NO_ROUND_TRIP_BUDGET = {RecordOutcome.PARKED}
"""What is parked is looked at again each time: a later fact may have made it bookable."""


class Counted(FakeStore):
    """A store that keeps what was committed to it and written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[Commit] = []
        self.refused: list[Commit] = []

    def commit(self, commit: Commit) -> Refusal | None:
        refusal = super().commit(commit)
        (self.refused if refusal else self.written).append(commit)
        return refusal


@cache
def events(story: str) -> tuple[Event, ...]:
    """The events of a story of the library, in our words."""
    (told,) = [one for one in stories() if one.name == story]
    found = []
    for notification in told.notifications:
        provider = PROVIDERS[notification.provider]
        event = provider.translate(provider.parse(notification.body), catalogue.load(), is_live=False)
        assert event is not None
        found.append(event)
    return tuple(found)


@pytest.mark.parametrize("story", [story.name for story in stories()])
def test_each_event_of_a_story_again_is_one_round_trip_and_no_write(story: str) -> None:
    """At once, and when the story is over. Only a payment's is a transaction, which its receipt refuses."""
    store = Counted()
    known = {}
    for event in events(story):
        (first,) = record_events(store, event, now=LATER)
        known[event.event_id] = first.outcome
        again(store, event, first.outcome)
    for event in events(story):
        if known[event.event_id] not in NO_ROUND_TRIP_BUDGET:
            again(store, event, known[event.event_id])
    assert known


def again(store: Counted, event: Event, outcome: RecordOutcome) -> None:
    """Record the event again."""
    store.round_trips, writes = 0, len(store.written)
    store.refused = []
    (result,) = record_events(store, event, now=LATER)
    is_parked = outcome in NO_ROUND_TRIP_BUDGET
    assert result.outcome is (outcome if is_parked else RecordOutcome.ALREADY_BOOKED)
    assert len(store.written) == writes
    assert is_parked or store.round_trips == 1
    assert not store.refused or event.payment
