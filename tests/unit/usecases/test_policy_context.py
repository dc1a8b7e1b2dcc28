"""What the policy is given about a purchase: payments like it, the subscription that a duplicate began, failed runs."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ledger.domain.facts import DisputeState, PaymentSettled
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.refund_cases import CaseState, RefundReason, SubmittedEvidence
from ledger.policy.context import PolicyContext
from ledger.usecases.incidents.begin import IncidentRequest
from ledger.usecases.index_names import index_failed_run
from ledger.usecases.refund_cases.confirm_withdrawal import confirm_withdrawal
from ledger.usecases.refund_cases.context import read_case_context
from ledger.usecases.refund_cases.evaluate_policy import MOST_SIMILAR_PAYMENTS, policy_context, requested_at
from ledger.usecases.usage import draw_credits, fail_run
from tests.contract.test_cases import HALF, NO
from tools.testing.builders import (
    ADA,
    PI,
    POLICY,
    RENEWED,
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
from tools.testing.fakes import FakeStore
from tools.testing.unguarded import begin_incident, decide_case, replace_runs

OTHER = PaymentId("stripe:pi_2")
APART_MINUTES = POLICY.similar_within / timedelta(minutes=1)


def context_of(
    store: FakeStore, reason: RefundReason = RefundReason.CHARGED_TWICE, minute: float = 60
) -> PolicyContext:
    """What the policy is given for a request about `PI`."""
    case = request_refund(store, refund_claim(reason, payment_id=PI, key=f"{reason} {minute}"), minute=minute)
    _, context = read_case_context(ADA, case.case_id, store)
    return policy_context(reason, context, store, POLICY, at(minute))


def stored(*others: PaymentSettled) -> FakeStore:
    """Ada bought one pack, and these."""
    store = FakeStore()
    record_events(store, paid(payment()), *(paid(one) for one in others), now=at(1))
    return store


def other(**changed: Any) -> PaymentSettled:
    """Another payment of Ada's for the same pack, at the same price."""
    return replace(payment(OTHER, minute=1), **changed)


@pytest.mark.parametrize(
    ("one", "is_similar"),
    [
        (other(), True),
        (replace(other(), payment_id=PaymentId("paddle:txn_2")), True),
        (other(paid_minor=1999), False),
        (other(currency="EUR"), False),
        (other(at=at(APART_MINUTES)), True),
        (other(at=at(-APART_MINUTES)), True),
        (other(at=at(APART_MINUTES + 1)), False),
        (other(at=at(-APART_MINUTES - 1)), False),
        (other(account_id=AccountId("acct_bob")), False),
        (other(card_minor=0), False),
        (other(lines=(replace(other().lines[0], product_id="pack_500"),)), False),
    ],
)
def test_a_payment_is_similar_by_product_sum_and_time(one: PaymentSettled, *, is_similar: bool) -> None:
    """Of the same account, through either provider, and with money of a card."""
    assert context_of(stored(one)).similar == ((one.payment_id,) if is_similar else ())


@pytest.mark.parametrize(("refunded_minor", "is_similar"), [(1999, True), (2000, False)])
def test_a_payment_that_was_refunded_whole_is_not_similar(refunded_minor: int, *, is_similar: bool) -> None:
    """Nothing of it can have been charged twice any more."""
    store = stored(other())
    record_events(store, event_of(refund(refunded_minor), names=(OTHER,)))
    assert context_of(store).similar == ((OTHER,) if is_similar else ())


def test_the_latest_payments_are_compared() -> None:
    """A bounded number of them, and only for a double charge."""
    count = MOST_SIMILAR_PAYMENTS + 5
    store = stored(
        *(replace(other(), payment_id=PaymentId(f"stripe:pi_x{n}"), at=at(1 + n / 60)) for n in range(count))
    )
    similar = context_of(store).similar
    assert len(similar) == MOST_SIMILAR_PAYMENTS
    assert set(similar) == {f"stripe:pi_x{n}" for n in range(5, count)}
    assert context_of(store, RefundReason.UNRECOGNISED_CHARGE).similar == ()


@pytest.mark.parametrize(
    ("subscription_id", "doubles"), [("stripe:sub_2", True), ("stripe:sub_1", False), (None, False)]
)
def test_a_duplicate_doubles_a_subscription_if_it_began_another_one(
    subscription_id: str | None, *, doubles: bool
) -> None:
    """Then its refund ends that one. The original's goes on."""
    store = FakeStore()
    first = replace(ordered(store), subscription_id="stripe:sub_1")
    twin = payment(OTHER, fulfilment_key=first.fulfilment_key, minute=1)
    record_events(store, paid(first), paid(replace(twin, subscription_id=subscription_id)), now=at(2))
    case = request_refund(store, refund_claim(RefundReason.CHARGED_TWICE, payment_id=OTHER), minute=60)
    _, context = read_case_context(ADA, case.case_id, store)
    given = policy_context(RefundReason.CHARGED_TWICE, context, store, POLICY, at(60))
    assert (given.is_duplicate, given.doubles_subscription) == (True, doubles)
    assert [line.granted for line in given.lines] == [0], "the original's credits are not the duplicate's"
    assert case.decision
    assert (case.decision.money_minor, case.decision.ends_subscription) == (2000, doubles)


