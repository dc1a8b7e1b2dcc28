"""A withdrawal is of the contract: one declaration reaches all of its payments, each refunded to its own payment."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ledger.domain.errors import RequestRefused, StoreUnavailable
from ledger.domain.facts import PaymentSettled, RefundState
from ledger.domain.ids import OrderId, PaymentId
from ledger.domain.orders import Consent
from ledger.domain.refund_cases import CaseState, DecisionOutcome, RefundCase, RefundReason
from ledger.policy.explanation import explain
from ledger.policy.texts import shipped_texts
from ledger.ports.commit import Commit, Refusal
from ledger.ports.documents import case_key
from ledger.ports.reads import Keys
from ledger.usecases.refund_cases.confirm_withdrawal import confirm_withdrawal
from ledger.usecases.refund_cases.decide_case import ReviewDecision
from ledger.usecases.refund_cases.follow_refunds import follow
from ledger.usecases.refund_cases.open_case import open_case
from ledger.usecases.usage import draw_credits
from tools.testing.builders import (
    ADA,
    CONSENT,
    PI,
    POLICY,
    at,
    dispute,
    event_of,
    ordered,
    paid,
    payment,
    record_events,
    refund,
    refund_claim,
    request_refund,
)
from tools.testing.fakes import FakeStore, world
from tools.testing.unguarded import decide_case, decide_deferred
from tools.verify import check

SUBSCRIPTION = "stripe:sub_1"
MONTH = 30 * 24 * 60  # in minutes
SECOND, THIRD = PaymentId("stripe:in_2"), PaymentId("stripe:in_3")


def renewal(payment_id: PaymentId, minute: float, **changed: Any) -> PaymentSettled:
    """A later payment of the subscription, which carries its order's id."""
    key = f"period/{SUBSCRIPTION}/{at(minute):%Y-%m-%dT%H:%M:%SZ}"
    settled = payment(payment_id, fulfilment_key=key, minute=minute, expires_at=at(minute + MONTH))
    settled = replace(
        settled,
        lines=tuple(replace(line, period_ends_at=at(minute + MONTH)) for line in settled.lines),
        subscription_id=SUBSCRIPTION,
        is_renewal=True,
        order_id=OrderId("ord_1"),
    )
    return replace(settled, **changed)


def subscribed(consent: Consent | None = None, *later: PaymentSettled, store: FakeStore | None = None) -> FakeStore:
    """An order of a plan, its first payment, and others."""
    store = FakeStore() if store is None else store
    first = replace(ordered(store, consent=consent), subscription_id=SUBSCRIPTION, covers=f"period/{SUBSCRIPTION}/1")
    record_events(store, paid(first), *(paid(one) for one in later), now=at(3 * MONTH))
    return store


def withdraw(
    store: FakeStore, payment_id: PaymentId = PI, *, minute: float = 3 * MONTH, key: str = "key_1"
) -> RefundCase:
    """Declare and confirm."""
    claim = refund_claim(RefundReason.WITHDRAWAL, payment_id=payment_id, key=key, is_declaration=True)
    case = request_refund(store, claim, minute=minute)
    return confirm_withdrawal(ADA, case.case_id, store, POLICY, now=at(minute + 1))


def rest(store: FakeStore, *, minute: float = 3 * MONTH + 5) -> list[RefundCase]:
    """Let the job of deferred decisions run. Every invariant holds before and after it."""
    assert not [one for one in check(world(store)) if one.broken]
    decided = decide_deferred(store, POLICY, now=at(minute))
    assert not [one for one in check(world(store)) if one.broken]
    return decided


def money(cases: list[RefundCase]) -> dict[PaymentId, int]:
    """What is refunded of each payment."""
    return {one.payment_id: one.decision.money_minor for one in cases if one.decision}


