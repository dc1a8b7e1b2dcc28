"""Transactions: they pay for packs, and for a subscription's periods.

Source: developer.paddle.com/api-reference/transactions/overview.
"""

from ledger.domain.catalogue import ProductKind
from ledger.domain.facts import PaidLine, PaymentFailed, PaymentSettled
from ledger.domain.ids import AccountId
from ledger.domain.receipts import ParkReason
from ledger.providers.paddle.notification import PaddleNotification, period_end
from ledger.providers.parsing import (
    amount,
    currency,
    excerpt,
    objects,
    optional_text,
    rfc3339_time,
    text,
    whole_number,
)
from ledger.providers.translation import EventFields, EventNotBookable, bookable_lines

_INITIAL = {"web", "api"}
_PAYS_FOR_A_PERIOD = {"subscription_recurring", "subscription_payment_method_change"}
_MAY_BE_FREE = {*_INITIAL, "subscription_recurring"}
_GRANTS = {*_INITIAL, *_PAYS_FOR_A_PERIOD, "subscription_charge"}


def transaction_completed(notification: PaddleNotification) -> EventFields:
    """Translate `transaction.completed`: the payment of a pack or of a period, by its origin, total and prices.

    Source: developer.paddle.com/webhooks/transactions/transaction-completed.
    """
    transaction = notification.source
    origin = text(transaction, "origin")
    owner = notification.owner(is_set_by_us=origin == "api")
    totals = transaction["details"]["totals"]
    total_minor = whole_number(totals, "total")
    is_free_order = owner.order_id is not None and origin in _MAY_BE_FREE and whole_number(totals, "subtotal") > 0
    if total_minor <= 0 and not (total_minor == 0 and is_free_order):
        return {"owner": owner}  # a trial, or a change of the payment method: nothing was bought
    if text(transaction, "status") != "completed":
        raise EventNotBookable(ParkReason.UNKNOWN_STATE, f"transaction status {excerpt(transaction['status'])}")
    card_minor = amount(totals, "grand_total")  # less what the buyer's balance paid
    adjusted = transaction["details"].get("adjusted_totals")
    if total_minor > 0 and optional_text(adjusted, "total") == "0":
        raise EventNotBookable(ParkReason.UNDERPAID, "the invoice was credited in full before it was completed")
    lines = _paid_lines(notification)
    if not lines:
        return {"owner": owner}
    if origin not in _GRANTS:
        raise EventNotBookable(
            ParkReason.UNEXPECTED_CHARGE, f"origin {excerpt(origin)} with lines that are no prorations"
        )

    payment_id = notification.payment_id(text(transaction, "id"))
    subscription_id = optional_text(transaction, "subscription_id")
    claims_order = origin in _INITIAL and owner.order_id is not None
    period_key = _period_key(notification, origin, lines)
    payment = PaymentSettled(
        payment_id=payment_id,
        account_id=owner.account_id or AccountId(""),
        paid_minor=total_minor,
        card_minor=None if card_minor == total_minor else card_minor,
        currency=currency(totals, "currency_code"),
        lines=lines,
        at=notification.at,
        cause=notification.cause,
        fulfilment_key=f"order/{owner.order_id}" if claims_order else period_key,
        covers=period_key if claims_order else None,
        is_renewal=origin in _PAYS_FOR_A_PERIOD,
        customer_id=owner.customer_id,
        invoice_number=optional_text(transaction, "invoice_number"),
        order_id=owner.order_id,
        subscription_id=notification.qualified(subscription_id) if subscription_id else None,
    )
    return {"owner": owner, "names": (payment_id,), "payment": payment}


def transaction_payment_failed(notification: PaddleNotification) -> EventFields:
    """Translate `transaction.payment_failed`.

    Source: developer.paddle.com/webhooks/transactions/transaction-payment-failed.
    """
    failed = PaymentFailed(at=notification.at, cause=notification.cause)
    return {"names": (notification.payment_id(text(notification.source, "id")),), "facts": (failed,)}


def _period_key(notification: PaddleNotification, origin: str, lines: tuple[PaidLine, ...]) -> str | None:
    """Return the fulfilment key of the period that a transaction pays for. None if it pays for no period."""
    subscription_id = optional_text(notification.source, "subscription_id")
    products = (notification.catalogue.products[line.product_id] for line in lines)
    is_recurring = any(product.kind is ProductKind.SUBSCRIPTION for product in products)
    if origin == "subscription_charge" or not (is_recurring and subscription_id):
        return None
    starts_at = rfc3339_time(notification.source["billing_period"]["starts_at"])
    return f"period/{notification.qualified(subscription_id)}/{starts_at:%Y-%m-%dT%H:%M:%SZ}"


def _paid_lines(notification: PaddleNotification) -> tuple[PaidLine, ...]:
    """Return the lines that give credits. A price that is not in the catalogue parks the whole transaction.

    Source: `details.line_items` of the transaction.
    """
    transaction = notification.source
    ends_at = period_end(transaction.get("billing_period"))
    lines = []
    for line in objects(transaction["details"], "line_items"):
        amount_minor = whole_number(line["totals"], "total")
        if line.get("proration"):
            continue
        product = notification.product_priced(optional_text(line, "price_id"))
        if product is None:
            if amount_minor > 0:
                raise EventNotBookable(
                    ParkReason.UNKNOWN_PRICE, f"price {excerpt(line.get('price_id'))} is not in the catalogue"
                )
            continue
        if whole_number(line["totals"], "subtotal") <= 0 and not product.trial_grants:
            continue
        quantity = whole_number(line, "quantity")
        if quantity < 1:
            raise ValueError(f"quantity of {product.product_id} is {quantity}")
        if product.kind is ProductKind.SUBSCRIPTION and ends_at is None:
            raise ValueError(f"{product.product_id} was paid without a billing_period")
        lines.append(
            PaidLine(
                line_id=text(line, "id"),
                product_id=product.product_id,
                credits=product.credits * quantity,
                amount_minor=amount_minor,
                expires_at=product.expires_at(notification.at, ends_at),
            )
        )
    return bookable_lines(lines)
