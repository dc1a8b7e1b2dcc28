"""While a withdrawal waits for a decision, no credits of its contract are used. What is decided ends that."""

from dataclasses import replace
from threading import Barrier, Thread
from typing import Any

import pytest

from ledger.domain.accounts import Account
from ledger.domain.errors import CreditsLocked, RequestRefused
from ledger.domain.facts import RefundState
from ledger.domain.orders import Consent
from ledger.domain.refund_cases import CaseState, DecisionOutcome, RefundCase, RefundReason
from ledger.dynamodb.store import DynamoDBStore
from ledger.ports.documents import case_key
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.locks import read_locks
from ledger.usecases.refund_cases.confirm_withdrawal import confirm_withdrawal
from ledger.usecases.refund_cases.decide_case import ReviewDecision
from ledger.usecases.refund_cases.follow_refunds import follow
from ledger.usecases.send_refunds import send_refund
from ledger.usecases.usage import draw_credits, fail_run
from tools.testing.builders import (
    ADA,
    CONSENT,
    PI,
    POLICY,
    RENEWED,
    at,
    dispute,
    event_of,
    ordered,
    paid,
    record_events,
    refund_claim,
    request_refund,
)
from tools.testing.fakes import FakeProvider, FakeStore, world
from tools.testing.unguarded import decide_case, decide_deferred
from tools.verify import check

SUBSCRIPTION = "stripe:sub_1"
MONTH = 30 * 24 * 60  # in minutes


def bought(store: Store, consent: Consent | None = CONSENT, *, is_business: bool = True, **changed: Any) -> None:
    """A pack of 1,000 credits at 20.00, by a buyer who ticks that he is a business: a person decides."""
    order = ordered(store, consent=consent, is_business=is_business)
    lines = tuple(replace(line, period_ends_at=at(MONTH)) for line in order.lines) if changed else order.lines
    record_events(store, paid(replace(order, lines=lines, **changed)), now=at(1))


def withdraws(store: Store, *, minute: float = 60) -> RefundCase:
    """Declare and confirm."""
    claim = refund_claim(RefundReason.WITHDRAWAL, is_declaration=True)
    case = request_refund(store, claim, minute=minute)
    return confirm_withdrawal(ADA, case.case_id, store, POLICY, now=at(minute + 1))


def decided(store: Store, case: RefundCase, outcome: DecisionOutcome, *, minute: float, **given: Any) -> RefundCase:
    """A person decides."""
    review = ReviewDecision(outcome=outcome, words=("As agreed.",), clause="2", **given)
    return decide_case(case.case_id, review, "sam", store, POLICY, now=at(minute))


def account(store: Store) -> Account:
    """The account, which is sound."""
    if isinstance(store, FakeStore):
        assert not [one for one in check(world(store)) if one.broken]
    return store.read(Keys(accounts=frozenset({ADA}))).accounts[ADA]


def refused(store: Store, minute: float = 100) -> CreditsLocked:
    """A draw that is refused."""
    with pytest.raises(CreditsLocked) as error:
        draw_credits(ADA, f"run_{minute}", 1, store, now=at(minute))
    return error.value


def test_nothing_is_used_until_a_person_has_declined(any_store: Store) -> None:
    """From the confirmation on. The declaration alone locks nothing, and a decline unlocks."""
    bought(any_store)
    draw_credits(ADA, "first", 400, any_store, now=at(2))
    claim = refund_claim(RefundReason.WITHDRAWAL, is_declaration=True)
    case = request_refund(any_store, claim)
    draw_credits(ADA, "declared", 100, any_store, now=at(60))
    case = confirm_withdrawal(ADA, case.case_id, any_store, POLICY, now=at(61))
    assert case.state is CaseState.IN_REVIEW
    error = refused(any_store)
    assert (error.spendable, error.locked, error.withdrawn, error.until) == (0, 0, 500, None)
    assert error.order_ids == ("ord_1",)
    assert str(error) == (
        "The run needs 1 credits, but the account can spend 0. 500 more are of a contract that the customer withdraws "
        "from: we decide soon."
    )
    (lock,) = read_locks(account(any_store), any_store, at(100))
    assert (lock.order_id, lock.credits, lock.until, lock.missing) == ("ord_1", 500, None, None)
    decided(any_store, case, DecisionOutcome.DECLINE, minute=110)
    assert account(any_store).spendable(at(110)) == 500
    assert read_locks(account(any_store), any_store, at(110)) == []


