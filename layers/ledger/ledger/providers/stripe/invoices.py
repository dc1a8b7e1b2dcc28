"""Invoices: they pay for a subscription's periods.

Source: docs.stripe.com/api/invoices/object, docs.stripe.com/billing/subscriptions/webhooks.
"""

from dataclasses import replace
from datetime import datetime

from ledger.domain.catalogue import ProductKind
from ledger.domain.facts import MoneyLinked, PaidLine, PaymentFailed, PaymentSettled, UngrantedLine
from ledger.domain.ids import AccountId
from ledger.domain.money import portion, share_of
from ledger.domain.receipts import NotBookable, ParkReason
from ledger.domain.records import record
from ledger.providers.parsing import (
    Json,
    amount,
    billing_country,
    currency,
    excerpt,
    objects,
    optional_text,
    text,
    whole_number,
)
from ledger.providers.stripe.invoice_lines import (
    is_invoice_item,
    is_proration,
    period_of,
    price_id_of,
    quantity_of,
    with_tax_and_discount,
)
from ledger.providers.stripe.notification import StripeNotification
from ledger.providers.stripe.prorations import Prorated, prorated
from ledger.providers.stripe.taxes import shows_business, tax_of_invoice
from ledger.providers.translation import EventFields, EventNotBookable, bookable_lines

_FIRST_PERIOD = "subscription_create"
_PAYS_FOR_A_PERIOD = {_FIRST_PERIOD, "subscription_cycle", "subscription_update"}
"""The reasons of invoices that charge whole periods. A trial that is ended, or a moved anchor, is an update."""


@record(frozen=True)
class _Charged:
    """The lines of an invoice that are no prorations."""

    lines: tuple[PaidLine, ...]  # that grant credits
    ungranted: tuple[UngrantedLine, ...]  # that were charged and grant none: trials
    period_start: datetime | None  # of the earliest period
    is_trial: bool  # no line is more than a trial's


def invoice_paid(notification: StripeNotification) -> EventFields:
    """Translate `invoice.paid`: the payment of a period, or of a part of one, and what it moved to the buyer's balance.

    Money that no line explains is parked. Source: the Invoice's `billing_reason` and `parent.subscription_details`.
    """
    invoice = notification.source
    reason = text(invoice, "billing_reason")
    details: Json = (invoice.get("parent") or {}).get("subscription_details") or {}
    if not details and not any(map(is_proration, objects(invoice["lines"], "data"))):
        return _without_subscription(notification, reason)
    owner = notification.owner(details.get("metadata"))
    claims_order = reason == _FIRST_PERIOD and owner.order_id is not None
    if claims_order:
        notification.put_under_order(details.get("metadata"))
    if invoice["lines"].get("has_more"):
        raise EventNotBookable(ParkReason.UNKNOWN_SHAPE, "the invoice has more lines than the event shows")
    charged, changed = _charged_lines(notification, reason), prorated(notification)
    value_minor, card_minor = _value_received(invoice)
    if -whole_number(invoice, "total") > changed.credited_minor:
        raise EventNotBookable(ParkReason.UNKNOWN_ORIGIN, "it moved money to the balance that no proration explains")
    lines = bookable_lines([*charged.lines, *changed.lines], also=len(changed.credits) + len(changed.credited_periods))
    if not lines:
        if value_minor > 0:
            raise EventNotBookable(ParkReason.UNEXPECTED_CHARGE, f"{excerpt(reason)}: no line that was paid grants")
        return _credits_alone(changed)
    if charged.lines and not (details and reason in _PAYS_FOR_A_PERIOD):
        raise EventNotBookable(
            ParkReason.UNEXPECTED_CHARGE, f"billing_reason {excerpt(reason)} with lines that are no prorations"
        )
    value_minor = max(0, value_minor + changed.credited_minor)
    total_minor = whole_number(invoice, "total")
    is_one_off = reason != _FIRST_PERIOD and _is_one_off(lines, charged, changed)
    order_id = None if is_one_off else owner.order_id
    if value_minor == 0 and not (charged.is_trial and total_minor <= 0):
        _check_free(total_minor, is_ordered=order_id is not None)
    due_minor = total_minor + changed.credited_minor
    unpaid_minor = due_minor - value_minor  # what was paid above the total is no value of this invoice
    over_unpaid_minor = min(changed.overcharge_minor, unpaid_minor)
    lines = _as_paid(lines, due_minor - changed.overcharge_minor, unpaid_minor - over_unpaid_minor)
    changed = changed.without_overcharge(over_unpaid_minor)

    subscription_id = notification.qualified(text(details, "subscription")) if details else None
    payment_id = notification.payment_id(text(invoice, "id"))
    period_key = f"period/{subscription_id}/{charged.period_start:%Y-%m-%dT%H:%M:%SZ}" if charged.period_start else None
    payment = PaymentSettled(
        payment_id=payment_id,
        account_id=owner.account_id or AccountId(""),
        paid_minor=value_minor,
        card_minor=None if card_minor == value_minor else card_minor,
        currency=currency(invoice, "currency"),
        lines=lines,
        at=notification.at,
        cause=notification.cause,
        overcharge_minor=changed.overcharge_minor,
        ungranted=(*charged.ungranted, *changed.ungranted) or None,
        fulfilment_key=f"order/{owner.order_id}" if claims_order else period_key,
        covers=period_key if claims_order else None,
        is_renewal=reason != _FIRST_PERIOD and not is_one_off,
        customer_id=owner.customer_id,
        invoice_number=optional_text(invoice, "number"),
        order_id=order_id,
        subscription_id=None if is_one_off else subscription_id,
        billing_country=billing_country(invoice.get("customer_address")),
        has_company_data=shows_business(invoice.get("customer_tax_ids")),
        has_other_tax_id=bool(invoice.get("customer_tax_ids")) and not shows_business(invoice.get("customer_tax_ids")),
        is_trial=charged.is_trial,
        tax_minor=tax_of_invoice(invoice) if value_minor == total_minor and not changed.credited_minor else None,
        locked_until=notification.locked_until(lines, is_trial=charged.is_trial),
    )
    return {"names": (payment_id,), "payment": payment, **_moved_away(changed)}


