"""Facts: what an event reports about one payment, in provider-neutral terms.

Every fact has a `key` (what it is about) and a `version` (a total order among facts with the same key). Of two facts
with the same key the one with the higher version counts. So merging is a join: order, repetition and grouping don't
matter.

    stored ── merge(received) ──► stored'        commutative · associative · idempotent
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from ledger.domain.canonical import canonical, digest
from ledger.domain.ids import AccountId, OrderId, PaymentId
from ledger.domain.records import record
from ledger.domain.texts import Text
from ledger.domain.unknown_fields import KeepsUnknownFields


def is_by(ours: datetime, reported: datetime) -> bool:
    """Return whether something had happened here by the time that a provider reports.

    A provider may count in whole seconds, and we never do. Of what happened within one second nobody knows which came
    first: then it speaks for the customer.
    """
    return ours.replace(microsecond=0) <= reported


class RefundState(StrEnum):
    """The states of a refund. A refund can fail after it succeeded, but never succeed after it failed."""

    PENDING = "pending"
    REQUIRES_ACTION = "requires_action"
    SUCCEEDED = "succeeded"
    CANCELED = "canceled"
    FAILED = "failed"

    @property
    def rank(self) -> int:
        return _REFUND_RANKS[self]


_REFUND_RANKS: Mapping[RefundState, int] = {
    RefundState.PENDING: 0,
    RefundState.REQUIRES_ACTION: 1,
    RefundState.SUCCEEDED: 2,
    RefundState.CANCELED: 3,
    RefundState.FAILED: 4,
}
"""The state with the higher rank counts. A table of its own: to reorder the enum changes no comparison."""


class DisputeState(StrEnum):
    """The states of a dispute. Of two facts the later one counts. Their order decides only at the same instant.

    inquiry ──► inquiry_closed
       └──► open ──► under_review ──► lost ──► appealed ──► won
    """

    INQUIRY = "inquiry"
    INQUIRY_CLOSED = "inquiry_closed"
    OPEN = "open"
    UNDER_REVIEW = "under_review"
    LOST = "lost"
    APPEALED = "appealed"
    PREVENTED = "prevented"
    WON = "won"
    RESOLVED = "resolved"  # never reported: `ledger.domain.disputes` concludes it from what moved

    @property
    def rank(self) -> int:
        return _DISPUTE_RANKS[self]

    @property
    def is_open(self) -> bool:
        """Return whether the bank has not decided yet. Meanwhile the lots are frozen and the account is suspended."""
        return self in {DisputeState.OPEN, DisputeState.UNDER_REVIEW, DisputeState.APPEALED}

    @property
    def holds_account(self) -> bool:
        """Return whether it suspends the account. After it is lost, only support can lift the hold."""
        return self.is_open or self is DisputeState.LOST


_DISPUTE_RANKS: Mapping[DisputeState, int] = {
    DisputeState.INQUIRY: 0,
    DisputeState.INQUIRY_CLOSED: 1,
    DisputeState.OPEN: 2,
    DisputeState.UNDER_REVIEW: 3,
    DisputeState.LOST: 4,
    DisputeState.APPEALED: 5,
    DisputeState.PREVENTED: 6,
    DisputeState.WON: 7,
    DisputeState.RESOLVED: 8,
}
"""Of two states of one instant, the one with the higher rank counts."""


class DisputeReason(StrEnum):
    """Why a buyer disputes a payment, by the bank's word. It decides what a bank asks for."""

    FRAUDULENT = "fraudulent"
    UNRECOGNISED = "unrecognised"
    DUPLICATE = "duplicate"
    SUBSCRIPTION_CANCELED = "subscription_canceled"
    NOT_RECEIVED = "not_received"
    UNACCEPTABLE = "unacceptable"
    CREDIT_NOT_PROCESSED = "credit_not_processed"
    GENERAL = "general"  # none of the others


class EvidenceState(StrEnum):
    """How far our answer to a bank is, by the provider's word."""

    NONE = "none"
    DRAFT = "draft"  # saved at the provider, and not handed in
    SUBMITTED = "submitted"


