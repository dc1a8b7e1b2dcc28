"""Stripe's notifications, at API version 2026-10-28.endive, in our words.

    checkout.session.completed, .async_payment_succeeded      pays for packs, once paid; a subscription's only links
    invoice.paid                                              pays for a subscription's period, first or later
    invoice_payment.paid                                      links an invoice to its PaymentIntent
    refund.*, charge.refunded                                 money given back
    charge.dispute.*, radar.early_fraud_warning.*             money contested
    customer.subscription.*                                   a subscription's state
    checkout.session.async_payment_failed, .expired, invoice.payment_failed

Source: docs.stripe.com/api/events/types and docs.stripe.com/billing/subscriptions/webhooks.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from ledger.domain.catalogue import Catalogue, Product, ProductKind
from ledger.domain.errors import InvalidBody
from ledger.domain.events import Event, Owner
from ledger.domain.facts import (
    DisputeChanged,
    DisputeState,
    FraudWarned,
    PaidLine,
    PaymentFailed,
    PaymentSettled,
    RefundChanged,
    RefundState,
    RefundTotalReported,
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
    is_text,
    moment,
    notification,
    objects,
    optional_text,
    text,
    whole,
)
from ledger.providers.signatures import verify_stripe as verify

__all__ = ["FUNCTIONS", "NAMED_BY", "REFUND_STATES", "parse", "translate", "verify"]

NAMED_BY = ("id", "type")
"""The fields that hold a notification's id and its type."""

API_MAJOR = "endive"  # within a major version Stripe only adds

_PAYMENTS, _SUBSCRIPTIONS, _DISPUTES, _REFUNDS = (
    frozenset({"payment_succeeded"}),
    frozenset({"subscription_renewed"}),
    frozenset({"dispute_opened"}),
    frozenset({"refund_settled"}),
)


def parse(body: bytes) -> Json:
    """The notification in a verified body. Raises InvalidBody, saying why."""
    content = notification(body, *NAMED_BY)
    if content.get("object") != "event":
        raise InvalidBody(
            f"The body's object is {excerpt(content.get('object'))}: subscribe the endpoint to snapshot events."
        )
    try:
        moment(content.get("created"))
    except (TypeError, ValueError) as error:
        raise InvalidBody("The body has no usable `created`: it is not an event.") from error
    if not isinstance(content.get("data"), dict) or not isinstance(content["data"].get("object"), dict):
        raise InvalidBody("The body has no data.object: it is not an event.")
    return content


def translate(content: Json, catalogue: Catalogue, *, is_live: bool) -> Event | None:
    """What a notification says. None: it is of a type that nobody here reads.

    An event that can't be used comes back with `not_bookable` set; it is never dropped and never guessed.
    """
    reader = _TRANSLATORS.get(content["type"])
    if reader is None:
        return None
    event = Event(
        provider="stripe",
        event_id=content["id"],
        event_type=content["type"],
        at=moment(content["created"]),
    )
    try:
        _check_envelope(content, is_live=is_live)
        said = reader(_Translation(event, content["data"]["object"], catalogue))
    except EventNotBookable as problem:
        said = {"not_bookable": problem.not_bookable}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        said = {"not_bookable": NotBookable(ParkReason.UNKNOWN_SHAPE, f"{type(error).__name__}: {error}")}
    customer = content["data"]["object"].get("customer")
    said.setdefault("owner", Owner(customer_id=_customer(customer)))
    return Event(provider="stripe", event_id=event.event_id, event_type=event.event_type, at=event.at, **said)


class _Translation:
    """One event under translation: its object, and what is asked of it again and again."""

    def __init__(self, event: Event, source: Json, catalogue: Catalogue) -> None:
        self.source = source
        self.catalogue = catalogue
        self.at = event.at
        self.cause = event.cause

    def owner(self, metadata: Json | None) -> Owner:
        """Metadata of these objects is set by our server alone; `client_reference_id` is not, and is not read."""
        return Owner(
            order_id=_as(OrderId, optional_text(metadata, "order_id")),
            account_id=_as(AccountId, optional_text(metadata, "account_id")),
            customer_id=_customer(self.source.get("customer")),
        )

    def charge_names(self) -> tuple[PaymentId, ...]:
        """The PaymentIntent, if it is named, and the charge: naming both links them."""
        names = (optional_text(self.source, "payment_intent"), optional_text(self.source, "charge"))
        found = tuple(_payment_id(name) for name in names if name)
        if not found:
            raise ValueError("neither payment_intent nor charge is named")
        return found