def test_an_approval_is_of_what_is_unused_by_then_and_a_failed_refund_locks_again(any_store: Store) -> None:
    """Also what a failed run returns meanwhile. The same event that gives the credits back locks them."""
    bought(any_store)
    draw_credits(ADA, "first", 400, any_store, now=at(2))
    draw_credits(ADA, "second", 100, any_store, now=at(3))
    case = withdraws(any_store)
    assert case.decision
    assert case.decision.money_minor == 1000
    fail_run(ADA, "second", any_store, now=at(70))
    assert refused(any_store).withdrawn == 600
    case = decided(any_store, case, DecisionOutcome.APPROVE, minute=110, money_minor=None)
    assert case.decision
    assert (case.state, case.decision.money_minor) == (CaseState.APPROVED, 1200)
    assert account(any_store).locks(at(111)) == {}
    assert account(any_store).spendable(at(111)) == 0
    assert (
        replace(decided(any_store, case, DecisionOutcome.APPROVE, minute=111, money_minor=None), version=case.version)
        == case
    )
    provider = FakeProvider()
    send_refund(case.tag, any_store, lambda _: provider, clock=lambda: at(112))
    record_events(any_store, event_of(provider.move_refund_to(RefundState.SUCCEEDED)), now=at(113))
    follow(PI, any_store, now=at(113))
    assert account(any_store).balance == 0
    record_events(any_store, event_of(provider.move_refund_to(RefundState.FAILED)), now=at(114))
    assert refused(any_store, 115).withdrawn == 600
    (case,) = follow(PI, any_store, now=at(116))
    assert (case.state, refused(any_store, 116).withdrawn) == (CaseState.IN_REVIEW, 600)
    decided(any_store, case, DecisionOutcome.DECLINE, minute=120)
    assert account(any_store).spendable(at(120)) == 600


def test_credits_instead_of_money_unlock_the_others(any_store: Store) -> None:
    """In one write with the replacement."""
    bought(any_store)
    case = withdraws(any_store)
    decided(any_store, case, DecisionOutcome.REPLACE, minute=110, credits=7, agreement="By mail.")
    assert (account(any_store).balance, account(any_store).spendable(at(110))) == (1007, 1007)


def test_a_refund_that_leaves_the_credits_unlocks_them(any_store: Store) -> None:
    """Out of goodwill."""
    bought(any_store)
    decided(any_store, withdraws(any_store), DecisionOutcome.APPROVE, minute=110, money_minor=500, takes_credits=False)
    assert account(any_store).spendable(at(110)) == 1000


@pytest.mark.parametrize(
    ("reason", "is_locked"),
    [
        (RefundReason.CHANGED_MY_MIND, True),
        (RefundReason.MISTAKEN_RENEWAL, True),
        (RefundReason.TECHNICAL_PROBLEM, False),
        (RefundReason.UNRECOGNISED_CHARGE, False),
        (RefundReason.WRONG_AMOUNT, False),
    ],
)
def test_only_a_withdrawal_locks_in_whatever_words(reason: RefundReason, is_locked: bool) -> None:
    """A problem, or a charge that nobody recognises, takes nothing from who goes on using the rest."""
    store = FakeStore()
    bought(store, currency="EUR")
    case = request_refund(store, refund_claim(reason))
    assert case.state is CaseState.IN_REVIEW
    assert account(store).spendable(at(100)) == (0 if is_locked else 1000)
    assert bool(account(store).locks(at(100))) == is_locked


def test_an_approval_counts_what_was_used_while_it_waited() -> None:
    """Nobody is locked out while a technical problem is looked into: the figure is that of the decision."""
    store = FakeStore()
    bought(store)
    for number in range(POLICY.persistent_failed_runs):
        draw_credits(ADA, f"failed_{number}", 5, store, now=at(2 + number))
        fail_run(ADA, f"failed_{number}", store, now=at(2 + number))
    case = request_refund(store, refund_claim(RefundReason.TECHNICAL_PROBLEM))
    assert case.decision
    assert case.decision.money_minor == 2000
    draw_credits(ADA, "used", 250, store, now=at(70))
    approved = decided(store, case, DecisionOutcome.APPROVE, minute=110, money_minor=None)
    assert approved.decision
    assert (approved.decision.money_minor, account(store).shortfall) == (1500, 0)


def test_without_a_recommendation_a_person_names_the_amount() -> None:
    """Nothing is guessed."""
    store = FakeStore()
    bought(store)
    case = request_refund(store, refund_claim(RefundReason.UNRECOGNISED_CHARGE))
    with pytest.raises(RequestRefused, match="Name the amount"):
        decided(store, case, DecisionOutcome.APPROVE, minute=110, money_minor=None)


def test_a_withdrawal_that_has_to_wait_for_the_ledger_locks_too() -> None:
    """While decisions are paused. What is declined then unlocks, without a person."""
    store = FakeStore()
    bought(store, is_business=False)
    paused = replace(POLICY, is_paused=True)
    claim = refund_claim(RefundReason.WITHDRAWAL, is_declaration=True)
    late = 20 * 24 * 60
    case = request_refund(store, claim, minute=late)
    case = confirm_withdrawal(ADA, case.case_id, store, paused, now=at(late))
    assert (case.state, refused(store, late + 1).withdrawn) == (CaseState.REQUESTED, 1000)
    (case,) = decide_deferred(store, POLICY, now=at(late + 2))
    assert (case.state, account(store).spendable(at(late + 2))) == (CaseState.DECLINED, 1000)