def _is_one_off(lines: tuple[PaidLine, ...], charged: _Charged, changed: Prorated) -> bool:
    """Return whether a later invoice of a subscription is a sale of its own: it pays for no period or part of one.

    Its lines are invoice items. It carries a copy of the subscription's order id, and pays for neither of the two.
    Source: docs.stripe.com/billing/invoices/subscription, "Adding upcoming invoice items".
    """
    return not (charged.ungranted or changed.ungranted or any(line.period_ends_at for line in lines))


def _moved_away(changed: Prorated) -> EventFields:
    """Return the fields for what prorations credit: it is about other payments than the invoice's own."""
    return {"also": changed.credits, "credited_periods": changed.credited_periods}


def _credits_alone(changed: Prorated) -> EventFields:
    """Return the fields of an invoice that pays for nothing, and credits other payments, if any."""
    if not changed.credits:
        return _moved_away(changed)
    first, *rest = changed.credits
    return {**_moved_away(changed), "names": first.names, "facts": first.facts, "also": tuple(rest)}


def invoice_payment_paid(notification: StripeNotification) -> EventFields:
    """Translate `invoice_payment.paid`: the link between an invoice and what paid it.

    An invoice names no PaymentIntent and a refund no invoice. Only this link connects them. Source:
    docs.stripe.com/api/invoice-payment/object.
    """
    payment = notification.source["payment"]
    own_id = optional_text(payment, "payment_intent") or optional_text(payment, "charge")
    if own_id is None:
        return {}
    sale_id, money_id = notification.payment_id(text(notification.source, "invoice")), notification.payment_id(own_id)
    link = MoneyLinked(
        money_id=money_id,
        sale_id=sale_id,
        amount_minor=amount(notification.source, "amount_paid"),
        at=notification.at,
        cause=notification.cause,
    )
    return {"names": (sale_id, money_id), "facts": (link,)}


def invoice_payment_failed(notification: StripeNotification) -> EventFields:
    """Translate `invoice.payment_failed`. Source: docs.stripe.com/api/events/types."""
    failed = PaymentFailed(at=notification.at, cause=notification.cause)
    return {"names": (notification.payment_id(text(notification.source, "id")),), "facts": (failed,)}


def _without_subscription(notification: StripeNotification, reason: str) -> EventFields:
    """Return the fields of an invoice of no subscription: by hand, or beside a Checkout Session.

    It grants nothing. If it brought money, it is parked, unless another event books that money: a session with
    `invoice_creation` names the invoice that is made beside it. Source: `invoice_creation` of
    docs.stripe.com/api/checkout/sessions/object.
    """
    invoice = notification.source
    value_minor, _ = _value_received(invoice)
    if whole_number(invoice, "total") < 0:
        raise EventNotBookable(ParkReason.UNKNOWN_ORIGIN, "it moved money to the balance that no proration explains")
    if value_minor <= 0:
        return {}
    detail = f"billing_reason {excerpt(reason)}, and no subscription that was paid for"
    return {
        "names": (notification.payment_id(text(invoice, "id")),),
        "not_bookable": NotBookable(ParkReason.UNEXPECTED_CHARGE, detail),
    }