def _check_envelope(content: Json, *, is_live: bool) -> None:
    if content.get("livemode") is not is_live:
        found = "live" if content.get("livemode") else "test"
        raise EventNotBookable(
            ParkReason.WRONG_MODE, f"a {found}-mode event on a {'live' if is_live else 'test'} ledger"
        )
    version = excerpt(content.get("api_version"))
    if version.rpartition(".")[2] != API_MAJOR:
        raise EventNotBookable(
            ParkReason.UNKNOWN_VERSION, f"api_version {version}: set the endpoint's version to 2026-10-28.endive"
        )


def _session(said: _Translation) -> dict[str, Any]:
    """Packs are paid by a session; a subscription's session only says whose customer it is."""
    session = said.source
    owner = said.owner(session.get("metadata"))
    if not _is_paid_for_packs(session):
        return {"owner": owner}
    lines, overcharge_minor = _session_lines(said)
    paid_minor = amount(session, "amount_total")
    if paid_minor <= 0 and owner.order_id is None:
        raise EventNotBookable(ParkReason.UNDERPAID, "nothing was paid, and no order of ours says that it is free")
    payment_id = _payment_id(optional_text(session, "payment_intent") or text(session, "id"))
    payment = PaymentSettled(
        payment_id=payment_id,
        account_id=owner.account_id or AccountId(""),
        paid_minor=paid_minor,
        currency=currency(session, "currency"),
        lines=lines,
        at=said.at,
        cause=said.cause,
        overcharge_minor=overcharge_minor,
        fulfilment_key=f"order/{owner.order_id}" if owner.order_id else None,
        order_id=owner.order_id,
        customer_id=owner.customer_id,
    )
    return {"owner": owner, "names": (payment_id,), "payment": payment}


def _is_paid_for_packs(session: Json) -> bool:
    """Whether a session has brought money for packs. A word that we don't know is not taken for yes, nor for no."""
    is_for_packs: bool = _known(_SESSION_MODES, text(session, "mode"), "session mode")
    is_paid: bool = _known(_SESSION_STATES, text(session, "payment_status"), "payment_status")
    return is_for_packs and is_paid


_SESSION_MODES = {"payment": True, "setup": False, "subscription": False}
_SESSION_STATES = {"paid": True, "no_payment_required": True, "unpaid": False}


def _session_lines(said: _Translation) -> tuple[tuple[PaidLine, ...], int]:
    """The one product that our server wrote into the metadata, if the subtotal is at least its price.

    A session carries no line items, so the price is compared: less is parked, more is booked and the excess kept.
    """
    session = said.source
    metadata = session.get("metadata") or {}
    product = said.catalogue.product(optional_text(metadata, "product_id"))
    if product is None or product.kind is not ProductKind.PACK:
        raise EventNotBookable(
            ParkReason.UNKNOWN_PRODUCT, f"metadata.product_id is {excerpt(metadata.get('product_id'))}"
        )
    quantity = whole({"quantity": 1, **metadata}, "quantity")
    if quantity < 1:
        raise ValueError(f"metadata.quantity is {quantity}")
    paid_in = currency(session, "currency")
    if paid_in not in product.prices:
        raise EventNotBookable(ParkReason.UNKNOWN_CURRENCY, f"{product.product_id} has no price in {paid_in}")
    price_minor = product.prices[paid_in] * quantity
    subtotal_minor, paid_minor = amount(session, "amount_subtotal"), amount(session, "amount_total")
    if subtotal_minor < price_minor:
        raise EventNotBookable(
            ParkReason.UNDERPAID, f"{subtotal_minor} {paid_in} for {quantity} × {product.product_id} at {price_minor}"
        )
    line = PaidLine(
        line_id="0",
        product_id=product.product_id,
        credits=product.credits * quantity,
        amount_minor=paid_minor,
        expires_at=product.expires_at(said.at, None),
    )
    # The excess as it was paid, with its share of tax and discount.
    overcharge_minor = paid_minor * (subtotal_minor - price_minor) // subtotal_minor
    return (line,), overcharge_minor


