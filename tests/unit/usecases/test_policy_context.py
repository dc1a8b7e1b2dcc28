"""What the policy is given about a purchase: payments like it, the subscription that a duplicate began, failed runs."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ledger.domain.facts import PaymentSettled
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.refund_cases import RefundReason
from ledger.policy.context import PolicyContext
from ledger.usecases.refund_cases.context import read_case_context
from ledger.usecases.refund_cases.evaluate_policy import MOST_SIMILAR_PAYMENTS, policy_context
from ledger.usecases.usage import draw_credits, fail_run
from tools.testing.builders import (
    ADA,
    PI,
    POLICY,
    at,
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
        (other(lines=(replace(other().lines[0], product_id="pack_500"),)), False),
    ],
)
def test_a_payment_is_similar_by_product_sum_and_time(one: PaymentSettled, *, is_similar: bool) -> None:
    """Of the same account, through either provider."""
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
    assert len(context_of(store).similar) == MOST_SIMILAR_PAYMENTS
    assert context_of(store, RefundReason.UNRECOGNISED_CHARGE).similar == ()


@pytest.mark.parametrize(("subscription_id", "doubles"), [("stripe:sub_2", True), ("stripe:sub_1", False)])
def test_a_duplicate_doubles_a_subscription_if_it_began_another_one(subscription_id: str, *, doubles: bool) -> None:
    """Then its refund ends that one. The original's goes on."""
    store = FakeStore()
    first = replace(ordered(store), subscription_id="stripe:sub_1")
    twin = payment(OTHER, fulfilment_key=first.fulfilment_key, minute=1)
    record_events(store, paid(first), paid(replace(twin, subscription_id=subscription_id)), now=at(2))
    case = request_refund(store, refund_claim(RefundReason.CHARGED_TWICE, payment_id=OTHER), minute=60)
    _, context = read_case_context(ADA, case.case_id, store)
    given = policy_context(RefundReason.CHARGED_TWICE, context, store, POLICY, at(60))
    assert (given.is_duplicate, given.doubles_subscription) == (True, doubles)
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
    assert context_of(store, RefundReason.WRONG_AMOUNT, minute=80).failed_runs == 0


def test_a_failed_run_is_returned_with_the_version_that_is_stored() -> None:
    """Whoever changes it next names that version."""
    store = stored()
    draw_credits(ADA, "run_1", 5, store, now=at(10))
    assert fail_run(ADA, "run_1", store, now=at(11)).version == store.runs[ADA, "run_1"].version == 2