class ChargebackState(StrEnum):
    """The states of a chargeback that a merchant of record books as an adjustment."""

    TAKEN = "taken"
    REJECTED = "rejected"
    REVERSED = "reversed"

    @property
    def rank(self) -> int:
        return _CHARGEBACK_RANKS[self]


_CHARGEBACK_RANKS: Mapping[ChargebackState, int] = {
    ChargebackState.TAKEN: 0,
    ChargebackState.REJECTED: 1,
    ChargebackState.REVERSED: 2,
}
"""The state with the higher rank counts."""


@record(frozen=True, kw_only=True)
class PaidLine(KeepsUnknownFields):
    """One line of a payment, with what it grants by the catalogue."""

    line_id: str  # the provider's id of the line, which a refund can name; without one, its position
    product_id: str
    credits: int  # quantity × the product's credits
    amount_minor: int  # what was paid for this line, with tax and discount
    expires_at: datetime | None  # when its credits expire; None: never
    period_ends_at: datetime | None = None  # of the subscription's period that it is for
    terms: str | None = None  # the digest of the terms that it grants by; None: booked before they were recorded
    grace_from: datetime | None = None  # from then on its credits last only until the next period is paid for

    @property
    def lasts_until(self) -> tuple[bool, float]:
        """Sort lines by this key in the order in which their credits expire: those that never expire last."""
        return (self.expires_at is None, self.expires_at.timestamp() if self.expires_at else 0.0)


@record(frozen=True, kw_only=True)
class UngrantedLine(KeepsUnknownFields):
    """One line of a payment that cost money and grants nothing. A refund that names it takes no credits."""

    line_id: str  # the provider's id of the line
    amount_minor: int  # what was paid for this line, with tax and discount
    is_overcharge: bool = False  # its money is a part of the payment's `overcharge_minor`


@record(frozen=True, kw_only=True)
class PaymentSettled(KeepsUnknownFields):
    """A payment for credits has settled. The earliest such fact about a payment counts."""

    payment_id: PaymentId
    account_id: AccountId
    paid_minor: int  # the value received, by card or from the buyer's balance: the base of every share
    currency: str  # ISO 4217, upper case
    lines: tuple[PaidLine, ...]
    at: datetime
    cause: str
    card_minor: int | None = None  # what can go back to the card, or whatever brought the money; None: `paid_minor`
    overcharge_minor: int = 0  # paid above the catalogue's price: refunds that name no line return this part first
    ungranted: tuple[UngrantedLine, ...] | None = None  # the lines that grant nothing; None: there are none
    fulfilment_key: str | None = None  # what only one payment can pay for: `order/…` or `period/…`
    covers: str | None = None  # the period of a subscription's first payment, if its fulfilment key is an order
    order_id: OrderId | None = None  # that it pays for, or that began the subscription that it pays for
    subscription_id: str | None = None  # that it pays for; None: it is only charged on one, or there is none
    is_renewal: bool = False  # for a later period of a subscription, or a part of one: no new contract begins
    customer_id: str | None = None  # the provider's: `stripe:cus_…`
    invoice_number: str | None = None  # as printed on the customer's invoice
    billing_country: str | None = None  # of the buyer's address at the provider; None: unknown
    has_company_data: bool = False  # the buyer gave the provider a tax id of a business, or the data of a company
    is_trial: bool = False  # no line is more than a trial of a plan
    tax_minor: int | None = None  # the tax that `paid_minor` contains; None: the provider has reported none
    locked_until: datetime | None  # until then nothing is used without complete consent; None: no lock
    has_other_tax_id: bool = False  # and none that shows a business: consumers have its kind too, or nobody knows it

    @property
    def key(self) -> str:
        return "payment"

    @property
    def version(self) -> tuple[object, ...]:
        return (-self.at.timestamp(), _content(self))

    @property
    def returnable_minor(self) -> int:
        """Return what the provider can give back at most. What came from the buyer's balance can't go to a card."""
        return self.paid_minor if self.card_minor is None else self.card_minor

    @property
    def lines_with_price(self) -> "list[PaidLine | UngrantedLine]":
        """Return the lines that share its price: those that grant credits, then the others that are no overcharge."""
        return [*self.lines, *(line for line in self.ungranted or () if not line.is_overcharge)]

    @property
    def period(self) -> str | None:
        """Return the subscription's period that it pays for, or None. No other payment can pay for the same period."""
        return self.covers or (
            self.fulfilment_key if self.fulfilment_key and self.fulfilment_key.startswith("period/") else None
        )

    @property
    def is_plan_change(self) -> bool:
        """Return whether it pays for a part of a later period: the subscription changed within it."""
        return self.is_renewal and self.period is None

    def is_under_other_terms(self, other: "PaymentSettled") -> bool:
        """Return whether a line is under other terms in `other`, another fact about the same payment."""
        terms = {line.line_id: (line.product_id, line.terms) for line in self.lines}
        return any(
            terms.get(line.line_id, (line.product_id, line.terms)) != (line.product_id, line.terms)
            for line in other.lines
        )

    @property
    def is_late(self) -> bool:
        """Return whether it was paid after its period had ended."""
        return self.period_ends_at is not None and self.at >= self.period_ends_at

    @property
    def period_ends_at(self) -> datetime | None:
        """Return the end of the period that it is for. None: it is for no period.

        The latest of several: an invoice for a period can also charge what is left to pay of the one before.
        """
        return max((line.period_ends_at for line in self.lines if line.period_ends_at), default=None)

    @property
    def precedence(self) -> tuple[datetime, str]:
        """Sort payments by this key. Of two for one fulfilment key, the first is the original."""
        return (self.at, self.payment_id)

    def lot_id(self, position: int) -> str:
        """Return the id of the lot of the line at `position`. Payments for one fulfilment key have the same lot ids."""
        return f"{self.fulfilment_key or self.payment_id}/{position}"


