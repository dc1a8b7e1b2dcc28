"""What each round of a job takes up: how far back it looks, how often, and what it removes from its list."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ledger.domain.errors import StoreUnavailable, UnreadableItem
from ledger.domain.events import Event
from ledger.domain.facts import RefundState
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.receipts import ParkReason, Receipt, RecordOutcome, Trigger
from ledger.domain.refund_cases import CaseState, QueuedCase, RefundCase, RefundReason
from ledger.dynamodb import keys
from ledger.ports.commit import Commit, DocumentChange, Refusal
from ledger.ports.documents import JobCursor, case_key, deferred_queue_key
from ledger.ports.reads import ParkedName
from ledger.ports.store import Store
from ledger.usecases import plan_booking
from ledger.usecases.progress import read_cursor
from ledger.usecases.record_event import release_parked
from ledger.usecases.refund_cases.cases import read_case
from ledger.usecases.refund_cases.follow_refunds import follow
from ledger.usecases.release_parked import release_receipts
from ledger.usecases.send_refunds import send_refund
from ledger.usecases.sweep import Pace
from tests.contract.test_cases import HALF, INSTEAD
from tools.testing.builders import (
    ADA,
    LATER,
    NOON,
    PI,
    POLICY,
    at,
    event_of,
    paid,
    payment,
    record_events,
    refund_claim,
    request_refund,
)
from tools.testing.fakes import FakeProvider, FakeStore
from tools.testing.unguarded import Unwatched, decide_case, decide_deferred, follow_all, release_all

SECOND = PaymentId("stripe:pi_2")


def hour_of(key: keys.Key, after: datetime) -> datetime:
    """The first time from then on at which an item has its turn of the day."""
    times = (after + timedelta(hours=hour) for hour in range(24))
    return next(moment for moment in times if moment.hour == keys.shard_of(key))


@pytest.mark.parametrize(("days", "is_followed"), [(88, True), (92, False)])
def test_a_refund_that_has_ended_is_followed_for_ninety_days(days: int, is_followed: bool) -> None:
    """A bank may send it back weeks later, and the stream may not have told."""
    store, provider = FakeStore(), FakeProvider()
    record_events(store, paid())
    case = decide_case(request_refund(store, refund_claim()).case_id, HALF, "sam", store, POLICY, now=at(70), key=None)
    send_refund(case.tag, store, lambda _: provider, clock=lambda: at(80))
    record_events(store, event_of(provider.move_refund_to(RefundState.SUCCEEDED), names=(PI,)))
    follow(PI, store, now=at(90))
    record_events(store, event_of(provider.move_refund_to(RefundState.FAILED), names=(PI,)))
    followed = follow_all(
        store, now=hour_of(keys.document_key(case_key(ADA, case.case_id)), at(90) + timedelta(days=days))
    )
    assert [one.case_id for one in followed] == ([case.case_id] if is_followed else [])


def test_many_refunds_under_way_delay_none_that_has_ended() -> None:
    """They have their turn in each round. One that the bank sent back has it once a day: it must not miss that."""
    store, provider = FakeStore(), FakeProvider()
    names = [PI, *(PaymentId(f"stripe:pi_{number}") for number in range(10, 15))]
    for name in names:
        record_events(store, paid(payment(name)))
        case = request_refund(store, refund_claim(payment_id=name, key=name))
        decide_case(case.case_id, HALF, "sam", store, POLICY, now=at(70), key=None)
    ended = next(case for case in store.cases_of(ADA, 50).items if case.payment_id == PI)
    send_refund(ended.tag, store, lambda _: provider, clock=lambda: at(80))
    record_events(store, event_of(provider.move_refund_to(RefundState.SUCCEEDED), names=(PI,)))
    follow(PI, store, now=at(90))
    record_events(store, event_of(provider.move_refund_to(RefundState.FAILED), names=(PI,)))
    now = hour_of(keys.document_key(case_key(ADA, ended.case_id)), at(90))
    assert [one.case_id for one in follow_all(store, watch=Limited(2), now=now)] == [ended.case_id]


def test_a_round_follows_no_more_cases_than_its_pace_allows_and_the_next_goes_on() -> None:
    """Each is followed once."""
    store, provider = FakeStore(), FakeProvider()
    for number in range(10, 13):
        record_events(store, paid(payment(PaymentId(f"stripe:pi_{number}"))))
        case = request_refund(store, refund_claim(payment_id=PaymentId(f"stripe:pi_{number}"), key=str(number)))
        tag = decide_case(case.case_id, HALF, "sam", store, POLICY, now=at(70), key=None).tag
        send_refund(tag, store, lambda _: provider, clock=lambda: at(80))
        names = (PaymentId(f"stripe:pi_{number}"),)
        record_events(store, event_of(provider.move_refund_to(RefundState.SUCCEEDED), names=names))
    assert [len(follow_all(store, now=at(90), pace=Pace(most=2))) for _ in range(3)] == [2, 1, 0]


def test_each_case_that_is_replaced_gives_its_credits() -> None:
    """Two cases of one account are two grants of goodwill."""
    store = FakeStore()
    record_events(store, paid(), paid(payment(SECOND)))
    for name in (PI, SECOND):
        case = request_refund(store, refund_claim(payment_id=name, key=name))
        decide_case(case.case_id, INSTEAD, "sam", store, POLICY, now=at(70))
    assert store.accounts[ADA].spendable(at(80)) == 2500


def test_a_deferred_case_that_was_decided_otherwise_leaves_the_list() -> None:
    """It is decided no second time, and no later round reads it again."""
    store = FakeStore()
    record_events(store, paid())
    case = request_refund(store, refund_claim())
    decided = decide_case(case.case_id, HALF, "sam", store, POLICY, now=at(70))
    queued = QueuedCase(case_id=case.case_id, account_id=ADA, since=at(60))
    store.commit(Commit(documents=(DocumentChange(deferred_queue_key(case), queued),)))
    assert decide_deferred(store, POLICY, now=at(80)) == []
    assert list(store.deferred_cases()) == []
    assert read_case(ADA, case.case_id, store) == replace(decided, version=decided.version + 1)
    assert decided.state is CaseState.APPROVED
    assert case_key(ADA, case.case_id) in store.documents


def parked(number: int, received_at: datetime, reason: ParkReason) -> Receipt:
    """A receipt that waits since then."""
    return Receipt(
        provider="stripe",
        event_id=f"evt_{number}",
        event_type="invoice.paid",
        occurred_at=NOON,
        received_at=received_at,
        outcome=RecordOutcome.PARKED,
        body_sha256="0" * 64,
        correlation_id=f"stripe:evt_{number}",
        customer_id="stripe:cus_1",
        parked_reason=reason,
        body=b"{}",
    )


def tried(store: Store, now: datetime) -> set[str]:
    """The ids of the events that a round tries. None of them can be booked."""
    found: list[str] = []

    def translate(receipt: Receipt) -> Event | None:
        found.append(receipt.event_id)
        return None

    release_all(translate, "this deployment", store, now=now)
    return set(found)


def test_a_round_tries_what_came_since_the_last_one_and_waits_of_a_day_in_each() -> None:
    """What waits for facts may find them any time on its first day; what waits for a deployment, only after one."""
    store = FakeStore()
    ages = {1: timedelta(minutes=5), 2: timedelta(minutes=15), 3: timedelta(hours=20), 4: timedelta(hours=28)}
    turns = {keys.shard_of(keys.receipt_key("stripe", f"evt_{number}", "stripe:cus_1")) for number in range(9)}
    now = next(moment for hour in range(24) if (moment := LATER + timedelta(hours=hour)).hour not in turns)
    for number, age in ages.items():
        store.commit(Commit(receipt=parked(number, now - age, ParkReason.NO_ACCOUNT)))
        store.commit(Commit(receipt=parked(4 + number, now - age, ParkReason.UNKNOWN_PRICE)))
    assert ParkReason.NO_ACCOUNT.trigger is Trigger.FACTS
    assert tried(store, now) == {f"evt_{number}" for number in range(1, 9)}, "a new deployment tries all"
    assert tried(store, now + timedelta(minutes=4)) == {"evt_1", "evt_2", "evt_3", "evt_5"}


_GIVEN = r"NotBookable\(\s*ParkReason\.([A-Z_]+)"


def test_what_the_ledger_lacks_waits_for_facts_and_for_no_deployment() -> None:
    """A reason that a use-case gives depends on what is stored, not on the translation alone."""
    sources = Path(plan_booking.__file__).parents[1].rglob("*.py")
    given = {name for source in sources for name in re.findall(_GIVEN, source.read_text("utf-8"))}
    assert {"NO_ACCOUNT", "ORDER_MISMATCH", "UNKNOWN_ORIGIN"} <= given
    assert [name for name in sorted(given) if ParkReason[name].trigger is not Trigger.FACTS] == []
    assert ParkReason.UNEXPECTED_CHARGE.trigger is Trigger.FACTS, "the session of the same payment may grant it later"


@pytest.mark.parametrize("has_body", [True, False])
def test_what_can_not_be_translated_stays_parked_as_it_is(has_body: bool) -> None:
    """Neither without its body nor by a translator that has no event for it."""
    store = FakeStore()
    receipt = replace(parked(1, NOON, ParkReason.NO_ACCOUNT), body=b"{}" if has_body else None)
    store.commit(Commit(receipt=receipt))
    result = release_parked(receipt, lambda _: None if has_body else paid(), store, LATER)
    assert (result.outcome, result.parked_reason) == (RecordOutcome.PARKED, ParkReason.NO_ACCOUNT)
    assert list(store.parked_receipts()) == [receipt]
    assert store.accounts == {}


class Tries:
    """The rounds of `release_parked` over events that can't be booked, and what each of them tried."""

    def __init__(self, *receipts: Receipt, store: FakeStore | None = None) -> None:
        self.store = store or FakeStore()
        self.failing: dict[str, Exception] = {}
        self.tried: list[str] = []
        for receipt in receipts:
            self.store.commit(Commit(receipt=receipt))

    def __call__(
        self, now: datetime, *, time_for: int = 1000, most: int | None = None, deployment: str = "this deployment"
    ) -> list[str]:
        self.tried = []
        watch = Limited(time_for)
        release_all(self._translate, deployment, self.store, watch=watch, now=now, pace=Pace(most=most))
        return self.tried

    def _translate(self, receipt: Receipt) -> Event | None:
        self.tried.append(receipt.event_id)
        if error := self.failing.get(receipt.event_id):
            raise error
        return None

    @property
    def cursor(self) -> JobCursor:
        """The job's progress, as it is stored."""
        return read_cursor("release_parked", self.store)


