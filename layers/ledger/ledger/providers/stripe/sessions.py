"""Checkout Sessions: they pay for packs. A subscription's session only names its customer; its invoice pays.

Source: docs.stripe.com/api/checkout/sessions/object, docs.stripe.com/checkout/fulfillment.
"""

from ledger.domain.catalogue import ProductKind
from ledger.domain.facts import PaidLine, PaymentFailed, PaymentSettled
from ledger.domain.ids import AccountId
from ledger.domain.money import format_amount
from ledger.domain.receipts import ParkReason
from ledger.providers.parsing import (
    Json,
    amount,
    billing_country,
    currency,
    excerpt,
    optional_text,
    text,
    unix_time,
    whole_number,
)
from ledger.providers.stripe.notification import StripeNotification
from ledger.providers.stripe.taxes import shows_business, tax_of_session
from ledger.providers.translation import EventFields, EventNotBookable, known_state

_IS_FOR_PACKS = {"payment": True, "setup": False, "subscription": False}
_IS_PAID = {"paid": True, "no_payment_required": True, "unpaid": False}


def session_completed(notification: StripeNotification) -> EventFields:
    """Translate `checkout.session.completed` and `.async_payment_succeeded`: the payment of a pack, once it is paid.

    Source: the Session's `mode`, `payment_status` and `payment_intent`.
    """
    session = notification.source
    owner = notification.owner(session.get("metadata"))
    if not _is_paid_for_packs(session):
        return {}
    notification.put_under_order(session.get("metadata"))
    lines, overcharge_minor = _paid_lines(notification)
    paid_minor = amount(session, "amount_total")
    if paid_minor <= 0 and owner.order_id is None:
        raise EventNotBookable(ParkReason.UNDERPAID, "nothing was paid, and no order of ours says that it is free")
    payment_id = notification.payment_id(optional_text(session, "payment_intent") or text(session, "id"))
    details = session.get("customer_details") or {}
    tax_ids = details.get("tax_ids")
    payment = PaymentSettled(
        payment_id=payment_id,
        account_id=owner.account_id or AccountId(""),
        paid_minor=paid_minor,
        currency=currency(session, "currency"),
        lines=lines,
        at=notification.at,
        cause=notification.cause,
        overcharge_minor=overcharge_minor,
        fulfilment_key=f"order/{owner.order_id}" if owner.order_id else None,
        order_id=owner.order_id,
        customer_id=owner.customer_id,
        billing_country=billing_country(details.get("address")),
        has_company_data=shows_business(tax_ids),
        has_other_tax_id=bool(tax_ids) and not shows_business(tax_ids),
        tax_minor=tax_of_session(session),
        locked_until=notification.locked_until((), is_trial=False),
    )
    invoice_id = optional_text(session, "invoice")  # made beside the session, of the same money
    names = (payment_id, notification.payment_id(invoice_id)) if invoice_id else (payment_id,)
    return {"names": names, "payment": payment}


def session_failed(notification: StripeNotification) -> EventFields:
    """Translate `checkout.session.expired` and `.async_payment_failed`. Source: docs.stripe.com/api/events/types."""
    notification.owner(notification.source.get("metadata"))
    intent = optional_text(notification.source, "payment_intent")
    if intent is None:
        return {}
    failed = PaymentFailed(at=notification.at, cause=notification.cause)
    return {"names": (notification.payment_id(intent),), "facts": (failed,)}


def _is_paid_for_packs(session: Json) -> bool:
    """Return whether a session has brought money for packs. Raise EventNotBookable for a mode or status we don't know.

    Both fields are checked in any case: an unknown value of either parks the event.
    """
    is_for_packs = known_state(_IS_FOR_PACKS, text(session, "mode"), "session mode")
    is_paid = known_state(_IS_PAID, text(session, "payment_status"), "payment_status")
    return is_for_packs and is_paid


def _paid_lines(notification: StripeNotification) -> tuple[tuple[PaidLine, ...], int]:
    """Return the line of the product that our server named in the metadata, and the overcharge in minor units.

    The event carries no line items, so the subtotal is compared with the order's price, else
    with the catalogue's of the time at which the session was opened. A lower subtotal parks the
    event. A higher one is booked, and the excess is recorded.
    """
    session = notification.source
    metadata = session.get("metadata") or {}
    opened_at = unix_time(session["created"]) if "created" in session else notification.at
    listed = notification.catalogue.product(optional_text(metadata, "product_id"), opened_at)
    product = notification.agreement.product if notification.agreement else listed
    if product is None or product.kind is not ProductKind.PACK:
        raise EventNotBookable(
            ParkReason.UNKNOWN_PRODUCT, f"metadata.product_id is {excerpt(metadata.get('product_id'))}"
        )
    quantity = whole_number({"quantity": 1, **metadata}, "quantity")
    if quantity < 1:
        raise ValueError(f"metadata.quantity is {quantity}")
    paid_in = currency(session, "currency")
    # The order states the price in one currency. Stripe's page may show another one in which the price is listed.
    prices = {**(listed.prices if listed else {}), **product.prices}
    if paid_in not in prices:
        raise EventNotBookable(ParkReason.UNKNOWN_CURRENCY, f"{product.product_id} has no price in {paid_in}")
    price_minor = prices[paid_in] * quantity
    subtotal_minor, paid_minor = amount(session, "amount_subtotal"), amount(session, "amount_total")
    if subtotal_minor < price_minor:
        paid, price = format_amount(subtotal_minor, paid_in), format_amount(price_minor, paid_in)
        raise EventNotBookable(
            ParkReason.UNDERPAID, f"{paid} for {quantity} × {product.product_id}, which costs {price}"
        )
    line = PaidLine(
        line_id="0",
        product_id=product.product_id,
        credits=product.credits * quantity,
        amount_minor=paid_minor,
        expires_at=product.expires_at(notification.at, None),
        terms=product.digest,
    )
    # The excess as it was paid, with its share of tax and discount.
    overcharge_minor = paid_minor * (subtotal_minor - price_minor) // subtotal_minor
    return (line,), overcharge_minor
