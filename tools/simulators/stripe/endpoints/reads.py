"""The objects that are only read: /v1/invoice_payments, /v1/events, /v1/invoices, /v1/charges, /v1/disputes"""

from collections.abc import Callable

from tools.simulators.common.account import Json
from tools.simulators.common.clock import DAY_S
from tools.simulators.stripe.account import StripeAccount
from tools.simulators.stripe.errors import StripeError
from tools.simulators.stripe.parameters import Parameters, listing, stored

EVENT_RETENTION_S = 30 * DAY_S


def list_invoice_payments(account: StripeAccount, params: Parameters) -> Json:
    """Return the payments of invoices that match the filters."""
    params.allow("invoice payment status limit starting_after ending_before created")
    invoice, status = params.optional("invoice"), params.optional("status")
    payment = params.object("payment", "type payment_intent")
    if payment and payment.get("type") != "payment_intent":
        raise StripeError("Invalid payment[type]: this simulator pays by payment_intent.", param="payment[type]")
    found = [
        link
        for link in account.invoice_payments.values()
        if invoice in {None, link["invoice"]}
        and status in {None, link["status"]}
        and payment.get("payment_intent") in {None, link["payment"]["payment_intent"]}
    ]
    return listing(params, found, "/v1/invoice_payments")


def list_events(account: StripeAccount, params: Parameters) -> Json:
    """Return the stored events that match the filters."""
    params.allow("type types created delivery_success limit starting_after ending_before")
    types = params.values.get("types") or []
    if not isinstance(types, list) or len(types) > 20:
        raise StripeError("types takes a list of up to 20 event types.", param="types")
    if types and params.optional("type"):
        raise StripeError("You may only specify one of these parameters: type, types.")
    kinds = {*types, *filter(None, [params.optional("type")])}
    is_delivered = params.is_true("delivery_success")
    stored_since = account.clock.now() - EVENT_RETENTION_S
    found = []
    for event in account.listed(account.outbox.events):
        delivered = account.outbox.is_delivered(event["id"])
        if event["created"] < stored_since or (kinds and event["type"] not in kinds):
            continue
        if is_delivered is None or delivered == is_delivered:
            found.append(event | {"pending_webhooks": 0 if delivered else event["pending_webhooks"]})
    return listing(params, found, "/v1/events")


def get_event(account: StripeAccount, params: Parameters, event_id: str) -> Json:
    """Return an event."""
    params.allow("")
    return stored({event["id"]: event for event in account.outbox.events}, event_id, "event")


def reader(attribute: str, kind: str) -> Callable[..., Json]:
    """Return an endpoint that reads one object."""

    def get(account: StripeAccount, params: Parameters, object_id: str) -> Json:
        params.allow("")
        return stored(getattr(account, attribute), object_id, kind)

    return get