def test_a_customers_events_are_released_in_the_order_in_which_they_happened() -> None:
    """Not in that in which they were received; those of one instant by their ids."""
    store = FakeStore()
    tried: list[str] = []
    received = [parked(number, LATER + timedelta(minutes=9 - number), ParkReason.NO_ACCOUNT) for number in range(4)]
    happened = [replace(one, occurred_at=at(minute)) for one, minute in zip(received, (7, 5, 5, 3), strict=True)]

    def translate(receipt: Receipt) -> None:
        tried.append(receipt.event_id)

    for receipt in happened:
        store.commit(Commit(receipt=receipt))
    release_receipts(reversed(happened), translate, store, Unwatched(), now=LATER)
    assert tried == ["evt_3", "evt_1", "evt_2", "evt_0"]


class Limited(Unwatched):
    """A watch that has time for so many items."""

    def __init__(self, time_for: int) -> None:
        self._time_for = time_for

    def has_time(self) -> bool:
        self._time_for -= 1
        return self._time_for >= 0


def of_a_day(number: int, reason: ParkReason) -> list[Receipt]:
    """Receipts that were parked one minute after the other, half a day ago."""
    return [parked(n, LATER - timedelta(hours=12) + timedelta(minutes=n), reason) for n in range(1, 1 + number)]


