"""Paddle's API, as far as we call it, in front of a `PaddleAccount`. Source: developer.paddle.com/api-reference.

    POST, GET   /transactions                 GET  …/{id}
    POST, GET   /adjustments
    GET         /events
    GET, PATCH  /subscriptions/{id}           POST …/{id}/cancel
    POST        /customers/{id}/portal-sessions

No POST is idempotent: what is asked twice is done twice.
"""

import contextlib
import copy
import json
import re
import time
import urllib.parse
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from ledger.domain.catalogue import Catalogue
from tools import signing
from tools.standins.clock import DAY_S, stamp
from tools.standins.faults import Fault
from tools.standins.ids import paddle_id
from tools.standins.paddle_account import LOCAL_KEY, CartLine, Json, PaddleAccount, Share
from tools.standins.server import Answer, Request, serving

__all__ = ["LOCAL_KEY", "PaddleAccount", "running"]

EVENTS_KEPT_S = 90 * DAY_S


class Refused(Exception):
    """Paddle's error. `errors` names fields and what is wrong with them."""

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        group: str = "shared",
        status: int = 400,
        kind: str = "request_error",
        errors: tuple[tuple[str, str], ...] = (),
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(detail)
        error: Json = {
            "type": kind,
            "code": code,
            "detail": detail,
            "documentation_url": f"https://developer.paddle.com/errors/{group}/{code}",
        }
        if errors:
            error["errors"] = [{"field": field, "message": message} for field, message in errors]
        headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
        self.answer = Answer(status, {"error": error, "meta": {"request_id": str(uuid.uuid4())}}, headers)


@contextlib.contextmanager
def running(
    deliver_to: str | None = None,
    *,
    signing_secret: str = signing.LOCAL_SECRETS["paddle"],
    api_key: str = LOCAL_KEY,
    clock: Callable[[], float] = time.time,
    sold: Catalogue | None = None,
    port: int = 0,
) -> Iterator[PaddleAccount]:
    """A Paddle that answers at its `url`, and delivers to `deliver_to` (None: events are only kept)."""
    account = PaddleAccount(
        deliver_to=deliver_to, signing_secret=signing_secret, api_key=api_key, clock=clock, sold=sold
    )
    account.outbox.start()
    try:
        with serving(account, lambda request, fault: _answer(account, request, fault), port):
            yield account
    finally:
        account.outbox.close()


def _answer(account: PaddleAccount, request: Request, fault: Fault | None) -> Answer:
    """One call: who asks, is it at the door; then what was asked."""
    try:
        _authenticate(account, request)
        if fault and fault.kind == "429":
            raise Refused("too_many_requests", "You've made too many requests.", status=429, retry_after_s=1)
        if fault and fault.kind == "503":
            raise Refused("service_unavailable", "The service is unavailable.", status=503, kind="api_error")
        if fault and fault.kind == "500":
            raise Refused("internal_error", "An internal error occurred.", status=500, kind="api_error")
        if fault and fault.kind == "slow":
            account.faults.pause(fault.seconds)
        call = _Call(request)
        for method, pattern, status, do in _CALLS:
            if method == request.method and (match := re.fullmatch(pattern, request.path)):
                with account.lock:
                    return _shown(account, call, status, do(account, call, *match.groups()))
        raise Refused("not_found", f"{request.method} {request.path} not found", status=404)
    except Refused as refusal:
        return refusal.answer


def _authenticate(account: PaddleAccount, request: Request) -> None:
    given = request.headers.get("authorization")
    if given is None:
        raise Refused("authentication_missing", "Authentication header missing", status=403)
    kind, _, key = given.partition(" ")
    if kind != "Bearer" or not key:
        raise Refused(
            "authentication_malformed", "Authentication header included, but incorrectly formatted", status=403
        )
    if key != account.api_key:
        raise Refused("invalid_token", "Invalid or revoked API key.", status=403)


class _Call:
    """The parameters of one call."""

    def __init__(self, request: Request) -> None:
        self.path = request.path
        self.query = dict(request.query)
        try:
            given = json.loads(request.body) if request.body else {}
        except ValueError as error:
            raise Refused("bad_request", "The body is not JSON.") from error
        if not isinstance(given, dict):
            raise Refused("bad_request", "The body is not a JSON object.")
        self.body: Json = given

    def allow(self, names: str) -> None:
        """Refuse every other field of the body: nothing is ignored."""
        unknown = sorted(self.body.keys() - set(names.split()))
        if unknown:
            raise invalid(*((name, "unknown, or not played by this stand-in") for name in unknown))

    def listed(self, name: str) -> set[str]:
        """A filter's values; empty: everything."""
        return set(filter(None, self.query.get(name, "").split(",")))


