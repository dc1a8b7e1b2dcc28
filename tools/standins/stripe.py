"""Stripe's API, as far as we call it, in front of a `StripeAccount`. Source: docs.stripe.com/api.

POST, GET   /v1/checkout/sessions            GET  …/{id}    POST …/{id}/expire
POST, GET   /v1/refunds                      GET  …/{id}
POST        /v1/billing_portal/sessions
GET, POST, DELETE  /v1/subscriptions/{id}
GET         /v1/invoice_payments             GET  …/{id}
GET         /v1/events                       GET  …/{id}
GET         /v1/invoices/{id}  /v1/charges/{id}  /v1/disputes/{id}
"""

import base64
import contextlib
import copy
import json
import re
import time
import urllib.parse
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ledger.domain.catalogue import Catalogue, ProductKind
from tools import signing
from tools.fixtures import stripe_shapes as shapes
from tools.standins.clock import DAY_S
from tools.standins.faults import Fault
from tools.standins.idempotency import KeyInUse, KeyReused
from tools.standins.ids import stripe_id
from tools.standins.server import Answer, Request, serving
from tools.standins.stripe_account import LOCAL_KEY, Cart, CartLine, Json, StripeAccount

__all__ = ["LOCAL_KEY", "StripeAccount", "running"]

EVENTS_KEPT_S = 30 * DAY_S


