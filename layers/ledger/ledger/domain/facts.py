"""Facts: what an event says about one payment, in no provider's words.

Every fact has a `key` (what it is about) and a `version` (a total order among facts of one key). Of two facts with one
key the one with the higher version stands; so merging is a join: order, repetition and grouping can't matter.

    known ── merge(heard) ──► known'        commutative · associative · idempotent
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from ledger.domain.ids import AccountId, OrderId, PaymentId


class _RankedState(StrEnum):
    """States written in the order in which they supersede each other."""

    @property
    def rank(self) -> int:
        return list(type(self)).index(self)


class RefundState(_RankedState):
    """A refund's life. A refund may fail after it succeeded, never the other way round."""

    PENDING = "pending"
    REQUIRES_ACTION = "requires_action"
    SUCCEEDED = "succeeded"
    CANCELED = "canceled"
    FAILED = "failed"


class DisputeState(_RankedState):
    """A dispute's life. The order decides only between facts of one instant; else the later one stands.

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

    @property
    def is_open(self) -> bool:
        """The bank has not decided: the lot is frozen and the account held."""
        return self in {DisputeState.OPEN, DisputeState.UNDER_REVIEW, DisputeState.APPEALED}

    @property
    def holds_account(self) -> bool:
        """A chargeback holds the account until it is won; once lost, until support lifts the hold."""
        return self.is_open or self is DisputeState.LOST


class ChargebackState(_RankedState):
    """The life of a chargeback that a merchant of record books as an adjustment."""

    TAKEN = "taken"
    REJECTED = "rejected"
    REVERSED = "reversed"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidLine:
    """One line of a payment, after the catalogue has said what it gives."""

    line_id: str  # the provider's id of the line, by which a refund may name it; else its position
    product_id: str
    credits: int  # quantity × what the catalogue gives
    amount_minor: int  # what this line cost, tax and discount included
    expires_at: datetime | None  # the credits lapse at this instant; None: never


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentSettled:
    """Money for credits has arrived. The first such fact about a payment stands."""

    payment_id: PaymentId
    account_id: AccountId
    paid_minor: int  # what was really paid: refunds are in proportion to it
    currency: str  # ISO 4217, upper case
    lines: tuple[PaidLine, ...]
    at: datetime
    cause: str
    overcharge_minor: int = 0  # paid above the catalogue's price: a refund corrects this part first
    fulfilment_key: str | None = None  # what only one payment can pay for: `order/…` or `period/…`
    covers: str | None = None  # the period that the first payment of a subscription pays for, where it claims an order
    order_id: OrderId | None = None
    subscription_id: str | None = None
    is_renewal: bool = False  # a later period of a subscription: it starts no new contract
    customer_id: str | None = None  # the provider's: `stripe:cus_…`
    invoice_number: str | None = None  # as it stands on the customer's invoice

    @property
    def key(self) -> str:
        return "payment"

    @property
    def version(self) -> tuple[object, ...]:
        return (-self.at.timestamp(), _content(self))

    @property
    def period(self) -> str | None:
        """The subscription's period that it pays for: no other payment may."""
        return self.covers or (
            self.fulfilment_key if self.fulfilment_key and self.fulfilment_key.startswith("period/") else None
        )

    @property
    def precedence(self) -> tuple[datetime, str]:
        """Of two payments for one claim the lower one is the original, the other a duplicate charge."""
        return (self.at, self.payment_id)

    def lot_id(self, position: int) -> str:
        """The lot of the line at `position`. It is named after the claim, so a claim can never be granted twice."""
        return f"{self.fulfilment_key or self.payment_id}/{position}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentFailed:
    """An attempt to pay failed. It books nothing and is kept to explain."""

    at: datetime
    cause: str

    @property
    def key(self) -> str:
        return "failure"

    @property
    def version(self) -> tuple[object, ...]:
        return (self.at,)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundedItem:
    """The part of a refund that names a line of the payment."""

    line_id: str
    amount_minor: int
    is_tax_only: bool = False  # only the tax was given back: no credits are taken for it


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundChanged:
    """A refund has reached a state. Ranked by the state alone: a late 'succeeded' never undoes a 'failed'."""

    refund_id: str
    state: RefundState
    amount_minor: int
    at: datetime
    cause: str
    items: tuple[RefundedItem, ...] = ()
    tag: str | None = None  # the approval of ours that it carries out; None: somebody refunded at the provider

    @property
    def key(self) -> str:
        return f"refund:{self.refund_id}"

    @property
    def version(self) -> tuple[object, ...]:
        return (self.state.rank, self.at, _content(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundApproved:
    """We decided to refund. Its credits are reserved until the refund that bears its tag has come to an end."""

    tag: str  # names the decision: the case and how often it was approved before
    case_id: str
    amount_minor: int
    at: datetime
    cause: str
    items: tuple[RefundedItem, ...] = ()
    takes_credits: bool = True  # False: out of goodwill, the customer keeps the credits

    @property
    def key(self) -> str:
        return f"approved:{self.tag}"

    @property
    def version(self) -> tuple[object, ...]:
        return (self.at, _content(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundSent:
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
        return (self.at, _content(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundAbandoned:
    """An approved refund will not be sent: the provider refused it, or a chargeback came first."""

    tag: str
    reason: str
    at: datetime
    cause: str

    @property
    def key(self) -> str:
        return f"abandoned:{self.tag}"

    @property
    def version(self) -> tuple[object, ...]:
        return (self.at, _content(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundDeclined:
    """A person has declined a refund for this reason. It books nothing, and is remembered."""

    case_id: str
    reason: str
    clause: str
    words: tuple[str, ...]
    at: datetime
    cause: str

    @property
    def key(self) -> str:
        return f"declined:{self.reason}"

    @property
    def version(self) -> tuple[object, ...]:
        return (self.at, _content(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundTotalReported:
    """The provider's running total of what was refunded of one charge."""

    charge_id: str
    total_minor: int
    at: datetime
    cause: str

    @property
    def key(self) -> str:
        return f"refund_total:{self.charge_id}"

    @property
    def version(self) -> tuple[object, ...]:
        return (self.at, self.total_minor)


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeChanged:
    """A dispute has reached a state, as of `at`."""

    dispute_id: str
    state: DisputeState
    amount_minor: int
    opened_at: datetime
    at: datetime
    cause: str
    movements: int = 0  # how many balance movements the provider listed: more is later

    @property
    def key(self) -> str:
        return f"dispute:{self.dispute_id}"

    @property
    def version(self) -> tuple[object, ...]:
        return (self.at, self.state.rank, self.movements, _content(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargebackChanged:
    """A merchant of record's chargeback, or the reversal of one: the money moved with the row itself.

    A reversal does not name what it reverses, so rows are evaluated as a set (`ledger.domain.disputes`).
    """

    adjustment_id: str
    kind: str  # `chargeback` or `chargeback_warning`
    is_reversal: bool
    state: ChargebackState
    amount_minor: int
    created_at: datetime
    at: datetime
    cause: str

    @property
    def key(self) -> str:
        return f"chargeback:{self.adjustment_id}"

    @property
    def version(self) -> tuple[object, ...]:
        return (self.state.rank, self.at, _content(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditRecorded:
    """The provider credited the buyer's balance with it, or took that back. It never claws back."""

    adjustment_id: str
    is_reversal: bool
    amount_minor: int
    at: datetime
    cause: str

    @property
    def key(self) -> str:
        return f"credit:{self.adjustment_id}"

    @property
    def version(self) -> tuple[object, ...]:
        return (self.at, _content(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class FraudWarned:
    """The card network fears fraud. No chargeback: a flag for support while it can still be acted on."""

    warning_id: str
    is_actionable: bool
    at: datetime
    cause: str

    @property
    def key(self) -> str:
        return f"fraud_warning:{self.warning_id}"

    @property
    def version(self) -> tuple[object, ...]:
        return (self.at, not self.is_actionable)


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldLifted:
    """A person has lifted a hold. It merges like every other fact: later news of the same dispute don't hold again."""

    hold_id: str
    actor: str
    at: datetime
    cause: str

    @property
    def key(self) -> str:
        return f"lifted:{self.hold_id}"

    @property
    def version(self) -> tuple[object, ...]:
        return (self.at, _content(self))


def _content(fact: "Fact") -> str:
    """A fact's content, in one canonical form: the last word between two facts. Which event told it is no content."""
    return repr(replace(fact, cause=""))


Fact = (
    PaymentSettled
    | PaymentFailed
    | RefundChanged
    | RefundApproved
    | RefundSent
    | RefundAbandoned
    | RefundDeclined
    | RefundTotalReported
    | DisputeChanged
    | ChargebackChanged
    | CreditRecorded
    | FraudWarned
    | HoldLifted
)
Facts = Mapping[str, Fact]
_F = TypeVar("_F", bound=Fact)


def merge(known: Facts, heard: Iterable[Fact]) -> Facts:
    """The join of what is known with what was heard. Returns `known` itself when nothing is new."""
    merged: dict[str, Fact] | None = None
    for fact in heard:
        current = (merged or known).get(fact.key)
        if current is None or fact.version > current.version:
            merged = dict(known) if merged is None else merged
            merged[fact.key] = fact
    return known if merged is None else merged


def facts_of(facts: Facts, kind: type[_F]) -> list[_F]:
    """The facts of one kind."""
    return [fact for fact in facts.values() if isinstance(fact, kind)]
