"""Invoices: they pay for a subscription's periods.

Source: docs.stripe.com/api/invoices/object, docs.stripe.com/billing/subscriptions/webhooks.
"""

from datetime import datetime

from ledger.domain.catalogue import Product, ProductKind
from ledger.domain.facts import PaidLine, PaymentFailed, PaymentSettled
from ledger.domain.ids import AccountId
from ledger.domain.receipts import ParkReason
from ledger.providers.parsing import (
    Json,
    amount,
    currency,
    excerpt,
    objects,
    optional_text,
    text,
    unix_time,
    whole_number,
)
from ledger.providers.stripe.notification import StripeNotification
from ledger.providers.translation import EventFields, EventNotBookable, bookable_lines

_PAYS_FOR_A_PERIOD = {"subscription_create", "subscription_cycle"}


def invoice_paid(notification: StripeNotification) -> EventFields:
    """Translate `invoice.paid`: the payment of a period. Prorations, trials and manual invoices grant nothing.

    Source: the Invoice's `billing_reason` and `parent.subscription_details`.
    """
    invoice = notification.source
    details = (invoice.get("parent") or {}).get("subscription_details")
    owner = notification.owner((details or {}).get("metadata"))
    if not details:
        return {}
    reason = text(invoice, "billing_reason")
    subscription_id = notification.qualified(text(details, "subscription"))
    lines, period_start = _paid_lines(notification)
    if not lines:
        return {"owner": owner}
    if reason not in _PAYS_FOR_A_PERIOD:
        raise EventNotBookable(
            ParkReason.UNEXPECTED_CHARGE, f"billing_reason {excerpt(reason)} with lines that are no prorations"
        )
    total_minor, subtotal_minor = whole_number(invoice, "total"), whole_number(invoice, "subtotal")
    if total_minor <= 0 and subtotal_minor > 0 and owner.order_id is None:
        raise EventNotBookable(ParkReason.UNDERPAID, "nothing was due, and no order of ours says that it is free")
    value_minor, card_minor = _value_received(invoice)
    if value_minor <= 0 < total_minor:
        raise EventNotBookable(ParkReason.UNDERPAID, "a credit note settled the invoice, and nobody paid it")
    if total_minor < 0:  # prorations gave more than the period costs: a person decides what it grants
        raise EventNotBookable(ParkReason.UNEXPECTED_CHARGE, "a period was paid by prorations that left a credit")

    payment_id = notification.payment_id(text(invoice, "id"))
    claims_order = reason == "subscription_create" and owner.order_id is not None
    period_key = f"period/{subscription_id}/{period_start:%Y-%m-%dT%H:%M:%SZ}" if period_start else None
    payment = PaymentSettled(
        payment_id=payment_id,
        account_id=owner.account_id or AccountId(""),
        paid_minor=value_minor,
        card_minor=None if card_minor == value_minor else card_minor,
        currency=currency(invoice, "currency"),
        lines=lines,
        at=notification.at,
        cause=notification.cause,
        fulfilment_key=f"order/{owner.order_id}" if claims_order else period_key,
        covers=period_key if claims_order else None,
        is_renewal=reason == "subscription_cycle",
        customer_id=owner.customer_id,
        invoice_number=optional_text(invoice, "number"),
        order_id=owner.order_id,
        subscription_id=subscription_id,
    )
    return {"owner": owner, "names": (payment_id,), "payment": payment}


def invoice_payment_paid(notification: StripeNotification) -> EventFields:
    """Translate `invoice_payment.paid`: the link between an invoice and what paid it.

    An invoice names no PaymentIntent and a refund no invoice. Only this link connects them. Source:
    docs.stripe.com/api/invoice-payment/object.
    """
    payment = notification.source["payment"]
    own_id = optional_text(payment, "payment_intent") or optional_text(payment, "charge")
    if own_id is None:
        return {}
    return {"names": (notification.payment_id(text(notification.source, "invoice")), notification.payment_id(own_id))}


def invoice_payment_failed(notification: StripeNotification) -> EventFields:
    """Translate `invoice.payment_failed`. Source: docs.stripe.com/api/events/types."""
    failed = PaymentFailed(at=notification.at, cause=notification.cause)
    return {"names": (notification.payment_id(text(notification.source, "id")),), "facts": (failed,)}


def _value_received(invoice: Json) -> tuple[int, int]:
    """Return the value that an invoice brought, and the part of it that can go back to where it came from.

    `amount_paid` counts what was paid by the provider and outside of it, but not what the buyer's balance paid. A
    balance below 0 is the buyer's credit, one above 0 a debt that the invoice collects too. A credit note before the
    payment lowers what is due: it is no money. An amount above the total goes to the balance. Source: `amount_paid`,
    `amount_paid_off_stripe`, `starting_balance` and `ending_balance` of docs.stripe.com/api/invoices/object.
    """
    paid_minor = amount(invoice, "amount_paid")
    from_balance_minor = whole_number(invoice, "ending_balance") - whole_number(invoice, "starting_balance")
    off_stripe_minor = whole_number({"off_stripe": invoice.get("amount_paid_off_stripe") or 0}, "off_stripe")
    return min(paid_minor + from_balance_minor, whole_number(invoice, "total")), paid_minor - off_stripe_minor


def _paid_lines(notification: StripeNotification) -> tuple[tuple[PaidLine, ...], datetime | None]:
    """Return the lines that give credits, and the start of the period that they pay for.

    Source: docs.stripe.com/api/invoice-line-item/object.
    """
    invoice = notification.source
    if invoice["lines"].get("has_more"):
        raise EventNotBookable(ParkReason.UNKNOWN_SHAPE, "the invoice has more lines than the event shows")
    lines: list[PaidLine] = []
    starts: list[datetime] = []
    for position, line in enumerate(objects(invoice["lines"], "data")):
        amount_minor = whole_number(line, "amount")
        if _is_proration(line):
            continue
        price_id = ((line.get("pricing") or {}).get("price_details") or {}).get("price")
        product = notification.product_priced(price_id)
        if product is None:
            if amount_minor > 0:
                raise EventNotBookable(ParkReason.UNKNOWN_PRICE, f"price {excerpt(price_id)} is not in the catalogue")
            continue
        if amount_minor <= 0 and not product.trial_grants:
            continue
        period = line["period"]
        if product.kind is ProductKind.SUBSCRIPTION:
            starts.append(unix_time(period["start"]))
        lines.append(
            PaidLine(
                line_id=optional_text(line, "id") or str(position),
                product_id=product.product_id,
                credits=product.credits * _quantity(line, product),
                amount_minor=amount_minor + _tax_less_discount(line),
                expires_at=product.expires_at(notification.at, unix_time(period["end"])),
            )
        )
    return bookable_lines(lines), min(starts, default=None)


def _tax_less_discount(line: Json) -> int:
    """Return what a line cost above its amount: `amount` is before discounts and before exclusive taxes."""
    discount_minor = sum(whole_number(discount, "amount") for discount in line.get("discount_amounts") or ())
    taxes = (tax for tax in line.get("taxes") or () if tax.get("tax_behavior") == "exclusive")
    return sum(whole_number(tax, "amount") for tax in taxes) - discount_minor


def _is_proration(line: Json) -> bool:
    parent = line.get("parent") or {}
    details = parent.get("subscription_item_details") or parent.get("invoice_item_details") or {}
    return bool(details.get("proration"))


def _quantity(line: Json, product: Product) -> int:
    quantity = whole_number(line, "quantity")
    if quantity < 1:
        raise ValueError(f"quantity of {product.product_id} is {quantity}")
    return quantity