@record(frozen=True, kw_only=True)
class PaymentFailed(KeepsUnknownFields):
    """An attempt to pay has failed. It books nothing. It explains why a payment is missing."""

    at: datetime
    cause: str

    @property
    def key(self) -> str:
        return "failure"

    @property
    def version(self) -> tuple[object, ...]:
        return (self.at,)


@record(frozen=True, kw_only=True)
class RefundedItem(KeepsUnknownFields):
    """The part of a refund that is for one line of the payment."""

    line_id: str
    amount_minor: int
    is_tax_only: bool = False  # only the tax was refunded: it takes no credits back


@record(frozen=True, kw_only=True)
class RefundChanged(KeepsUnknownFields):
    """A refund has reached a state. The state decides before the time: a late 'succeeded' never replaces a 'failed'."""

    refund_id: str
    state: RefundState
    amount_minor: int
    currency: str  # ISO 4217, upper case; a provider may report another one than the payment's
    created_at: datetime  # refunds take credits in the order in which they were created
    at: datetime
    cause: str
    items: tuple[RefundedItem, ...] = ()
    tag: str | None = None  # of the approval that it carries out; None: someone refunded at the provider
    charge_id: str | None = None  # the charge whose running total contains it; None: unknown, or there is no total
    money_id: PaymentId | None = None  # the id of the payment that the money moved through, if sales can share it

    @property
    def key(self) -> str:
        return f"refund:{self.refund_id}"

    @property
    def version(self) -> tuple[object, ...]:
        return (self.state.rank, self.at, _content(self))


@record(frozen=True, kw_only=True)
class RefundApproved(KeepsUnknownFields):
    """A refund was approved. Its credits are reserved until the refund with this tag has ended."""

    tag: str  # the approval's id: the case's id and the number of the approval
    case_id: str
    amount_minor: int  # in the payment's currency
    at: datetime
    cause: str
    items: tuple[RefundedItem, ...] = ()
    takes_credits: bool = True  # False: the customer keeps the credits, out of goodwill
    is_by_law: bool = False  # the law demands it: credits that were used are no debt
    used_credits: int = 0  # by law: the credits that were used and are paid back all the same
    is_repeated: bool = False  # not the first such refund of the account: it orders nothing until a person has looked

    @property
    def key(self) -> str:
        return f"approved:{self.tag}"

    @property
    def version(self) -> tuple[object, ...]:
        return _latest(self)


