"""Domain events: what has changed in the ledger, published for the functions that act on it.

    table ──stream──► relay ──► bus ──rule──► subscriber

An event is delivered at least once, late, and in any order. Its id follows from the change, so the same change has the
same id however often it is delivered. It carries ids only: a subscriber reads the ledger and acts on what it finds.

To change a kind: a new field needs a default here, since events of older releases lack it. Anything else is a new
version, published beside the old one until nobody subscribes to that. `docs/events` has a JSON schema of each.
"""

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, TypeAlias, get_origin

from ledger.domain.ids import AccountId, OrderId, PaymentId
from ledger.domain.records import record

_NO_PAYMENT = PaymentId("")
SOURCE = "image-tagger-billing"
"""The `source` of each event on the bus."""


@record(frozen=True, kw_only=True)
class CustomerIdentified:
    """It is known to which account a provider's customer belongs: parked events of the customer may be bookable.

    A first payment shows it, or an event that books nothing: a checkout's session, for one.
    """

    customer_id: str  # the provider's: `stripe:cus_…`
    account_id: AccountId
    payment_id: PaymentId = _NO_PAYMENT  # left out if no payment shows it


@record(frozen=True, kw_only=True)
class RefundIntentListed:
    """A refund was approved, and its intent put into the outbox: it is to be sent."""

    tag: str  # the approval's id, which the refund carries at the provider
    account_id: AccountId
    payment_id: PaymentId


@record(frozen=True, kw_only=True)
class RenewalStopListed:
    """A dispute took a payment of a subscription: the subscription's renewals are to be stopped at the provider."""

    subscription_id: str  # the provider and its id: `stripe:sub_…`
    account_id: AccountId
    payment_id: PaymentId  # whose money the dispute took
    since: datetime  # when it was booked: part of the name of the stop


@record(frozen=True, kw_only=True)
class ApprovedRefundChanged:
    """A refund of a purchase with an approved refund was reported, or has changed: its refund case may change."""

    payment_id: PaymentId  # under which the purchase is stored


@record(frozen=True, kw_only=True)
class PaymentDisputed:
    """A purchase has a dispute, an inquiry or a chargeback that it did not have: its open case may have priority."""

    payment_id: PaymentId  # under which the purchase is stored


@record(frozen=True, kw_only=True)
class DeclarationConfirmed:
    """A withdrawal or a cancellation was declared without a login: it is to be acknowledged, and its contract found."""

    declaration_id: str


@record(frozen=True, kw_only=True)
class DeclarationApproved:
    """A declaration is to be carried out: the holder of the address on file approved it, or a person did."""

    declaration_id: str


@record(frozen=True, kw_only=True)
class OrderPaid:
    """An order has its first payment: the contract is to be confirmed by a mail."""

    order_id: OrderId
    account_id: AccountId


@record(frozen=True, kw_only=True)
class MailListed:
    """A mail was put into the list of those that are to be sent."""

    mail_id: str  # which the message carries in a header and in a tag


@record(frozen=True, kw_only=True)
class PurchasesNamed:
    """Purchases have a payment, or an id of a refund, dispute or credit, that is new: each is found by it."""

    payment_ids: tuple[PaymentId, ...]  # under which the purchases are stored, each once: as many as changed at a time


@record(frozen=True, kw_only=True)
class AddressChanged:
    """The address of an account's customer was stored, or is another one."""

    account_id: AccountId


@record(frozen=True, kw_only=True)
class RunFailureRecorded:
    """A run has failed in our system: its credits were returned."""

    account_id: AccountId
    run_id: str
    failed_at: datetime


@record(frozen=True, kw_only=True)
class EventParked:
    """A provider's event could not be booked, and is stored whole: it is found by what it names."""

    owner: str  # under which its receipt is stored: the provider's customer, else the event's cause
    parked_event_id: str  # the provider's


@record(frozen=True, kw_only=True)
class IncidentBegun:
    """The credits of all runs that failed in an incident are to be replaced."""

    incident_id: str


Content: TypeAlias = (
    CustomerIdentified
    | RefundIntentListed
    | RenewalStopListed
    | ApprovedRefundChanged
    | PaymentDisputed
    | DeclarationConfirmed
    | DeclarationApproved
    | OrderPaid
    | MailListed
    | PurchasesNamed
    | AddressChanged
    | RunFailureRecorded
    | EventParked
    | IncidentBegun
)