@pytest.mark.parametrize("bounds", [{"time_for": 2}, {"most": 2}])
def test_a_new_deployment_tries_each_event_once_however_many_rounds_it_takes(bounds: dict[str, Any]) -> None:
    """Each round goes on where the one before stopped, also among those that were received at one instant."""
    received_at = LATER - timedelta(hours=12)
    tries = Tries(*(parked(number, received_at, ParkReason.UNKNOWN_PRICE) for number in range(5)))
    rounds = [tries(LATER + timedelta(hours=hour), **bounds) for hour in range(4)]
    assert rounds == [["evt_0", "evt_1"], ["evt_2", "evt_3"], ["evt_4"], []]


def test_events_of_all_lists_are_tried_oldest_first_and_none_is_passed_over() -> None:
    """Those of muted kinds and the others: a round that is cut goes on behind the one that it tried last."""
    receipts = of_a_day(6, ParkReason.UNKNOWN_PRICE)
    muted = [replace(one, muted_by="mute_1") if number % 2 else one for number, one in enumerate(receipts)]
    tries = Tries(*muted)
    rounds = [tries(LATER + timedelta(hours=hour), most=1) for hour in range(7)]
    assert rounds == [[f"evt_{number}"] for number in range(1, 7)] + [[]]


def test_many_events_of_a_new_deployment_delay_none_that_waits_for_facts() -> None:
    """The two kinds of work take turns."""
    tries = Tries(parked(9, LATER - timedelta(hours=1), ParkReason.NO_ACCOUNT))
    tries(LATER)
    for receipt in of_a_day(5, ParkReason.UNKNOWN_PRICE):
        tries.store.commit(Commit(receipt=receipt))
    rounds = [tries(LATER + timedelta(hours=hour), deployment="the next", most=2) for hour in range(1, 5)]
    assert [sorted(tried) for tried in rounds] == [
        ["evt_1", "evt_2", "evt_9"],
        ["evt_3", "evt_4", "evt_9"],
        ["evt_5", "evt_9"],
        ["evt_9"],
    ]


