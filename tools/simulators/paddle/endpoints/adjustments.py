"""/adjustments"""

from tools.simulators.common.account import Json
from tools.simulators.common.listing import matching
from tools.simulators.paddle.account import PaddleAccount
from tools.simulators.paddle.adjustments import Share
from tools.simulators.paddle.errors import PaddleError, invalid
from tools.simulators.paddle.parameters import Parameters, stored


def create_adjustment(account: PaddleAccount, params: Parameters) -> Json:
    """Refund a transaction in full, or by items."""
    params.allow("action items reason transaction_id type")
    body, kind = params.body, params.body.get("type", "partial")
    if body.get("action") != "refund":
        raise invalid(("action", "this simulator supports only refund"))
    if not isinstance(body.get("reason"), str) or not body["reason"]:
        raise invalid(("reason", "must be provided as part of the request"))
    if kind not in {"full", "partial"} or (kind == "full") == bool(body.get("items")):
        raise invalid(("items", "must be provided with type partial, and only then"))
    transaction = stored(account.transactions, str(body.get("transaction_id")))
    if transaction["status"] != "completed":
        detail = f"The transaction being adjusted (refund) has a non supported status. ID: {transaction['id']}"
        raise PaddleError("adjustment_transaction_invalid_status_for_refund", detail, group="adjustments")
    if account.has_pending(transaction["id"]):
        detail = (
            "You are unable to create further adjustments against this transaction as there is a pending refund request"
        )
        raise PaddleError("adjustment_pending_refund_request", detail, group="adjustments")
    shares = account.whole(transaction) if kind == "full" else _shares(account, transaction, body["items"])
    if not shares:
        ids = account.left_of(transaction)
        raise _invalid_items([f"Adjustment item {item_id} has already been fully adjusted" for item_id in ids])
    return account.adjust(transaction, "refund", shares, reason=body["reason"], kind=kind)


def _shares(account: PaddleAccount, transaction: Json, items: list[Json]) -> list[Share]:
    """Return the share of each item, if that much is left of its line. Tax is split in proportion."""
    left, problems, shares = account.left_of(transaction), [], []
    for item in items:
        item_id, kind, amount = item.get("item_id"), item.get("type"), item.get("amount")
        if item_id not in left or kind not in {"full", "partial", "tax"}:
            raise invalid(("items", f"{item_id} is no line of {transaction['id']}, or {kind} is not supported"))
        total, tax = left[item_id]
        available = tax if kind == "tax" else total
        if kind == "partial" and not (isinstance(amount, str) and amount.isdecimal()):
            raise invalid(("items", "an item of type partial has an amount, as text in minor units"))
        requested = int(str(amount)) if kind == "partial" else available
        if total <= 0:
            problems.append(f"Adjustment item {item_id} has already been fully adjusted")
        elif requested <= 0:
            problems.append(
                f"You are attempting to make an adjustment with zero amount on a transaction item. ID {item_id}"
            )
        elif requested > available:
            problems.append(f"adjustment amount for item {item_id} is over remaining allowed {available}")
        else:
            taxed = requested if kind == "tax" else requested * tax // total
            left[item_id] = (total - requested, tax - taxed)
            shares.append(Share(item_id, kind, requested, taxed))
    if problems:
        raise _invalid_items(problems)
    return shares


def _invalid_items(problems: list[str]) -> PaddleError:
    errors = tuple((f"adjustment.transaction.items[{position}]", text) for position, text in enumerate(problems))
    detail = "One or more adjustment items cannot be processed"
    return PaddleError("adjustment_transaction_item_invalid", detail, group="adjustments", errors=errors)


def list_adjustments(account: PaddleAccount, params: Parameters) -> list[Json]:
    """Return the adjustments that match the filters."""
    names = ("id", "transaction_id", "subscription_id", "customer_id", "status", "action")
    filters = {name: params.listed(name) for name in names}
    return matching(account.listed(account.adjustments.values()), filters)
