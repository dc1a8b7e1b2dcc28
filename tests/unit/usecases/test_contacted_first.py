"""Who wrote to us about a payment before it was disputed is flagged instead of suspended, where a setting says so."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import permutations

import pytest

from ledger.domain.disputes import disputed
from ledger.domain.facts import ChargebackChanged, ChargebackState, CustomerWrote, DisputeState, Fact, MoneyLinked
from ledger.domain.ids import PaymentId
from ledger.domain.purchases import Purchase
from ledger.domain.refund_cases import RefundReason
from ledger.policy.parameters import PolicyParameters
from ledger.ports.commit import Commit, Refusal
from ledger.usecases.open_disputes import open_disputes_of
from ledger.usecases.refund_cases.follow_refunds import follow
from ledger.usecases.refund_cases.open_case import open_case
from tools.testing.builders import (
    ADA,
    PI,
    POLICY,
    at,
    dispute,
    event_of,
    paid,
    payment,
    record_events,
    refund_claim,
)
from tools.testing.fakes import FakeStore, world
from tools.verify import check

ON = replace(POLICY, contacted_first_from=at(0))
CLAIM = refund_claim(RefundReason.TECHNICAL_PROBLEM)
HOLD, FLAG = "dispute:stripe:dp_1", "contacted_first:stripe:dp_1"


def marks(store: FakeStore) -> tuple[set[str], set[str]]:
    """The holds and the flags of the account."""
    account = world(store).accounts[ADA]
    return set(account.holds), set(account.flags)


def opened(*, minute: float, policy: PolicyParameters = ON, asked: float | None = None, is_first: bool) -> FakeStore:
    """A case and a dispute that opened at minute 20, received in this order."""
    store = FakeStore()
    record_events(store, paid(), now=at(1))
    claim = replace(CLAIM, asked_at=at(asked)) if asked is not None else CLAIM
    acts: list[Callable[[], object]] = [
        lambda: open_case(claim, store, policy, now=at(minute)),
        lambda: record_events(store, event_of(dispute()), now=at(40)),
    ]
    for act in acts if is_first else reversed(acts):
        act()
    follow(PI, store, now=at(50))
    assert not [one for one in check(world(store)) if one.broken]
    return store


def opened_store() -> FakeStore:
    """A payment."""
    store = FakeStore()
    record_events(store, paid(), now=at(1))
    return store


@pytest.mark.parametrize("is_first", [True, False], ids=["case first", "dispute first"])
def test_who_wrote_before_the_dispute_is_flagged_and_not_held(*, is_first: bool) -> None:
    """Whichever is received first: a letter that support enters later counts from when it was sent."""
    holds, flags = marks(opened(minute=19 if is_first else 50, asked=19, is_first=is_first))
    assert (holds, flags) == (set(), {FLAG})


@pytest.mark.parametrize("late_s", [0, 0.4, 0.999999])
@pytest.mark.parametrize("is_first", [True, False], ids=["case first", "dispute first"])
def test_who_wrote_within_the_second_of_the_dispute_is_not_held(late_s: float, *, is_first: bool) -> None:
    """The provider's clock has whole seconds: nobody knows which came first."""
    store = opened(minute=20 + late_s / 60, is_first=is_first)
    assert marks(store) == (set(), {FLAG})


def test_the_queue_of_cases_counts_that_second_too() -> None:
    """The place in the queue and the mark on the case's page are asked of the case."""
    case = open_case(CLAIM, opened_store(), ON, now=at(20) + timedelta(seconds=0.9))
    assert case.wrote_before(at(20))
    assert not case.wrote_before(at(20) - timedelta(seconds=1))
    assert not case.wrote_before(None)


@pytest.mark.parametrize(
    ("policy", "minute", "asked"),
    [
        (POLICY, 19, None),
        (ON, 20 + 1 / 60, None),
        (ON, 21, None),
        (replace(POLICY, contacted_first_from=at(19.5)), 19, None),
        (replace(POLICY, contacted_first_from=at(15)), 19, 14),
    ],
    ids=["off", "a second later", "a minute later", "before the day of the setting", "entered after that day"],
)
@pytest.mark.parametrize("is_first", [True, False], ids=["case first", "dispute first"])
def test_whoever_else_is_held(policy: PolicyParameters, minute: float, asked: float | None, *, is_first: bool) -> None:
    """The setting is off, or did not count yet when it was written; or the dispute was there before."""
    holds, flags = marks(opened(minute=minute, policy=policy, asked=asked, is_first=is_first))
    assert (holds, flags) == ({HOLD}, set())


@pytest.mark.parametrize(
    ("reported", "mark"),
    [(DisputeState.INQUIRY, "inquiry:stripe:dp_1"), (DisputeState.OPEN, FLAG), (DisputeState.OPEN, HOLD)],
    ids=["an inquiry", "flagged", "held"],
)
def test_an_open_dispute_is_listed_whether_its_account_is_held_or_flagged(reported: DisputeState, mark: str) -> None:
    """Whoever was not suspended has a dispute all the same, which needs its evidence in time."""
    store = FakeStore()
    record_events(store, paid(), now=at(1))
    if mark == FLAG:
        open_case(replace(CLAIM, asked_at=at(19)), store, ON, now=at(19))
    record_events(store, event_of(dispute(reported)), now=at(40))
    holds, flags = marks(store)
    assert mark in holds | flags
    assert [one.dispute_id for one in open_disputes_of(world(store).accounts[ADA], store)] == ["dp_1"]