def invalid(*errors: tuple[str, str]) -> Refused:
    """The request does not pass validation."""
    return Refused("invalid_field", "Request does not pass validation.", errors=errors)


def _shown(account: PaddleAccount, call: _Call, status: int, found: Json | list[Json]) -> Answer:
    """One entity, or a page of them in the order and size that was asked for."""
    meta: Json = {"request_id": str(uuid.uuid4())}
    if isinstance(found, dict):
        return Answer(status, {"data": copy.deepcopy(found), "meta": meta})
    per_page, after = call.query.get("per_page", "50"), call.query.get("after")
    if not per_page.isdecimal() or not 1 <= int(per_page) <= 200:
        raise invalid(("per_page", "must be between 1 and 200"))
    field, _, direction = call.query.get("order_by", "id[ASC]").upper().partition("[")
    if field != "ID" or direction not in {"ASC]", "DESC]"}:
        raise invalid(("order_by", "this stand-in orders by id"))
    ordered = found if direction == "ASC]" else found[::-1]
    ids = [one.get("event_id") or one["id"] for one in ordered]
    if after and after not in ids:
        raise invalid(("after", "is not known"))
    start = ids.index(after) + 1 if after else 0
    page = ordered[start : start + int(per_page)]
    has_more = start + len(page) < len(ordered)
    last = ids[start + len(page) - 1] if page else after or ""
    query = urllib.parse.urlencode({**call.query, "per_page": per_page, "after": last})
    meta["pagination"] = {
        "per_page": int(per_page),
        "next": f"{account.url}{call.path}?{query}",
        "has_more": has_more,
        "estimated_total": len(ordered),
    }
    return Answer(status, {"data": copy.deepcopy(page), "meta": meta})


# ── Transactions ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _create_transaction(account: PaddleAccount, call: _Call) -> Json:
    call.allow("items customer_id address_id custom_data currency_code collection_mode checkout")
    currency, customer = call.body.get("currency_code", "USD"), call.body.get("customer_id")
    cart = _cart(account, call.body.get("items"), currency)
    if customer is not None:
        _customer(account, customer)
    custom, checkout = call.body.get("custom_data"), call.body.get("checkout") or {}
    if not isinstance(custom, dict | None):
        raise invalid(("custom_data", "must be an object"))
    if call.body.get("collection_mode", "automatic") != "automatic":
        raise invalid(("collection_mode", "this stand-in collects automatically"))
    return account.open_transaction(cart, currency, customer=customer, custom=custom, page=checkout.get("url"))


def _cart(account: PaddleAccount, items: object, currency: str) -> tuple[CartLine, ...]:
    """The lines, each with a price of our catalogue."""
    if not isinstance(items, list) or not items:
        raise invalid(("items", "must be provided as part of the request"))
    lines = []
    for position, item in enumerate(items):
        price_id, quantity = item.get("price_id"), item.get("quantity")
        product = account.catalogue.priced("paddle", price_id)
        if product is None:
            detail = f"One or more provided price_ids could not be found, provided: {price_id}"
            raise Refused("transaction_price_not_found", detail, group="transactions")
        if not isinstance(quantity, int) or quantity < 1:
            raise invalid((f"items[{position}].quantity", "must be at least 1"))
        if currency not in product.prices:
            raise invalid(("currency_code", f"{price_id} has no price in {currency}"))
        lines.append(CartLine(product, price_id, quantity))
    if len({line.price_id for line in lines}) < len(lines) or sum(line.recurs for line in lines) > 1:
        raise invalid(("items", "each price may stand once, and one of them may recur"))
    return tuple(lines)


def _list_transactions(account: PaddleAccount, call: _Call) -> list[Json]:
    filters = {name: call.listed(name) for name in ("id", "customer_id", "subscription_id", "status", "origin")}
    found = [
        one
        for one in account.transactions.values()
        if all(not wanted or one[name] in wanted for name, wanted in filters.items())
    ]
    for name, value in call.query.items():
        if match := re.fullmatch(r"(created_at|updated_at|billed_at)(?:\[(LT|LTE|GT|GTE)\])?", name):
            found = [one for one in found if one[match[1]] and _compares(one[match[1]], match[2], value)]
    return [_including(account, call, one) for one in found]


def _compares(at: str, comparator: str | None, bound: str) -> bool:
    left, right = datetime.fromisoformat(at), datetime.fromisoformat(bound)
    kinds = {"LT": left < right, "LTE": left <= right, "GT": left > right, "GTE": left >= right, None: left == right}
    return kinds[comparator]