class Refused(Exception):
    """Stripe's error. What was refused before it was executed is not kept under its Idempotency-Key."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        may_retry: bool | None = None,
        is_executed: bool = False,
    ) -> None:
        super().__init__(message)
        error = {"code": code, "message": message, "param": param, "type": kind}
        content = {"error": {name: value for name, value in error.items() if value is not None}}
        headers = {} if may_retry is None else {"Stripe-Should-Retry": str(may_retry).lower()}
        self.answer = Answer(status, content, headers)
        self.is_executed = is_executed


@contextlib.contextmanager
def running(
    deliver_to: str | None = None,
    *,
    signing_secret: str = signing.LOCAL_SECRETS["stripe"],
    api_key: str = LOCAL_KEY,
    clock: Callable[[], float] = time.time,
    sold: Catalogue | None = None,
    port: int = 0,
) -> Iterator[StripeAccount]:
    """A Stripe that answers at its `url`, and delivers to `deliver_to` (None: events are only kept)."""
    account = StripeAccount(
        deliver_to=deliver_to, signing_secret=signing_secret, api_key=api_key, clock=clock, sold=sold
    )
    account.outbox.start()
    try:
        with serving(account, lambda request, fault: _answer(account, request, fault), port):
            yield account
    finally:
        account.outbox.close()


def _answer(account: StripeAccount, request: Request, fault: Fault | None) -> Answer:
    """One call: who asks, is it at the door, under which key; then what was asked."""
    headers = {"Request-Id": stripe_id("req_", 18)}
    try:
        _authenticate(account, request)
        if fault and fault.kind == "429":
            raise Refused("Too many requests hit the API too quickly.", status=429, code="rate_limit")
        if fault and fault.kind == "503":
            raise Refused("The service is unavailable for the moment.", status=503, kind="api_error")
        key = request.headers.get("idempotency-key") if request.method == "POST" else None
        answer = _once(account, key, request, fault) if key else _execute(account, request, fault)
    except Refused as refusal:
        answer = refusal.answer
    return Answer(answer.status, answer.content, {**headers, **answer.headers})


def _authenticate(account: StripeAccount, request: Request) -> None:
    kind, _, key = request.headers.get("authorization", "").partition(" ")
    if kind == "Basic":  # as `curl -u key:` sends it
        with contextlib.suppress(ValueError):
            key = base64.b64decode(key).decode().partition(":")[0]
    if not key or kind not in {"Bearer", "Basic"}:
        raise Refused("You did not provide an API key.", status=401)
    if key != account.api_key:
        raise Refused(f"Invalid API Key provided: {key[:7]}***{key[-4:]}", status=401)


def _once(account: StripeAccount, key: str, request: Request, fault: Fault | None) -> Answer:
    """Execute what nobody asked for under this key; else answer as before."""
    if len(key) > 255:
        raise Refused("Idempotency keys can be at most 255 characters long.")
    body = json.dumps(sorted(urllib.parse.parse_qsl(request.body.decode(), keep_blank_values=True)))
    try:
        before = account.keys.claim(key, (request.method, request.path, body))
    except KeyInUse as problem:
        message = f"There is currently another in-progress request using this Idempotent Key: {key}."
        raise Refused(message, status=409, code="idempotency_key_in_use") from problem
    except KeyReused as problem:
        same = "parameters they were" if problem.is_same_path else f"endpoint ('{problem.first_path}') they were"
        message = f"Keys for idempotent requests can only be used with the same {same} first used with: '{key}'."
        raise Refused(message, kind="idempotency_error") from problem
    if before:
        return Answer(before.status, before.content, {**before.headers, "Idempotent-Replayed": "true"})
    kept: Answer | None = None
    try:
        answer = kept = _execute(account, request, fault)
    except Refused as refusal:
        answer, kept = refusal.answer, refusal.answer if refusal.is_executed else None
    finally:
        account.keys.settle(key, kept)
    return answer


def _execute(account: StripeAccount, request: Request, fault: Fault | None) -> Answer:
    if fault and fault.kind == "500":
        raise Refused("Something went wrong on Stripe's end.", status=500, kind="api_error", is_executed=True)
    if fault and fault.kind == "slow":
        account.faults.pause(fault.seconds)
    body = urllib.parse.parse_qsl(request.body.decode(), keep_blank_values=True)
    params = _Params(nested([*request.query, *body]))
    for method, pattern, call in _CALLS:
        if method == request.method and (match := re.fullmatch(pattern, request.path)):
            with account.lock:
                content = call(account, params, *match.groups())
                return Answer(200, copy.deepcopy(content))
    raise Refused(f"Unrecognized request URL ({request.method}: {request.path}).", status=404)


def nested(pairs: Iterable[tuple[str, str]]) -> Json:
    """Form fields like `line_items[0][price]` as the objects and lists that they mean."""
    found: Json = {}
    for name, value in pairs:
        path = [part for part in re.split(r"[\[\]]+", name) if part]
        if name.endswith("[]"):
            found.setdefault(path[0], {})[str(len(found[path[0]]) if path[0] in found else 0)] = value
            continue
        inside = found
        for part in path[:-1]:
            inside = inside.setdefault(part, {})
            if not isinstance(inside, dict):
                raise Refused(f"Invalid object: {name}", param=name)
        inside[path[-1]] = value
    return {name: _listed(value) for name, value in found.items()}


def _listed(value: Any) -> Any:
    """Objects whose names are all numbers are lists."""
    if not isinstance(value, dict):
        return value
    inner = {name: _listed(item) for name, item in value.items()}
    return list(inner.values()) if inner and all(name.isdecimal() for name in inner) else inner


class _Params:
    """The parameters of one call. One that this stand-in does not play is refused, never ignored."""

    def __init__(self, given: Json) -> None:
        self.given = given

    def allow(self, names: str) -> None:
        for name in self.given.keys() - set(names.split()) - {"expand"}:
            message = f"Received unknown parameter: {name} (or one that this stand-in does not play)"
            raise Refused(message, code="parameter_unknown", param=name)

    def text(self, name: str) -> str:
        found = self.optional(name)
        if found is None:
            raise Refused(f"Missing required param: {name}.", code="parameter_missing", param=name)
        return found

    def optional(self, name: str) -> str | None:
        found = self.given.get(name)
        if found is not None and not isinstance(found, str):
            raise Refused(f"Invalid string: {name}", param=name)
        return found or None

    def whole(self, name: str, default: int | None = None) -> int | None:
        found = self.optional(name)
        if found is None:
            return default
        if not re.fullmatch(r"-?[0-9]{1,12}", found):
            raise Refused(f"Invalid integer: {found}", code="parameter_invalid_integer", param=name)
        return int(found)

    def is_true(self, name: str) -> bool | None:
        found = self.optional(name)
        if found not in {None, "true", "false"}:
            raise Refused(f"Invalid boolean: {found}", param=name)
        return None if found is None else found == "true"

    def object(self, name: str, allowed: str = "") -> Json:
        found = self.given.get(name) or {}
        if not isinstance(found, dict):
            raise Refused(f"Invalid object: {name}", param=name)
        for inner in found.keys() - set(allowed.split()) if allowed else ():
            message = f"Received unknown parameter: {name}[{inner}] (or one that this stand-in does not play)"
            raise Refused(message, code="parameter_unknown", param=f"{name}[{inner}]")
        return found

    def metadata(self, given: Json | None = None, where: str = "metadata") -> Json:
        """Up to 50 texts of at most 500 characters, under names of at most 40."""
        found = self.object("metadata") if given is None else _Params(given).object("metadata")
        if len(found) > 50:
            raise Refused("Metadata can have up to 50 keys.", param=where)
        for name, value in found.items():
            if not isinstance(value, str) or len(name) > 40 or len(value) > 500:
                raise Refused(f"Invalid metadata under {name}.", param=f"{where}[{name}]")
        return found


# ── Checkout ──────────────────────────────────────────────────────────────────────────────────────────────────────────

_SHOWN = "allow_promotion_codes billing_address_collection consent_collection locale submit_type"
_SESSION_PARAMS = (
    "mode line_items metadata payment_intent_data subscription_data customer customer_email customer_creation"
    f" client_reference_id success_url cancel_url currency expires_at automatic_tax {_SHOWN}"
)


def _create_session(account: StripeAccount, params: _Params) -> Json:
    params.allow(_SESSION_PARAMS)
    mode = params.text("mode")
    if mode not in {"payment", "subscription"}:
        raise Refused(f"Invalid mode: {mode} is not played by this stand-in", param="mode")
    other = "subscription_data" if mode == "payment" else "payment_intent_data"
    if params.given.get(other):
        raise Refused(f"You can not pass `{other}` in `{mode}` mode.", param=other)
    cart = _cart(account, params, mode)
    customer = params.optional("customer")
    if customer:
        _customer(account, customer)
        if params.optional("customer_email"):
            raise Refused("You may only specify one of these parameters: customer, customer_email.")
    if mode == "subscription" and params.optional("customer_creation"):
        raise Refused("`customer_creation` can only be used in `payment` mode.", param="customer_creation")
    fields: Json = {
        "mode": mode,
        "metadata": params.metadata(),
        "customer": customer,
        "customer_email": params.optional("customer_email"),
        "client_reference_id": params.optional("client_reference_id"),
        "success_url": params.text("success_url"),
        "cancel_url": params.optional("cancel_url"),
        **{name: _plain(params.given[name]) for name in _SHOWN.split() if name in params.given},
    }
    if len(fields["client_reference_id"] or "") > 200:
        raise Refused("client_reference_id has at most 200 characters.", param="client_reference_id")
    if creation := params.optional("customer_creation"):
        fields["customer_creation"] = creation
    if (expires_at := params.whole("expires_at")) is not None:
        if not 1800 <= expires_at - int(account.clock.now()) <= DAY_S:
            raise Refused("expires_at must be between 30 minutes and 24 hours from now.", param="expires_at")
        fields["expires_at"] = expires_at
    return _expanded(account, params, account.open_checkout(cart, fields))


def _cart(account: StripeAccount, params: _Params, mode: str) -> Cart:
    """The lines, at our catalogue's prices in the currency that was asked for."""
    items = params.given.get("line_items")
    if not isinstance(items, list) or not items:
        raise Refused("Missing required param: line_items.", code="parameter_missing", param="line_items")
    currency = params.optional("currency") or "usd"
    lines = []
    for position, given in enumerate(items):
        where = f"line_items[{position}]"
        item = _Params(given if isinstance(given, dict) else {})
        item.allow("price quantity")
        price_id, quantity = item.text("price"), item.whole("quantity")
        product = account.catalogue.priced("stripe", price_id)
        if product is None:
            raise Refused(f"No such price: '{price_id}'", code="resource_missing", param=f"{where}[price]")
        if quantity is None or quantity < 1:
            raise Refused("Quantity is required, and at least 1.", param=f"{where}[quantity]")
        if currency.upper() not in product.prices or not currency.islower():
            only = ", ".join(sorted(name.lower() for name in product.prices))
            raise Refused(f"The price specified only supports {only}, not {currency}.", param="currency")
        lines.append(CartLine(product, price_id, quantity, product.prices[currency.upper()]))
    recurs = [line.product.kind is ProductKind.SUBSCRIPTION for line in lines]
    if mode == "payment" and any(recurs):
        raise Refused("You specified `payment` mode but passed a recurring price.", param="line_items")
    if mode == "subscription" and recurs.count(True) != 1:
        raise Refused("In `subscription` mode this stand-in wants exactly one recurring price.", param="line_items")
    tax = params.object("automatic_tax", "enabled")
    return Cart(
        lines=tuple(lines),
        currency=currency,
        is_taxed=tax.get("enabled") == "true",
        payment_metadata=params.metadata(params.object("payment_intent_data", "metadata"), "payment_intent_data"),
        subscription_metadata=params.metadata(params.object("subscription_data", "metadata"), "subscription_data"),
    )


