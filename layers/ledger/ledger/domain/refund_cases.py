"""Refund cases: a customer's request for money back, the decision about it with its reasons, and its outcome.

                 ┌─ deferred until its settling time is over
                 ▼
declared ──► requested ──► approved ──► issued ──► refunded
 (withdrawal)  │             │            │           │
               │             └────────────┴───────────┴──► in_review     the refund was not sent, or it failed
               ├──► in_review ──► approved, declined, replaced, refunded
               └──► declined ──► approved, replaced       a person overturns an automatic decline

    from        to          what causes it
    declared    any of the next four states: the customer confirms the withdrawal, and the policy decides
    requested   approved    the policy approves
                declined    the policy declines
                in_review   the policy leaves it to a person
    in_review   approved    a person approves, or the policy, once the dispute that a withdrawal waited for is over
                declined    a person declines, or the policy likewise, if the bank has returned the money
                replaced    a person gives credits instead of money
                refunded    the provider reports that it carried out a refund which was abandoned
    declined    approved    a person overturns what the policy declined
                replaced    likewise, with credits
    approved    issued      the provider accepts the refund
                refunded    the provider reports the refund's success before our request is recorded
                in_review   the provider refuses the refund, or a dispute or another refund came first
    issued      refunded    the provider reports success
                in_review   the provider reports failure: the credits are returned, a person decides
    refunded    in_review   the provider reports that the refund failed after it had succeeded
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from ledger.domain.errors import CaseClosed
from ledger.domain.facts import Facts, PaymentSettled, RefundedItem, WithdrawalChanged, is_by
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.records import record
from ledger.domain.texts import Text, text
from ledger.domain.unknown_fields import KeepsUnknownFields


class RefundReason(StrEnum):
    """Why a customer wants money back."""

    CHARGED_TWICE = "charged_twice"
    WRONG_AMOUNT = "wrong_amount"
    MISTAKEN_RENEWAL = "mistaken_renewal"
    CHANGED_MY_MIND = "changed_my_mind"
    TECHNICAL_PROBLEM = "technical_problem"
    UNRECOGNISED_CHARGE = "unrecognised_charge"
    FRAUD_WARNING = "fraud_warning"  # nobody asked: the card network warns of the payment
    INQUIRY = "inquiry"  # nobody asked: the cardholder's bank asks about the payment, before a dispute
    WITHDRAWAL = "withdrawal"  # the statutory right, declared and confirmed in two steps


UNASKED_REASONS = frozenset({RefundReason.FRAUD_WARNING, RefundReason.INQUIRY})
"""Reasons that no customer gives: their cases are for support, and a mail only says that money goes back."""


class CaseState(StrEnum):
    """The state of a case."""

    DECLARED = "declared"  # a withdrawal that is not confirmed yet
    REQUESTED = "requested"  # its decision is deferred
    IN_REVIEW = "in_review"  # a person decides
    APPROVED = "approved"  # the refund is on its way to the provider
    ISSUED = "issued"  # the provider has it
    REFUNDED = "refunded"  # the money has been returned
    DECLINED = "declined"
    REPLACED = "replaced"  # credits were given instead of money

    @property
    def is_open(self) -> bool:
        """Whether the case has yet to end. There is one open case for each purchase and reason."""
        return self not in {CaseState.REFUNDED, CaseState.DECLINED, CaseState.REPLACED}


_UNDECIDED = frozenset({CaseState.DECLARED, CaseState.REQUESTED, CaseState.IN_REVIEW})

TRANSITIONS = {
    CaseState.DECLARED: {CaseState.REQUESTED, CaseState.APPROVED, CaseState.DECLINED, CaseState.IN_REVIEW},
    CaseState.REQUESTED: {CaseState.APPROVED, CaseState.DECLINED, CaseState.IN_REVIEW},
    CaseState.IN_REVIEW: {CaseState.APPROVED, CaseState.DECLINED, CaseState.REPLACED, CaseState.REFUNDED},
    CaseState.APPROVED: {CaseState.ISSUED, CaseState.REFUNDED, CaseState.IN_REVIEW},
    CaseState.ISSUED: {CaseState.REFUNDED, CaseState.IN_REVIEW},
    CaseState.REFUNDED: {CaseState.IN_REVIEW},
    CaseState.DECLINED: {CaseState.APPROVED, CaseState.REPLACED},
    CaseState.REPLACED: set[CaseState](),
}
"""The table above: from each state, the states that may follow."""

BY_POLICY, BY_PROVIDER, BY_SENDER = "policy", "provider", "send_refunds"
"""Actors that are not people: the rules, the provider's reports, and the sender of refunds."""
BY_DECLARATION = "declaration:"
"""Before its id: who opened a case on the public page."""


