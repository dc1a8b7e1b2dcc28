"""Receipts: proof that an event was received, and what became of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from ledger.domain.ids import AccountId


class RecordOutcome(StrEnum):
    """What became of an event. The response to each is HTTP 200: it was stored, or does not need to be."""

    BOOKED = "booked"
    ALREADY_BOOKED = "already_booked"  # the ledger held all that it reports, booked or waiting
    WAITING = "waiting"  # its payment is not stored yet: its facts take effect when it is
    NOTED = "noted"  # it books nothing; only its receipt is stored
    PARKED = "parked"  # genuine, but not bookable yet: it is stored whole, and tried again until it can be booked
    IGNORED = "ignored"  # of a type that is not handled; nothing is stored


class ParkReason(StrEnum):
    """Why a genuine event can't be booked."""

    WRONG_MODE = "wrong_mode"
    OTHER_ACCOUNT = "other_account"  # of a connected account, which is another seller's
    UNKNOWN_VERSION = "unknown_version"
    UNKNOWN_SHAPE = "unknown_shape"
    UNKNOWN_STATE = "unknown_state"
    UNKNOWN_PRODUCT = "unknown_product"
    UNKNOWN_PRICE = "unknown_price"
    UNKNOWN_CURRENCY = "unknown_currency"
    UNDERPAID = "underpaid"
    UNEXPECTED_CHARGE = "unexpected_charge"
    UNKNOWN_ORIGIN = "unknown_origin"  # money moved to the buyer's balance, and nothing says for what it was paid
    NO_ACCOUNT = "no_account"
    AMBIGUOUS_ACCOUNT = "ambiguous_account"
    ORDER_MISMATCH = "order_mismatch"
    AMBIGUOUS_PAYMENT = "ambiguous_payment"
    PERIOD_ALREADY_PAID = "period_already_paid"
    TOO_LARGE = "too_large"  # an item of the ledger has no room left for it

    @property
    def trigger(self) -> "Trigger":
        """Return what may make an event bookable that is parked for this reason."""
        return Trigger.DEPLOYMENT if self in _BY_DEPLOYMENT else Trigger.FACTS


class Trigger(StrEnum):
    """What may make a parked event bookable. Until it happens, the event is not tried again."""

    DEPLOYMENT = "deployment"  # a new catalogue, a new release, another mode: nothing else changes the translation
    FACTS = "facts"  # what other events and orders report: whose its customer, order or payment is


_BY_DEPLOYMENT = frozenset(
    {
        ParkReason.WRONG_MODE,
        ParkReason.OTHER_ACCOUNT,
        ParkReason.UNKNOWN_VERSION,
        ParkReason.UNKNOWN_SHAPE,
        ParkReason.UNKNOWN_STATE,
        ParkReason.UNKNOWN_PRODUCT,
        ParkReason.UNKNOWN_PRICE,
        ParkReason.UNKNOWN_CURRENCY,
        ParkReason.UNDERPAID,
    }
)
"""The reasons that translation alone gives. A reason that is not listed here is tried again more often, never less.

Neither an unexpected charge nor an unknown origin is among them: the session of the same payment may grant the charge
later, and the payment of the period that was credited may still arrive.
"""


@dataclass(frozen=True, slots=True)
class NotBookable:
    """Why a genuine event can't be booked now. Its event is parked under this reason."""

    reason: ParkReason
    detail: str = ""  # what was found, for the support person who releases it; no personal data


MUTED = "muted: "
"""How the detail of a receipt begins whose event a rule recognized as another application's."""

DISMISSED = f"{MUTED}dismissed by "
"""How it begins if a person dismissed the event. The person and the reason follow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Proof that an event was received. It is never deleted. Only a parked one has the body, until it is released."""

    provider: str
    event_id: str
    event_type: str
    occurred_at: datetime  # the provider's time
    received_at: datetime  # ours
    outcome: RecordOutcome
    body_sha256: str
    correlation_id: str  # `<provider>:<event id>`, or the id of the refund case that the event is about
    customer_id: str | None = None
    account_id: AccountId | None = None
    parked_reason: ParkReason | None = None
    detail: str = ""  # beside `parked_reason`; or which rule muted it
    body: bytes | None = None
    facts: Mapping[str, str] = field(default_factory=dict)  # digests of what it reported, by the keys of the facts

    @property
    def name(self) -> tuple[str, str]:
        """What it is stored under: whose it is (the provider's customer, else its cause), and the event's id."""
        return (self.customer_id or self.cause, self.event_id)

    @property
    def cause(self) -> str:
        """The cause of what its event booked."""
        return f"{self.provider}:{self.event_id}"
