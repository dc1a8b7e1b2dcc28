"""A refund case, and the document of its refund, as their customer reads them."""

from dataclasses import replace

import pytest

from ledger.api import support_case
from ledger.api.responses.credit_notes import CreditNoteResponse
from ledger.api.responses.refund_cases import CaseResponse
from ledger.domain.credit_notes import CreditNote, CreditNoteKind
from ledger.domain.refund_cases import BY_DECLARATION, BY_POLICY, CaseState, RefundCase, RefundReason
from ledger.policy.context import PolicyContext
from tests.unit.api.filled_records import filled
from tools.testing.builders import ADA, LATER, NOON, PI

CASE = RefundCase(
    case_id="case_1",
    account_id=ADA,
    payment_id=PI,
    reason=RefundReason.WITHDRAWAL,
    state=CaseState.REQUESTED,
    opened_at=NOON,
    opened_by=ADA,
    correlation_id="req_1",
)


@pytest.mark.parametrize(
    ("opener", "shown"),
    [
        (ADA, "you"),
        ("support:sam", "support"),
        (f"support:{ADA}", "support"),
        (BY_POLICY, "policy"),
        (f"{BY_DECLARATION}W-7K3F-9Q2M-4XNP", "form"),
    ],
)
def test_a_case_says_how_it_was_opened(opener: str, shown: str) -> None:
    """Only what was sent with the customer's login was surely opened by the customer. No person is named."""
    assert CaseResponse.of(replace(CASE, opened_by=opener)).opened_by == shown


NOTE = CreditNote(
    number="2026-000001",
    kind=CreditNoteKind.CREDIT,
    issued_at=LATER,
    issued_by="Shop, 1 High Street",
    account_id=ADA,
    payment_id=PI,
    refund_id="stripe:re_1",
    case_id=None,
    amount_minor=500,
    currency="USD",
    invoice_number="INV-1",
    paid_at=NOON,
    order_id=None,
    product_ids=("pack_1000",),
    credits=1000,
)


@pytest.mark.parametrize(
    ("tax_minor", "shown"), [(None, (None, None)), (0, (500, 0)), (83, (417, 83)), (500, (0, 500))]
)
def test_a_tax_of_nothing_is_known(tax_minor: int | None, shown: tuple[int | None, int | None]) -> None:
    """Net and tax are the gross amount. Without a known tax there is neither."""
    response = CreditNoteResponse.of(replace(NOTE, tax_minor=tax_minor))
    assert tuple(one and one.amount_minor for one in (response.net, response.tax)) == shown


def test_the_facts_of_a_case_are_those_of_its_inputs() -> None:
    """The runs that failed and were replaced, and their credits, by their own names."""
    inputs = filled(PolicyContext)
    shown = support_case._facts(inputs)  # noqa: SLF001 - the answer as a whole needs a stored case
    names = ("paid_at", "failed_runs", "failed_credits", "replaced_runs", "replaced_credits")
    assert [getattr(shown, name) for name in names] == [getattr(inputs, name) for name in names]