KINDS: Mapping[str, tuple[int, type[Content]]] = {
    "CustomerIdentified": (1, CustomerIdentified),
    "RefundIntentListed": (1, RefundIntentListed),
    "RenewalStopListed": (1, RenewalStopListed),
    "ApprovedRefundChanged": (1, ApprovedRefundChanged),
    "PaymentDisputed": (1, PaymentDisputed),
    "DeclarationConfirmed": (1, DeclarationConfirmed),
    "DeclarationApproved": (1, DeclarationApproved),
    "OrderPaid": (1, OrderPaid),
    "MailListed": (1, MailListed),
    "PurchasesNamed": (1, PurchasesNamed),
    "AddressChanged": (1, AddressChanged),
    "RunFailureRecorded": (1, RunFailureRecorded),
    "EventParked": (1, EventParked),
    "IncidentBegun": (1, IncidentBegun),
}
"""The version and the content of each kind, by its name on the bus. The name stays when a class is renamed."""

_NAMES = {of: (name, version) for name, (version, of) in KINDS.items()}


@record(frozen=True, kw_only=True)
class DomainEvent:
    """One event, as the bus carries it."""

    event_id: str  # the same for the same change
    correlation_id: str  # of the refund case, order, declaration, incident or delivery that the change is part of
    content: Content

    @property
    def kind(self) -> str:
        """Return the kind's name on the bus: its `detail-type`."""
        return _NAMES[type(self.content)][0]

    @property
    def names(self) -> dict[str, str]:
        """Return what names it in a log."""
        return {"event_id": self.event_id, "correlation_id": self.correlation_id}

    @property
    def detail(self) -> dict[str, Any]:
        """Return its `detail`, to be written as JSON."""
        values = {field.name: getattr(self.content, field.name) for field in fields(self.content)}
        content = {name: _to_json(value) for name, value in values.items() if value != ""}
        version = _NAMES[type(self.content)][1]
        return {"id": self.event_id, "version": version, "correlation_id": self.correlation_id, "data": content}


def gathered(events: Sequence[DomainEvent]) -> DomainEvent:
    """Return the one event of purchases that were named, of one or more. The bus is paid by the event.

    Several have no delivery in common: the event is then its own correlation.
    """
    if len(events) == 1:
        return events[0]
    names = {
        name: None for one in events if isinstance(one.content, PurchasesNamed) for name in one.content.payment_ids
    }
    ids = "\n".join(one.event_id for one in events)
    event_id = f"purchases_named/{hashlib.sha256(ids.encode()).hexdigest()}"
    return DomainEvent(event_id=event_id, correlation_id=event_id, content=PurchasesNamed(payment_ids=tuple(names)))


def is_domain_event(delivered: Mapping[str, Any]) -> bool:
    """Return whether the bus has delivered an event of ours. What a schedule delivers has a `detail` too."""
    return delivered.get("source") == SOURCE


def read_domain_event(delivered: Mapping[str, Any]) -> DomainEvent:
    """Return the event that the bus has delivered. Raise ValueError if this release can't read it.

    Fields that this release does not know are ignored: a newer one may publish them.
    """
    try:
        kind, detail = delivered["detail-type"], delivered["detail"]
        version, of = KINDS[kind]
        if detail["version"] != version:
            raise ValueError(f"it has version {detail['version']!r}, this release reads {version}")
        return DomainEvent(
            event_id=_text(detail["id"]),
            correlation_id=_text(detail["correlation_id"]),
            content=of(**{field.name: _from_json(field, detail["data"]) for field in fields(of)}),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"no domain event that can be read: {error!r}") from error


def _to_json(content: Any) -> str | list[str]:
    if isinstance(content, tuple):
        return [str(name) for name in content]
    if isinstance(content, datetime):
        return content.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return str(content)


def _from_json(field: "dataclasses.Field[Any]", data: Mapping[str, Any]) -> Any:
    if field.name not in data and field.default is not dataclasses.MISSING:
        return field.default
    if get_origin(field.type) is tuple:
        return _texts(data[field.name])
    content = _text(data[field.name])
    if field.type is not datetime:
        return content
    at = datetime.fromisoformat(content)
    if at.tzinfo is None:
        raise ValueError(f"{field.name} has no time zone")
    return at


def _texts(content: Any) -> tuple[str, ...]:
    if not isinstance(content, list) or not content:
        raise TypeError(f"{content!r} should be a list of texts")
    return tuple(map(_text, content))


def _text(content: Any) -> str:
    if not isinstance(content, str) or not content:
        raise TypeError(f"{content!r} should be text")
    return content