@record(frozen=True, kw_only=True)
class RefundPart(KeepsUnknownFields):
    """One refund at the provider that carries out an approval, or a part of it."""

    tag: str  # that it is sent with
    amount_minor: int
    money_id: PaymentId | None = None  # of the payment that gives it; None: the only one


@record(frozen=True, kw_only=True)
class RefundAttempted(KeepsUnknownFields):
    """Sending an approved refund has begun. From now on the provider's running total may contain it.

    Other sales of its money get this fact with the next one about that money. It says whose refund it is.
    """

    tag: str
    sale_id: PaymentId  # the sale that the approval is about
    parts: tuple[RefundPart, ...]  # in which it is sent
    at: datetime  # of the first attempt
    cause: str
    attempt: int = 1

    @property
    def key(self) -> str:
        return f"attempted:{self.tag}"

    @property
    def version(self) -> tuple[object, ...]:
        return (self.attempt, self.at, _content(self))


@record(frozen=True, kw_only=True)
class RefundSent(KeepsUnknownFields):
    """The provider has accepted an approved refund, under its own id."""

    tag: str
    refund_id: str
    at: datetime
    cause: str

    @property
    def key(self) -> str:
        return f"sent:{self.tag}"

    @property
    def version(self) -> tuple[object, ...]:
        return _latest(self)


@record(frozen=True, kw_only=True)
class RefundAbandoned(KeepsUnknownFields):
    """An approved refund will not be sent: the provider refused it, or a chargeback came first."""

    tag: str
    reason: Text
    at: datetime
    cause: str

    @property
    def key(self) -> str:
        return f"abandoned:{self.tag}"

    @property
    def version(self) -> tuple[object, ...]:
        return _latest(self)


@record(frozen=True, kw_only=True)
class RefundDeclined(KeepsUnknownFields):
    """A person declined a refund for this reason. It books nothing: a repeated request gets the same answer."""

    case_id: str
    reason: str
    clause: str
    reasons: tuple[Text, ...]
    at: datetime
    cause: str

    @property
    def key(self) -> str:
        return f"declined:{self.reason}"

    @property
    def version(self) -> tuple[object, ...]:
        return _latest(self)


@record(frozen=True, kw_only=True)
class RefundTotalReported(KeepsUnknownFields):
    """The provider has reported the running total of what was refunded of one charge."""

    charge_id: str
    total_minor: int
    currency: str
    at: datetime
    cause: str
    money_id: PaymentId | None = None  # as in RefundChanged

    @property
    def key(self) -> str:
        return f"refund_total:{self.charge_id}"

    @property
    def version(self) -> tuple[object, ...]:
        return (self.at, self.total_minor, _content(self))


@record(frozen=True, kw_only=True)
class DisputeChanged(KeepsUnknownFields):
    """A dispute has reached a state, as of `at`.

    The state is the provider's word. `taken_minor` and `returned_minor` are what the provider lists as moved, in the
    currency of our balance there, so they are compared with each other alone. See `ledger.domain.disputes`.
    """

    dispute_id: str
    state: DisputeState
    amount_minor: int
    currency: str  # of `amount_minor`; it may be another one than the payment's
    opened_at: datetime
    at: datetime
    cause: str
    movements: int = 0  # how many balance transactions the provider listed: more is later
    taken_minor: int = 0  # withdrawn from our balance, without fees: the most that was withdrawn at one time
    returned_minor: int = 0  # of it, what is back on our balance, without fees
    money_id: PaymentId | None = None  # as in RefundChanged
    charge_id: str | None = None  # the charge that it is about; None: unknown
    is_resolution: bool = False  # the card network refunds the buyer, and nobody contests anything
    is_withdrawn_again: bool = False  # the money was withdrawn a second time, after it was given back
    reason: DisputeReason | None = None  # None: unknown
    evidence: EvidenceState | None = None  # None: unknown
    evidence_due_at: datetime | None = None  # until when the bank takes evidence; None: unknown

    @property
    def key(self) -> str:
        return f"dispute:{self.dispute_id}"

    @property
    def version(self) -> tuple[object, ...]:
        return (self.at, self.movements, self.state.rank, _content(self))