def test_a_withdrawal_that_is_only_declared_counts_too() -> None:
    """What is written counts, not what becomes of it."""
    store = FakeStore()
    record_events(store, paid(), event_of(dispute()), now=at(21))
    declared = replace(refund_claim(RefundReason.WITHDRAWAL, is_declaration=True), asked_at=at(3))
    open_case(declared, store, ON, now=at(22))
    assert marks(store) == (set(), {FLAG})
    assert not [one for one in check(world(store)) if one.broken]


WROTE = CustomerWrote(case_id="case_1", at=at(5), cause="case:case_1")
CHARGEBACK = ChargebackChanged(
    adjustment_id="adj_1",
    kind="chargeback",
    state=ChargebackState.TAKEN,
    is_reversal=False,
    amount_minor=2000,
    currency="USD",
    created_at=at(20),
    at=at(20),
    cause="c",
)


@pytest.mark.parametrize(
    ("facts", "flag"),
    [
        ((payment(), WROTE, dispute(), dispute(DisputeState.LOST, minute=30)), FLAG),
        ((payment(), WROTE, dispute(), dispute(DisputeState.WON, minute=30)), None),
        ((payment(), WROTE, dispute(DisputeState.INQUIRY)), None),
        ((payment(), WROTE, CHARGEBACK), f"contacted_first:{PI}:chargeback"),
    ],
    ids=["lost", "won", "inquiry", "chargeback"],
)
def test_facts_in_any_order_end_in_the_same_marks(facts: tuple[Fact, ...], flag: str | None) -> None:
    """The flag lasts as long as the hold would. The credits are frozen, or taken back, all the same."""
    without = disputed(Purchase(payment_id=PI).with_facts(*(one for one in facts if one is not WROTE)).facts, PI)
    for order in permutations(facts):
        found = disputed(Purchase(payment_id=PI).with_facts(*order).facts, PI)
        assert not found.holds
        assert {name for name in found.flags if name.startswith("contacted_first:")} == ({flag} if flag else set())
        assert (found.is_frozen, found.lost, found.contested) == (without.is_frozen, without.lost, without.contested)
        assert bool(without.holds) is (flag is not None)


@pytest.mark.parametrize(
    "taken", [replace(dispute(), opened_at=at(4)), replace(CHARGEBACK, created_at=at(4))], ids=["card", "chargeback"]
)
def test_who_writes_after_the_dispute_excuses_nothing(taken: Fact) -> None:
    """The hold stays, and there is no mark."""
    found = disputed(Purchase(payment_id=PI).with_facts(payment(), WROTE, taken).facts, PI)
    assert len([name for name, since in found.holds.items() if since]) == 1
    assert [name for name, since in found.flags.items() if since and name.startswith("contacted")] == []


def test_the_hold_of_shared_money_stays() -> None:
    """The other sales that the money paid derive it too, and nobody wrote about those."""
    charge = PaymentId("stripe:ch_9")
    link = MoneyLinked(money_id=charge, sale_id=PI, amount_minor=2000, at=at(1), cause="c")
    other = MoneyLinked(money_id=charge, sale_id=PaymentId("stripe:in_2"), amount_minor=1, at=at(1), cause="c")
    shared = replace(dispute(), money_id=charge)
    found = disputed(Purchase(payment_id=PI).with_facts(payment(), link, other, WROTE, shared).facts, PI)
    assert (set(found.holds), [name for name in found.flags if name.startswith("contacted")]) == ({HOLD}, [])


@pytest.mark.parametrize("reason", [RefundReason.TECHNICAL_PROBLEM, RefundReason.UNRECOGNISED_CHARGE])
@pytest.mark.parametrize("policy", [ON, replace(POLICY, contacted_first_from=None)], ids=["on", "off"])
def test_a_case_is_opened_about_the_purchase_as_it_was_read(policy: PolicyParameters, reason: RefundReason) -> None:
    """Also if nothing of it changes: what is reported meanwhile may decide otherwise, and opens the case anew."""

    class Overtaken(FakeStore):
        """A store in which a dispute is reported between the read and the write of a case."""

        is_armed = False

        def commit(self, commit: Commit) -> Refusal | None:
            if self.is_armed and commit.purchases:
                self.is_armed = False
                record_events(self, event_of(dispute(minute=20)), now=at(20))
            return super().commit(commit)

    store = Overtaken()
    record_events(store, paid(), now=at(1))
    store.is_armed = True
    case = open_case(refund_claim(reason), store, policy, now=at(30))
    assert not store.is_armed, "the purchase is a part of the write"
    decision = case.decision
    assert decision
    assert decision.rule == "open_dispute"