class FollowStage(StrEnum):
    """How closely the refund of a case must be followed."""

    UNDER_WAY = "under_way"  # the refund has not ended
    ENDED = "ended"  # it has, but a success can still fail, and an abandoned refund can turn out to be sent


_STAGES = {
    CaseState.APPROVED: FollowStage.UNDER_WAY,
    CaseState.ISSUED: FollowStage.UNDER_WAY,
    CaseState.REFUNDED: FollowStage.ENDED,
    CaseState.IN_REVIEW: FollowStage.ENDED,
}


class DecidedList(StrEnum):
    """Which list of support a decided case is in."""

    DECLINED_BY_POLICY = "declined_by_policy"  # a person can overturn it
    OTHERS = "decided_otherwise"  # by a person, or approved by the policy


class DecisionOutcome(StrEnum):
    """What the policy, or a person, decides."""

    APPROVE = "approve"
    DECLINE = "decline"
    REVIEW = "review"  # a person decides
    WAIT = "wait"  # the decision is deferred
    REPLACE = "replace"  # credits instead of money; by a person only


@record(frozen=True, kw_only=True)
class RuleTrace(KeepsUnknownFields):
    """One rule of the policy, and why it decided or did not."""

    rule: str
    decided: bool
    why: tuple[Text, ...]


PAUSED = "paused"
"""Instead of a rule's name: no rule decides while decisions are paused."""

_AGREEMENT = "input.agreement"
"""The text in which a decision has how the customer agreed to credits instead of a withdrawal's money."""

CHARGED_TWICE = "charged_twice"
"""The name of the rule that refunds what was paid above one price."""


@record(frozen=True, kw_only=True)
class Decision(KeepsUnknownFields):
    """What happens to a case, the clause of the published policy that it rests on, and the reasons as data."""

    outcome: DecisionOutcome
    clause: str  # of the published policy: `4`
    rule: str  # the rule's name, or `person:` and the person's id
    reasons: tuple[Text, ...]  # for the customer
    policy_version: str
    money_minor: int = 0
    currency: str = ""
    credits: int = 0  # to give instead of money
    takes_credits: bool = True  # whether the refund takes its credits back
    items: tuple[RefundedItem, ...] = ()  # how much of the money belongs to which line; empty: split evenly
    ends_subscription: bool = False  # renewals are stopped too
    ends_contract: bool = False  # the customer withdraws: all other payments of the contract are reached too
    recommended: DecisionOutcome | None = None  # with REVIEW: what the policy recommends
    explanation: tuple[RuleTrace, ...] = ()
    inputs: tuple[Text, ...] = ()  # the facts that it rests on

    @property
    def is_paused(self) -> bool:
        """Whether all decisions wait, so that this one says nothing about what will be decided."""
        return self.rule == PAUSED

    @property
    def agreement(self) -> str | None:
        """Return how the customer agreed to credits instead of a withdrawal's money, as a person recorded it."""
        figures = (one.figures for one in self.inputs if one.key == _AGREEMENT)
        return next((str(figure.value) for (figure,) in figures), None)


@record(frozen=True, kw_only=True)
class SubmittedEvidence(KeepsUnknownFields):
    """What the customer submits: the evidence that the policy asks for."""

    message: str = ""
    email: str | None = None
    charged_on: date | None = None
    reference: str | None = None  # an invoice number or a payment reference
    happened_at: datetime | None = None  # of a technical problem
    error_messages: tuple[str, ...] = ()
    channel: str = ""  # how it reached support, if it did: `email`, `letter`, …


@record(frozen=True, kw_only=True)
class StateChange(KeepsUnknownFields):
    """One step of a case from a state to another."""

    at: datetime
    from_state: CaseState
    to_state: CaseState
    cause: Text
    actor: str  # BY_POLICY, BY_PROVIDER, BY_SENDER, or the person's id


