"""Subscriptions: which of several reported states counts, and when the next charge is."""

from dataclasses import replace
from datetime import datetime
from functools import reduce
from itertools import combinations, permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.subscriptions import Subscription, SubscriptionState, SubscriptionStatus
from tools.testing.builders import at

STATUS = SubscriptionStatus
ACTIVE = Subscription(
    subscription_id="stripe:sub_1", status=STATUS.ACTIVE, at=at(0), cause="stripe:evt_0", period_end=at(100)
)


def chain(*states: Subscription) -> list[Subscription]:
    """Events of one instant: each but the first tells the state that it left."""
    events = []
    for number, (before, state) in enumerate(zip((None, *states), states, strict=False)):
        left = before.state_id if before else None
        events.append(replace(state, at=at(1), cause=f"stripe:evt_{number}", left=left))
    return events


def merged(*events: Subscription) -> Subscription:
    """The merge of these events, as they arrive."""
    return reduce(Subscription.merge, events)


def of(*statuses: SubscriptionStatus) -> list[Subscription]:
    """States with these statuses."""
    return [replace(ACTIVE, status=status) for status in statuses]


@pytest.mark.parametrize(
    ("states", "last"),
    [
        (of(STATUS.INCOMPLETE, STATUS.ACTIVE), STATUS.ACTIVE),
        (of(STATUS.ACTIVE, STATUS.PAST_DUE), STATUS.PAST_DUE),
        (of(STATUS.TRIALING, STATUS.ACTIVE, STATUS.PAST_DUE), STATUS.PAST_DUE),
        (of(STATUS.PAST_DUE, STATUS.ACTIVE, STATUS.PAUSED), STATUS.PAUSED),
        (of(STATUS.ACTIVE, STATUS.PAST_DUE, STATUS.UNPAID), STATUS.UNPAID),
    ],
)
def test_of_one_instant_the_state_that_was_entered_last_counts(states: list[Subscription], last: str) -> None:
    """In every order of arrival, and told twice."""
    events = chain(*states)
    for order in permutations(events):
        assert merged(*order).status == last
        assert merged(*order, *order) == merged(*order)


def test_where_no_event_tells_what_it_left_the_rank_decides() -> None:
    """Ended before active before past due; the same in every order."""
    events = [
        replace(state, cause=f"stripe:evt_{number}")
        for number, state in enumerate(of(STATUS.PAST_DUE, STATUS.ACTIVE, STATUS.ENDED))
    ]
    assert {merged(*order).status for order in permutations(events)} == {STATUS.ENDED}
    assert {merged(*order).status for order in permutations(events[:2])} == {STATUS.ACTIVE}


RANKED = (
    *(STATUS.INCOMPLETE, STATUS.INACTIVE, STATUS.UNPAID, STATUS.PAST_DUE),
    *(STATUS.PAUSED, STATUS.TRIALING, STATUS.ACTIVE, STATUS.ENDED),
)


@pytest.mark.parametrize(("lower", "higher"), [*combinations(RANKED, 2)])
def test_of_two_states_that_nothing_links_the_higher_one_counts(
    lower: SubscriptionStatus, higher: SubscriptionStatus
) -> None:
    """Whichever came first, and whatever their events are called."""
    assert {*RANKED} == {*STATUS}
    for causes in permutations(("stripe:evt_1", "stripe:evt_2")):
        events = [replace(state, cause=cause) for state, cause in zip(of(lower, higher), causes, strict=True)]
        assert {merged(*order).status for order in permutations(events)} == {higher}


def test_a_cancellation_that_was_withdrawn_in_the_same_second_is_withdrawn() -> None:
    """Once the state before it is told too."""
    ending = replace(ACTIVE, cancel_at=at(100))
    renewed = replace(ACTIVE, period_end=at(200))
    events = chain(ending, ACTIVE, renewed)
    assert {merged(*order).cancel_at for order in permutations(events)} == {None}


@pytest.mark.parametrize("name", ["period_end", "cancel_at", "pauses_at", "resumes_at", "product_id"])
@pytest.mark.parametrize("is_swapped", [False, True])
def test_states_of_one_instant_that_differ_in_one_field_are_two_states(name: str, *, is_swapped: bool) -> None:
    """Of two changes in one second the second one counts, whichever of the two is larger."""
    contents = ["creator_monthly", "creator_yearly"] if name == "product_id" else [at(200), at(300)]
    first, last = reversed(contents) if is_swapped else contents
    states = [replace(ACTIVE, **{name: content}) for content in (first, last)]  # type: ignore[arg-type]
    assert states[0].state_id != states[1].state_id
    for order in permutations(chain(ACTIVE, *states)):
        assert getattr(merged(*order), name) == last