@record(frozen=True, kw_only=True)
class ChargebackChanged(KeepsUnknownFields):
    """A merchant of record has booked a chargeback, or the reversal of one. The row itself moves the money.

    A reversal does not name the chargeback that it reverses. So all rows are evaluated together: see
    `ledger.domain.disputes`.
    """

    adjustment_id: str
    kind: str  # `chargeback` or `chargeback_warning`
    is_reversal: bool
    state: ChargebackState
    amount_minor: int
    currency: str
    created_at: datetime
    at: datetime
    cause: str

    @property
    def key(self) -> str:
        return f"chargeback:{self.adjustment_id}"

    @property
    def version(self) -> tuple[object, ...]:
        return (self.state.rank, self.at, _content(self))


@record(frozen=True, kw_only=True)
class BalanceCredited(KeepsUnknownFields):
    """Money of a payment was given back without a refund, or that was reversed: to the buyer's balance, or elsewhere.

    It takes credits back like a refund: the buyer has that money, or can spend it again.
    """

    credit_id: str
    amount_minor: int
    currency: str
    created_at: datetime
    at: datetime
    cause: str
    items: tuple[RefundedItem, ...] = ()
    is_reversal: bool = False  # a row of its own that reverses another one, without naming it
    is_reversed: bool = False  # this credit was reversed or voided

    @property
    def key(self) -> str:
        return f"credit:{self.credit_id}"

    @property
    def version(self) -> tuple[object, ...]:
        return (self.is_reversed, self.at, _content(self))


@record(frozen=True, kw_only=True)
class MoneyLinked(KeepsUnknownFields):
    """A payment at the provider has paid for a sale: an invoice, by a PaymentIntent. Each can have several others."""

    money_id: PaymentId
    sale_id: PaymentId
    amount_minor: int
    at: datetime
    cause: str

    @property
    def key(self) -> str:
        return f"link:{self.money_id}:{self.sale_id}"

    @property
    def version(self) -> tuple[object, ...]:
        return _latest(self)


@record(frozen=True, kw_only=True)
class AmountStated(KeepsUnknownFields):
    """A person has stated what a refund or dispute in another currency is in the payment's currency."""

    subject: str  # the key of the fact whose amount it is
    amount_minor: int
    actor: str
    at: datetime
    cause: str

    @property
    def key(self) -> str:
        return f"amount:{self.subject}"

    @property
    def version(self) -> tuple[object, ...]:
        return _latest(self)


@record(frozen=True, kw_only=True)
class FraudWarned(KeepsUnknownFields):
    """The card network has warned of fraud. It is no chargeback: it sets a flag for support while it is actionable."""

    warning_id: str
    is_actionable: bool
    at: datetime
    cause: str
    money_id: PaymentId | None = None  # as in RefundChanged
    charge_id: str | None = None  # as in DisputeChanged

    @property
    def key(self) -> str:
        return f"fraud_warning:{self.warning_id}"

    @property
    def version(self) -> tuple[object, ...]:
        return (self.at, not self.is_actionable, _content(self))


@record(frozen=True, kw_only=True)
class ResolutionReported(KeepsUnknownFields):
    """The buyer's bank was repaid without a contest: the seller enrolled for that, so it is no reason to suspend.

    A setting of the catalogue says which reports mean it: see `ledger.domain.catalogue.Resolution`.
    """

    subject: str  # the key of the dispute or chargeback
    at: datetime
    cause: str
    money_id: PaymentId | None = None  # as in RefundChanged

    @property
    def key(self) -> str:
        return f"resolution:{self.subject}"

    @property
    def version(self) -> tuple[object, ...]:
        return _latest(self)


@record(frozen=True, kw_only=True)
class ConsentChanged(KeepsUnknownFields):
    """The consent of a payment's order became complete, or is no longer confirmed: see `ledger.domain.orders`."""

    order_id: OrderId
    is_complete: bool  # the credits can be used
    step: int  # the order's version with it: the later one counts
    at: datetime
    cause: str

    @property
    def key(self) -> str:
        return f"consent:{self.order_id}"

    @property
    def version(self) -> tuple[object, ...]:
        return (self.step, *_latest(self))