@pytest.mark.parametrize("named", [PI, SECOND, THIRD])
def test_whichever_payment_is_named_all_are_refunded_each_to_its_own(named: PaymentId) -> None:
    """Nobody was informed, so the contract's own twelve months run, and reach every renewal."""
    store = subscribed(None, renewal(SECOND, MONTH), renewal(THIRD, 2 * MONTH))
    case = withdraw(store, named)
    assert (case.state, case.rest_due_at) == (CaseState.APPROVED, case.confirmed_at)
    others = rest(store)
    assert money([case, *others]) == {PI: 2000, SECOND: 2000, THIRD: 2000}
    assert {one.contract_case_id for one in others} == {case.case_id}
    assert {one.confirmed_at for one in others} == {case.confirmed_at}
    assert {one.due_by for one in others} == {case.due_by}
    assert sorted(intent.payment_id for intent in store.outbox()) == sorted([PI, SECOND, THIRD])


def test_while_decisions_are_paused_no_payment_of_a_contract_is_given_up() -> None:
    """A restored table does not know all of them yet. The looks that are left are made after the pause."""
    store = subscribed(None, renewal(SECOND, MONTH))
    case = withdraw(store)
    paused = replace(POLICY, is_paused=True)
    for day in (0, 2):
        assert decide_deferred(store, paused, now=at(3 * MONTH + 5 + day * 24 * 60)) == []
    assert store.accounts[ADA].cases == {case.case_id: case.open_case_key}
    assert [queued.case_id for queued in store.deferred_cases()] == [case.case_id]
    record_events(store, paid(renewal(THIRD, 2 * MONTH)), now=at(3 * MONTH + 3 * 24 * 60))
    others = rest(store, minute=3 * MONTH + 3 * 24 * 60 + 1)
    assert money(others) == {SECOND: 2000, THIRD: 2000}


def test_a_contract_is_looked_through_twice_and_no_case_is_opened_twice() -> None:
    """The index may not have the latest payment yet. A day later it has."""
    store = subscribed(None, renewal(SECOND, MONTH))
    case = withdraw(store)
    assert len(rest(store)) == 1
    assert [queued.since for queued in store.deferred_cases()] == [at(3 * MONTH + 1) + timedelta(days=1)]
    assert rest(store) == []
    record_events(store, paid(renewal(THIRD, 2 * MONTH)), now=at(3 * MONTH + 60))
    (late,) = rest(store, minute=3 * MONTH + 24 * 60 + 2)
    assert (late.payment_id, late.contract_case_id, late.state) == (THIRD, case.case_id, CaseState.APPROVED)
    assert list(store.deferred_cases()) == []
    assert rest(store, minute=4 * MONTH) == []


class Refusing(FakeStore):
    """A store that opens no case of the second payment for now."""

    is_refusing = True

    def commit(self, commit: Commit) -> Refusal | None:
        cases = (change.document for change in commit.documents if isinstance(change.document, RefundCase))
        if self.is_refusing and any(case.payment_id == SECOND for case in cases):
            raise StoreUnavailable("not now")
        return super().commit(commit)


def test_a_contract_stays_listed_until_the_cases_of_its_payments_are_open() -> None:
    """What fails halfway is found by the next round, not a day later and not never."""
    store = Refusing()
    subscribed(None, renewal(SECOND, MONTH), store=store)
    case = withdraw(store)
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            rest(store)
        assert [queued.since for queued in store.deferred_cases()] == [case.confirmed_at]
    store.is_refusing = False
    assert [one.payment_id for one in rest(store)] == [SECOND]


