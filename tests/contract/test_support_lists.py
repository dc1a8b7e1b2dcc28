"""What support lists: open disputes by their deadline, suspended accounts, decided cases. Of every store alike."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from itertools import permutations
from typing import TypeVar

import pytest

from ledger.domain.disputes import Awaits
from ledger.domain.facts import ChargebackChanged, ChargebackState, DisputeChanged, DisputeState, EvidenceState, Fact
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.refund_cases import CaseState, DecidedList, DecisionOutcome, RefundCase, RefundReason, StateChange
from ledger.domain.texts import text
from ledger.dynamodb import items, keys
from ledger.dynamodb.store import DynamoDBStore
from ledger.ports.commit import Commit, DocumentChange
from ledger.ports.documents import case_key
from ledger.ports.reads import Page
from ledger.ports.store import Store
from ledger.usecases.holds import place_hold
from ledger.usecases.refund_cases.decide_case import ReviewDecision
from tools.testing.builders import (
    ADA,
    CH,
    PI,
    POLICY,
    at,
    dispute,
    event_of,
    paid,
    payment,
    record_events,
    refund_claim,
    request_refund,
)
from tools.testing.fakes import FakeStore
from tools.testing.unguarded import decide_case, lift_hold

_T = TypeVar("_T")
BOB = AccountId("acct_bob")


def told(
    name: str, due_at: datetime | None, evidence: EvidenceState = EvidenceState.NONE, *, minute: float = 20
) -> DisputeChanged:
    """A dispute with a deadline."""
    return replace(dispute(dispute_id=name, minute=minute), evidence_due_at=due_at, evidence=evidence)


def buys(store: Store, name: str) -> PaymentId:
    """Another payment of Ada's."""
    payment_id = PaymentId(f"stripe:pi_{name}")
    record_events(store, paid(payment(payment_id)))
    return payment_id


def all_of(read: Callable[[str | None], Page[_T]]) -> list[_T]:
    """Everything of a list, page by page."""
    page = read(None)
    found = [*page.items]
    while page.next:
        page = read(page.next)
        found += page.items
    return found


def listed(store: Store, awaits: Awaits, limit: int = 50) -> list[str]:
    """The payments in a list of disputes."""
    return [one.payment_id for one in all_of(lambda after: store.open_disputes(awaits, limit, after))]


def suspended(store: Store, limit: int = 50) -> list[str]:
    """The accounts in the list of the suspended ones."""
    return [one.account_id for one in all_of(lambda after: store.suspended_accounts(limit, after))]


@pytest.mark.parametrize("limit", [1, 2, 50])
def test_disputes_come_by_their_deadline_and_what_was_handed_in_is_the_banks(any_store: Store, limit: int) -> None:
    """One without a deadline comes last. With the bank, the latest comes first; what is decided is in no list."""
    names = ("far", "near", "unknown", "answered", "older", "lost")
    far, near, unknown, answered, older, lost = (buys(any_store, name) for name in names)
    for payment_id, fact in {
        far: told("dp_1", at(900)),
        near: told("dp_2", at(90), EvidenceState.DRAFT),
        unknown: told("dp_3", None),
        answered: told("dp_4", at(50), EvidenceState.SUBMITTED),
        older: replace(told("dp_5", at(40), EvidenceState.SUBMITTED), opened_at=at(5)),
        lost: dispute(DisputeState.LOST, dispute_id="dp_6"),
    }.items():
        record_events(any_store, event_of(fact, names=(payment_id,)))
    assert listed(any_store, Awaits.EVIDENCE, limit) == [near, far, unknown]
    assert listed(any_store, Awaits.BANK, limit) == [answered, older]


def test_a_dispute_moves_with_its_newest_word_in_any_order(any_store: Store) -> None:
    """And leaves the lists when it is decided, also if a late event still calls it open."""
    opened = told("dp_1", at(90))
    answered = told("dp_1", at(90), EvidenceState.SUBMITTED, minute=30)
    won = replace(answered, state=DisputeState.WON, at=at(40))
    for number, words in enumerate(permutations((opened, answered, won))):
        payment_id = buys(any_store, str(number))
        for word in words:
            record_events(any_store, event_of(replace(word, dispute_id=f"dp_{number}"), names=(payment_id,)))
    payment_id = buys(any_store, "last")
    record_events(any_store, event_of(answered, names=(payment_id,)), event_of(opened, names=(payment_id,)))
    assert listed(any_store, Awaits.EVIDENCE) == []
    assert listed(any_store, Awaits.BANK) == [payment_id]