def test_a_later_state_replaces_all_of_an_instant() -> None:
    """And an older one changes nothing."""
    events = chain(*of(STATUS.ACTIVE, STATUS.PAST_DUE))
    later = replace(ACTIVE, at=at(2), cause="stripe:evt_9")
    assert merged(*events, later) == later
    assert merged(later, *events) is later


@given(
    statuses=st.lists(st.sampled_from(list(STATUS)), min_size=1, max_size=5),
    ends=st.lists(st.sampled_from([at(50), at(100)]), min_size=5, max_size=5),
    tells=st.lists(st.booleans(), min_size=5, max_size=5),
    data=st.data(),
)
def test_every_order_of_arrival_ends_in_the_same_state(
    statuses: list[SubscriptionStatus], ends: list[datetime], tells: list[bool], data: st.DataObject
) -> None:
    """Whatever the events tell, and with repetitions."""
    states = [replace(ACTIVE, status=status, cancel_at=end) for status, end in zip(statuses, ends, strict=False)]
    events = [
        event if is_told else replace(event, left=None) for event, is_told in zip(chain(*states), tells, strict=False)
    ]
    order = data.draw(st.permutations(events + events[:2]))
    assert merged(*order) == merged(*events)


def test_a_chain_without_a_circle_ends_in_its_last_state() -> None:
    """Every chain of different states, each told with what it left."""
    for first, second, third in product(STATUS, repeat=3):
        if len({first, second, third}) == 3:
            assert merged(*reversed(chain(*of(first, second, third)))).status == third


@pytest.mark.parametrize(
    ("state", "renews_at"),
    [
        (ACTIVE, at(100)),
        (replace(ACTIVE, period_end=None), None),
        (replace(ACTIVE, cancel_at=at(100)), None),
        (replace(ACTIVE, cancel_at=at(50)), None),
        (replace(ACTIVE, cancel_at=at(101)), at(100)),
        (replace(ACTIVE, pauses_at=at(100)), None),
        (replace(ACTIVE, pauses_at=at(101)), at(100)),
        (replace(ACTIVE, pauses_at=at(50), resumes_at=at(101)), None),
        (replace(ACTIVE, pauses_at=at(50), resumes_at=at(100)), at(100)),
        *(
            (replace(ACTIVE, status=status), at(100) if status in {"active", "trialing", "past_due"} else None)
            for status in STATUS
        ),
    ],
)
def test_a_renewal_is_promised_only_where_nothing_denies_it(state: Subscription, renews_at: object) -> None:
    """By an end, a pause, or a status in which nothing is charged."""
    assert state.renews_at == renews_at


def test_the_summary_of_an_account_has_the_state_alone() -> None:
    """What the events of its instant reported stands on its own item."""
    both = merged(*chain(*of(STATUS.ACTIVE, STATUS.PAST_DUE)))
    assert both.instant
    assert (both.summary.status, both.summary.instant, both.summary.left) == (STATUS.PAST_DUE, None, None)


@pytest.mark.parametrize("status", [*STATUS, None])
@pytest.mark.parametrize(
    ("cancel_at", "period_end", "is_stopped"),
    [
        (None, at(100), False),
        (None, None, False),
        (at(99), at(100), True),
        (at(100), at(100), True),
        (at(101), at(100), False),
        (at(100), None, True),
    ],
)
def test_renewals_are_stopped_if_it_ends_with_its_period_at_the_latest(
    status: SubscriptionStatus | None, cancel_at: datetime | None, period_end: datetime | None, *, is_stopped: bool
) -> None:
    """A cancellation after the next charge stops nothing yet. What has ended has stopped, and a pause is no end."""
    state = SubscriptionState(
        status=status, cancel_at=cancel_at, period_end=period_end, pauses_at=at(90), resumes_at=at(300)
    )
    assert state.is_stopped is (is_stopped or status is STATUS.ENDED)


def test_of_one_instants_states_the_one_that_is_cancelled_counts() -> None:
    """A pause is no cancellation, nor is the end of a period: nobody is charged who has cancelled."""
    cancelled = replace(ACTIVE, at=at(1), cause="stripe:evt_1", period_end=None, cancel_at=at(50))
    pausing = replace(ACTIVE, at=at(1), cause="stripe:evt_2", pauses_at=at(60))
    for states in permutations((cancelled, pausing)):
        assert merged(*states).cancel_at == at(50)
