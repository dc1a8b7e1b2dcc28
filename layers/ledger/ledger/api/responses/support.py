"""What support staff read: the review queue, and a case with everything that its decision needs."""

from datetime import date, datetime

from pydantic import Field

from ledger.api.responses.decisions import DecisionResponse
from ledger.api.responses.model import Money, ResponseModel
from ledger.api.responses.purchases import PurchaseResponse
from ledger.api.responses.refund_cases import CaseResponse
from ledger.api.responses.statements import EntryResponse
from ledger.domain.audit import AuditAction
from ledger.domain.proposals import Proposal, ProposalState
from ledger.domain.refund_cases import CaseState, DecisionOutcome, RefundCase, RefundReason, RuleTrace, StateChange
from ledger.policy.texts import shipped_texts
from ledger.usecases.chain_lines import cause_in_words
from ledger.usecases.refund_cases.queue import WaitingCase


class QueuedCaseResponse(ResponseModel):
    """A case in the review queue, with what a person chooses by."""

    case_id: str
    account_id: str
    since: datetime
    due_by: datetime | None = Field(description="By then it must be settled, by law.")
    reason: RefundReason
    purchase_id: str
    paid: Money | None
    is_priority: bool = Field(description="The customer wrote to us before the payment was disputed.")
    recommended: DecisionOutcome | None = Field(description="What the policy recommended when the case was opened.")
    claimed_by: str | None = Field(description="Who of support has it open. null: nobody.")
    claimed_until: datetime | None

    @classmethod
    def of(cls, waiting: WaitingCase) -> "QueuedCaseResponse":
        """Return a queued case."""
        case, queued, claim = waiting.case, waiting.queued, waiting.claim
        payment = waiting.purchase.payment if waiting.purchase else None
        return cls(
            case_id=queued.case_id,
            account_id=queued.account_id,
            since=queued.since,
            due_by=queued.due_by,
            reason=case.reason,
            purchase_id=case.payment_id,
            paid=Money(amount_minor=payment.paid_minor, currency=payment.currency) if payment else None,
            is_priority=waiting.is_priority,
            recommended=case.decision.recommended if case.decision else None,
            claimed_by=claim.actor if claim else None,
            claimed_until=claim.until if claim else None,
        )


class ClaimResponse(ResponseModel):
    """Who of support has a case open."""

    case_id: str
    claimed_by: str | None
    claimed_until: datetime | None
    is_yours: bool = Field(description="false: a colleague has it open. It can be decided all the same.")


class DuplicateResponse(ResponseModel):
    """Another payment like this one, of the same account."""

    purchase_id: str
    at: datetime | None
    paid: Money | None


class ReviewQueuePage(ResponseModel):
    """The review queue: what is due by law by its due date, then the others, oldest first."""

    cases: list[QueuedCaseResponse]
    next: str | None = Field(description="Send it as `after` to get the next page. null: this was the last page.")


class DecidedCaseResponse(ResponseModel):
    """A decided case in a list, with what a person chooses by."""

    case_id: str
    account_id: str
    reason: RefundReason
    purchase_id: str
    opened_at: datetime
    state: CaseState
    decided_at: datetime | None
    decided_by: str | None = Field(description="`policy`, or the id of a person.")
    clause: str | None = Field(description="The clause of the refund policy that the decision rests on.")
    money: Money | None = Field(description="The money that was approved. null: none.")
    credits: int = Field(description="The credits that were given instead of money.")
    can_overturn: bool = Field(description="The policy declined it by itself: a person can decide otherwise.")

    @classmethod
    def of(cls, case: RefundCase) -> "DecidedCaseResponse":
        """Return a decided case."""
        decision = case.decision
        return cls(
            case_id=case.case_id,
            account_id=case.account_id,
            reason=case.reason,
            purchase_id=case.payment_id,
            opened_at=case.opened_at,
            state=case.state,
            decided_at=case.decided_at,
            decided_by=case.decided_by,
            clause=decision.clause if decision else None,
            money=Money(amount_minor=decision.money_minor, currency=decision.currency)
            if decision and decision.money_minor
            else None,
            credits=decision.credits if decision else 0,
            can_overturn=case.is_declined_by_policy,
        )


class DecidedCasePage(ResponseModel):
    """Decided cases, the latest decision first."""

    cases: list[DecidedCaseResponse]
    next: str | None = Field(description="Send it as `after` to get the next page. null: this was the last page.")


class RuleTraceResponse(ResponseModel):
    """A rule of the policy, and why it did or did not decide."""

    rule: str
    spoke: bool = Field(description="Whether this rule decided.")
    why: str

    @classmethod
    def of(cls, trace: RuleTrace) -> "RuleTraceResponse":
        """Return a rule's trace with its reasons written out."""
        return cls(rule=trace.rule, spoke=trace.decided, why=" ".join(shipped_texts().render_all(trace.why)))


