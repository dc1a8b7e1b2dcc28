"""Paddle Billing's notifications: how they are parsed, and which translator each type has.

Source: developer.paddle.com/webhooks/overview.
"""

from collections.abc import Callable, Mapping

from ledger.domain.catalogue import Catalogue
from ledger.domain.errors import InvalidBody
from ledger.domain.events import Event
from ledger.domain.orders import Order
from ledger.domain.receipts import ParkReason
from ledger.providers.paddle.adjustments import adjustment_changed
from ledger.providers.paddle.notification import NAME, PaddleNotification
from ledger.providers.paddle.subscriptions import subscription_changed
from ledger.providers.paddle.transactions import transaction_completed, transaction_payment_failed
from ledger.providers.parsing import Json, load_notification, rfc3339_time
from ledger.providers.scope import EVERYTHING, Scope
from ledger.providers.translation import EventFields, EventNotBookable, translated

ID_FIELD, TYPE_FIELD = "event_id", "event_type"

_TRANSACTIONS = frozenset({"payment_succeeded", "subscription_renewed"})  # an endpoint gets all of them, or none
_SUBSCRIPTIONS = frozenset({"subscription_renewed"})
_ADJUSTMENTS = frozenset({"dispute_opened", "refund_settled"})  # likewise, whatever the action

_Translator = Callable[[PaddleNotification], EventFields]

_EVENT_TYPES: Mapping[str, tuple[_Translator, frozenset[str]]] = {
    "transaction.completed": (transaction_completed, _TRANSACTIONS),
    "transaction.payment_failed": (transaction_payment_failed, _TRANSACTIONS),
    "adjustment.created": (adjustment_changed, _ADJUSTMENTS),
    "adjustment.updated": (adjustment_changed, _ADJUSTMENTS),
    "subscription.activated": (subscription_changed, _SUBSCRIPTIONS),
    "subscription.canceled": (subscription_changed, _SUBSCRIPTIONS),
    "subscription.created": (subscription_changed, _SUBSCRIPTIONS),
    "subscription.imported": (subscription_changed, _SUBSCRIPTIONS),
    "subscription.past_due": (subscription_changed, _SUBSCRIPTIONS),
    "subscription.paused": (subscription_changed, _SUBSCRIPTIONS),
    "subscription.resumed": (subscription_changed, _SUBSCRIPTIONS),
    "subscription.trialing": (subscription_changed, _SUBSCRIPTIONS),
    "subscription.updated": (subscription_changed, _SUBSCRIPTIONS),
}
"""The translator of each event type, and the functions that its endpoints call."""

FUNCTIONS: Mapping[str, frozenset[str]] = {event_type: functions for event_type, (_, functions) in _EVENT_TYPES.items()}
"""The functions that each event type is meant for. Another function books it too, and counts it as misrouted."""


def parse(body: bytes) -> Json:
    """Return the notification in a verified body. Raise InvalidBody with the reason."""
    content = load_notification(body, ID_FIELD, TYPE_FIELD)
    try:
        rfc3339_time(content.get("occurred_at"))
    except (TypeError, ValueError) as error:
        raise InvalidBody("The body has no usable occurred_at: it is not a notification.") from error
    if not isinstance(content.get("data"), dict):
        raise InvalidBody("The body has no data: it is not a notification.")
    return content


def translate(content: Json, catalogue: Catalogue, *, is_live: bool, scope: Scope = EVERYTHING) -> Event | None:
    """Return the event of a parsed notification. None: this service does not use its type.

    An event that can't be booked is returned with `not_bookable` set. It is never dropped, and no missing content is
    assumed.
    """
    event_type = content[TYPE_FIELD]
    translator = _translator(event_type)
    if translator is None:
        return None
    return _translated(content, translator, catalogue, is_live=is_live, scope=scope)


def _translated(
    content: Json,
    translator: _Translator,
    catalogue: Catalogue,
    *,
    is_live: bool,
    scope: Scope,
    order: Order | None = None,
) -> Event:
    notification = PaddleNotification(
        provider=NAME,
        event_id=content[ID_FIELD],
        event_type=content[TYPE_FIELD],
        at=rfc3339_time(content["occurred_at"]),
        source=content["data"],
        catalogue=catalogue,
        order=order,
    )

    def fields() -> EventFields:
        if is_live and notification.event_id.startswith("ntfsim"):
            raise EventNotBookable(ParkReason.WRONG_MODE, "a simulated event on a live ledger")
        return translator(notification)

    return translated(
        notification,
        fields,
        notification.source.get("customer_id"),
        under_order=lambda stored: _translated(
            content, translator, catalogue, is_live=is_live, scope=scope, order=stored
        ),
        muted_by=scope.mute_rule(NAME, content, notification.source),
    )


def _translator(event_type: str) -> _Translator | None:
    """Return the translator of an event type. Each event of a subscription carries the whole subscription."""
    if event_type.startswith("subscription."):
        return subscription_changed
    return _EVENT_TYPES[event_type][0] if event_type in _EVENT_TYPES else None