def test_a_dispute_whose_payment_is_not_known_is_listed_and_moves_with_it(any_store: Store) -> None:
    """Its deadline does not wait. Under a charge's id it is listed there, until the link is received."""
    record_events(any_store, event_of(told("dp_1", at(90)), names=(CH,)))
    (waiting,) = any_store.open_disputes(Awaits.EVIDENCE, 5).items
    assert (waiting.payment_id, waiting.account_id) == (CH, None)
    record_events(any_store, paid(), event_of(names=(PI, CH)))
    (known,) = any_store.open_disputes(Awaits.EVIDENCE, 5).items
    assert (known.payment_id, known.account_id) == (PI, ADA)


@pytest.mark.parametrize("is_over", [False, True])
def test_a_chargeback_is_listed_until_it_is_over_or_a_person_has_settled_it(any_store: Store, *, is_over: bool) -> None:
    """A merchant of record answers. It stands for ever, so that whoever lifts its hold takes it off the list."""
    sale = PaymentId("paddle:txn_1")
    record_events(any_store, paid(payment(sale)))
    row = ChargebackChanged(
        adjustment_id="adj_1",
        kind="chargeback",
        is_reversal=False,
        state=ChargebackState.TAKEN,
        amount_minor=2000,
        currency="USD",
        created_at=at(20),
        at=at(20),
        cause="paddle:evt",
    )
    record_events(any_store, event_of(row, names=(sale,)))
    assert (listed(any_store, Awaits.BANK), suspended(any_store)) == ([sale], [ADA])
    if is_over:
        reversal: Fact = replace(row, adjustment_id="adj_2", is_reversal=True, created_at=at(60), at=at(60))
        record_events(any_store, event_of(reversal, names=(sale,)))
    else:
        assert lift_hold(f"dispute:{sale}:chargeback", ADA, "sam", any_store, why="Settled.", now=at(60))
    assert (listed(any_store, Awaits.BANK), suspended(any_store)) == ([], [])


@pytest.mark.parametrize("limit", [1, 50])
def test_who_was_suspended_last_comes_first_until_no_hold_is_left(any_store: Store, limit: int) -> None:
    """By the oldest hold, whoever placed it."""
    record_events(any_store, paid(), paid(payment(PaymentId("stripe:pi_bob"), account_id=BOB)))
    assert suspended(any_store, limit) == []
    place_hold("support:x", BOB, "sam", any_store, why="A stolen card.", now=at(30))
    record_events(any_store, event_of(dispute(minute=40)))
    assert suspended(any_store, limit) == [BOB, ADA]  # Ada's dispute was opened before
    place_hold("support:y", ADA, "sam", any_store, why="A stolen card.", now=at(50))
    assert suspended(any_store, limit) == [BOB, ADA]
    record_events(any_store, event_of(dispute(DisputeState.WON, minute=60)))
    assert suspended(any_store, limit) == [ADA, BOB]
    lift_hold("support:y", ADA, "sam", any_store, why="We erred.", now=at(70))
    lift_hold("support:x", BOB, "sam", any_store, why="We erred.", now=at(70))
    assert suspended(any_store, limit) == []


DECLINE = ReviewDecision(outcome=DecisionOutcome.DECLINE, words=("No.",), clause="6")
GIVE = ReviewDecision(outcome=DecisionOutcome.REPLACE, words=("As an exception.",), clause="6", credits=10)


LONG_AFTER = 60 * 24 * 500
"""Minutes: until then the law may give the right to withdraw from a payment without an order."""


def requested(store: Store, name: str, reason: RefundReason, minute: float, owner: AccountId = ADA) -> RefundCase:
    """A request for the money of a payment of its own, after more than a year. The policy declines a change of mind."""
    payment_id = PaymentId(f"stripe:pi_{name}")
    record_events(store, paid(payment(payment_id, account_id=owner)))
    claim = refund_claim(reason, payment_id=payment_id, account_id=owner, key=f"key_{name}")
    return request_refund(store, claim, minute=LONG_AFTER + minute)