def _session_failed(said: _Translation) -> dict[str, Any]:
    owner = said.owner(said.source.get("metadata"))
    intent = optional_text(said.source, "payment_intent")
    if intent is None:
        return {"owner": owner}
    return {"owner": owner, "names": (_payment_id(intent),), "facts": (PaymentFailed(at=said.at, cause=said.cause),)}


_PAYS_FOR_A_PERIOD = {"subscription_create", "subscription_cycle"}


def _invoice_paid(said: _Translation) -> dict[str, Any]:
    """A subscription's period is paid by its invoice. Prorations, trials and invoices of ours by hand grant nothing."""
    invoice = said.source
    details = (invoice.get("parent") or {}).get("subscription_details")
    owner = said.owner((details or {}).get("metadata"))
    if not details:
        return {}
    reason = text(invoice, "billing_reason")
    subscription_id = f"stripe:{text(details, 'subscription')}"
    lines, period_start = _invoice_lines(said)
    if not lines:
        return {"owner": owner}
    if reason not in _PAYS_FOR_A_PERIOD:
        raise EventNotBookable(
            ParkReason.UNEXPECTED_CHARGE, f"billing_reason {excerpt(reason)} with lines that are no prorations"
        )
    total_minor, subtotal_minor = whole(invoice, "total"), whole(invoice, "subtotal")
    if total_minor <= 0 and subtotal_minor > 0 and owner.order_id is None:
        raise EventNotBookable(ParkReason.UNDERPAID, "nothing was due, and no order of ours says that it is free")
    if total_minor < 0:  # prorations gave more than the period costs: it is paid, and a person says what it grants
        raise EventNotBookable(ParkReason.UNEXPECTED_CHARGE, "a period was paid by prorations that left a credit")

    payment_id = _payment_id(text(invoice, "id"))
    claims_order = reason == "subscription_create" and owner.order_id is not None
    by_period = f"period/{subscription_id}/{period_start:%Y-%m-%dT%H:%M:%SZ}" if period_start else None
    payment = PaymentSettled(
        payment_id=payment_id,
        account_id=owner.account_id or AccountId(""),
        paid_minor=amount(invoice, "amount_paid"),
        currency=currency(invoice, "currency"),
        lines=lines,
        at=said.at,
        cause=said.cause,
        fulfilment_key=f"order/{owner.order_id}" if claims_order else by_period,
        covers=by_period if claims_order else None,
        is_renewal=reason == "subscription_cycle",
        customer_id=owner.customer_id,
        invoice_number=optional_text(invoice, "number"),
        order_id=owner.order_id,
        subscription_id=subscription_id,
    )
    return {"owner": owner, "names": (payment_id,), "payment": payment}


def _invoice_lines(said: _Translation) -> tuple[tuple[PaidLine, ...], datetime | None]:
    """The lines that give credits, and where the period starts that they pay for."""
    invoice = said.source
    if invoice["lines"].get("has_more"):
        raise EventNotBookable(ParkReason.UNKNOWN_SHAPE, "the invoice has more lines than the event shows")
    lines: list[PaidLine] = []
    starts: list[datetime] = []
    for position, line in enumerate(objects(invoice["lines"], "data")):
        amount_minor = whole(line, "amount")
        if _is_proration(line):
            continue
        price_id = ((line.get("pricing") or {}).get("price_details") or {}).get("price")
        product = said.catalogue.priced("stripe", price_id)
        if product is None:
            if amount_minor > 0:
                raise EventNotBookable(ParkReason.UNKNOWN_PRICE, f"price {excerpt(price_id)} is not in the catalogue")
            continue
        if amount_minor <= 0 and not product.trial_grants:
            continue
        period = line["period"]
        if product.kind is ProductKind.SUBSCRIPTION:
            starts.append(moment(period["start"]))
        lines.append(
            PaidLine(
                line_id=optional_text(line, "id") or str(position),
                product_id=product.product_id,
                credits=product.credits * _quantity(line, product),
                amount_minor=amount_minor + _tax_less_discount(line),
                expires_at=product.expires_at(said.at, moment(period["end"])),
            )
        )
    return bookable(lines), min(starts, default=None)