def test_a_single_payment_exceeds_no_price() -> None:
    """Nothing is due back because of another payment."""
    assert context_of(stored()).duplicate_minor == 0


def test_failed_runs_count_since_the_payment_and_since_a_persons_decline() -> None:
    """With the credits that they drew."""
    store = stored()
    fail_run(ADA, "run_0", store, now=at(-1))
    for minute, credits_ in ((10, 5), (20, 7)):
        draw_credits(ADA, f"run_{minute}", credits_, store, now=at(minute))
        fail_run(ADA, f"run_{minute}", store, now=at(minute + 1))
    given = context_of(store, RefundReason.TECHNICAL_PROBLEM)
    assert (given.failed_runs, given.failed_credits, given.failed_since_decline) == (2, 12, 0)
    assert (given.replaced_runs, given.replaced_credits) == (0, 0)
    index_failed_run(ADA, "run_20", at(21), store)
    outage = IncidentRequest(since=at(15), until=at(30), credits=7, reason="It stood still.", actor="sam", key="k")
    replace_runs(begin_incident(outage, store, now=at(40)).incident_id, store, now=at(41))
    given = context_of(store, RefundReason.TECHNICAL_PROBLEM)
    assert (given.failed_runs, given.replaced_runs, given.replaced_credits) == (2, 1, 7)
    assert context_of(store, RefundReason.WRONG_AMOUNT, minute=80).failed_runs == 0


def test_a_failed_run_is_returned_with_the_version_that_is_stored() -> None:
    """Whoever changes it next names that version."""
    store = stored()
    draw_credits(ADA, "run_1", 5, store, now=at(10))
    assert fail_run(ADA, "run_1", store, now=at(11)).version == store.runs[ADA, "run_1"].version == 2


def test_failed_runs_after_a_persons_decline_are_new() -> None:
    """Those before it were known when the person decided; so were those of another reason's decline."""
    store = stored()
    for minute in (10, 80):
        draw_credits(ADA, f"run_{minute}", 5, store, now=at(minute))
        fail_run(ADA, f"run_{minute}", store, now=at(minute))
        if minute == 10:
            case = request_refund(store, refund_claim(RefundReason.TECHNICAL_PROBLEM), minute=60)
            decide_case(case.case_id, NO, "sam", store, POLICY, now=at(70))
    given = context_of(store, RefundReason.TECHNICAL_PROBLEM, minute=90)
    assert (given.failed_runs, given.failed_since_decline) == (2, 1)
    assert given.declined_before
    assert (given.declined_before.clause, given.declined_before.policy_version) == (NO.clause, POLICY.version)
    assert context_of(store, RefundReason.UNRECOGNISED_CHARGE, minute=91).declined_before is None


def test_what_the_balance_paid_is_value_that_no_card_gets_back() -> None:
    """The card paid 5.00 of 20.00."""
    store = FakeStore()
    record_events(store, paid(replace(payment(), card_minor=500)))
    given = context_of(store)
    assert (given.paid_minor, given.refundable_minor, given.value_left_minor) == (2000, 500, 2000)


@pytest.mark.parametrize(
    ("settled", "is_renewal", "is_plan_change"),
    [(RENEWED, True, False), (replace(RENEWED, fulfilment_key=None), False, True), (payment(), False, False)],
    ids=["a period", "a part of one", "a pack"],
)
def test_a_part_of_a_period_is_no_renewal(settled: PaymentSettled, *, is_renewal: bool, is_plan_change: bool) -> None:
    """It has another rule."""
    store = FakeStore()
    record_events(store, paid(replace(settled, payment_id=PI)))
    given = context_of(store)
    assert (given.is_renewal, given.is_plan_change) == (is_renewal, is_plan_change)
    assert given.is_subscription == (settled.subscription_id is not None)


def test_a_payment_for_something_else_is_not_compared_with_its_order() -> None:
    """A later payment of the subscription keeps the order that began it."""
    for key, is_ordered in ((None, False), ("order/ord_1", True)):
        store = FakeStore()
        first = ordered(store)
        part = replace(RENEWED, payment_id=PI, fulfilment_key=None, order_id=first.order_id)
        record_events(store, paid(first if key else part))
        given = context_of(store)
        assert given.order
        assert (given.order.order_id, given.is_for_ordered_product) == ("ord_1", is_ordered)