@pytest.mark.parametrize("outcome", [DecisionOutcome.APPROVE, DecisionOutcome.DECLINE, DecisionOutcome.REPLACE])
def test_a_contract_stays_withdrawn_from_whatever_a_person_decides_of_a_refund_that_failed(
    outcome: DecisionOutcome,
) -> None:
    """The person decides about the money of one payment. The others are reached all the same."""
    store = subscribed(None, renewal(SECOND, MONTH))
    case = withdraw(store)
    failed = replace(refund(2000, minute=3 * MONTH + 2, state=RefundState.FAILED), tag=case.tag)
    record_events(store, event_of(failed), now=at(3 * MONTH + 2))
    assert [one.state for one in follow(PI, store, now=at(3 * MONTH + 3))] == [CaseState.IN_REVIEW]
    verdict = ReviewDecision(
        outcome=outcome,
        words=("It failed.",),
        clause="2",
        money_minor=2000 if outcome is DecisionOutcome.APPROVE else 0,
        credits=100 if outcome is DecisionOutcome.REPLACE else 0,
        agreement="By mail." if outcome is DecisionOutcome.REPLACE else None,
    )
    decided = decide_case(case.case_id, verdict, "sam", store, POLICY, now=at(3 * MONTH + 4))
    assert decided.decision
    assert decided.decision.ends_contract
    assert [one.payment_id for one in rest(store)] == [SECOND]


@pytest.mark.parametrize("outcome", [DecisionOutcome.APPROVE, DecisionOutcome.DECLINE])
def test_a_renewal_that_was_not_wanted_ends_the_plan_and_no_contract(outcome: DecisionOutcome) -> None:
    """Whatever a person decides of it, the contract's other payments are left alone."""
    store = subscribed(None, renewal(SECOND, MONTH))
    strict = replace(POLICY, automatic_renewal_refund_up_to_minor={})
    claim = refund_claim(RefundReason.MISTAKEN_RENEWAL, payment_id=SECOND)
    case = open_case(claim, store, strict, now=at(MONTH + 2))
    assert case.decision
    assert (case.state, case.decision.ends_subscription) == (CaseState.IN_REVIEW, True)
    money_minor = 2000 if outcome is DecisionOutcome.APPROVE else 0
    verdict = ReviewDecision(outcome=outcome, words=("We looked.",), clause="3", money_minor=money_minor)
    decided = decide_case(case.case_id, verdict, "sam", store, POLICY, now=at(MONTH + 4))
    assert decided.decision
    assert (decided.decision.ends_contract, decided.rest_due_at, rest(store)) == (False, None, [])


def test_credits_instead_of_a_withdrawals_money_need_the_customers_recorded_agreement() -> None:
    """Article 13(1). Its words are kept with the decision. Nothing is written without it."""
    store = subscribed(None)
    case = withdraw(store)
    failed = replace(refund(2000, minute=3 * MONTH + 2, state=RefundState.FAILED), tag=case.tag)
    record_events(store, event_of(failed), now=at(3 * MONTH + 2))
    follow(PI, store, now=at(3 * MONTH + 3))
    credits_ = ReviewDecision(outcome=DecisionOutcome.REPLACE, words=("As agreed.",), clause="2", credits=100)
    before = store.read(Keys(documents=frozenset({case_key(ADA, case.case_id)})))
    with pytest.raises(RequestRefused, match="how the customer agreed"):
        decide_case(case.case_id, credits_, "sam", store, POLICY, now=at(3 * MONTH + 4))
    assert store.read(Keys(documents=frozenset({case_key(ADA, case.case_id)}))) == before
    agreed = replace(credits_, agreement="By mail of 3 November.")
    decided = decide_case(case.case_id, agreed, "sam", store, POLICY, now=at(3 * MONTH + 5))
    assert (decided.state, decided.decided_by) == (CaseState.REPLACED, "sam")
    assert decided.decision
    assert decided.decision.agreement == "By mail of 3 November."
    assert "By mail of 3 November." in explain(decided.decision, shipped_texts())


def test_a_withdrawal_that_was_declined_is_not_overturned_with_credits_without_an_agreement() -> None:
    """Who overturns it says that the law applies."""
    store = subscribed(CONSENT)
    draw_credits(ADA, "run_1", 1000, store, now=at(60))
    case = withdraw(store, minute=70)
    assert case.state is CaseState.DECLINED
    credits_ = ReviewDecision(outcome=DecisionOutcome.REPLACE, words=("Sorry.",), clause="2", credits=100)
    with pytest.raises(RequestRefused, match="how the customer agreed"):
        decide_case(case.case_id, credits_, "sam", store, POLICY, now=at(80), may_overturn=True)
    agreed = replace(credits_, agreement="By mail.")
    decided = decide_case(case.case_id, agreed, "sam", store, POLICY, now=at(80), may_overturn=True)
    assert decided.state is CaseState.REPLACED


