"""Transactions: they pay for packs, and for a subscription's periods.

Source: developer.paddle.com/api-reference/transactions/overview.
"""

from collections.abc import Sequence
from datetime import datetime

from ledger.domain.catalogue import Product, ProductKind
from ledger.domain.facts import PaidLine, PaymentFailed, PaymentSettled, UngrantedLine
from ledger.domain.ids import AccountId
from ledger.domain.receipts import ParkReason
from ledger.domain.records import record
from ledger.providers.paddle.notification import PaddleNotification, period_end, period_of
from ledger.providers.parsing import (
    Json,
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
_IS_A_LATER_ONE = {*_PAYS_FOR_A_PERIOD, "subscription_update"}
_GRANTS = {*_INITIAL, *_PAYS_FOR_A_PERIOD, "subscription_charge"}


@record(frozen=True)
class _Lines:
    """The lines of a transaction: those that grant credits by what they are for, and those that grant none."""

    charged: tuple[PaidLine, ...]  # for packs and whole periods
    trials: tuple[PaidLine, ...]
    prorated: tuple[PaidLine, ...]  # for parts of a period that a change charged
    ungranted: tuple[UngrantedLine, ...]  # charged; an overcharge: for parts of a period, by the catalogue


def transaction_completed(notification: PaddleNotification) -> EventFields:
    """Translate `transaction.completed`: the payment of a pack, of a period or of a part of one.

    Its origin, total and prices say what was paid. Money that no line explains is parked. Source:
    developer.paddle.com/webhooks/transactions/transaction-completed.
    """
    transaction = notification.source
    origin = text(transaction, "origin")
    transaction_id = text(transaction, "id")
    subscription_id = _subscription_id(notification)
    is_initial = origin in _INITIAL
    if is_initial:
        owner = notification.owner(transaction_id=transaction_id)
        notification.put_under_order(notification.custom_data)
    else:
        owner = notification.owner(subscription_id=subscription_id)
    order_id = owner.named_order_id
    totals = transaction["details"]["totals"]
    total_minor = whole_number(totals, "total")
    if optional_text(totals, "credit_to_balance") not in {None, "0"}:
        raise EventNotBookable(ParkReason.UNKNOWN_ORIGIN, "it moved money to the balance, and names no payment")
    is_ordered = order_id is not None and origin in _MAY_BE_FREE and whole_number(totals, "subtotal") > 0
    is_paid_or_ordered = total_minor > 0 or (total_minor == 0 and is_ordered)
    if not is_paid_or_ordered and origin not in _INITIAL:
        return {}  # a change of the payment method: nothing was bought
    found = _paid_lines(notification, origin)
    whole = [*found.charged, *found.trials]
    lines = [*whole, *found.prorated] if is_paid_or_ordered else [*found.trials]
    if not lines:
        if total_minor > 0:
            raise EventNotBookable(
                ParkReason.UNEXPECTED_CHARGE, f"origin {excerpt(origin)}: no line that was paid grants"
            )
        return {}  # a trial that grants nothing
    _check_paid(transaction, total_minor)
    if whole and origin not in _GRANTS:
        raise EventNotBookable(
            ParkReason.UNEXPECTED_CHARGE, f"origin {excerpt(origin)} with lines that are no prorations"
        )

    payment_id = notification.payment_id(transaction_id)
    claims_order = is_initial and order_id is not None
    period_key = _period_key(notification, origin, whole)
    is_one_off = not is_initial and _is_one_off(origin, lines)
    is_trial = bool(found.trials) and not (found.charged or found.prorated)
    card_minor = amount(totals, "grand_total")  # less what the buyer's balance paid
    payment = PaymentSettled(
        payment_id=payment_id,
        account_id=owner.account_id or AccountId(""),
        paid_minor=total_minor,
        card_minor=None if card_minor == total_minor else card_minor,
        currency=currency(totals, "currency_code"),
        lines=bookable_lines(lines),
        at=notification.at,
        cause=notification.cause,
        overcharge_minor=sum(line.amount_minor for line in found.ungranted if line.is_overcharge),
        ungranted=found.ungranted or None,
        fulfilment_key=f"order/{order_id}" if claims_order else period_key,
        covers=period_key if claims_order else None,
        is_renewal=origin in _IS_A_LATER_ONE and not is_one_off,
        customer_id=owner.customer_id,
        invoice_number=optional_text(transaction, "invoice_number"),
        order_id=None if is_one_off else order_id,
        subscription_id=None if is_one_off else subscription_id,
        has_company_data=transaction.get("business_id") is not None,
        is_trial=is_trial,
        locked_until=notification.locked_until(lines, is_trial=is_trial),
    )
    return {"names": (payment_id,), "payment": payment}


def _is_one_off(origin: str, lines: Sequence[PaidLine]) -> bool:
    """Return whether a later transaction of a subscription is a sale of its own: it pays for no period or part of one.

    It is charged on the subscription, and carries a copy of that order's id. It pays for neither of the two.
    Source: developer.paddle.com/api-reference/subscriptions/create-one-time-charge.
    """
    return origin == "subscription_charge" or not any(line.period_ends_at for line in lines)


def _check_paid(transaction: Json, total_minor: int) -> None:
    """Raise EventNotBookable if a transaction is not complete, or if a credit settled it, so that nobody paid."""
    if text(transaction, "status") != "completed":
        raise EventNotBookable(ParkReason.UNKNOWN_STATE, f"transaction status {excerpt(transaction['status'])}")
    adjusted = transaction["details"].get("adjusted_totals")
    if total_minor > 0 and optional_text(adjusted, "total") == "0":
        raise EventNotBookable(ParkReason.UNDERPAID, "the invoice was credited in full before it was completed")


def transaction_payment_failed(notification: PaddleNotification) -> EventFields:
    """Translate `transaction.payment_failed`.

    Source: developer.paddle.com/webhooks/transactions/transaction-payment-failed.
    """
    failed = PaymentFailed(at=notification.at, cause=notification.cause)
    return {"names": (notification.payment_id(text(notification.source, "id")),), "facts": (failed,)}


def _subscription_id(notification: PaddleNotification) -> str | None:
    own_id = optional_text(notification.source, "subscription_id")
    return notification.qualified(own_id) if own_id else None


def _period_key(notification: PaddleNotification, origin: str, lines: Sequence[PaidLine]) -> str | None:
    """Return the fulfilment key of the period that a transaction pays for. None if it pays for no period."""
    subscription_id = _subscription_id(notification)
    is_recurring = any(line.period_ends_at for line in lines)
    if origin == "subscription_charge" or not (is_recurring and subscription_id):
        return None
    starts_at = rfc3339_time(notification.source["billing_period"]["starts_at"])
    return f"period/{subscription_id}/{starts_at:%Y-%m-%dT%H:%M:%SZ}"


def _paid_lines(notification: PaddleNotification, origin: str) -> _Lines:
    """Return the lines that give credits. A price that is not in the catalogue parks the whole transaction.

    Source: `details.line_items` of the transaction.
    """
    trial_prices = _trial_prices(notification.source) if origin in _INITIAL else frozenset()
    found: dict[str, list[PaidLine]] = {"charged": [], "trials": [], "prorated": []}
    ungranted = []
    agreed_at = _agreed_at(notification, origin)
    for line in objects(notification.source["details"], "line_items"):
        amount_minor, price_id = whole_number(line["totals"], "total"), optional_text(line, "price_id")
        if amount_minor < 0:
            raise EventNotBookable(ParkReason.UNKNOWN_ORIGIN, "a line credits a payment that it does not name")
        trial = notification.trial_priced(price_id, agreed_at)
        product = notification.product_priced(price_id, agreed_at) or trial
        if product is None:
            if amount_minor > 0:
                raise EventNotBookable(ParkReason.UNKNOWN_PRICE, f"price {excerpt(price_id)} is not in the catalogue")
            continue
        if line.get("proration"):
            kind, credits_ = "prorated", _prorated_credits(notification, product, line)
        elif price_id in trial_prices or trial:
            kind, credits_ = "trials", _credits(product, product.trial_credits, line)
        elif whole_number(line["totals"], "subtotal") > 0:
            kind, credits_ = "charged", _credits(product, product.credits, line)
        else:
            continue
        if credits_ or (kind == "trials" and notification.has_lock):  # it locks what is charged after it
            found[kind].append(_paid_line(notification, product, line, credits_))
        elif amount_minor > 0:
            is_overcharge = kind == "prorated" and not product.proration_grants
            ungranted.append(
                UngrantedLine(line_id=text(line, "id"), amount_minor=amount_minor, is_overcharge=is_overcharge)
            )
    return _Lines(ungranted=tuple(ungranted), **{kind: tuple(lines) for kind, lines in found.items()})


def _paid_line(notification: PaddleNotification, product: Product, line: Json, credits_: int) -> PaidLine:
    period = (line.get("proration") or {}).get("billing_period") or notification.source.get("billing_period")
    if product.kind is ProductKind.SUBSCRIPTION and not period:
        raise ValueError(f"{product.product_id} was paid without a billing_period")
    return PaidLine(
        line_id=text(line, "id"),
        product_id=product.product_id,
        credits=credits_,
        amount_minor=whole_number(line["totals"], "total"),
        expires_at=product.expires_at(notification.at, period_of(period)),
        grace_from=product.grace_from(notification.at, period_of(period)),
        period_ends_at=period_end(period) if product.kind is ProductKind.SUBSCRIPTION else None,
        terms=product.digest,
    )


def _agreed_at(notification: PaddleNotification, origin: str) -> datetime:
    """Return the time whose terms a transaction is under: the start of its period, else its own creation."""
    transaction = notification.source
    period = period_of(transaction.get("billing_period")) if origin in _PAYS_FOR_A_PERIOD else None
    created_at = transaction.get("created_at")
    return period[0] if period else rfc3339_time(created_at) if created_at else notification.at


def _trial_prices(transaction: Json) -> frozenset[str]:
    """Return the prices that a first transaction sells a trial of. A trial has the price id of its plan.

    Later transactions show the same price and are no trials. Source: `items[].price.trial_period`.
    """
    items = transaction.get("items") or ()
    return frozenset(text(item["price"], "id") for item in items if item["price"].get("trial_period"))


def _prorated_credits(notification: PaddleNotification, product: Product, line: Json) -> int:
    """Return the credits of a part of a period. 0: it charges nothing, or grants nothing by the catalogue."""
    subtotal_minor = whole_number(line["totals"], "subtotal")
    if not product.proration_grants or subtotal_minor <= 0:
        return 0
    charged_in = currency(notification.source["details"]["totals"], "currency_code")
    credits_ = product.prorated_credits(subtotal_minor, charged_in)
    if credits_ is None:
        raise EventNotBookable(ParkReason.UNKNOWN_CURRENCY, f"{product.product_id} has no price in {charged_in}")
    return credits_


def _credits(product: Product, credits_each: int, line: Json) -> int:
    """Return the credits of a line, by its quantity. Raise ValueError for a quantity of none."""
    if credits_each == 0:
        return 0
    quantity = whole_number(line, "quantity")
    if quantity < 1:
        raise ValueError(f"quantity of {product.product_id} is {quantity}")
    return credits_each * quantity