def _tax_less_discount(line: Json) -> int:
    """What a line cost above its amount, which is before discounts and before the taxes that it does not include."""
    discount_minor = sum(whole(discount, "amount") for discount in line.get("discount_amounts") or ())
    taxes = (tax for tax in line.get("taxes") or () if tax.get("tax_behavior") == "exclusive")
    return sum(whole(tax, "amount") for tax in taxes) - discount_minor


def _is_proration(line: Json) -> bool:
    parent = line.get("parent") or {}
    details = parent.get("subscription_item_details") or parent.get("invoice_item_details") or {}
    return bool(details.get("proration"))


def _quantity(line: Json, product: Product) -> int:
    quantity = whole(line, "quantity")
    if quantity < 1:
        raise ValueError(f"quantity of {product.product_id} is {quantity}")
    return quantity


def _invoice_payment(said: _Translation) -> dict[str, Any]:
    """Since an invoice names no PaymentIntent and a refund no invoice, this link is what brings them together."""
    payment = said.source["payment"]
    name = optional_text(payment, "payment_intent") or optional_text(payment, "charge")
    if name is None:
        return {}
    return {"names": (_payment_id(text(said.source, "invoice")), _payment_id(name))}


def _invoice_failed(said: _Translation) -> dict[str, Any]:
    failed = PaymentFailed(at=said.at, cause=said.cause)
    return {"names": (_payment_id(text(said.source, "id")),), "facts": (failed,)}


_SUBSCRIPTION_STATES = {
    "incomplete": SubscriptionStatus.INCOMPLETE,
    "incomplete_expired": SubscriptionStatus.ENDED,
    "trialing": SubscriptionStatus.TRIALING,
    "active": SubscriptionStatus.ACTIVE,
    "past_due": SubscriptionStatus.PAST_DUE,
    "paused": SubscriptionStatus.PAUSED,
    "unpaid": SubscriptionStatus.UNPAID,
    "canceled": SubscriptionStatus.ENDED,
}


def _subscription(said: _Translation) -> dict[str, Any]:
    source = said.source
    items = list(objects(source["items"], "data"))
    period_end = max((moment(item["current_period_end"]) for item in items), default=None)
    products = (said.catalogue.priced("stripe", item["price"]["id"]) for item in items)
    cancel_at = source.get("cancel_at")
    return {
        "owner": said.owner(source.get("metadata")),
        "subscription": Subscription(
            subscription_id=f"stripe:{text(source, 'id')}",
            status=_known(_SUBSCRIPTION_STATES, text(source, "status"), "subscription status"),
            at=said.at,
            cause=said.cause,
            product_id=next((product.product_id for product in products if product), None),
            period_end=period_end,
            # A flexible subscription's cancellation shows as `cancel_at`, a classic one's as `cancel_at_period_end`.
            cancel_at=moment(cancel_at) if cancel_at else period_end if source.get("cancel_at_period_end") else None,
            customer_id=_customer(source.get("customer")),
        ),
    }


REFUND_STATES = {
    "pending": RefundState.PENDING,
    "requires_action": RefundState.REQUIRES_ACTION,
    "succeeded": RefundState.SUCCEEDED,
    "failed": RefundState.FAILED,
    "canceled": RefundState.CANCELED,
}


def _refund(said: _Translation) -> dict[str, Any]:
    fact = RefundChanged(
        refund_id=text(said.source, "id"),
        state=_known(REFUND_STATES, text(said.source, "status"), "refund status"),
        amount_minor=amount(said.source, "amount"),
        at=said.at,
        cause=said.cause,
        tag=optional_text(said.source.get("metadata"), tags.METADATA_KEY),
    )
    return {"names": said.charge_names(), "facts": (fact,)}


def _charge_refunded(said: _Translation) -> dict[str, Any]:
    charge_id = text(said.source, "id")
    fact = RefundTotalReported(
        charge_id=charge_id, total_minor=amount(said.source, "amount_refunded"), at=said.at, cause=said.cause
    )
    intent = optional_text(said.source, "payment_intent")
    names = (_payment_id(intent), _payment_id(charge_id)) if intent else (_payment_id(charge_id),)
    return {"names": names, "facts": (fact,)}


