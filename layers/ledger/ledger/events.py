"""Events: what a provider's notification says, once translated, and the receipt that proves it was heard."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ledger.facts import AccountId, Fact, OrderId, PaymentId, PaymentSettled
from ledger.subscriptions import Subscription


class Outcome(StrEnum):
    """What became of an event. Each is answered 200, since each was stored or needs no storing."""

    BOOKED = "booked"
    ALREADY_BOOKED = "already_booked"
    WAITING = "waiting"  # a fact whose payment is not known yet: it takes effect when that is
    NOTED = "noted"  # it books nothing; its receipt is kept
    PARKED = "parked"  # genuine, not usable yet: a person or a later fact releases it
    IGNORED = "ignored"  # a type that nobody here reads


class ParkReason(StrEnum):
    """Why a genuine event can't be booked."""

    WRONG_MODE = "wrong_mode"
    UNKNOWN_VERSION = "unknown_version"
    UNKNOWN_SHAPE = "unknown_shape"
    UNKNOWN_STATE = "unknown_state"
    UNKNOWN_PRODUCT = "unknown_product"
    UNKNOWN_PRICE = "unknown_price"
    UNKNOWN_CURRENCY = "unknown_currency"
    UNDERPAID = "underpaid"
    UNEXPECTED_CHARGE = "unexpected_charge"
    NO_ACCOUNT = "no_account"
    AMBIGUOUS_ACCOUNT = "ambiguous_account"
    ORDER_MISMATCH = "order_mismatch"
    AMBIGUOUS_PAYMENT = "ambiguous_payment"
    PERIOD_ALREADY_PAID = "period_already_paid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """By what an event's account can be found, in this order: our order, our ids, another payment, the customer."""

    order_id: OrderId | None = None
    account_id: AccountId | None = None  # set by our server: it counts by itself
    browser_account_id: AccountId | None = None  # a browser may have set it: it counts if an order of ours fits it
    payment_id: PaymentId | None = None  # a payment whose account is this event's too
    customer_id: str | None = None  # the provider's: `stripe:cus_…`


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event, in our words: what it says, about which payment, and whose it is."""

    provider: str
    event_id: str
    event_type: str
    at: datetime
    owner: Owner = Owner()
    names: tuple[PaymentId, ...] = ()  # ids of one payment, the one that best names it first; naming two links them
    facts: tuple[Fact, ...] = ()
    payment: PaymentSettled | None = None  # its account is filled in once found
    subscription: Subscription | None = None
    parked: ParkReason | None = None
    detail: str = ""  # beside `parked`: what was found, for the person who releases it

    @property
    def cause(self) -> str:
        return f"{self.provider}:{self.event_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Proof that an event was heard, kept for ever. Only a parked one keeps the body, until it is released."""

    provider: str
    event_id: str
    event_type: str
    occurred_at: datetime
    heard_at: datetime
    outcome: Outcome
    body_sha256: str
    customer_id: str | None = None
    account_id: AccountId | None = None
    parked_reason: ParkReason | None = None
    detail: str = ""
    body: bytes | None = None
