"""Paddle Billing's notifications, in our words.

    transaction.completed        pays for packs, and for a subscription's period, first or later
    transaction.payment_failed
    subscription.*               a subscription's state
    adjustment.created, .updated by action: a refund, a chargeback (the money is gone), a credit, or the reversal of one

Paddle is the merchant of record: refunds and chargebacks may come that we never asked for. Source:
developer.paddle.com/webhooks.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from ledger.domain.catalogue import Catalogue, ProductKind
from ledger.domain.errors import InvalidBody
from ledger.domain.events import Event, Owner
from ledger.domain.facts import (
    ChargebackChanged,
    ChargebackState,
    CreditRecorded,
    PaidLine,
    PaymentFailed,
    PaymentSettled,
    RefundChanged,
    RefundedItem,
    RefundState,
)
from ledger.domain.ids import AccountId, OrderId, PaymentId
from ledger.domain.receipts import NotBookable, ParkReason
from ledger.domain.subscriptions import Subscription, SubscriptionStatus
from ledger.providers import tags
from ledger.providers.parsing import (
    EventNotBookable,
    Json,
    amount,
    bookable,
    currency,
    excerpt,
    instant,
    is_text,
    notification,
    objects,
    optional_text,
    text,
    whole,
)
from ledger.providers.signatures import verify_paddle as verify

__all__ = ["FUNCTIONS", "NAMED_BY", "REFUND_STATES", "parse", "translate", "verify"]

NAMED_BY = ("event_id", "event_type")
"""The fields that hold a notification's id and its type."""


def parse(body: bytes) -> Json:
    """The notification in a verified body. Raises InvalidBody, saying why."""
    content = notification(body, *NAMED_BY)
    try:
        instant(content.get("occurred_at"))
    except (TypeError, ValueError) as error:
        raise InvalidBody("The body has no usable occurred_at: it is not a notification.") from error
    if not isinstance(content.get("data"), dict):
        raise InvalidBody("The body has no data: it is not a notification.")
    return content


def translate(content: Json, catalogue: Catalogue, *, is_live: bool) -> Event | None:
    """What a notification says. None: it is of a type that nobody here reads.

    An event that can't be used comes back with `not_bookable` set; it is never dropped and never guessed.
    """
    event_type = content["event_type"]
    reader = _subscription if event_type.startswith("subscription.") else _TRANSLATORS.get(event_type)
    if reader is None:
        return None
    event = Event(
        provider="paddle", event_id=content["event_id"], event_type=event_type, at=instant(content["occurred_at"])
    )
    try:
        if is_live and event.event_id.startswith("ntfsim"):
            raise EventNotBookable(ParkReason.WRONG_MODE, "a simulated event on a live ledger")
        said = reader(_Translation(event, content["data"], catalogue))
    except EventNotBookable as problem:
        said = {"not_bookable": problem.not_bookable}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        said = {"not_bookable": NotBookable(ParkReason.UNKNOWN_SHAPE, f"{type(error).__name__}: {error}")}
    customer = content["data"].get("customer_id")
    said.setdefault("owner", Owner(customer_id=_customer(customer)))
    return Event(provider="paddle", event_id=event.event_id, event_type=event_type, at=event.at, **said)


class _Translation:
    """One event under translation."""

    def __init__(self, event: Event, source: Json, catalogue: Catalogue) -> None:
        self.source = source
        self.catalogue = catalogue
        self.at = event.at
        self.cause = event.cause

    def owner(self, *, is_set_by_us: bool, payment_id: PaymentId | None = None) -> Owner:
        """Whose it is. A browser can write custom_data into a checkout; copies of it travel with the subscription."""
        custom = self.source.get("custom_data")
        custom = custom if isinstance(custom, dict) else None
        account_id = optional_text(custom, "account_id")
        order_id = optional_text(custom, "order_id")
        return Owner(
            order_id=OrderId(order_id) if order_id else None,
            account_id=AccountId(account_id) if account_id and is_set_by_us else None,
            browser_account_id=AccountId(account_id) if account_id and not is_set_by_us else None,
            payment_id=payment_id,
            customer_id=_customer(self.source.get("customer_id")),
        )


_INITIAL = {"web", "api"}
_PAYS_FOR_A_PERIOD = {"subscription_recurring", "subscription_payment_method_change"}
_MAY_BE_FREE = {*_INITIAL, "subscription_recurring"}
_GRANTS = {*_INITIAL, *_PAYS_FOR_A_PERIOD, "subscription_charge"}