@pytest.mark.parametrize("error", [StoreUnavailable("throttled"), KeyError("a mistake of ours")])
def test_an_event_that_fails_for_ever_holds_up_no_other_and_is_tried_in_each_round(error: Exception) -> None:
    """The cursor moves past it. When it can be tried at last, no round comes back to it."""
    tries = Tries(*of_a_day(3, ParkReason.UNKNOWN_PRICE))
    tries.failing = {"evt_2": error}
    assert tries(LATER) == ["evt_1", "evt_2", "evt_3"]
    assert tries(LATER + timedelta(hours=1)) == ["evt_2"]
    tries.failing = {}
    assert tries(LATER + timedelta(hours=2)) == ["evt_2"]
    assert tries(LATER + timedelta(hours=3)) == []
    assert tries.cursor.failed == frozenset()


class Unlisted(FakeStore):
    """A store whose index lists so many parked events of a trigger before it fails."""

    lists: int | None = None

    def parked_names(
        self, trigger: Trigger, since: datetime | None = None, *, turn: int | None = None, most: int | None = None
    ) -> Iterator[ParkedName]:
        names = list(super().parked_names(trigger, since, turn=turn, most=most))
        yield from names[: self.lists]
        if self.lists is not None and len(names) > self.lists:
            raise StoreUnavailable("throttled")


@pytest.mark.parametrize("lists", [0, 2])
def test_a_list_of_parked_events_that_fails_halfway_forgets_none(lists: int) -> None:
    """Each is tried once by this deployment, however often the list broke off before it."""
    store, rounds = Unlisted(), []
    tries = Tries(*of_a_day(4, ParkReason.UNKNOWN_PRICE), store=store)
    for hour, store.lists in enumerate((lists, 0, None, None)):
        rounds.append(tries(LATER + timedelta(hours=hour)))
    names = ["evt_1", "evt_2", "evt_3", "evt_4"]
    assert rounds == [names[:lists], [], names[lists:], []]


def test_an_event_that_this_release_can_not_read_waits_for_the_next_one() -> None:
    """No round of this release tries it again."""
    tries = Tries(*of_a_day(2, ParkReason.UNKNOWN_PRICE))
    tries.failing = {"evt_1": UnreadableItem("of a newer release")}
    assert tries(LATER) == ["evt_1", "evt_2"]
    assert tries(LATER + timedelta(hours=1)) == []
    assert tries(LATER + timedelta(hours=2), deployment="the next") == ["evt_1", "evt_2"]