_DISPUTE_STATES = {
    "warning_needs_response": DisputeState.INQUIRY,
    "warning_under_review": DisputeState.INQUIRY,
    "warning_closed": DisputeState.INQUIRY_CLOSED,
    "needs_response": DisputeState.OPEN,
    "under_review": DisputeState.UNDER_REVIEW,
    "appeal_needs_response": DisputeState.APPEALED,
    "appeal_under_review": DisputeState.APPEALED,
    "lost": DisputeState.LOST,
    "won": DisputeState.WON,
    "prevented": DisputeState.PREVENTED,
}


def _dispute(said: _Translation) -> dict[str, Any]:
    dispute = said.source
    amounts = [whole(movement, "amount") for movement in dispute.get("balance_transactions") or []]
    state = _known(_DISPUTE_STATES, text(dispute, "status"), "dispute status")
    if state is DisputeState.LOST and any(amounts) and sum(amounts) == 0:
        state = DisputeState.WON  # the money was withdrawn and has come back, whatever the status still says
    fact = DisputeChanged(
        dispute_id=text(dispute, "id"),
        state=state,
        amount_minor=amount(dispute, "amount"),
        opened_at=moment(dispute["created"]),
        at=said.at,
        cause=said.cause,
        movements=len(amounts),
    )
    return {"names": said.charge_names(), "facts": (fact,)}


def _fraud_warning(said: _Translation) -> dict[str, Any]:
    fact = FraudWarned(
        warning_id=text(said.source, "id"),
        is_actionable=said.source["actionable"] is True,
        at=said.at,
        cause=said.cause,
    )
    return {"names": said.charge_names(), "facts": (fact,)}


def _known(states: Mapping[str, Any], status: str, what: str) -> Any:
    if status not in states:
        raise EventNotBookable(ParkReason.UNKNOWN_STATE, f"{what} {excerpt(status)}")
    return states[status]


def _payment_id(name: str) -> PaymentId:
    return PaymentId(f"stripe:{name}")


def _customer(name: object) -> str | None:
    return f"stripe:{name}" if is_text(name) else None


def _as(kind: Callable[[str], Any], name: str | None) -> Any:
    return kind(name) if name else None


_TRANSLATORS: Mapping[str, Callable[[_Translation], dict[str, Any]]] = {
    "checkout.session.completed": _session,
    "checkout.session.async_payment_succeeded": _session,
    "checkout.session.async_payment_failed": _session_failed,
    "checkout.session.expired": _session_failed,
    "invoice.paid": _invoice_paid,
    "invoice_payment.paid": _invoice_payment,
    "invoice.payment_failed": _invoice_failed,
    "customer.subscription.created": _subscription,
    "customer.subscription.updated": _subscription,
    "customer.subscription.deleted": _subscription,
    "charge.dispute.created": _dispute,
    "charge.dispute.updated": _dispute,
    "charge.dispute.closed": _dispute,
    "charge.dispute.funds_withdrawn": _dispute,
    "charge.dispute.funds_reinstated": _dispute,
    "radar.early_fraud_warning.created": _fraud_warning,
    "radar.early_fraud_warning.updated": _fraud_warning,
    "refund.created": _refund,
    "refund.updated": _refund,
    "refund.failed": _refund,
    "charge.refunded": _charge_refunded,
}

_FUNCTION_OF_PREFIX = {
    "checkout.session.": _PAYMENTS,
    "invoice": _SUBSCRIPTIONS,
    "customer.subscription.": _SUBSCRIPTIONS,
    "charge.dispute.": _DISPUTES,
    "radar.": _DISPUTES,
    "refund.": _REFUNDS,
    "charge.refunded": _REFUNDS,
}

FUNCTIONS: Mapping[str, frozenset[str]] = {
    event_type: next(names for prefix, names in _FUNCTION_OF_PREFIX.items() if event_type.startswith(prefix))
    for event_type in _TRANSLATORS
}
"""The functions that each type is meant for. Elsewhere it is booked all the same, and counted as misrouted."""