@record(frozen=True, kw_only=True)
class WithdrawalChanged(KeepsUnknownFields):
    """A withdrawal from a payment's contract was received, or was decided: see `ledger.domain.withdrawn`."""

    case_id: str
    stands: bool  # False: it was declined, or credits were given instead of money
    step: int  # the case's version that it was decided from: the later one counts
    at: datetime
    cause: str

    @property
    def key(self) -> str:
        return f"withdrawal:{self.case_id}"

    @property
    def version(self) -> tuple[object, ...]:
        return (self.step, *_latest(self))


@record(frozen=True, kw_only=True)
class CreditsReplaced(KeepsUnknownFields):
    """A person gave credits instead of money for a payment: they count if its money is asked back later."""

    case_id: str
    credits: int
    at: datetime
    cause: str

    @property
    def key(self) -> str:
        return f"replaced:{self.case_id}"

    @property
    def version(self) -> tuple[object, ...]:
        return _latest(self)


@record(frozen=True, kw_only=True)
class CustomerWrote(KeepsUnknownFields):
    """The customer wrote to us about the payment: a dispute that opens later suspends nobody, if a setting says so.

    It is recorded while that setting counts: see `ledger.policy.parameters.PolicyParameters.contacted_first_from`.
    """

    case_id: str  # of the request
    at: datetime  # when it was written
    cause: str

    @property
    def key(self) -> str:
        return f"wrote:{self.case_id}"

    @property
    def version(self) -> tuple[object, ...]:
        return _latest(self)


@record(frozen=True, kw_only=True)
class HoldLifted(KeepsUnknownFields):
    """A person has lifted a hold. Later facts about the same dispute don't place it again."""

    hold_id: str
    actor: str
    at: datetime
    cause: str

    @property
    def key(self) -> str:
        return f"lifted:{self.hold_id}"

    @property
    def version(self) -> tuple[object, ...]:
        return _latest(self)


def digest_of(fact: "Fact") -> str:
    """Return a short digest of what a fact reports. A receipt keeps it, so that a fact that is spoilt later is seen."""
    return digest(fact, without="cause")


def _latest(fact: "Fact") -> tuple[object, ...]:
    """Return the version of a fact of which the latest one stands."""
    return (fact.at, _content(fact))


def _content(fact: "Fact") -> str:
    """Return the last tie-break between two facts. The event that reported it (`cause`) is no content."""
    return canonical(fact, without="cause")


Fact = (
    PaymentSettled
    | PaymentFailed
    | RefundChanged
    | RefundApproved
    | RefundAttempted
    | RefundSent
    | RefundAbandoned
    | RefundDeclined
    | RefundTotalReported
    | DisputeChanged
    | ChargebackChanged
    | BalanceCredited
    | AmountStated
    | MoneyLinked
    | FraudWarned
    | ResolutionReported
    | ConsentChanged
    | WithdrawalChanged
    | CreditsReplaced
    | CustomerWrote
    | HoldLifted
)
Facts = Mapping[str, Fact]
_F = TypeVar("_F", bound=Fact)


def merge(stored: Facts, received: Iterable[Fact]) -> Facts:
    """Return the join of stored and received facts. Return `stored` itself if nothing is new."""
    merged: dict[str, Fact] | None = None
    for fact in received:
        current = (merged or stored).get(fact.key)
        if current is None or fact.version > current.version:
            merged = dict(stored) if merged is None else merged
            merged[fact.key] = _with_unknown_fields_of(current, fact) if current else fact
    return stored if merged is None else merged


def _with_unknown_fields_of(superseded: _F, fact: Fact) -> Fact:
    """Return the fact with what a newer release stored about its subject, unless it has such fields of its own."""
    return replace(fact, unknown_fields=superseded.unknown_fields) if fact.unknown_fields is None else fact


def facts_of(facts: Facts, kind: type[_F]) -> list[_F]:
    """Return the facts of one kind."""
    return [fact for fact in facts.values() if isinstance(fact, kind)]
