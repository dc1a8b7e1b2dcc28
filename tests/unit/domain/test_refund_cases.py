"""Until when the law wants a withdrawal's money back."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from ledger.domain.contacts import LANGUAGES
from ledger.domain.ids import PaymentId
from ledger.domain.refund_cases import (
    REPAID_WITHIN,
    WITHDRAWAL_RULE,
    CaseState,
    Decision,
    DecisionOutcome,
    RefundCase,
    RefundReason,
    SubmittedEvidence,
    mismatches,
)
from ledger.policy.rules import RULES
from ledger.policy.texts import shipped_texts
from tools.testing.builders import ADA, CH, NOON, PI, at, payment

OPENED_AT, CONFIRMED_AT = at(0), at(60)
CASE = RefundCase(
    case_id="case_1",
    account_id=ADA,
    payment_id=PI,
    reason=RefundReason.WITHDRAWAL,
    state=CaseState.IN_REVIEW,
    opened_at=OPENED_AT,
    opened_by=ADA,
    correlation_id="c",
    confirmed_at=CONFIRMED_AT,
)
MIND = replace(CASE, reason=RefundReason.CHANGED_MY_MIND, confirmed_at=None)
BY_LAW = Decision(outcome=DecisionOutcome.APPROVE, clause="2", rule=WITHDRAWAL_RULE, reasons=(), policy_version="1")
BY_POLICY = replace(BY_LAW, rule="charged_twice")


@pytest.mark.parametrize(
    ("case", "received_at"),
    [
        (CASE, CONFIRMED_AT),
        (replace(CASE, decision=BY_LAW, state=CaseState.APPROVED), CONFIRMED_AT),
        (replace(CASE, state=CaseState.REFUNDED), CONFIRMED_AT),
        (replace(CASE, state=CaseState.DECLINED), None),
        (replace(CASE, state=CaseState.DECLARED, confirmed_at=None), None),
        (MIND, None),
        (replace(MIND, decision=BY_LAW), OPENED_AT),
        (replace(MIND, decision=BY_LAW, state=CaseState.DECLINED), None),
        (replace(MIND, decision=BY_POLICY), None),
    ],
)
def test_the_money_of_a_withdrawal_is_due_two_weeks_after_its_receipt(
    case: RefundCase, received_at: datetime | None
) -> None:
    """Of the confirmation, or of a request that the law makes a withdrawal; whatever has happened to it since."""
    assert case.due_by == (received_at and received_at + timedelta(days=14))
    assert timedelta(days=14) == REPAID_WITHIN


@pytest.mark.parametrize(
    ("case", "is_withdrawal"),
    [
        (CASE, True),
        (replace(CASE, state=CaseState.DECLINED), True),
        (replace(MIND, decision=BY_LAW), True),
        (replace(MIND, decision=BY_LAW, state=CaseState.DECLINED), False),
        (MIND, False),
    ],
)
def test_a_withdrawal_is_what_was_declared_so_or_is_due_by_law(case: RefundCase, *, is_withdrawal: bool) -> None:
    """What was declared stays one if it is declined. Of another request that was declined, the law asks nothing."""
    assert case.is_withdrawal({}) is is_withdrawal


def test_the_rule_of_withdrawal_has_this_name() -> None:
    """Else no request would be due by law."""
    assert WITHDRAWAL_RULE in {rule.__name__ for rule in RULES}


SESSION = PaymentId("stripe:cs_1")


@pytest.mark.parametrize(
    ("reference", "is_known"),
    [*((one, True) for one in ("INV-1", "pi_1", "ch_1", "cs_1")), ("ch_2", False), ("INV-10", False)],
)
def test_a_reference_is_whatever_the_customer_may_have_read_of_the_payment(reference: str, *, is_known: bool) -> None:
    """The invoice's number, or any id of the payment: a receipt has the charge, an address bar the session."""
    paid = replace(payment(PI), invoice_number="INV-1")
    found = mismatches(SubmittedEvidence(reference=reference), paid, (PI, CH, SESSION), None)
    assert [one.key for one in found] == ([] if is_known else ["mismatch.reference"])


@pytest.mark.parametrize(
    ("submitted", "email", "keys"),
    [
        (SubmittedEvidence(email="Ada@Example.com"), "ada@example.com", []),
        (SubmittedEvidence(email="eve@example.com"), "ada@example.com", ["mismatch.email"]),
        (SubmittedEvidence(email="ada@example.com"), None, ["mismatch.email_unknown"]),
        (SubmittedEvidence(charged_on=NOON.date()), None, []),
        (SubmittedEvidence(charged_on=NOON.date() + timedelta(days=1)), None, []),
        (SubmittedEvidence(charged_on=NOON.date() - timedelta(days=2)), None, ["mismatch.charged_on"]),
        (SubmittedEvidence(reference="x"), None, ["mismatch.reference"]),
        (
            SubmittedEvidence(email="x", charged_on=NOON.date() + timedelta(days=2), reference="x"),
            "y",
            ["mismatch.email", "mismatch.charged_on", "mismatch.reference"],
        ),
    ],
)
def test_each_mismatch_is_named_and_has_words(submitted: SubmittedEvidence, email: str | None, keys: list[str]) -> None:
    """In every language that we ship."""
    found = mismatches(submitted, payment(PI), (PI,), email)
    assert [one.key for one in found] == keys
    for language in LANGUAGES:
        assert all(shipped_texts().render_all(found, language))
