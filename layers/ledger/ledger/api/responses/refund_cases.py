"""Refund cases, as their customer sees them."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from ledger.api.responses.decisions import DecisionResponse
from ledger.api.responses.model import WITHDRAWAL_PAGE, ResponseModel
from ledger.domain.refund_cases import BY_DECLARATION, BY_POLICY, CaseState, RefundCase, RefundReason
from ledger.policy.texts import case_state_text, shipped_texts

Opener = Literal["you", "form", "support", "policy"]
"""Who opened a case: its customer with a login, somebody on the public page, a person of support, or nobody."""


class CaseResponse(ResponseModel):
    """A refund case: the request, the decision and its result."""

    case_id: str
    purchase_id: str
    reason: RefundReason
    state: CaseState
    words: str = Field(description="What happens next.")
    opened_at: datetime
    opened_by: Opener = Field(
        description="`you`: with the customer's login. `form`: on the public page. `policy`: without anybody's request."
    )
    decision: DecisionResponse | None
    decided_at: datetime | None
    decide_at: datetime | None = Field(description="For a deferred case: when it is decided automatically.")
    due_by: datetime | None = Field(description="Of a withdrawal: when its money is back at the latest, by law.")
    contract_case_id: str | None = Field(
        description="Of another payment of a contract that was withdrawn from: the case of the withdrawal."
    )
    mismatches: list[str]
    evidence: list[str]
    withdrawal_page: str = Field(
        default=WITHDRAWAL_PAGE, description="The public page to withdraw from a contract. It needs no login."
    )

    @classmethod
    def of(cls, case: RefundCase) -> "CaseResponse":
        """Return a case as its customer sees it."""
        return cls(**case_fields(case))


def case_fields(case: RefundCase) -> dict[str, Any]:
    """Return the fields of a case that both the customer and support see."""
    return {
        "case_id": case.case_id,
        "purchase_id": case.payment_id,
        "reason": case.reason,
        "state": case.state,
        "words": shipped_texts().render(case_state_text(case.state)),
        "opened_at": case.opened_at,
        "opened_by": _opener(case),
        "decision": DecisionResponse.of(case.decision) if case.decision else None,
        "decided_at": case.decided_at,
        "decide_at": case.deferred_until,
        "due_by": case.due_by,
        "contract_case_id": case.contract_case_id,
        "mismatches": shipped_texts().render_all(case.mismatches),
        "evidence": list(case.evidence),
    }


def _opener(case: RefundCase) -> Opener:
    """Return who opened a case, without naming a person of support."""
    if case.opened_by == case.account_id:
        return "you"
    if case.opened_by.startswith(BY_DECLARATION):
        return "form"
    return "policy" if case.opened_by == BY_POLICY else "support"


class CasePage(ResponseModel):
    """Refund cases."""

    cases: list[CaseResponse]
    next: str | None = Field(description="Send it as `after` to get the next page. null: this was the last page.")


class UploadResponse(ResponseModel):
    """How to upload one file: a form POST to `url` with these fields, then the file as `file`."""

    evidence_id: str
    url: str
    fields: dict[str, str]
    expires_at: datetime
    max_bytes: int


class WithdrawalReceipt(ResponseModel):
    """The receipt of a withdrawal: what was declared and when. Keep it."""

    case: CaseResponse
    declared_at: datetime
    confirmed_at: datetime | None = Field(description="null: it is declared but not confirmed yet.")
    statement: str
    would_be: DecisionResponse | None = Field(description="Before confirmation: the decision that it would get now.")
