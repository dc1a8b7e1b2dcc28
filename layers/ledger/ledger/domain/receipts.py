"""Receipts: proof that an event was received, and what became of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ledger.domain.ids import AccountId


class RecordOutcome(StrEnum):
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


@dataclass(frozen=True, slots=True)
class NotBookable:
    """Why a genuine event can't be booked now. Its event is parked under this reason."""

    reason: ParkReason
    detail: str = ""  # what was found, for the support person who releases it; no personal data


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Proof that an event was heard, kept for ever. Only a parked one keeps the body, until it is released."""

    provider: str
    event_id: str
    event_type: str
    occurred_at: datetime
    received_at: datetime
    outcome: RecordOutcome
    body_sha256: str
    customer_id: str | None = None
    account_id: AccountId | None = None
    parked_reason: ParkReason | None = None
    detail: str = ""
    body: bytes | None = None