def test_a_second_withdrawal_of_a_contract_has_cases_of_its_own() -> None:
    """A renewal was under way at the first one. What was declined then is declined again, and nothing fails."""
    soon = 60
    store = subscribed(CONSENT, renewal(SECOND, soon))
    draw_credits(ADA, "run_1", 1000, store, now=at(soon + 2))
    first = withdraw(store, PI, minute=soon + 10)
    (declined,) = rest(store, minute=soon + 20)
    assert (declined.payment_id, declined.state) == (SECOND, CaseState.DECLINED)
    record_events(store, paid(renewal(THIRD, soon + 30)), now=at(soon + 30))
    second = withdraw(store, THIRD, minute=soon + 40, key="key_2")
    decided = rest(store, minute=soon + 50)
    about = [(one.payment_id, one.contract_case_id) for one in (declined, *decided) if one.payment_id == SECOND]
    assert about == [(SECOND, first.case_id), (SECOND, second.case_id)]


def test_used_credits_are_kept_of_each_payment_if_all_was_there_before() -> None:
    """Rows 6 and 8: the used part of each. The second payment was used whole: nothing of it goes back."""
    soon = 60  # the second period begins within the fourteen days
    store = subscribed(CONSENT, renewal(SECOND, soon), renewal(THIRD, soon + 1))
    draw_credits(ADA, "run_1", 1000, store, now=at(soon + 2))
    draw_credits(ADA, "run_2", 250, store, now=at(soon + 3))
    case = withdraw(store, THIRD, minute=soon + 10)
    decided = [case, *rest(store, minute=soon + 20)]
    kept = {one.payment_id: one.state for one in decided}
    assert set(kept) == {PI, SECOND, THIRD}
    assert sum(money(decided).values()) == 2000 + 1500
    assert kept == {PI: CaseState.APPROVED, SECOND: CaseState.DECLINED, THIRD: CaseState.APPROVED}


def test_who_was_informed_can_not_withdraw_from_a_later_renewal() -> None:
    """Row 9: its own policy, since a renewal begins no contract."""
    store = subscribed(CONSENT, renewal(SECOND, MONTH))
    case = withdraw(store, SECOND, minute=MONTH + 60)
    assert (case.state, case.rest_due_at) == (CaseState.DECLINED, None)
    assert rest(store) == []


def test_a_renewal_whose_order_nothing_has_proven_is_left_to_a_person() -> None:
    """A later payment carries a copy of an order's id, which a browser may have written."""
    store = subscribed(None, renewal(SECOND, MONTH, subscription_id="stripe:sub_2", fulfilment_key="period/x/1"))
    case = withdraw(store, SECOND)
    assert case.state is CaseState.IN_REVIEW
    assert case.decision
    assert [reason.key for reason in case.decision.reasons] == ["decision.withdrawal_renewal_in_review"]


def test_the_first_charge_after_a_trial_has_fourteen_days_of_its_own() -> None:
    """Row 10: the order does not record that it was shown at the booking."""
    store = FakeStore()
    trial = replace(ordered(store, consent=CONSENT), subscription_id=SUBSCRIPTION, is_trial=True, paid_minor=1)
    record_events(store, paid(trial), paid(renewal(SECOND, MONTH)), now=at(MONTH))
    case = withdraw(store, SECOND, minute=MONTH + 12 * 24 * 60)
    assert case.state is CaseState.APPROVED
    store = subscribed(CONSENT, renewal(SECOND, MONTH))
    assert withdraw(store, SECOND, minute=MONTH + 12 * 24 * 60).state is CaseState.DECLINED


