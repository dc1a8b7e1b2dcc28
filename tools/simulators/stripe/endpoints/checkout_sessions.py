"""/v1/checkout/sessions"""

from typing import Any

from tools.fixtures import stripe_shapes as shapes
from tools.simulators.common.account import Json
from tools.simulators.common.clock import DAY_S
from tools.simulators.common.listing import matching
from tools.simulators.stripe.account import StripeAccount
from tools.simulators.stripe.cart import Cart, CartLine
from tools.simulators.stripe.errors import StripeError
from tools.simulators.stripe.parameters import Parameters, listing, require_customer, stored

_DISPLAY = "allow_promotion_codes billing_address_collection consent_collection locale submit_type"
_SESSION_PARAMS = (
    "mode line_items metadata payment_intent_data subscription_data customer customer_email customer_creation"
    f" client_reference_id success_url cancel_url currency expires_at automatic_tax {_DISPLAY}"
)


def create_session(account: StripeAccount, params: Parameters) -> Json:
    """Create a session of prices of our catalogue."""
    params.allow(_SESSION_PARAMS)
    mode = params.text("mode")
    if mode not in {"payment", "subscription"}:
        raise StripeError(f"Invalid mode: {mode} is not supported by this simulator", param="mode")
    other = "subscription_data" if mode == "payment" else "payment_intent_data"
    if params.values.get(other):
        raise StripeError(f"You can not pass `{other}` in `{mode}` mode.", param=other)
    cart = _cart(account, params, mode)
    customer = params.optional("customer")
    if customer:
        require_customer(account, customer)
        if params.optional("customer_email"):
            raise StripeError("You may only specify one of these parameters: customer, customer_email.")
    if mode == "subscription" and params.optional("customer_creation"):
        raise StripeError("`customer_creation` can only be used in `payment` mode.", param="customer_creation")
    fields: Json = {
        "mode": mode,
        "metadata": params.metadata(),
        "customer": customer,
        "customer_email": params.optional("customer_email"),
        "client_reference_id": params.optional("client_reference_id"),
        "success_url": params.text("success_url"),
        "cancel_url": params.optional("cancel_url"),
        **{name: _plain(params.values[name]) for name in _DISPLAY.split() if name in params.values},
    }
    if len(fields["client_reference_id"] or "") > 200:
        raise StripeError("client_reference_id has at most 200 characters.", param="client_reference_id")
    if creation := params.optional("customer_creation"):
        fields["customer_creation"] = creation
    if (expires_at := params.whole("expires_at")) is not None:
        if not 1800 <= expires_at - int(account.clock.now()) <= DAY_S:
            raise StripeError("expires_at must be between 30 minutes and 24 hours from now.", param="expires_at")
        fields["expires_at"] = expires_at
    return _with_line_items(account, params, account.open_checkout(cart, fields))


def _cart(account: StripeAccount, params: Parameters, mode: str) -> Cart:
    """Return the lines at the prices of our catalogue, in the requested currency."""
    items = params.values.get("line_items")
    if not isinstance(items, list) or not items:
        raise StripeError("Missing required param: line_items.", code="parameter_missing", param="line_items")
    currency = params.optional("currency") or "usd"
    lines = []
    for position, values in enumerate(items):
        where = f"line_items[{position}]"
        item = Parameters(values if isinstance(values, dict) else {})
        item.allow("price quantity")
        price_id, quantity = item.text("price"), item.whole("quantity")
        product = account.catalogue.priced("stripe", price_id, account.today)
        if product is None:
            raise StripeError(f"No such price: '{price_id}'", code="resource_missing", param=f"{where}[price]")
        if quantity is None or quantity < 1:
            raise StripeError("Quantity is required, and at least 1.", param=f"{where}[quantity]")
        if currency.upper() not in product.prices or not currency.islower():
            only = ", ".join(sorted(name.lower() for name in product.prices))
            raise StripeError(f"The price specified only supports {only}, not {currency}.", param="currency")
        lines.append(CartLine(product, price_id, quantity, product.prices[currency.upper()]))
    recurs = [line.recurs for line in lines]
    if mode == "payment" and any(recurs):
        raise StripeError("You specified `payment` mode but passed a recurring price.", param="line_items")
    if mode == "subscription" and recurs.count(True) != 1:
        raise StripeError("In `subscription` mode this simulator needs one recurring price.", param="line_items")
    tax = params.object("automatic_tax", "enabled")
    return Cart(
        lines=tuple(lines),
        currency=currency,
        is_taxed=tax.get("enabled") == "true",
        payment_metadata=params.metadata(params.object("payment_intent_data", "metadata"), "payment_intent_data"),
        subscription_metadata=params.metadata(params.object("subscription_data", "metadata"), "subscription_data"),
    )


def _plain(value: Any) -> Any:
    """Convert texts of a form to JSON values."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return {"true": True, "false": False}.get(value, value)


def get_session(account: StripeAccount, params: Parameters, session_id: str) -> Json:
    """Return a session, with its line items if `expand` names them."""
    params.allow("")
    return _with_line_items(account, params, stored(account.sessions, session_id, "checkout.session"))


def list_sessions(account: StripeAccount, params: Parameters) -> Json:
    """Return the sessions that match the filters."""
    params.allow("customer payment_intent subscription status created limit starting_after ending_before")
    names = ("customer", "payment_intent", "subscription", "status")
    filters = {name: {value} for name in names if (value := params.optional(name))}
    return listing(params, matching(account.sessions.values(), filters), "/v1/checkout/sessions")


def expire_session(account: StripeAccount, params: Parameters, session_id: str) -> Json:
    """Expire an open session."""
    params.allow("")
    session = stored(account.sessions, session_id, "checkout.session")
    if session["status"] != "open":
        message = (
            'Only Checkout Sessions with a status in ["open"] can be expired. '
            f"This Checkout Session has a status of `{session['status']}`."
        )
        raise StripeError(message, is_executed=True)
    account.expire_checkout(session)
    return session


def _with_line_items(account: StripeAccount, params: Parameters, session: Json) -> Json:
    """Return a session, with its line items if `expand` names them."""
    requested = params.values.get("expand") or []
    if set(requested) - {"line_items"}:
        raise StripeError(f"This simulator expands only line_items, not {requested}.", param="expand")
    if not requested:
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
                recurring=line.recurs,
                tariff=cart.tariff,
            ),
            "quantity": line.quantity,
        }
        for position, line in enumerate(cart.lines)
    ]
    url = f"/v1/checkout/sessions/{session['id']}/line_items"
    return session | {"line_items": {"object": "list", "data": items, "has_more": False, "url": url}}
