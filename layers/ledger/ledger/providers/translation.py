"""Translating notifications: what the providers' packages share.

notification ──► translator, by its event type ──► the fields of an `Event`
                     └─ EventNotBookable, or a field that is missing or of another shape ──► a parked `Event`
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TypedDict, TypeVar

from ledger.domain.catalogue import Catalogue, Product
from ledger.domain.events import About, CreditedPeriod, Event, Owner
from ledger.domain.facts import Fact, PaidLine, PaymentSettled
from ledger.domain.ids import PaymentId
from ledger.domain.receipts import NotBookable, ParkReason
from ledger.domain.subscriptions import Subscription
from ledger.providers.parsing import Json, excerpt, is_text

MAX_LINES = 10
"""How many lines of a payment may give credits. A DynamoDB transaction has 100 actions, and a line may need seven."""

_State = TypeVar("_State")


class EventNotBookable(Exception):
    """A genuine event that can't be booked. `translated` catches it, and the event is parked."""

    def __init__(self, reason: ParkReason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.not_bookable = NotBookable(reason, detail)


class EventFields(TypedDict, total=False):
    """The fields of an `Event` that a translator sets."""

    owner: Owner
    names: tuple[PaymentId, ...]
    facts: tuple[Fact, ...]
    payment: PaymentSettled
    also: tuple[About, ...]
    credited_periods: tuple[CreditedPeriod, ...]
    subscription: Subscription
    not_bookable: NotBookable


class Notification:
    """One notification during translation: the object that it carries, and the catalogue to translate it with."""

    def __init__(
        self, *, provider: str, event_id: str, event_type: str, at: datetime, source: Json, catalogue: Catalogue
    ) -> None:
        self.provider = provider
        self.event_id = event_id
        self.event_type = event_type
        self.at = at  # when the event occurred, by the provider's clock
        self.source = source  # the provider's object: a session, an invoice, a transaction, …
        self.catalogue = catalogue

    @property
    def cause(self) -> str:
        """The cause of each fact of this notification: the provider and the event's id."""
        return f"{self.provider}:{self.event_id}"

    def qualified(self, own_id: str) -> str:
        """Return a provider's own id with the provider in front, as the ledger stores it."""
        return f"{self.provider}:{own_id}"

    def payment_id(self, own_id: str) -> PaymentId:
        """Return the payment id for an id of the provider."""
        return PaymentId(self.qualified(own_id))

    def customer_id(self, own_id: object) -> str | None:
        """Return the customer id for an id of the provider. None if it is missing or no usable text."""
        return self.qualified(own_id) if is_text(own_id) else None

    def product_priced(self, price_id: str | None, at: datetime) -> Product | None:
        """Return the product with this price id of the provider, under the terms of a time. None if there is none."""
        return self.catalogue.priced(self.provider, price_id, at)

    def trial_priced(self, price_id: str | None, at: datetime) -> Product | None:
        """Return the product of which this price id sells a trial, under the terms of a time. None: none."""
        return self.catalogue.trial_priced(self.provider, price_id, at)


def translated(notification: Notification, translate: Callable[[], EventFields], own_customer_id: object) -> Event:
    """Return the event with the fields that `translate` returns, or with `not_bookable` set to the reason.

    `own_customer_id` names the owner if `translate` sets none: the receipt of a parked event is stored under it.
    """
    try:
        fields = translate()
    except EventNotBookable as problem:
        fields = {"not_bookable": problem.not_bookable}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        fields = {"not_bookable": NotBookable(ParkReason.UNKNOWN_SHAPE, f"{type(error).__name__}: {error}")}
    fields.setdefault("owner", Owner(customer_id=notification.customer_id(own_customer_id)))
    return Event(
        provider=notification.provider,
        event_id=notification.event_id,
        event_type=notification.event_type,
        at=notification.at,
        **fields,
    )


def known_state(states: Mapping[str, _State], status: str, field: str) -> _State:
    """Return the state for a provider's word. Raise EventNotBookable for a word that is not in `states`."""
    if status not in states:
        raise EventNotBookable(ParkReason.UNKNOWN_STATE, f"{field} {excerpt(status)}")
    return states[status]


def bookable_lines(lines: Sequence[PaidLine], *, also: int = 0) -> tuple[PaidLine, ...]:
    """Return the lines of a payment. Raise ValueError if there are more than one transaction can book.

    `also` is the number of other payments that the event reports on.
    """
    if len(lines) + also > MAX_LINES:
        raise ValueError(f"it has more than {MAX_LINES} lines that give credits")
    return tuple(lines)