def _get_transaction(account: PaddleAccount, call: _Call, transaction_id: str) -> Json:
    return _including(account, call, _stored(account.transactions, transaction_id))


def _including(account: PaddleAccount, call: _Call, transaction: Json) -> Json:
    wanted = call.listed("include")
    if wanted - {"adjustments"}:
        raise invalid(("include", "this stand-in includes adjustments alone"))
    if not wanted:
        return transaction
    of_it = [one for one in account.adjustments.values() if one["transaction_id"] == transaction["id"]]
    return transaction | {"adjustments": of_it}


# ── Adjustments ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _create_adjustment(account: PaddleAccount, call: _Call) -> Json:
    call.allow("action items reason transaction_id type")
    body, kind = call.body, call.body.get("type", "partial")
    if body.get("action") != "refund":
        raise invalid(("action", "this stand-in refunds; chargebacks are the banks'"))
    if not isinstance(body.get("reason"), str) or not body["reason"]:
        raise invalid(("reason", "must be provided as part of the request"))
    if kind not in {"full", "partial"} or (kind == "full") == bool(body.get("items")):
        raise invalid(("items", "must be provided with type partial, and only then"))
    transaction = _stored(account.transactions, str(body.get("transaction_id")))
    if transaction["status"] != "completed":
        detail = f"The transaction being adjusted (refund) has a non supported status. ID: {transaction['id']}"
        raise Refused("adjustment_transaction_invalid_status_for_refund", detail, group="adjustments")
    if account.has_pending(transaction["id"]):
        detail = (
            "You are unable to create further adjustments against this transaction as there is a pending refund request"
        )
        raise Refused("adjustment_pending_refund_request", detail, group="adjustments")
    shares = account.whole(transaction) if kind == "full" else _shares(account, transaction, body["items"])
    if not shares:
        ids = account.left_of(transaction)
        raise _invalid_items([f"Adjustment item {item_id} has already been fully adjusted" for item_id in ids])
    return account.adjust(transaction, "refund", shares, reason=body["reason"], kind=kind)


def _shares(account: PaddleAccount, transaction: Json, items: list[Json]) -> list[Share]:
    """What each item asks for, if that much is left of its line. The tax in it is its part of the line's."""
    left, problems, shares = account.left_of(transaction), [], []
    for item in items:
        item_id, kind, amount = item.get("item_id"), item.get("type"), item.get("amount")
        if item_id not in left or kind not in {"full", "partial", "tax"}:
            raise invalid(("items", f"{item_id} is no line of {transaction['id']}, or {kind} no type of this stand-in"))
        total, tax = left[item_id]
        available = tax if kind == "tax" else total
        if kind == "partial" and not (isinstance(amount, str) and amount.isdecimal()):
            raise invalid(("items", "an item of type partial has an amount, as text in minor units"))
        asked = int(str(amount)) if kind == "partial" else available
        if total <= 0:
            problems.append(f"Adjustment item {item_id} has already been fully adjusted")
        elif asked <= 0:
            problems.append(
                f"You are attempting to make an adjustment with zero amount on a transaction item. ID {item_id}"
            )
        elif asked > available:
            problems.append(f"adjustment amount for item {item_id} is over remaining allowed {available}")
        else:
            taxed = asked if kind == "tax" else asked * tax // total
            left[item_id] = (total - asked, tax - taxed)
            shares.append(Share(item_id, kind, asked, taxed))
    if problems:
        raise _invalid_items(problems)
    return shares


def _invalid_items(problems: list[str]) -> Refused:
    errors = tuple((f"adjustment.transaction.items[{position}]", text) for position, text in enumerate(problems))
    detail = "One or more adjustment items cannot be processed"
    return Refused("adjustment_transaction_item_invalid", detail, group="adjustments", errors=errors)


def _list_adjustments(account: PaddleAccount, call: _Call) -> list[Json]:
    names = ("id", "transaction_id", "subscription_id", "customer_id", "status", "action")
    filters = {name: call.listed(name) for name in names}
    return [
        one
        for one in account.adjustments.values()
        if all(not wanted or one[name] in wanted for name, wanted in filters.items())
    ]


# ── Subscriptions, the portal, events ─────────────────────────────────────────────────────────────────────────────────


def _get_subscription(account: PaddleAccount, call: _Call, subscription_id: str) -> Json:
    if call.query:
        raise invalid(("include", "this stand-in includes nothing"))
    return _managed(account, _stored(account.subscriptions, subscription_id))