def _transaction(said: _Translation) -> dict[str, Any]:
    """Money has been captured and processed. What it grants is judged by origin, total and price, not by its type."""
    transaction = said.source
    origin = text(transaction, "origin")
    owner = said.owner(is_set_by_us=origin == "api")
    totals = transaction["details"]["totals"]
    total_minor = whole(totals, "total")
    is_free_order = owner.order_id is not None and origin in _MAY_BE_FREE and whole(totals, "subtotal") > 0
    if total_minor <= 0 and not (total_minor == 0 and is_free_order):
        return {"owner": owner}  # a trial, or a change of the payment method: nothing was bought
    if text(transaction, "status") != "completed":
        raise EventNotBookable(ParkReason.UNKNOWN_STATE, f"transaction status {excerpt(transaction['status'])}")
    adjusted = transaction["details"].get("adjusted_totals")
    if amount(totals, "grand_total") > 0 and optional_text(adjusted, "grand_total") == "0":
        raise EventNotBookable(ParkReason.UNDERPAID, "the invoice was credited in full before it was completed")
    lines = _lines(said)
    if not lines:
        return {"owner": owner}
    if origin not in _GRANTS:
        raise EventNotBookable(
            ParkReason.UNEXPECTED_CHARGE, f"origin {excerpt(origin)} with lines that are no prorations"
        )

    payment_id = _payment_id(text(transaction, "id"))
    subscription_id = optional_text(transaction, "subscription_id")
    claims_order = origin in _INITIAL and owner.order_id is not None
    period = _paid_period(said, origin, lines)
    payment = PaymentSettled(
        payment_id=payment_id,
        account_id=owner.account_id or AccountId(""),
        paid_minor=amount(totals, "grand_total"),
        currency=currency(totals, "currency_code"),
        lines=lines,
        at=said.at,
        cause=said.cause,
        fulfilment_key=f"order/{owner.order_id}" if claims_order else period,
        covers=period if claims_order else None,
        is_renewal=origin in _PAYS_FOR_A_PERIOD,
        customer_id=owner.customer_id,
        invoice_number=optional_text(transaction, "invoice_number"),
        order_id=owner.order_id,
        subscription_id=f"paddle:{subscription_id}" if subscription_id else None,
    )
    return {"owner": owner, "names": (payment_id,), "payment": payment}


def _paid_period(said: _Translation, origin: str, lines: tuple[PaidLine, ...]) -> str | None:
    """The period of a subscription that a payment pays for."""
    subscription_id = optional_text(said.source, "subscription_id")
    sold = (said.catalogue.products[line.product_id] for line in lines)
    is_recurring = any(product.kind is ProductKind.SUBSCRIPTION for product in sold)
    if origin == "subscription_charge" or not (is_recurring and subscription_id):
        return None
    return f"period/paddle:{subscription_id}/{instant(said.source['billing_period']['starts_at']):%Y-%m-%dT%H:%M:%SZ}"


def _lines(said: _Translation) -> tuple[PaidLine, ...]:
    """The lines that give credits. A price that we don't know parks the whole transaction."""
    transaction = said.source
    period_end = _period_end(transaction.get("billing_period"))
    lines = []
    for line in objects(transaction["details"], "line_items"):
        amount_minor = whole(line["totals"], "total")
        if line.get("proration"):
            continue
        product = said.catalogue.priced("paddle", optional_text(line, "price_id"))
        if product is None:
            if amount_minor > 0:
                raise EventNotBookable(
                    ParkReason.UNKNOWN_PRICE, f"price {excerpt(line.get('price_id'))} is not in the catalogue"
                )
            continue
        if whole(line["totals"], "subtotal") <= 0 and not product.trial_grants:
            continue
        quantity = whole(line, "quantity")
        if quantity < 1:
            raise ValueError(f"quantity of {product.product_id} is {quantity}")
        if product.kind is ProductKind.SUBSCRIPTION and period_end is None:
            raise ValueError(f"{product.product_id} was paid without a billing_period")
        lines.append(
            PaidLine(
                line_id=text(line, "id"),
                product_id=product.product_id,
                credits=product.credits * quantity,
                amount_minor=amount_minor,
                expires_at=product.expires_at(said.at, period_end),
            )
        )
    return bookable(lines)


def _transaction_failed(said: _Translation) -> dict[str, Any]:
    failed = PaymentFailed(at=said.at, cause=said.cause)
    return {"names": (_payment_id(text(said.source, "id")),), "facts": (failed,)}


_SUBSCRIPTION_STATES = {
    "trialing": SubscriptionStatus.TRIALING,
    "active": SubscriptionStatus.ACTIVE,
    "past_due": SubscriptionStatus.PAST_DUE,
    "paused": SubscriptionStatus.PAUSED,
    "canceled": SubscriptionStatus.ENDED,
}