def test_old_events_that_wait_for_facts_have_a_turn_a_day_and_go_on_where_they_stopped() -> None:
    """There are more of them than the rounds of their hour have time for: none is left out for ever."""
    first = parked(0, LATER - timedelta(days=10), ParkReason.NO_ACCOUNT)
    turn = keys.shard_of(keys.receipt_key("stripe", "evt_0", "stripe:cus_1"))
    same = [
        parked(number, LATER - timedelta(days=10) + timedelta(minutes=number), ParkReason.NO_ACCOUNT)
        for number in range(1, 200)
        if keys.shard_of(keys.receipt_key("stripe", f"evt_{number}", "stripe:cus_1")) == turn
    ]
    tries = Tries(first, *same)
    names = [receipt.event_id for receipt in (first, *same)]
    assert tries(LATER) == names, "a new deployment tries all"
    its_hour = LATER.replace(hour=turn) + timedelta(days=1)
    assert tries(its_hour + timedelta(hours=1)) == []
    rounds = [tries(its_hour + timedelta(days=day), time_for=3) for day in range(4)]
    assert [name for tried in rounds for name in tried] == [*names, *names][:12]


def claims_that_wait(store: FakeStore, number: int) -> list[str]:
    """Refund requests that are decided once their settling time is over. Return their cases, the oldest first."""
    cases = []
    for n in range(number):
        name, account_id = PaymentId(f"stripe:pi_{n}"), AccountId(f"acct_{n}")
        record_events(store, paid(payment(name, account_id=account_id, minute=n)))
        claim = refund_claim(RefundReason.CHARGED_TWICE, payment_id=name, account_id=account_id, key=f"k{n}")
        cases.append(request_refund(store, claim, minute=10 + n).case_id)
    assert len(list(store.deferred_cases())) == number
    return cases


class Refuses(FakeStore):
    """A store that can't write some accounts."""

    refused = frozenset({AccountId("acct_0"), AccountId("acct_1")})

    def commit(self, commit: Commit) -> Refusal | None:
        if commit.account and commit.account.account_id in self.refused:
            raise StoreUnavailable("throttled")
        return super().commit(commit)


def test_cases_that_fail_for_ever_and_take_all_the_time_delay_no_other() -> None:
    """They are the oldest: the next round begins behind them, and comes back to them."""
    store = FakeStore()
    cases = claims_that_wait(store, 4)
    failing = Refuses()
    failing.__dict__.update(store.__dict__)
    decided: list[RefundCase | None] = []
    for _ in range(3):
        try:
            decided += decide_deferred(failing, POLICY, watch=Limited(2), now=at(120))
        except StoreUnavailable:
            decided.append(None)
    assert [case and case.case_id for case in decided] == [None, *cases[2:], None]
    failing.refused = frozenset()
    assert [case.case_id for case in decide_deferred(failing, POLICY, now=at(130))] == cases[:2]
    assert list(failing.deferred_cases()) == []


def test_a_refund_under_way_is_followed_in_each_hour_of_its_first_day_and_once_a_day_after_it() -> None:
    """Its webhook and the domain event of it are both expected: the schedule only finds what was lost."""
    store = FakeStore()
    record_events(store, paid())
    case = decide_case(request_refund(store, refund_claim()).case_id, HALF, "sam", store, POLICY, now=at(0))

    class Counted(Unwatched):
        reported: tuple[int, datetime | None] = (0, None)
        turns = 0

        def backlog(self, count: int, oldest_at: datetime | None, *, is_at_least: bool = False) -> None:
            self.reported = (count, oldest_at)
            assert not is_at_least

        def has_time(self) -> bool:
            self.turns += 1
            return True

    def turns(days: int) -> list[int]:
        hours = []
        for hour in range(24):
            watch, now = Counted(), at(30) + timedelta(days=days, hours=hour)
            follow_all(store, watch=watch, now=now)
            assert watch.reported == (1, case.moved_at), "it is reported whether it has its turn or not"
            if watch.turns:
                hours.append(now.hour)
        return hours

    assert len(turns(0)) == 24
    assert len(turns(1)) == len(turns(5)) == 1