def decided(store: Store, name: DecidedList, limit: int = 50) -> list[str]:
    """The payments of the cases in a list of decided ones."""
    return [one.payment_id for one in all_of(lambda after: store.decided_cases(name, limit, after))]


@pytest.mark.parametrize("limit", [1, 2, 50])
def test_decided_cases_come_by_their_decision_the_latest_first(any_store: Store, limit: int) -> None:
    """Those that the policy declined apart: a person can overturn them, and then they are among the others."""
    awkward = AccountId("acct#of#hashes")
    first = requested(any_store, "first", RefundReason.CHANGED_MY_MIND, 60)
    second = requested(any_store, "second", RefundReason.CHANGED_MY_MIND, 61, awkward)
    third = requested(any_store, "third", RefundReason.CHANGED_MY_MIND, 61, BOB)
    waits = requested(any_store, "waits", RefundReason.TECHNICAL_PROBLEM, 62)
    by_person = requested(any_store, "person", RefundReason.TECHNICAL_PROBLEM, 20)
    decide_case(by_person.case_id, DECLINE, "sam", any_store, POLICY, now=at(LONG_AFTER + 70))
    declined = decided(any_store, DecidedList.DECLINED_BY_POLICY, limit)
    assert (set(declined[:2]), declined[2:]) == ({second.payment_id, third.payment_id}, [first.payment_id])
    assert decided(any_store, DecidedList.OTHERS, limit) == [by_person.payment_id]
    decide_case(second.case_id, GIVE, "sam", any_store, POLICY, now=at(LONG_AFTER + 80), may_overturn=True)
    assert decided(any_store, DecidedList.DECLINED_BY_POLICY, limit) == [third.payment_id, first.payment_id]
    assert decided(any_store, DecidedList.OTHERS, limit) == [second.payment_id, by_person.payment_id]
    assert waits.payment_id not in decided(any_store, DecidedList.OTHERS)


@pytest.mark.parametrize("state", [CaseState.APPROVED, CaseState.ISSUED, CaseState.REFUNDED, CaseState.REPLACED])
def test_a_decided_case_keeps_its_place_whatever_happens_afterwards(any_store: Store, state: CaseState) -> None:
    """The list is in the order of the decisions. What was decided first may move last."""
    for number, name in enumerate(("first", "second", "third")):
        requested(any_store, name, RefundReason.CHANGED_MY_MIND, 60 + number)
    cases = all_of(lambda after: any_store.decided_cases(DecidedList.DECLINED_BY_POLICY, 50, after))
    for number, case in enumerate(cases):
        step = StateChange(
            at=at(LONG_AFTER + 90 + number), from_state=case.state, to_state=state, cause=text("case.sent"), actor="sam"
        )
        moved = replace(case, state=state, decided_by="sam", history=(*case.history, step))
        change = DocumentChange(case_key(case.account_id, case.case_id), moved, replaces=case.version)
        assert any_store.commit(Commit(documents=(change,))) is None
    assert decided(any_store, DecidedList.OTHERS, 1) == [one.payment_id for one in cases]


def test_a_case_that_is_in_review_again_has_no_place_among_the_decided(real_store: DynamoDBStore) -> None:
    """As when its refund could not be sent: nothing of the place stays in the item, which the index would follow."""
    requested(real_store, "first", RefundReason.CHANGED_MY_MIND, 60)
    (case,) = real_store.decided_cases(DecidedList.DECLINED_BY_POLICY, 50).items
    key = case_key(case.account_id, case.case_id)
    again = replace(case, state=CaseState.IN_REVIEW)
    assert real_store.commit(Commit(documents=(DocumentChange(key, again, replaces=case.version),))) is None
    (item,) = [item for item in real_store.scan() if keys.primary_key(item) == keys.document_key(key)]
    assert not item.keys() & items.LISTED
    assert decided(real_store, DecidedList.DECLINED_BY_POLICY) == []


def test_what_a_lagging_index_still_lists_is_left_out() -> None:
    """A row says where to look; what is there decides."""
    store = FakeStore()
    record_events(store, paid(), event_of(told("dp_1", at(90))))
    store.is_lagging = True
    store.catch_up()
    record_events(store, event_of(replace(dispute(DisputeState.WON), at=at(40))))
    assert (listed(store, Awaits.EVIDENCE), suspended(store)) == ([], [])
