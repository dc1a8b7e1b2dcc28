"""Refund cases: a customer's wish for money back, what was decided about it and why, and what became of it.

declared ──► requested ──► approved ──► issued ──► settled
 (to          │  ▲  │         │            └────► in_review     the refund failed: credits are back, a person decides
 withdraw)    │  │  ├──► declined                    │  ▲
              │  │  └──► in_review ──► approved, declined, replaced
              └──┘ waits for its settling time       └── a chargeback came first, or the provider refused
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum

from ledger.domain.errors import CaseClosed
from ledger.domain.facts import PaymentSettled, RefundedItem
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.unknown_fields import KeepsUnknownFields


class RefundReason(StrEnum):
    """Why a customer wants money back."""

    CHARGED_TWICE = "charged_twice"
    WRONG_AMOUNT = "wrong_amount"
    MISTAKEN_RENEWAL = "mistaken_renewal"
    CHANGED_MY_MIND = "changed_my_mind"
    TECHNICAL_PROBLEM = "technical_problem"
    UNRECOGNISED_CHARGE = "unrecognised_charge"
    WITHDRAWAL = "withdrawal"  # the statutory right, by the two-step function


class CaseState(StrEnum):
    """A case's life."""

    DECLARED = "declared"  # a withdrawal that is not confirmed yet
    REQUESTED = "requested"  # decided by itself once its settling time is over
    IN_REVIEW = "in_review"
    APPROVED = "approved"  # the refund is on its way to the provider
    ISSUED = "issued"  # the provider has it
    REFUNDED = "refunded"  # the money is back
    DECLINED = "declined"
    REPLACED = "replaced"  # credits were given instead of money

    @property
    def is_open(self) -> bool:
        """Still to come to an end: there is one open case for each purchase and reason."""
        return self not in {CaseState.REFUNDED, CaseState.DECLINED, CaseState.REPLACED}


TRANSITIONS = {
    CaseState.DECLARED: {CaseState.REQUESTED, CaseState.APPROVED, CaseState.DECLINED, CaseState.IN_REVIEW},
    CaseState.REQUESTED: {CaseState.APPROVED, CaseState.DECLINED, CaseState.IN_REVIEW},
    CaseState.IN_REVIEW: {
        *(CaseState.APPROVED, CaseState.DECLINED, CaseState.REPLACED),
        CaseState.REFUNDED,  # the provider had the refund after all, though it was given up
    },
    CaseState.APPROVED: {CaseState.ISSUED, CaseState.REFUNDED, CaseState.IN_REVIEW},
    CaseState.ISSUED: {CaseState.REFUNDED, CaseState.IN_REVIEW},
    CaseState.REFUNDED: {CaseState.IN_REVIEW},  # a refund may fail even after it succeeded
    CaseState.DECLINED: set[CaseState](),
    CaseState.REPLACED: set[CaseState](),
}


class DecisionOutcome(StrEnum):
    """What the policy, or a person, says."""

    APPROVE = "approve"
    DECLINE = "decline"
    REVIEW = "review"  # a person decides
    WAIT = "wait"  # decided by itself, later
    REPLACE = "replace"  # credits instead of money; by a person only


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTrace(KeepsUnknownFields):
    """One rule that was asked, and why it spoke or did not."""

    rule: str
    spoke: bool
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision(KeepsUnknownFields):
    """What is to happen, the clause of the published policy that it rests on, and why, in the customer's words."""

    outcome: DecisionOutcome
    clause: str  # of the published policy: `4`
    rule: str
    reasons: tuple[str, ...]
    policy_version: str
    money_minor: int = 0
    currency: str = ""
    credits: int = 0  # to be given instead of money
    takes_credits: bool = True  # whether the refund takes its credits back
    items: tuple[RefundedItem, ...] = ()  # of the money: how much of which line; none: evenly of all
    ends_subscription: bool = False  # renewals are stopped too
    recommended: DecisionOutcome | None = None  # beside `review`: what the policy would do
    explanation: tuple[RuleTrace, ...] = ()
    seen: tuple[str, ...] = ()  # the facts that it rests on


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmittedEvidence(KeepsUnknownFields):
    """What the customer tells us: the evidence that the policy asks for."""

    message: str = ""
    email: str | None = None
    charged_on: date | None = None
    reference: str | None = None  # an invoice's number or a payment's reference
    happened_at: datetime | None = None  # of a technical problem
    error_messages: tuple[str, ...] = ()


def mismatches(
    told: SubmittedEvidence, payment: PaymentSettled, names: Iterable[PaymentId], email: str | None
) -> tuple[str, ...]:
    """Where the evidence that clause 4 asks for differs from what we know. `email`: the account's, if it is known.

    A date may be a day off: the customer's bank counts in another time zone.
    """
    found = []
    if told.email and email and told.email.casefold() != email.casefold():
        found.append("The e-mail address is not the one of the account.")
    if told.charged_on and abs((told.charged_on - payment.at.date()).days) > 1:
        found.append(f"The charge was made on {payment.at.date()}, not on {told.charged_on}.")
    known = {payment.invoice_number, *(name.partition(":")[2] for name in names)}
    if told.reference and told.reference not in known:
        found.append(f"{told.reference} is no invoice number or payment reference of this charge.")
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundCase:
    """One wish for money back. There is one open case for each purchase and reason."""

    case_id: str
    account_id: AccountId
    payment_id: PaymentId
    reason: RefundReason
    state: CaseState
    opened_at: datetime
    opened_by: str  # the account, or the person of support who opened it in the customer's name
    correlation_id: str  # of the request that opened it
    told: SubmittedEvidence = SubmittedEvidence()
    mismatches: tuple[str, ...] = ()  # where what was told differs from what the ledger says
    evidence: tuple[str, ...] = ()  # names of uploaded files
    decision: Decision | None = None
    decided_at: datetime | None = None
    decided_by: str | None = None  # `policy`, or the person
    decide_at: datetime | None = None  # of a requested case: when its settling time is over
    confirmed_at: datetime | None = None  # of a withdrawal
    approvals: int = 0  # how often it was approved: each has a tag of its own
    history: tuple[str, ...] = ()  # each state that it left, when and why
    version: int = 0  # 0: not stored yet

    @property
    def tag(self) -> str:
        """The name of its latest approval: the provider's idempotency key, and the mark on the refund."""
        return f"{self.case_id}-{self.approvals}"

    @property
    def mark(self) -> str:
        """Under this name its account knows it while it is open."""
        return open_case_key(self.payment_id, self.reason)

    def with_state(self, state: CaseState, at: datetime, why: str) -> "RefundCase":
        """The case in another state. Raises CaseClosed where there is no way there."""
        if state not in TRANSITIONS[self.state]:
            raise CaseClosed(f"The case is {self.state}: it can't become {state}.")
        return replace(self, state=state, history=(*self.history, f"{at.isoformat()} {self.state} → {state}: {why}"))


def open_case_key(payment_id: PaymentId, reason: RefundReason) -> str:
    """What there may be one open case for."""
    return f"{payment_id}/{reason}"


def case_id_of(tag: str) -> str:
    """The case that an approval belongs to."""
    return tag.rpartition("-")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedCase:
    """A case that waits for something: for a person (the review queue), or for its settling time."""

    case_id: str
    account_id: AccountId
    since: datetime