def test_a_payment_that_a_dispute_took_or_that_went_back_is_left_out_or_left_to_a_person() -> None:
    """Nothing is left of the one, and the bank decides about the other."""
    store = subscribed(None, renewal(SECOND, MONTH), renewal(THIRD, 2 * MONTH))
    record_events(
        store,
        event_of(replace(refund(2000), state=RefundState.SUCCEEDED), names=(SECOND,)),
        event_of(dispute(), names=(THIRD,)),
        now=at(3 * MONTH),
    )
    withdraw(store)
    (case,) = rest(store)
    assert (case.payment_id, case.state) == (THIRD, CaseState.IN_REVIEW)
    assert [stop.cause for stop in store.renewal_stops()] == [f"case:{case.case_id}"]


def test_a_declaration_about_another_payment_is_confirmed_with_the_contracts() -> None:
    """One statement is of the whole contract."""
    store = subscribed(None, renewal(SECOND, MONTH))
    declared = request_refund(
        store,
        refund_claim(RefundReason.WITHDRAWAL, payment_id=SECOND, key="key_2", is_declaration=True),
        minute=3 * MONTH,
    )
    case = withdraw(store)
    assert rest(store) == []
    stored = {one.case_id: one for one in store.cases_of(ADA, 10).items}
    assert (stored[declared.case_id].state, stored[declared.case_id].contract_case_id) == (
        CaseState.APPROVED,
        case.case_id,
    )


def test_a_later_declaration_about_another_payment_counts_from_the_first_step_of_the_contracts() -> None:
    """And is confirmed with its second step, not when the job gets to it. It is decided and booked then."""
    store = subscribed(None, renewal(SECOND, MONTH))
    case = withdraw(store)
    claim = refund_claim(RefundReason.WITHDRAWAL, payment_id=SECOND, key="key_2", is_declaration=True)
    declared = request_refund(store, claim, minute=3 * MONTH + 2)
    assert rest(store, minute=3 * MONTH + 5) == []
    (other,) = (one for one in store.cases_of(ADA, 10).items if one.case_id == declared.case_id)
    assert other.contract_case_id == case.case_id
    assert (other.asked_at, other.confirmed_at) == (at(3 * MONTH), at(3 * MONTH + 1))
    booked_at = at(3 * MONTH + 5)
    (approved_at,) = (one.approved_at for one in store.outbox() if one.payment_id == SECOND)
    assert (other.decided_at, other.history[-1].at, approved_at) == (booked_at,) * 3
    assert other.history[-1].at > other.opened_at


def test_a_pack_that_was_charged_twice_is_withdrawn_from_as_a_whole() -> None:
    """The order is the contract: the duplicate goes back too."""
    store = FakeStore()
    first = ordered(store)
    record_events(store, paid(first), paid(replace(first, payment_id=SECOND, at=at(1))), now=at(60))
    case = withdraw(store, minute=60)
    others = rest(store, minute=70)
    assert money([case, *others]) == {PI: 2000, SECOND: 2000}


@pytest.mark.parametrize(
    ("card_minor", "outcome", "money_minor"),
    [
        (2000, DecisionOutcome.APPROVE, 2000),
        (500, DecisionOutcome.REVIEW, 500),
        (0, DecisionOutcome.REVIEW, 0),
    ],
    ids=["card", "in part", "balance"],
)
def test_a_payment_out_of_the_balance_is_reached_by_the_withdrawal_too(
    card_minor: int, outcome: DecisionOutcome, money_minor: int
) -> None:
    """Nothing of it can go back to a card. That is no reason to forget it: a person decides how it is paid back."""
    store = subscribed(None, renewal(SECOND, MONTH, card_minor=card_minor))
    withdraw(store)
    (other,) = rest(store)
    assert other.decision
    assert (other.payment_id, other.decision.outcome, other.decision.money_minor) == (SECOND, outcome, money_minor)