WITHDRAWAL_RULE = "right_of_withdrawal"
"""The rule of the policy that executes the law of withdrawal."""

OPEN_DISPUTE_RULE = "open_dispute"
"""The rule of the policy by which nothing is refunded while a dispute is open."""

REPAID_WITHIN = timedelta(days=14)

STEPS_WITHIN = timedelta(days=1)
"""How long after the first step of a withdrawal the second one may follow for the first one's time to count."""


@record(frozen=True, kw_only=True)
class RefundCase:
    """One request for money back. There is one open case for each purchase and reason."""

    case_id: str
    account_id: AccountId
    payment_id: PaymentId
    reason: RefundReason
    state: CaseState
    opened_at: datetime
    opened_by: str  # the account, BY_POLICY, `support:` and the person, or BY_DECLARATION and the declaration's id
    correlation_id: str  # of the request that opened it
    submitted_evidence: SubmittedEvidence = SubmittedEvidence()
    mismatches: tuple[Text, ...] = ()  # where the submitted evidence differs from the ledger
    evidence: tuple[str, ...] = ()  # names of uploaded files
    decision: Decision | None = None
    decided_at: datetime | None = None
    decided_by: str | None = None  # BY_POLICY, or the person's id
    deferred_until: datetime | None = None  # of a requested case: when its settling time is over
    asked_at: datetime | None = None  # when the customer sent it, if it was opened later
    confirmed_at: datetime | None = None  # of a withdrawal
    contract_case_id: str | None = None  # the contract's withdrawal that reached this payment; None: it was named
    rest_due_at: datetime | None = None  # the next look for other payments, or a dispute's end; None: no more
    is_priority: bool = False  # in review: it has the place in the queue of who wrote to us before the dispute
    approvals: int = 0  # how often it was approved: each approval has a tag of its own
    history: tuple[StateChange, ...] = ()  # oldest first
    version: int = 0  # 0: not stored yet

    @property
    def tag(self) -> str:
        """The name of the latest approval. The provider gets it as idempotency key, and stores it with the refund."""
        return f"{self.case_id}-{self.approvals}"

    @property
    def follow_stage(self) -> FollowStage | None:
        """How closely its latest refund must be followed. None: it has none, or a person decided the case since."""
        return _STAGES.get(self.state) if self.approvals else None

    @property
    def is_internal(self) -> bool:
        """Whether the customer is not shown it: nobody asked, and nothing was ever approved."""
        return self.reason in UNASKED_REASONS and not self.approvals

    @property
    def is_declined_by_policy(self) -> bool:
        """Whether the rules declined it: a person can still decide otherwise."""
        return self.state is CaseState.DECLINED and self.decided_by == BY_POLICY

    @property
    def decided_list(self) -> DecidedList | None:
        """Which list of decided cases it is in, by the time of its decision. None: its decision is still to come."""
        if self.decided_at is None or self.state in _UNDECIDED:
            return None
        return DecidedList.DECLINED_BY_POLICY if self.is_declined_by_policy else DecidedList.OTHERS

    @property
    def waits_for_dispute(self) -> bool:
        """Return whether a withdrawal is in review because of an open dispute: the policy decides it after that."""
        is_withdrawal = self.reason is RefundReason.WITHDRAWAL and self.state is CaseState.IN_REVIEW
        return is_withdrawal and self.decision is not None and self.decision.rule == OPEN_DISPUTE_RULE

    @property
    def moved_at(self) -> datetime:
        """When it reached its state."""
        return self.history[-1].at if self.history else self.opened_at

    @property
    def open_case_key(self) -> str:
        """The key under which the account lists this case while it is open."""
        return open_case_key(self.payment_id, self.reason)

    @property
    def due_by(self) -> datetime | None:
        """Return when a withdrawal's money must be back at the latest. None: nothing is due by law.

        14 days from its receipt, also if a person decides or a refund fails (Directive 2011/83/EU, article 13).
        """
        is_decided_so = self.decision is not None and self.decision.rule == WITHDRAWAL_RULE
        is_by_law = is_decided_so or self.was_decided_by(WITHDRAWAL_RULE)
        received_at = self.confirmed_at if self.reason is RefundReason.WITHDRAWAL else self.opened_at
        if received_at is None or self.state is CaseState.DECLINED:
            return None
        return received_at + REPAID_WITHIN if self.reason is RefundReason.WITHDRAWAL or is_by_law else None

    def is_withdrawal(self, facts: Facts) -> bool:
        """Return whether the law says by what means its money goes back, also if it was declined and is overturned.

        `facts` are those of its payment: one notes a withdrawal in other words that an open dispute keeps undecided.
        """
        noted = facts.get(f"withdrawal:{self.case_id}")
        is_noted = isinstance(noted, WithdrawalChanged) and noted.stands
        return self.reason is RefundReason.WITHDRAWAL or self.due_by is not None or is_noted

    def wrote_before(self, disputed_at: datetime | None) -> bool:
        """Return whether the customer wrote to us before the payment was disputed, or within the same second.

        None: nobody has disputed it.
        """
        is_written = self.reason not in UNASKED_REASONS
        return is_written and disputed_at is not None and is_by(self.asked_at or self.opened_at, disputed_at)

    def was_decided_by(self, rule: str) -> bool:
        """Return whether the policy has decided it by this rule, whoever decided since."""
        decided = (change.cause for change in self.history if change.cause.key == "change.decided")
        return any(figure.word == rule for cause in decided for figure in cause.figures if figure.name == "rule")

    def with_state(self, state: CaseState, at: datetime, cause: Text, actor: str) -> "RefundCase":
        """Return the case in another state. Raise CaseClosed if TRANSITIONS does not allow it."""
        if state not in TRANSITIONS[self.state]:
            raise CaseClosed(f"The case is {self.state}: it can't become {state}.")
        change = StateChange(at=at, from_state=self.state, to_state=state, cause=cause, actor=actor)
        is_priority = self.is_priority and state is CaseState.IN_REVIEW
        return replace(self, state=state, is_priority=is_priority, history=(*self.history, change))