class StateChangeResponse(ResponseModel):
    """One change of a case's state."""

    at: datetime
    from_state: CaseState
    to_state: CaseState
    cause: str = Field(description="What caused the change, in English.")
    cause_code: str = Field(examples=["change.refund_succeeded"], description="The same, as a stable code.")
    actor: str = Field(description="`policy`, `provider`, `send_refunds`, or the id of a person.")

    @classmethod
    def of(cls, change: StateChange) -> "StateChangeResponse":
        """Return a change with its cause written out."""
        return cls(
            at=change.at,
            from_state=change.from_state,
            to_state=change.to_state,
            cause=cause_in_words(change.cause),
            cause_code=change.cause.key,
            actor=change.actor,
        )


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
    replaced_runs: int = Field(description="Of the failed runs, those whose credits an incident has replaced.")
    replaced_credits: int
    similar: list[str]
    country: str | None
    is_business: bool | None
    informed_at: datetime | None = Field(
        description="When the buyer was informed of the right of withdrawal. null: that is on no record."
    )
    can_be_informed: bool = Field(description="Nothing informed the buyer yet: the information can be mailed.")


class SupportCaseResponse(CaseResponse):
    """A case with everything needed to decide it."""

    account_id: str
    message: str
    email: str | None
    charged_on: date | None
    reference: str | None
    happened_at: datetime | None
    error_messages: list[str]
    channel: str = Field(description="How it reached support: `email`, … Empty: the customer sent it by the API.")
    sent_at: datetime | None = Field(description="When the customer sent it, if it was opened later.")
    decided_by: str | None
    history: list[StateChangeResponse] = Field(description="Each change of the case's state, oldest first.")
    purchase: PurchaseResponse
    facts: FactsResponse
    usage_since: list[EntryResponse] = Field(
        description="The account's latest movements since the payment, newest first."
    )
    recommended: DecisionResponse = Field(
        description="The policy's decision as of now. Of a case that is decided: the decision on record."
    )
    recommended_outcome: DecisionOutcome | None = Field(
        description="The outcome that the policy recommends to a person; of a decided case: that it had recommended."
    )
    recommended_money: Money | None = Field(description="null for a case that is decided: see `decision`.")
    recommended_credits: int | None
    explanation: list[RuleTraceResponse] = Field(
        description="Each rule of the policy, and why it did or did not decide: as of now, or as it is on record."
    )
    evidence_urls: list[str] = Field(description="Short-lived URLs of the uploaded files.")
    purchase_facts: list[str] = Field(description="What was reported of the payment, merged, in sentences.")
    duplicates: list[DuplicateResponse]
    is_priority: bool = Field(description="The customer wrote to us before the payment was disputed.")
    can_overturn: bool = Field(description="The policy declined it by itself: a person can decide otherwise.")
    is_withdrawal: bool = Field(
        description="The law returns its money as it was paid: credits instead need the customer's agreement."
    )
    agreement: str | None = Field(description="How the customer agreed to credits instead of a withdrawal's money.")
    claimed_by: str | None
    claimed_until: datetime | None
    proposals: "list[ProposalResponse]" = Field(description="Decisions of this case that wait for a second person.")


class HoldChangeResponse(ResponseModel):
    """Whether this request placed or lifted the hold."""

    hold_id: str
    changed: bool = Field(description="false: nothing changed.")


class InformationResponse(ResponseModel):
    """The mail that informs a buyer of the right of withdrawal after the order."""

    order_id: str
    asked_at: datetime
    sent_at: datetime | None = Field(description="When it was accepted for delivery: 14 days run from then.")
    changed: bool = Field(description="Whether this request asked for it. false: one waits, or was sent.")


class AmountResponse(ResponseModel):
    """An amount that a person stated."""

    payment_id: str
    subject_id: str
    amount_minor: int
    changed: bool = Field(description="Whether this request changed anything.")


class AdjustmentResponse(ResponseModel):
    """An adjustment that was carried out."""

    adjustment_id: str
    credits: int


class ProposalResponse(ResponseModel):
    """An act of support that is above what one person may do."""

    proposal_id: str
    account_id: str
    action: AuditAction
    subject: str = Field(description="The case, hold, adjustment, or the provider's id of a refund or dispute.")
    why: str
    amount: int = Field(description="What it moves at most, in minor units or credits.")
    unit: str = Field(description="The currency, or `credits`.", examples=["EUR"])
    proposed_by: str
    proposed_at: datetime
    state: ProposalState
    settled_by: str | None = Field(description="Who confirmed or rejected it.")
    settled_at: datetime | None

    @classmethod
    def of(cls, proposal: Proposal) -> "ProposalResponse":
        """Return a proposal."""
        return cls(
            proposal_id=proposal.proposal_id,
            account_id=proposal.account_id,
            action=proposal.action,
            subject=proposal.subject,
            why=proposal.reason,
            amount=proposal.amount,
            unit=proposal.unit,
            proposed_by=proposal.proposed_by,
            proposed_at=proposal.proposed_at,
            state=proposal.state,
            settled_by=proposal.settled_by,
            settled_at=proposal.settled_at,
        )


class ProposalPage(ResponseModel):
    """What waits for a second person, oldest first."""

    proposals: list[ProposalResponse]
    next: str | None = Field(description="Send it as `after` to get the next page. null: this was the last page.")