def _value_received(invoice: Json) -> tuple[int, int]:
    """Return the value that an invoice brought, and what of it can go back to where it came from.

    `amount_paid` counts what was paid by the provider and outside of it, but not what the buyer's balance paid. A
    balance below 0 is the buyer's credit, one above 0 a debt that the invoice collects too. A credit note before the
    payment lowers what is due: it is no money. An amount above the total goes to the balance, and a total below 0 is
    what the invoice adds to it. Source: `amount_paid`,
    `amount_paid_off_stripe`, `starting_balance` and `ending_balance` of docs.stripe.com/api/invoices/object.
    """
    paid_minor = amount(invoice, "amount_paid")
    from_balance_minor = whole_number(invoice, "ending_balance") - whole_number(invoice, "starting_balance")
    off_stripe_minor = whole_number({"off_stripe": invoice.get("amount_paid_off_stripe") or 0}, "off_stripe")
    return min(paid_minor + from_balance_minor, whole_number(invoice, "total")), paid_minor - off_stripe_minor


def _as_paid(lines: tuple[PaidLine, ...], price_minor: int, unpaid_minor: int) -> tuple[PaidLine, ...]:
    """Return lines with the credits that their price paid for, if so much of it was never paid.

    A credit note before the payment lowers what is due. It takes its share of the credits, as one after the payment
    does: rounded in the customer's favour. A line that cost nothing keeps its credits.
    """
    unpaid = share_of(unpaid_minor, price_minor)
    return tuple(
        replace(line, credits=line.credits - portion(line.credits, unpaid)) if line.amount_minor > 0 else line
        for line in lines
    )


def _check_free(total_minor: int, *, is_ordered: bool) -> None:
    """Raise EventNotBookable unless nothing was due for an order of ours, which a discount made free."""
    if total_minor > 0:
        raise EventNotBookable(ParkReason.UNDERPAID, "a credit note settled the invoice, and nobody paid it")
    if not is_ordered:
        raise EventNotBookable(ParkReason.UNDERPAID, "nothing was due, and no order of ours says that it is free")


def _charged_lines(notification: StripeNotification, reason: str) -> _Charged:
    """Return the lines that give credits, but for prorations, and the start of the period that they pay for.

    A trial that gives none is a line too if its order locks credits: what is charged after it is of the same contract.
    Source: docs.stripe.com/api/invoice-line-item/object.
    """
    lines: list[PaidLine] = []
    ungranted: list[UngrantedLine] = []
    starts: list[datetime] = []
    is_trial = True
    for position, line in enumerate(objects(notification.source["lines"], "data")):
        amount_minor = whole_number(line, "amount")
        if is_proration(line):
            continue
        price_id, period = price_id_of(line), period_of(line)
        trial = notification.trial_priced(price_id, period[0])
        product = notification.product_priced(price_id, period[0]) or trial
        if product is None:
            if amount_minor > 0:
                raise EventNotBookable(ParkReason.UNKNOWN_PRICE, f"price {excerpt(price_id)} is not in the catalogue")
            continue
        if product.kind is ProductKind.SUBSCRIPTION and is_invoice_item(line) and amount_minor > 0:
            raise EventNotBookable(ParkReason.UNEXPECTED_CHARGE, f"{product.product_id} as an item that is no period")
        is_free_trial = amount_minor == 0 and reason == _FIRST_PERIOD
        is_of_a_trial = is_free_trial or trial is product
        credits_ = product.trial_credits if is_of_a_trial else product.credits if amount_minor > 0 else 0
        line_id = optional_text(line, "id") or str(position)
        locks_plan = is_of_a_trial and notification.has_lock and product.kind is ProductKind.SUBSCRIPTION
        if credits_ == 0 and not locks_plan:
            if (paid_minor := with_tax_and_discount(line)) > 0:
                ungranted.append(UngrantedLine(line_id=line_id, amount_minor=paid_minor))
            continue
        is_trial &= is_of_a_trial
        if product.kind is ProductKind.SUBSCRIPTION:
            starts.append(period[0])
        lines.append(
            PaidLine(
                line_id=line_id,
                product_id=product.product_id,
                credits=credits_ * quantity_of(line, product),
                amount_minor=with_tax_and_discount(line),
                expires_at=product.expires_at(notification.at, period),
                grace_from=product.grace_from(notification.at, period),
                period_ends_at=period[1] if product.kind is ProductKind.SUBSCRIPTION else None,
                terms=product.digest,
            )
        )
    return _Charged(tuple(lines), tuple(ungranted), min(starts, default=None), is_trial and bool(lines))