def _subscription(said: _Translation) -> dict[str, Any]:
    source = said.source
    status = text(source, "status")
    if status not in _SUBSCRIPTION_STATES:
        raise EventNotBookable(ParkReason.UNKNOWN_STATE, f"subscription status {excerpt(status)}")
    scheduled = source.get("scheduled_change") or {}
    canceled_at = source.get("canceled_at")
    cancel_at = scheduled["effective_at"] if scheduled.get("action") == "cancel" else canceled_at
    products = (said.catalogue.priced("paddle", item["price"]["id"]) for item in objects(source, "items"))
    transaction_id = optional_text(source, "transaction_id")
    return {
        "owner": said.owner(is_set_by_us=False, payment_id=_payment_id(transaction_id) if transaction_id else None),
        "subscription": Subscription(
            subscription_id=f"paddle:{text(source, 'id')}",
            status=_SUBSCRIPTION_STATES[status],
            at=said.at,
            cause=said.cause,
            product_id=next((product.product_id for product in products if product), None),
            period_end=_period_end(source.get("current_billing_period")),
            cancel_at=instant(cancel_at) if cancel_at else None,
            customer_id=_customer(source.get("customer_id")),
        ),
    }


REFUND_STATES = {
    "pending_approval": RefundState.PENDING,
    "approved": RefundState.SUCCEEDED,
    "rejected": RefundState.CANCELED,
    "reversed": RefundState.FAILED,
}
_CHARGEBACK_STATES = {
    "pending_approval": ChargebackState.TAKEN,
    "approved": ChargebackState.TAKEN,
    "rejected": ChargebackState.REJECTED,
    "reversed": ChargebackState.REVERSED,
}
_CHARGEBACK_ACTIONS = {"chargeback", "chargeback_warning", "chargeback_reverse", "chargeback_warning_reverse"}


def _adjustment(said: _Translation) -> dict[str, Any]:
    """An adjustment names its transaction alone: no prices, no custom_data."""
    source = said.source
    action, status = text(source, "action"), text(source, "status")
    if status not in REFUND_STATES:
        raise EventNotBookable(ParkReason.UNKNOWN_STATE, f"adjustment status {excerpt(status)}")
    common: dict[str, Any] = {"amount_minor": amount(source["totals"], "total"), "at": said.at, "cause": said.cause}
    adjustment_id = text(source, "id")
    fact: RefundChanged | ChargebackChanged | CreditRecorded
    if action == "refund":
        fact = RefundChanged(
            refund_id=adjustment_id,
            state=REFUND_STATES[status],
            items=_refunded_items(source),
            # The reason is anybody's words, of any length; the tag that it ends with is a name.
            tag=optional_text({"tag": tags.tag_in(source.get("reason"))}, "tag"),
            **common,
        )
    elif action in {"credit", "credit_reverse"}:
        fact = CreditRecorded(adjustment_id=adjustment_id, is_reversal=action == "credit_reverse", **common)
    elif action in _CHARGEBACK_ACTIONS:
        fact = ChargebackChanged(
            adjustment_id=adjustment_id,
            kind=action.removesuffix("_reverse"),
            is_reversal=action.endswith("_reverse"),
            state=_CHARGEBACK_STATES[status],
            created_at=instant(source["created_at"]),
            **common,
        )
    else:
        raise EventNotBookable(ParkReason.UNKNOWN_STATE, f"adjustment action {excerpt(action)}")
    return {"names": (_payment_id(text(source, "transaction_id")),), "facts": (fact,)}


def _refunded_items(adjustment: Json) -> tuple[RefundedItem, ...]:
    """What was refunded of which line, tax included: the totals have it even where the item's amount leaves it out."""
    return tuple(
        RefundedItem(
            line_id=text(item, "item_id"),
            amount_minor=amount(item["totals"], "total") if item.get("totals") else amount(item, "amount"),
            is_tax_only=item.get("type") == "tax",
        )
        for item in objects(adjustment, "items")
    )


def _period_end(period: Json | None) -> datetime | None:
    return instant(period["ends_at"]) if period else None


def _payment_id(name: str) -> PaymentId:
    return PaymentId(f"paddle:{name}")


def _customer(name: object) -> str | None:
    return f"paddle:{name}" if is_text(name) else None


_TRANSLATORS: Mapping[str, Callable[[_Translation], dict[str, Any]]] = {
    "transaction.completed": _transaction,
    "transaction.payment_failed": _transaction_failed,
    "adjustment.created": _adjustment,
    "adjustment.updated": _adjustment,
}

_PAYMENTS = frozenset({"payment_succeeded", "subscription_renewed"})  # Paddle sends whole transactions to whoever asks
_SUBSCRIPTIONS = frozenset({"subscription_renewed"})
_ADJUSTMENTS = frozenset({"dispute_opened", "refund_settled"})  # and every adjustment, whatever its action

FUNCTIONS: Mapping[str, frozenset[str]] = {
    "transaction.completed": _PAYMENTS,
    "transaction.payment_failed": _PAYMENTS,
    "adjustment.created": _ADJUSTMENTS,
    "adjustment.updated": _ADJUSTMENTS,
    **{
        f"subscription.{change}": _SUBSCRIPTIONS
        for change in (
            "activated",
            "canceled",
            "created",
            "imported",
            "past_due",
            "paused",
            "resumed",
            "trialing",
            "updated",
        )
    },
}
"""The functions that each type is meant for. Elsewhere it is booked all the same, and counted as misrouted."""