def open_case_key(payment_id: PaymentId, reason: RefundReason) -> str:
    """Return the key for which there may be one open case."""
    return f"{payment_id}/{reason}"


def case_id_of(tag: str) -> str:
    """Return the case that an approval belongs to."""
    return tag.rpartition("-")[0]


def mismatches(
    submitted: SubmittedEvidence, payment: PaymentSettled, names: Iterable[PaymentId], email: str | None
) -> tuple[Text, ...]:
    """Return where the evidence that clause 4 asks for differs from the ledger.

    `names` are the payment's ids, `email` is the account's address. An address that can't be compared with one proves
    nothing (None: the account's is not known). A date may be one day off, because the customer's bank counts in another
    time zone.
    """
    found = []
    paid_on = payment.at.date()
    if submitted.email and not email:
        found.append(text("mismatch.email_unknown"))
    if submitted.email and email and submitted.email.casefold() != email.casefold():
        found.append(text("mismatch.email"))
    if submitted.charged_on and abs((submitted.charged_on - paid_on).days) > 1:
        found.append(text("mismatch.charged_on", charged_on=paid_on, submitted=submitted.charged_on))
    references = {payment.invoice_number, *(name.partition(":")[2] for name in names)}
    if submitted.reference and submitted.reference not in references:
        found.append(text("mismatch.reference", reference=submitted.reference))
    return tuple(found)


class PaymentConcern(StrEnum):
    """Why a payment waits in the deferred queue: what a job is to do about it."""

    REFUNDED = "refunded"  # refunds succeeded, or failed later: issue the credit notes that are due
    WARNED = "warned"  # the card network warns of it: open a case, and close it once something else decides
    INQUIRED = "inquired"  # a bank asks about it: the same


@record(frozen=True, kw_only=True)
class QueuedCase:
    """A case in a queue: the review queue, or the queue of deferred decisions."""

    case_id: str
    account_id: AccountId
    since: datetime  # in the deferred queue: the decision is deferred until then
    due_by: datetime | None = None  # in the review queue: by when a case must be settled by law
    payment_id: PaymentId | None = None  # of a payment that waits in the deferred queue without a case
    concern: PaymentConcern | None = None  # why it does
