"""/transactions"""

import re

from tools.simulators.common.account import Json
from tools.simulators.common.cart import CartLine
from tools.simulators.common.listing import matching
from tools.simulators.paddle.account import PaddleAccount
from tools.simulators.paddle.errors import PaddleError, invalid
from tools.simulators.paddle.parameters import Parameters, compares, require_customer, stored


def create_transaction(account: PaddleAccount, params: Parameters) -> Json:
    """Create a transaction of prices of our catalogue."""
    params.allow("items customer_id address_id custom_data currency_code collection_mode checkout")
    currency, customer = params.body.get("currency_code", "USD"), params.body.get("customer_id")
    cart = _cart(account, params.body.get("items"), currency)
    if customer is not None:
        require_customer(account, customer)
    custom, checkout = params.body.get("custom_data"), params.body.get("checkout") or {}
    if not isinstance(custom, dict | None):
        raise invalid(("custom_data", "must be an object"))
    if params.body.get("collection_mode", "automatic") != "automatic":
        raise invalid(("collection_mode", "this simulator collects automatically"))
    return account.open_transaction(cart, currency, customer=customer, custom=custom, page=checkout.get("url"))


def _cart(account: PaddleAccount, items: object, currency: str) -> tuple[CartLine, ...]:
    """Return the lines, each with a price of our catalogue."""
    if not isinstance(items, list) or not items:
        raise invalid(("items", "must be provided as part of the request"))
    lines = []
    for position, item in enumerate(items):
        price_id, quantity = item.get("price_id"), item.get("quantity")
        product = account.catalogue.priced("paddle", price_id, account.today)
        if product is None:
            detail = f"One or more provided price_ids could not be found, provided: {price_id}"
            raise PaddleError("transaction_price_not_found", detail, group="transactions")
        if not isinstance(quantity, int) or quantity < 1:
            raise invalid((f"items[{position}].quantity", "must be at least 1"))
        if currency not in product.prices:
            raise invalid(("currency_code", f"{price_id} has no price in {currency}"))
        lines.append(CartLine(product, price_id, quantity))
    if len({line.price_id for line in lines}) < len(lines) or sum(line.recurs for line in lines) > 1:
        raise invalid(("items", "each price may stand once, and one of them may recur"))
    return tuple(lines)


def list_transactions(account: PaddleAccount, params: Parameters) -> list[Json]:
    """Return the transactions that match the filters."""
    filters = {name: params.listed(name) for name in ("id", "customer_id", "subscription_id", "status", "origin")}
    found = matching(account.transactions.values(), filters)
    for name, value in params.query.items():
        if match := re.fullmatch(r"(created_at|updated_at|billed_at)(?:\[(LT|LTE|GT|GTE)\])?", name):
            found = [one for one in found if one[match[1]] and compares(one[match[1]], match[2], value)]
    return [_with_adjustments(account, params, one) for one in found]


def get_transaction(account: PaddleAccount, params: Parameters, transaction_id: str) -> Json:
    """Return a transaction."""
    return _with_adjustments(account, params, stored(account.transactions, transaction_id))


def update_transaction(account: PaddleAccount, params: Parameters, transaction_id: str) -> Json:
    """Cancel a transaction, or collect it by an invoice. One that was paid, billed or canceled can't be changed.

    A draft can't be canceled. Source: developer.paddle.com/errors/transactions/transaction_invalid_status_change.
    """
    params.allow("status collection_mode billing_details")
    transaction, body = stored(account.transactions, transaction_id), params.body
    if transaction["status"] not in {"draft", "ready"}:
        raise PaddleError("transaction_immutable", "Cannot update immutable transaction", group="transactions")
    if "status" in body and len(body) > 1:
        detail = "Cannot update transaction to canceled, along with other fields at the same time"
        raise PaddleError("transaction_cannot_be_modified_and_canceled", detail, group="transactions")
    if "status" in body:
        if body["status"] != "canceled" or transaction["status"] != "ready":
            detail = f"Invalid attempt to change status from '{transaction['status']}' to '{body['status']}'"
            raise PaddleError("transaction_invalid_status_change", detail, group="transactions")
        account.cancel_transaction(transaction)
    elif body.get("collection_mode") == "manual":
        details = body.get("billing_details")
        if not isinstance(details, dict):
            detail = "billing_details must be non null if collection_mode=manual"
            raise PaddleError("transaction_billing_details_object_required", detail, group="transactions")
        if not details.get("payment_terms"):
            detail = "payment_terms must be non null when initially setting billing_details"
            raise PaddleError("transaction_payment_terms_object_required", detail, group="transactions")
        if transaction["currency_code"] not in {"USD", "EUR", "GBP"}:
            raise invalid(("currency_code", "must be USD, EUR or GBP for a manually-collected transaction"))
        nothing = {"purchase_order_number": "", "additional_information": None, "enable_checkout": False}
        account.collect_by_invoice(transaction, nothing | details)
    else:
        raise invalid(("collection_mode", "this simulator changes nothing else"))
    return transaction


def _with_adjustments(account: PaddleAccount, params: Parameters, transaction: Json) -> Json:
    requested = params.listed("include")
    if requested - {"adjustments"}:
        raise invalid(("include", "this simulator includes only adjustments"))
    if not requested:
        return transaction
    of_it = [one for one in account.adjustments.values() if one["transaction_id"] == transaction["id"]]
    return transaction | {"adjustments": of_it}
