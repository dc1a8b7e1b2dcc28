"""What support staff see: the review queue, and a case with everything needed to decide it."""

from datetime import date, datetime

from pydantic import Field

from ledger.api.responses.decisions import DecisionResponse
from ledger.api.responses.model import Money, ResponseModel
from ledger.api.responses.purchases import PurchaseResponse
from ledger.api.responses.refund_cases import CaseResponse
from ledger.api.responses.statements import EntryResponse
from ledger.domain.refund_cases import DecisionOutcome, QueuedCase


class QueuedCaseResponse(ResponseModel):
    """A case in the review queue."""

    case_id: str
    account_id: str
    since: datetime

    @classmethod
    def of(cls, waiting: QueuedCase) -> "QueuedCaseResponse":
        """Return a queued case."""
        return cls(case_id=waiting.case_id, account_id=waiting.account_id, since=waiting.since)


class ReviewQueuePage(ResponseModel):
    """The review queue, oldest first."""

    cases: list[QueuedCaseResponse]
    next: str | None = Field(description="Send it as `after` to get the next page. null: this was the last page.")


class RuleTraceResponse(ResponseModel):
    """A rule of the policy, and why it did or did not decide."""

    rule: str
    spoke: bool
    why: str


class FactsResponse(ResponseModel):
    """The facts of the ledger that a decision may rest on."""

    paid_at: datetime
    paid: Money
    refundable: Money
    refunded: Money
    is_subscription: bool
    is_renewal: bool
    is_duplicate: bool
    is_disputed: bool
    credits_granted: int
    credits_used: int
    failed_runs: int
    failed_credits: int
    similar: list[str]
    country: str | None
    is_business: bool | None


class SupportCaseResponse(CaseResponse):
    """A case with everything needed to decide it."""

    account_id: str
    message: str
    email: str | None
    charged_on: date | None
    reference: str | None
    happened_at: datetime | None
    error_messages: list[str]
    decided_by: str | None
    history: list[str]
    purchase: PurchaseResponse
    facts: FactsResponse
    usage_since: list[EntryResponse] = Field(
        description="The account's latest movements since the payment, newest first."
    )
    recommended: DecisionResponse = Field(description="The policy's decision as of now.")
    recommended_outcome: DecisionOutcome | None = Field(
        description="For a case in review: the outcome that the policy recommends."
    )
    recommended_money: Money | None
    recommended_credits: int | None
    explanation: list[RuleTraceResponse] = Field(
        description="Each rule of the policy, and why it did or did not decide."
    )
    evidence_urls: list[str] = Field(description="Short-lived URLs of the uploaded files.")


class HoldChangeResponse(ResponseModel):
    """Whether this request placed or lifted the hold."""

    hold_id: str
    changed: bool = Field(description="false: nothing changed.")
