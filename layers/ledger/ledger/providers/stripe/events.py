"""Stripe's notifications, at API version 2026-10-28.endive: how they are parsed, and which translator each type has.

Source: docs.stripe.com/api/events/object and docs.stripe.com/api/events/types.
"""

from collections.abc import Callable, Mapping

from ledger.domain.catalogue import Catalogue
from ledger.domain.errors import InvalidBody
from ledger.domain.events import Event
from ledger.domain.orders import Order
from ledger.domain.receipts import ParkReason
from ledger.providers.parsing import Json, excerpt, load_notification, unix_time
from ledger.providers.scope import EVERYTHING, Scope
from ledger.providers.stripe.credit_notes import credit_note_changed
from ledger.providers.stripe.disputes import dispute_changed, fraud_warning_changed
from ledger.providers.stripe.invoices import invoice_paid, invoice_payment_failed, invoice_payment_paid
from ledger.providers.stripe.notification import NAME, StripeNotification
from ledger.providers.stripe.refunds import charge_refunded, refund_changed
from ledger.providers.stripe.sessions import session_completed, session_failed
from ledger.providers.stripe.subscriptions import subscription_changed
from ledger.providers.translation import EventFields, EventNotBookable, translated

ID_FIELD, TYPE_FIELD = "id", "type"

API_MAJOR_VERSION = "endive"  # within a major version Stripe only adds

_PAYMENTS = frozenset({"payment_succeeded"})
_SUBSCRIPTIONS = frozenset({"subscription_renewed"})
_DISPUTES = frozenset({"dispute_opened"})
_REFUNDS = frozenset({"refund_settled"})

_Translator = Callable[[StripeNotification], EventFields]

_EVENT_TYPES: Mapping[str, tuple[_Translator, frozenset[str]]] = {
    "checkout.session.completed": (session_completed, _PAYMENTS),
    "checkout.session.async_payment_succeeded": (session_completed, _PAYMENTS),
    "checkout.session.async_payment_failed": (session_failed, _PAYMENTS),
    "checkout.session.expired": (session_failed, _PAYMENTS),
    "invoice.paid": (invoice_paid, _SUBSCRIPTIONS),
    "invoice_payment.paid": (invoice_payment_paid, _SUBSCRIPTIONS),
    "invoice.payment_failed": (invoice_payment_failed, _SUBSCRIPTIONS),
    "customer.subscription.created": (subscription_changed, _SUBSCRIPTIONS),
    "customer.subscription.updated": (subscription_changed, _SUBSCRIPTIONS),
    "customer.subscription.deleted": (subscription_changed, _SUBSCRIPTIONS),
    "customer.subscription.paused": (subscription_changed, _SUBSCRIPTIONS),
    "customer.subscription.resumed": (subscription_changed, _SUBSCRIPTIONS),
    "charge.dispute.created": (dispute_changed, _DISPUTES),
    "charge.dispute.updated": (dispute_changed, _DISPUTES),
    "charge.dispute.closed": (dispute_changed, _DISPUTES),
    "charge.dispute.funds_withdrawn": (dispute_changed, _DISPUTES),
    "charge.dispute.funds_reinstated": (dispute_changed, _DISPUTES),
    "radar.early_fraud_warning.created": (fraud_warning_changed, _DISPUTES),
    "radar.early_fraud_warning.updated": (fraud_warning_changed, _DISPUTES),
    "refund.created": (refund_changed, _REFUNDS),
    "refund.updated": (refund_changed, _REFUNDS),
    "refund.failed": (refund_changed, _REFUNDS),
    "charge.refunded": (charge_refunded, _REFUNDS),
    "credit_note.created": (credit_note_changed, _REFUNDS),
    "credit_note.updated": (credit_note_changed, _REFUNDS),
    "credit_note.voided": (credit_note_changed, _REFUNDS),
}
"""The translator of each event type, and the functions that its endpoints call."""

FUNCTIONS: Mapping[str, frozenset[str]] = {event_type: functions for event_type, (_, functions) in _EVENT_TYPES.items()}
"""The functions that each event type is meant for. Another function books it too, and counts it as misrouted."""


def parse(body: bytes) -> Json:
    """Return the notification in a verified body. Raise InvalidBody with the reason."""
    content = load_notification(body, ID_FIELD, TYPE_FIELD)
    if content.get("object") != "event":
        raise InvalidBody(
            f"The body's object is {excerpt(content.get('object'))}: subscribe the endpoint to snapshot events."
        )
    try:
        unix_time(content.get("created"))
    except (TypeError, ValueError) as error:
        raise InvalidBody("The body has no usable `created`: it is not an event.") from error
    if not isinstance(content.get("data"), dict) or not isinstance(content["data"].get("object"), dict):
        raise InvalidBody("The body has no data.object: it is not an event.")
    return content


def translate(content: Json, catalogue: Catalogue, *, is_live: bool, scope: Scope = EVERYTHING) -> Event | None:
    """Return the event of a parsed notification. None: this service does not use its type.

    An event that can't be booked is returned with `not_bookable` set. It is never dropped, and no missing content is
    assumed.
    """
    event_type = content[TYPE_FIELD]
    if event_type not in _EVENT_TYPES:
        return None
    return _translated(content, catalogue, is_live=is_live, scope=scope)


def _translated(
    content: Json, catalogue: Catalogue, *, is_live: bool, scope: Scope, order: Order | None = None
) -> Event:
    translator, _ = _EVENT_TYPES[content[TYPE_FIELD]]
    notification = StripeNotification(
        provider=NAME,
        event_id=content[ID_FIELD],
        event_type=content[TYPE_FIELD],
        at=unix_time(content["created"]),
        source=content["data"]["object"],
        catalogue=catalogue,
        order=order,
    )

    if isinstance(previous := content["data"].get("previous_attributes"), dict):
        notification.previous_attributes = previous

    def fields() -> EventFields:
        _check_envelope(content, is_live=is_live, own_account=scope.account_ids.get(NAME))
        return translator(notification)

    return translated(
        notification,
        fields,
        notification.source.get("customer") or notification.source.get("customer_account"),
        under_order=lambda stored: _translated(content, catalogue, is_live=is_live, scope=scope, order=stored),
        muted_by=scope.mute_rule(NAME, content, notification.source),
    )


def _check_envelope(content: Json, *, is_live: bool, own_account: str | None) -> None:
    """Raise EventNotBookable for an event of another account, of the other mode, or of an API version not tested.

    `account` names a connected account: another seller, who writes whatever he likes into his objects. `context` names
    the account of an event that comes by way of an organization, which can be ours.
    """
    for name in ("account", "context"):
        of_account = content.get(name)
        if of_account is not None and str(of_account).rpartition("/")[2] != own_account:
            known = own_account or "not configured: set STRIPE_ACCOUNT_ID"
            raise EventNotBookable(
                ParkReason.OTHER_ACCOUNT, f"{name} is {excerpt(of_account)}, and our own account is {known}"
            )
    if content.get("livemode") is not is_live:
        mode = "live" if content.get("livemode") else "test"
        raise EventNotBookable(
            ParkReason.WRONG_MODE, f"a {mode}-mode event on a {'live' if is_live else 'test'} ledger"
        )
    version = excerpt(content.get("api_version"))
    if version.rpartition(".")[2] != API_MAJOR_VERSION:
        raise EventNotBookable(
            ParkReason.UNKNOWN_VERSION, f"api_version {version}: set the endpoint's version to 2026-10-28.endive"
        )