def test_what_is_noted_during_a_dispute_stays_locked_after_it(any_store: Store) -> None:
    """The bank's decision thaws the lot. A person decides about the withdrawal then."""
    bought(any_store, is_business=False)
    record_events(any_store, event_of(dispute()), now=at(20))
    case = request_refund(any_store, refund_claim(RefundReason.CHANGED_MY_MIND))
    assert case.state is CaseState.IN_REVIEW
    won = replace(dispute(), state=type(dispute().state).WON, at=at(80))
    record_events(any_store, event_of(won), now=at(80))
    assert account(any_store).holds == {}
    assert refused(any_store).withdrawn == 1000


@pytest.mark.parametrize("is_over", [False, True])
def test_credits_instead_of_what_is_noted_during_a_dispute_need_an_agreement(
    any_store: Store, *, is_over: bool
) -> None:
    """The law does not ask for the word withdrawal, and the dispute does not end the right."""
    bought(any_store, is_business=False)
    record_events(any_store, event_of(dispute()), now=at(20))
    case = request_refund(any_store, refund_claim(RefundReason.CHANGED_MY_MIND))
    if is_over:
        won = replace(dispute(), state=type(dispute().state).WON, at=at(80))
        record_events(any_store, event_of(won), now=at(80))
    with pytest.raises(RequestRefused, match="how the customer agreed"):
        decided(any_store, case, DecisionOutcome.REPLACE, minute=90, credits=100)
    case = decided(any_store, case, DecisionOutcome.REPLACE, minute=91, credits=100, agreement="By mail.")
    assert case.decision
    assert case.decision.agreement == "By mail."
    if isinstance(any_store, FakeStore):
        assert without_agreement(any_store) == ()
        forgotten = replace(case.decision, inputs=tuple(x for x in case.decision.inputs if x.key != "input.agreement"))
        any_store.documents[case_key(ADA, case.case_id)] = replace(case, decision=forgotten)
        assert without_agreement(any_store) == (case.case_id,)


def without_agreement(store: FakeStore) -> tuple[str, ...]:
    """What `verify` says."""
    (finding,) = (one for one in check(world(store)) if one.invariant.startswith("Credits replace the money"))
    return finding.broken


def test_all_payments_of_the_contract_are_locked_also_a_later_one(any_store: Store) -> None:
    """The first payment is named, whose credits have left the account. The latest one arrives while it is undecided."""
    bought(any_store, subscription_id=SUBSCRIPTION, covers=f"period/{SUBSCRIPTION}/0")
    draw_credits(ADA, "all", 1000, any_store, now=at(2))
    renewal = replace(
        RENEWED,
        subscription_id=SUBSCRIPTION,
        lines=tuple(replace(line, period_ends_at=line.expires_at) for line in RENEWED.lines),
    )
    record_events(any_store, paid(renewal), now=at(50))
    spendable = account(any_store).spendable(at(50))
    assert spendable > 0
    case = withdraws(any_store)
    assert case.state is CaseState.IN_REVIEW
    assert refused(any_store).withdrawn == spendable
    later = replace(
        renewal,
        payment_id=type(PI)("stripe:in_9"),
        fulfilment_key=f"period/{SUBSCRIPTION}/9",
        lines=tuple(replace(line, expires_at=at(10**6), period_ends_at=at(10**6)) for line in renewal.lines),
    )
    record_events(any_store, paid(later), now=at(101))
    assert refused(any_store, 102).withdrawn == spendable + sum(line.credits for line in later.lines)
    decided(any_store, case, DecisionOutcome.DECLINE, minute=110)
    assert account(any_store).locks(at(110)) == {}


@pytest.mark.parametrize("number", range(6))
def test_a_draw_and_a_withdrawal_at_the_same_moment(real_store: DynamoDBStore, number: int) -> None:
    """Either the draw was first, and the recommended figure is without it, or nothing was drawn."""
    bought(real_store)
    claim = refund_claim(RefundReason.WITHDRAWAL, is_declaration=True, key=f"key {number}")
    declared = request_refund(real_store, claim)
    start = Barrier(2)
    locked: list[CreditsLocked] = []
    confirmed: list[RefundCase] = []

    def draws() -> None:
        start.wait()
        try:
            draw_credits(ADA, "run_1", 400, real_store, now=at(62))
        except CreditsLocked as error:
            locked.append(error)

    def confirms() -> None:
        start.wait()
        confirmed.append(confirm_withdrawal(ADA, declared.case_id, real_store, POLICY, now=at(61)))

    threads = [Thread(target=act) for act in (draws, confirms)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ((case,), drawn) = (confirmed, 0 if locked else 400)
    assert case.decision
    assert case.decision.money_minor == 2000 * (1000 - drawn) // 1000
    assert account(real_store).balance == 1000 - drawn
    assert refused(real_store).withdrawn == 1000 - drawn