def test_the_original_of_two_doubles_nothing() -> None:
    """Its own subscription goes on."""
    store = FakeStore()
    first = replace(ordered(store), subscription_id="stripe:sub_1")
    twin = replace(payment(OTHER, fulfilment_key=first.fulfilment_key, minute=1), subscription_id="stripe:sub_2")
    record_events(store, paid(first), paid(twin), now=at(2))
    given = context_of(store)
    assert (given.is_duplicate, given.doubles_subscription) == (False, False)


def test_credits_are_taken_back_by_refunds_disputes_and_approvals() -> None:
    """A share by each. What is only reserved is not there for a second refund either."""
    store = stored()
    draw_credits(ADA, "run_1", 100, store, now=at(5))
    record_events(store, event_of(refund(200)), event_of(dispute(DisputeState.LOST, 400, minute=21)))
    case = request_refund(store, refund_claim(), minute=60)
    decide_case(case.case_id, replace(HALF, money_minor=800), "sam", store, POLICY, now=at(70))
    (line,) = context_of(store, RefundReason.UNRECOGNISED_CHARGE, minute=80).lines
    assert (line.line_id, line.amount_minor) == ("0", 2000)
    assert (line.granted, line.drawn, line.taken_back, line.unused) == (1000, 100, 700, 200)


@pytest.mark.parametrize("has_period", [True, False])
def test_a_renewal_sells_what_nobody_ordered_if_a_line_is_for_no_period(*, has_period: bool) -> None:
    """When its credits expire says nothing about that."""
    period_ends_at, expires_at = (at(1000), None) if has_period else (None, at(1000))
    line = replace(RENEWED.lines[0], period_ends_at=period_ends_at, expires_at=expires_at)
    store = FakeStore()
    record_events(store, paid(replace(RENEWED, payment_id=PI, lines=(line,))))
    assert context_of(store).has_unordered_sale is not has_period


def test_where_a_payment_was_billed_is_given() -> None:
    """By the payment itself: not what else the provider writes on its invoice."""
    store = FakeStore()
    record_events(store, paid(replace(payment(), billing_country="FR", invoice_number="R-1")))
    assert context_of(store).billing_country == "FR"


@pytest.mark.parametrize(
    ("state", "is_inquired", "is_disputed"),
    [(DisputeState.INQUIRY, True, False), (DisputeState.OPEN, False, True)],
)
def test_an_inquiry_is_no_dispute(state: DisputeState, *, is_inquired: bool, is_disputed: bool) -> None:
    """The bank asks, or it has the money."""
    store = stored()
    record_events(store, event_of(dispute(state)))
    given = context_of(store)
    assert (given.is_inquired, given.is_disputed) == (is_inquired, is_disputed)


@pytest.mark.parametrize("reason", [RefundReason.WITHDRAWAL, RefundReason.CHANGED_MY_MIND])
def test_a_request_counts_from_its_opening_and_a_withdrawal_only_once_it_is_confirmed(reason: RefundReason) -> None:
    """A declaration alone is not one yet. Confirmed within a day it counts from its first step."""
    store = stored()
    case = request_refund(store, refund_claim(reason, is_declaration=reason is RefundReason.WITHDRAWAL), minute=60)
    if reason is RefundReason.WITHDRAWAL:
        assert requested_at(case) is None
        case = confirm_withdrawal(ADA, case.case_id, store, POLICY, now=at(70))
    assert requested_at(case) == at(60)


@pytest.mark.parametrize(
    ("reason", "state"),
    [(RefundReason.WITHDRAWAL, CaseState.APPROVED), (RefundReason.CHANGED_MY_MIND, CaseState.IN_REVIEW)],
)
def test_evidence_that_differs_stops_an_approval_and_no_withdrawal(reason: RefundReason, state: CaseState) -> None:
    """The law asks for no evidence: whoever has the right names the purchase, and that is enough."""
    store = FakeStore()
    record_events(store, paid(ordered(store)))
    claim = refund_claim(reason, evidence=SubmittedEvidence(reference="in_9"))
    case = request_refund(store, claim, minute=60)
    assert case.mismatches
    if case.state is CaseState.DECLARED:
        case = confirm_withdrawal(ADA, case.case_id, store, POLICY, now=at(61))
    assert case.state is state


@pytest.mark.parametrize(
    ("changed", "state"),
    [
        ({}, CaseState.APPROVED),
        ({"has_other_tax_id": True}, CaseState.IN_REVIEW),
        ({"has_company_data": True}, CaseState.DECLINED),
        ({"has_other_tax_id": True, "has_company_data": True}, CaseState.DECLINED),
    ],
)
def test_a_tax_id_that_persons_have_too_shows_no_business(changed: dict[str, Any], state: CaseState) -> None:
    """A person decides about the withdrawal. One that only businesses have, or a company's data, declines it."""
    store = FakeStore()
    record_events(store, paid(replace(ordered(store), **changed)))
    case = request_refund(store, refund_claim(RefundReason.CHANGED_MY_MIND))
    assert case.state is state
    assert context_of(store).has_other_tax_id == ("has_other_tax_id" in changed)
