"""Receipts: proof that an event was received, and what became of it."""

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from enum import StrEnum

from ledger.domain.ids import AccountId, derived_id
from ledger.domain.records import record


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
    MUTED = "muted"  # a deployment too; a person has said that events of its kind need no attention


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


MUTABLE = frozenset(
    {ParkReason.OTHER_ACCOUNT, ParkReason.WRONG_MODE, ParkReason.UNKNOWN_PRICE, ParkReason.UNKNOWN_PRODUCT}
)
"""The reasons for which events of a kind may be muted: they may be of other sellers or applications for ever."""


@record(frozen=True)
class NotBookable:
    """Why a genuine event can't be booked now. Its event is parked under this reason."""

    reason: ParkReason
    detail: str = ""  # what was found, for the support person who releases it; no personal data


@record(frozen=True, kw_only=True)
class Mute:
    """A kind of parked events that need no attention, as a person has said. They stay parked, and listed apart.

    A kind has one mute, whose id follows from it. It can be ended, and be in force again.
    """

    provider: str
    event_type: str
    reason: ParkReason
    detail: str  # exactly
    muted_by: str
    muted_at: datetime
    why: str
    ended_by: str | None = None
    ended_at: datetime | None = None
    ended_why: str = ""
    is_settled: bool = False  # since it was changed, all parked events of its kind were looked at
    version: int = 0

    @property
    def mute_id(self) -> str:
        return mute_id_of(self.provider, self.event_type, self.reason, self.detail)

    @property
    def is_in_force(self) -> bool:
        return self.ended_at is None

    @property
    def changed_at(self) -> datetime:
        """When it was put in force, or ended."""
        return self.ended_at or self.muted_at


def mute_id_of(provider: str, event_type: str, reason: ParkReason, detail: str) -> str:
    """Return the id of the mute of a kind of parked events, whether or not there is one."""
    return derived_id("mute", provider, event_type, reason, detail)


MUTED = "muted: "
"""How the detail of a receipt begins whose event a rule recognized as another application's."""

DISMISSED = f"{MUTED}dismissed by "
"""How it begins if a person dismissed the event. The person and the reason follow."""


@record(frozen=True, kw_only=True)
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
    muted_by: str | None = None  # the mute that keeps a parked event out of the list of those that need a person
    facts: Mapping[str, str] = field(default_factory=dict)  # digests of what it reported, by the keys of the facts

    @property
    def name(self) -> tuple[str, str]:
        """What it is stored under: whose it is (the provider's customer, else its cause), and the event's id."""
        return (self.customer_id or self.cause, self.event_id)

    @property
    def listed_under(self) -> Trigger | None:
        """Return the list that a parked event is in. None: it is not parked."""
        if self.parked_reason is None:
            return None
        return Trigger.MUTED if self.muted_by else self.parked_reason.trigger

    @property
    def mute_id(self) -> str | None:
        """Return the id of the mute of its kind, whether or not there is one. None: its kind can't be muted."""
        if self.parked_reason not in MUTABLE:
            return None
        return mute_id_of(self.provider, self.event_type, self.parked_reason, self.detail)

    @property
    def cause(self) -> str:
        """The cause of what its event booked."""
        return f"{self.provider}:{self.event_id}"