def _cancel_subscription(account: PaddleAccount, call: _Call, subscription_id: str) -> Json:
    call.allow("effective_from")
    subscription = _stored(account.subscriptions, subscription_id)
    when = call.body.get("effective_from") or "next_billing_period"
    if when not in {"next_billing_period", "immediately"}:
        raise invalid(("effective_from", "must be next_billing_period or immediately"))
    if subscription["status"] == "canceled":
        detail = "action can't be performed on canceled subscription"
        raise Refused("subscription_is_canceled_action_invalid", detail, group="subscriptions")
    if when == "immediately":
        account.end_now(subscription)
    elif subscription["scheduled_change"]:
        detail = "cannot update subscription, pending scheduled changes"
        raise Refused("subscription_locked_pending_changes", detail, group="subscriptions")
    else:
        account.schedule_end(subscription, is_wanted=True)
    return _managed(account, subscription)


def _update_subscription(account: PaddleAccount, call: _Call, subscription_id: str) -> Json:
    call.allow("scheduled_change custom_data")
    subscription = _stored(account.subscriptions, subscription_id)
    if subscription["status"] == "canceled":
        detail = "cannot update subscription, as subscription is canceled"
        raise Refused("subscription_update_when_canceled", detail, group="subscriptions")
    if call.body.get("scheduled_change") is not None:
        raise invalid(("scheduled_change", "only null is allowed: it takes the change away"))
    if "custom_data" in call.body:
        account.describe(subscription, call.body["custom_data"])
    if "scheduled_change" in call.body:
        account.schedule_end(subscription, is_wanted=False)
    return _managed(account, subscription)


def _managed(account: PaddleAccount, subscription: Json) -> Json:
    """A subscription as the API shows it; its notifications carry no links."""
    pages = f"{account.url}/_standin/portal/{subscription['id']}"
    links = {"update_payment_method": f"{pages}/card", "cancel": f"{pages}/cancel", "view_subscription": pages}
    return subscription | {"management_urls": links}


def _create_portal_session(account: PaddleAccount, call: _Call, customer_id: str) -> Json:
    call.allow("subscription_ids")
    _customer(account, customer_id)
    wanted = call.body.get("subscription_ids") or []
    if len(wanted) > 25:
        raise invalid(("subscription_ids", "at most 25"))
    for subscription_id in wanted:
        if _stored(account.subscriptions, subscription_id)["customer_id"] != customer_id:
            raise invalid(("subscription_ids", f"{subscription_id} is another customer's"))
    session_id, token = paddle_id("cpls"), uuid.uuid4().hex
    pages = f"{account.url}/_standin/portal/{session_id}"
    return {
        "id": session_id,
        "customer_id": customer_id,
        "urls": {
            "general": {"overview": f"{pages}?token={token}"},
            "subscriptions": [
                {
                    "id": subscription_id,
                    "cancel_subscription": f"{pages}/{subscription_id}/cancel?token={token}",
                    "update_subscription_payment_method": f"{pages}/{subscription_id}/card?token={token}",
                    "view_subscription": f"{pages}/{subscription_id}?token={token}",
                }
                for subscription_id in wanted
            ],
        },
        "created_at": stamp(account.clock.now()),
    }


def _list_events(account: PaddleAccount, call: _Call) -> list[Json]:
    kinds, bounds = call.listed("event_type"), {"from": "GTE", "to": "LT"}
    kept_since = stamp(account.clock.now() - EVENTS_KEPT_S)
    found = [one for one in account.outbox.events if one["occurred_at"] >= kept_since]
    for name, comparator in bounds.items():
        if value := call.query.get(name):
            found = [one for one in found if _compares(one["occurred_at"], comparator, value)]
    return [one for one in found if not kinds or one["event_type"] in kinds]


def _stored(among: dict[str, Json], entity_id: str) -> Json:
    if entity_id not in among:
        raise Refused("not_found", f"Entity {entity_id} not found", status=404)
    return among[entity_id]


def _customer(account: PaddleAccount, customer_id: str) -> None:
    if customer_id not in account.customers:
        raise Refused("not_found", f"Entity {customer_id} not found", status=404)


_CALLS: list[tuple[str, str, int, Callable[..., Any]]] = [
    ("POST", "/transactions", 201, _create_transaction),
    ("GET", "/transactions", 200, _list_transactions),
    ("GET", "/transactions/([^/]+)", 200, _get_transaction),
    ("POST", "/adjustments", 201, _create_adjustment),
    ("GET", "/adjustments", 200, _list_adjustments),
    ("GET", "/events", 200, _list_events),
    ("GET", "/subscriptions/([^/]+)", 200, _get_subscription),
    ("PATCH", "/subscriptions/([^/]+)", 200, _update_subscription),
    ("POST", "/subscriptions/([^/]+)/cancel", 200, _cancel_subscription),
    ("POST", "/customers/([^/]+)/portal-sessions", 201, _create_portal_session),
]
