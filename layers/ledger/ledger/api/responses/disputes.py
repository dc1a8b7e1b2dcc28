"""The evidence about a disputed purchase: what a bank asks for, on one page."""

from datetime import datetime

from pydantic import Field

from ledger.api.responses.model import Money, ResponseModel
from ledger.api.responses.orders import AgreedOrder
from ledger.api.responses.purchases import LineResponse
from ledger.domain.disputes import ReportedDispute, reported_disputes
from ledger.domain.entries import EntryKind
from ledger.domain.facts import DisputeReason, EvidenceState, RefundChanged, facts_of
from ledger.domain.ids import provider_of
from ledger.domain.mails import MailKind, MailOutcome
from ledger.domain.purchases import Purchase
from ledger.domain.refund_cases import CaseState, RefundReason


class DisputeResponse(ResponseModel):
    """A dispute, an inquiry or a chargeback, as its provider reports it."""

    dispute_id: str = Field(description="The provider's id.", examples=["dp_1Q9x"])
    state: str = Field(description="The provider's word, in our names.", examples=["under_review"])
    is_open: bool = Field(description="Whether the bank has not decided yet. Of a chargeback: whether it stands.")
    amount: Money
    opened_at: datetime
    reason: DisputeReason | None = Field(description="Why the buyer disputes, by the bank. null: unknown.")
    evidence: EvidenceState | None = Field(description="How far our answer is. null: unknown, or the seller answers.")
    evidence_due_at: datetime | None = Field(
        description="Until when the bank takes evidence. null: unknown, or a merchant of record is asked instead of us."
    )
    awaits_evidence: bool = Field(description="Whether an answer of ours is awaited, and none was handed in.")
    is_due_soon: bool = Field(description="Whether it is awaited, and its deadline is over or within three days.")

    @classmethod
    def of(cls, dispute: ReportedDispute, now: datetime) -> "DisputeResponse":
        """Return a dispute as of now."""
        return cls(
            dispute_id=dispute.dispute_id,
            state=dispute.state,
            is_open=dispute.is_open,
            amount=Money(amount_minor=dispute.amount_minor, currency=dispute.currency),
            opened_at=dispute.opened_at,
            reason=dispute.reason,
            evidence=dispute.evidence,
            evidence_due_at=dispute.evidence_due_at,
            awaits_evidence=dispute.awaits_evidence,
            is_due_soon=dispute.is_due_soon(now),
        )


class DeclaredWithdrawal(ResponseModel):
    """A withdrawal from the purchase's contract."""

    case_id: str
    at: datetime
    stands: bool = Field(description="false: it was declined, or credits were given instead of money.")


class UsedCredits(ResponseModel):
    """Credits of the purchase that were drawn for a run, or that came back because it failed."""

    at: datetime
    kind: EntryKind
    credits: int
    cause: str = Field(examples=["run:run_20261101_0001"])


class MadeRefund(ResponseModel):
    """A refund of the purchase."""

    refund_id: str
    state: str
    amount: Money
    created_at: datetime

    @classmethod
    def of_purchase(cls, purchase: Purchase) -> "list[MadeRefund]":
        """Return the refunds of a purchase, the oldest first."""
        return [
            cls(
                refund_id=fact.refund_id,
                state=fact.state,
                amount=Money(amount_minor=fact.amount_minor, currency=fact.currency),
                created_at=fact.created_at,
            )
            for fact in sorted(facts_of(purchase.facts, RefundChanged), key=lambda fact: fact.created_at)
        ]


class WrittenCase(ResponseModel):
    """What the customer wrote about the purchase, and what we answered."""

    case_id: str
    reason: RefundReason
    state: CaseState
    opened_at: datetime
    message: str
    answer: list[str] = Field(description="The reasons of the decision, as the customer reads them.")
    decided_at: datetime | None


class SentMail(ResponseModel):
    """A mail about the purchase, or about the suspension since its dispute. Its text is not stored."""

    kind: MailKind
    subject: str = Field(description="What it is about: an order, or a step of a case.")
    at: datetime
    outcome: MailOutcome
    failed_at: datetime | None = Field(description="When a bounce or a complaint was reported.")


class ChecklistItem(ResponseModel):
    """Something that a bank asks for."""

    asked: str = Field(examples=["That the customer used it, and when"])
    is_there: bool = Field(description="Whether the ledger has it.")
    words: str


class DisputedPurchaseResponse(ResponseModel):
    """A disputed purchase with what a bank asks for."""

    purchase_id: str
    provider: str
    is_live: bool = Field(description="Whether it was paid in the provider's live mode.")
    paid_at: datetime
    paid: Money
    invoice_number: str | None
    subscription_id: str | None
    lines: list[LineResponse]
    disputes: list[DisputeResponse] = Field(description="The most urgent first.")
    checklist: list[ChecklistItem] = Field(description="By the reason of the most urgent open dispute. Empty: none.")
    order: AgreedOrder | None
    withdrawals: list[DeclaredWithdrawal]
    credits_granted: int
    credits_used: int = Field(description="Of those granted: drawn for runs, without what came back.")
    usage: list[UsedCredits] = Field(description="The latest first.")
    has_more_usage: bool
    refunds: list[MadeRefund]
    cases: list[WrittenCase]
    mails: list[SentMail]


class OpenDisputeResponse(ResponseModel):
    """A purchase with open disputes."""

    purchase_id: str
    provider: str
    is_live: bool = Field(description="Whether it was paid in the provider's live mode.")
    account_id: str | None = Field(description="null: the payment was not reported yet.")
    paid: Money | None
    paid_at: datetime | None
    disputes: list[DisputeResponse] = Field(description="The open ones, the most urgent first.")

    @classmethod
    def of(cls, purchase: Purchase, now: datetime, *, is_live: bool) -> "OpenDisputeResponse":
        """Return a purchase with its open disputes as of now."""
        payment = purchase.payment
        found = reported_disputes(purchase.facts, purchase.payment_id)
        return cls(
            purchase_id=purchase.payment_id,
            provider=provider_of(purchase.payment_id),
            is_live=is_live,
            account_id=purchase.account_id,
            paid=Money(amount_minor=payment.paid_minor, currency=payment.currency) if payment else None,
            paid_at=payment.at if payment else None,
            disputes=[DisputeResponse.of(one, now) for one in found if one.is_open],
        )


class OpenDisputePage(ResponseModel):
    """A part of the purchases with open disputes."""

    purchases: list[OpenDisputeResponse]
    next: str | None = Field(description="Send it as `after` to get the next page. null: this was the last page.")


class DisputedPurchaseList(ResponseModel):
    """The disputed purchases of an account, those with an open dispute first."""

    email: str | None = Field(description="The customer's address. null: none is on file.")
    purchases: list[DisputedPurchaseResponse]