def _plain(value: Any) -> Any:
    """A form's text as the JSON that comes back."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return {"true": True, "false": False}.get(value, value)


def _get_session(account: StripeAccount, params: _Params, session_id: str) -> Json:
    params.allow("")
    return _expanded(account, params, _stored(account.sessions, session_id, "checkout.session"))


def _list_sessions(account: StripeAccount, params: _Params) -> Json:
    params.allow("customer payment_intent subscription status created limit starting_after ending_before")
    named = {name: params.optional(name) for name in ("customer", "payment_intent", "subscription", "status")}
    found = [
        session
        for session in account.sessions.values()
        if all(value is None or session[name] == value for name, value in named.items())
    ]
    return _listing(params, found, "/v1/checkout/sessions")


def _expire_session(account: StripeAccount, params: _Params, session_id: str) -> Json:
    params.allow("")
    session = _stored(account.sessions, session_id, "checkout.session")
    if session["status"] != "open":
        message = (
            'Only Checkout Sessions with a status in ["open"] can be expired. '
            f"This Checkout Session has a status of `{session['status']}`."
        )
        raise Refused(message, is_executed=True)
    account.expire_checkout(session)
    return session


def _expanded(account: StripeAccount, params: _Params, session: Json) -> Json:
    """A session with its line items, where they are asked for."""
    wanted = params.given.get("expand") or []
    if set(wanted) - {"line_items"}:
        raise Refused(f"This stand-in expands line_items alone, not {wanted}.", param="expand")
    if not wanted:
        return session
    cart = account.carts[session["id"]]
    items = [
        {
            "id": f"li_1{session['id'][-19:]}{position}",
            "object": "item",
            "amount_discount": 0,
            "amount_subtotal": line.amount_minor,
            "amount_tax": account.tax_on(line.amount_minor) if cart.is_taxed else 0,
            "amount_total": line.amount_minor + (account.tax_on(line.amount_minor) if cart.is_taxed else 0),
            "currency": cart.currency,
            "description": line.product.name,
            "metadata": {},
            "price": shapes.price(
                line.product.product_id,
                recurring=line.product.kind is ProductKind.SUBSCRIPTION,
                tariff=cart.tariff,
            ),
            "quantity": line.quantity,
        }
        for position, line in enumerate(cart.lines)
    ]
    url = f"/v1/checkout/sessions/{session['id']}/line_items"
    return session | {"line_items": {"object": "list", "data": items, "has_more": False, "url": url}}


# ── Refunds ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _create_refund(account: StripeAccount, params: _Params) -> Json:
    params.allow("payment_intent charge amount reason metadata")
    charge = _refunded_charge(account, params)
    amount, reason, metadata = params.whole("amount"), params.optional("reason"), params.metadata()
    if amount is not None and amount < 1:
        message = "This value must be greater than or equal to 1."
        raise Refused(message, code="parameter_invalid_integer", param="amount")
    if reason not in {None, "duplicate", "fraudulent", "requested_by_customer"}:
        raise Refused(f"Invalid reason: {reason}", param="reason")
    if account.held_by_bank(charge):
        message = f"Charge {charge['id']} has been charged back; cannot issue a refund."
        raise Refused(message, code="charge_disputed", may_retry=False, is_executed=True)
    remaining = charge["amount_captured"] - charge["amount_refunded"]
    if remaining <= 0:
        message = f"Charge {charge['id']} has already been refunded."
        raise Refused(message, code="charge_already_refunded", is_executed=True)
    if amount is not None and amount > remaining:
        message = f"Refund amount ({amount}) is greater than unrefunded amount on charge ({remaining})"
        raise Refused(message, param="amount", is_executed=True)  # real ones were seen without a code
    return account.give_back(charge, amount or remaining, reason=reason, metadata=metadata)


def _refunded_charge(account: StripeAccount, params: _Params) -> Json:
    """The charge that a refund names, by itself or by its PaymentIntent."""
    intent, charge_id = params.optional("payment_intent"), params.optional("charge")
    if (intent is None) == (charge_id is None):
        message = "One of the following params should be provided for this request: payment_intent or charge."
        raise Refused(message, code="parameter_missing")
    if intent is None:
        return _stored(account.charges, charge_id or "", "charge")
    if intent in account.charge_of_intent:
        return account.charges[account.charge_of_intent[intent]]
    if any(session["payment_intent"] == intent for session in account.sessions.values()):
        message = f"This PaymentIntent ({intent}) does not have a successful charge to refund."
        raise Refused(message, is_executed=True)
    raise Refused(f"No such payment_intent: '{intent}'", code="resource_missing", param="payment_intent")


def _list_refunds(account: StripeAccount, params: _Params) -> Json:
    params.allow("payment_intent charge created limit starting_after ending_before")
    found = list(account.refunds.values())
    if params.optional("payment_intent") or params.optional("charge"):
        charge = _refunded_charge(account, params)
        found = [refund for refund in found if refund["charge"] == charge["id"]]
    return _listing(params, found, "/v1/refunds")


def _get_refund(account: StripeAccount, params: _Params, refund_id: str) -> Json:
    params.allow("")
    return _stored(account.refunds, refund_id, "refund")


# ── Subscriptions, the portal, and what else is read ──────────────────────────────────────────────────────────────────


def _get_subscription(account: StripeAccount, params: _Params, subscription_id: str) -> Json:
    params.allow("")
    return _stored(account.subscriptions, subscription_id, "subscription")


def _update_subscription(account: StripeAccount, params: _Params, subscription_id: str) -> Json:
    params.allow("cancel_at_period_end cancel_at metadata proration_behavior")
    subscription = _stored(account.subscriptions, subscription_id, "subscription")
    is_ending, cancel_at = params.is_true("cancel_at_period_end"), params.given.get("cancel_at")
    if subscription["status"] == "canceled" and (is_ending is not None or cancel_at is not None):
        message = "A canceled subscription can only update its cancellation_details and metadata."
        raise Refused(message, is_executed=True)
    if cancel_at not in {None, ""}:
        raise Refused("This stand-in only takes `cancel_at` away.", param="cancel_at")
    if is_ending is not None or cancel_at == "":
        account.schedule_end(subscription, is_wanted=bool(is_ending))
    if "metadata" in params.given:
        account.describe(subscription, params.metadata())
    return subscription


def _cancel_subscription(account: StripeAccount, params: _Params, subscription_id: str) -> Json:
    params.allow("prorate invoice_now cancellation_details")
    subscription = _stored(account.subscriptions, subscription_id, "subscription")
    if params.is_true("prorate") or params.is_true("invoice_now"):
        raise Refused("This stand-in ends subscriptions without proration or a last invoice.", param="prorate")
    if subscription["status"] == "canceled":
        raise Refused(f"No such subscription: '{subscription_id}'", status=404, code="resource_missing", param="id")
    return account.end_now(subscription)


def _create_portal_session(account: StripeAccount, params: _Params) -> Json:
    params.allow("customer return_url locale configuration")
    customer, session_id = params.text("customer"), stripe_id("bps_1", 28)
    _customer(account, customer)
    return {
        **shapes.nulls("after_expiration customer_account flow locale on_behalf_of"),
        "id": session_id,
        "object": "billing_portal.session",
        "configuration": "bpc_1LocalConfiguration0000",
        "created": int(account.clock.now()),
        "customer": customer,
        "livemode": False,
        "return_url": params.optional("return_url"),
        "url": f"{account.url}/_standin/portal/{session_id}",
    }


def _list_invoice_payments(account: StripeAccount, params: _Params) -> Json:
    params.allow("invoice payment status limit starting_after ending_before created")
    invoice, status = params.optional("invoice"), params.optional("status")
    payment = params.object("payment", "type payment_intent")
    if payment and payment.get("type") != "payment_intent":
        raise Refused("Invalid payment[type]: this stand-in pays by payment_intent.", param="payment[type]")
    found = [
        link
        for link in account.invoice_payments.values()
        if invoice in {None, link["invoice"]}
        and status in {None, link["status"]}
        and payment.get("payment_intent") in {None, link["payment"]["payment_intent"]}
    ]
    return _listing(params, found, "/v1/invoice_payments")


def _list_events(account: StripeAccount, params: _Params) -> Json:
    params.allow("type types created delivery_success limit starting_after ending_before")
    types = params.given.get("types") or []
    if not isinstance(types, list) or len(types) > 20:
        raise Refused("types takes a list of up to 20 event types.", param="types")
    if types and params.optional("type"):
        raise Refused("You may only specify one of these parameters: type, types.")
    kinds = {*types, *filter(None, [params.optional("type")])}
    is_delivered = params.is_true("delivery_success")
    kept_since = account.clock.now() - EVENTS_KEPT_S
    found = []
    for event in account.outbox.events:
        delivered = account.outbox.is_delivered(event["id"])
        if event["created"] < kept_since or (kinds and event["type"] not in kinds):
            continue
        if is_delivered is None or delivered == is_delivered:
            found.append(event | {"pending_webhooks": 0 if delivered else event["pending_webhooks"]})
    return _listing(params, found, "/v1/events")


def _get_event(account: StripeAccount, params: _Params, event_id: str) -> Json:
    params.allow("")
    return _stored({event["id"]: event for event in account.outbox.events}, event_id, "event")


def _reader(attribute: str, kind: str) -> Callable[..., Json]:
    """A call that reads one object."""

    def get(account: StripeAccount, params: _Params, object_id: str) -> Json:
        params.allow("")
        return _stored(getattr(account, attribute), object_id, kind)

    return get


def _stored(among: dict[str, Json], object_id: str, kind: str) -> Json:
    if object_id not in among:
        raise Refused(f"No such {kind}: '{object_id}'", status=404, code="resource_missing", param="id")
    return among[object_id]


def _customer(account: StripeAccount, customer: str) -> None:
    if customer not in account.customers:
        raise Refused(f"No such customer: '{customer}'", code="resource_missing", param="customer")


def _listing(params: _Params, found: list[Json], url: str) -> Json:
    """A page, the newest first."""
    limit = params.whole("limit", 10) or 0
    if not 1 <= limit <= 100:
        raise Refused("limit must be between 1 and 100.", param="limit")
    bounds = params.object("created", "gt gte lt lte")
    for bound in bounds:
        at = _Params(bounds).whole(bound) or 0
        keeps = {"gt": int.__gt__, "gte": int.__ge__, "lt": int.__lt__, "lte": int.__le__}[bound]
        found = [one for one in found if keeps(one["created"], at)]
    newest = found[::-1]
    ids = [one["id"] for one in newest]
    after, before = params.optional("starting_after"), params.optional("ending_before")
    for cursor in filter(None, (after, before)):
        if cursor not in ids:
            raise Refused(f"No such object: '{cursor}'", code="resource_missing")
    if before:
        rest = newest[: ids.index(before)]
        page, has_more = rest[-limit:], len(rest) > limit
    else:
        rest = newest[ids.index(after) + 1 :] if after else newest
        page, has_more = rest[:limit], len(rest) > limit
    return {"object": "list", "data": page, "has_more": has_more, "url": url}


_CALLS: list[tuple[str, str, Callable[..., Json]]] = [
    ("POST", "/v1/checkout/sessions", _create_session),
    ("GET", "/v1/checkout/sessions", _list_sessions),
    ("GET", "/v1/checkout/sessions/([^/]+)", _get_session),
    ("POST", "/v1/checkout/sessions/([^/]+)/expire", _expire_session),
    ("POST", "/v1/refunds", _create_refund),
    ("GET", "/v1/refunds", _list_refunds),
    ("GET", "/v1/refunds/([^/]+)", _get_refund),
    ("POST", "/v1/billing_portal/sessions", _create_portal_session),
    ("GET", "/v1/subscriptions/([^/]+)", _get_subscription),
    ("POST", "/v1/subscriptions/([^/]+)", _update_subscription),
    ("DELETE", "/v1/subscriptions/([^/]+)", _cancel_subscription),
    ("GET", "/v1/invoice_payments", _list_invoice_payments),
    ("GET", "/v1/invoice_payments/([^/]+)", _reader("invoice_payments", "invoice_payment")),
    ("GET", "/v1/events", _list_events),
    ("GET", "/v1/events/([^/]+)", _get_event),
    ("GET", "/v1/invoices/([^/]+)", _reader("invoices", "invoice")),
    ("GET", "/v1/charges/([^/]+)", _reader("charges", "charge")),
    ("GET", "/v1/disputes/([^/]+)", _reader("disputes", "dispute")),
]
