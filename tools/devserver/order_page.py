"""GET /_local/orders?order_id=…: the page of the shop to which a simulator's checkout leads back. It needs no login."""

import html
from http import HTTPStatus

from ledger.domain.ids import OrderId
from ledger.domain.money import format_amount
from ledger.ports.reads import Keys
from ledger.runtime import runtime
from tools.simulators.common.page import page_of


def order_page(order_id: str) -> tuple[int, str]:
    """Return the status and the page of an order. It is loaded again until the payment is reported."""
    services, key = runtime(), f"order/{order_id}"
    known = services.store.read(Keys(fulfilment_keys=frozenset({key})))
    order = known.order(OrderId(order_id))
    if order is None:
        return HTTPStatus.NOT_FOUND, page_of("There is no such order", [("Order", order_id)])
    rows = [
        ("Order", order.order_id),
        ("Product", order.product_id),
        ("Price", f"{format_amount(order.price_minor, order.currency)} before tax and discount"),
    ]
    if not known.fulfilment_keys[key].payment_ids:
        return HTTPStatus.OK, page_of("Waiting for the payment", rows, reload_s=2)
    account = services.store.read(Keys(accounts=frozenset({order.account_id}))).accounts.get(order.account_id)
    spendable = account.spendable(services.now(), is_debt_withheld=services.config.is_debt_withheld) if account else 0
    rows += [("Account", order.account_id), ("Credits to spend", f"{spendable:,}")]
    command = f"make ledger ACCOUNT={order.account_id}"
    return HTTPStatus.OK, page_of("Thank you for your order", rows, end=f"<p><code>{html.escape(command)}</code></p>")
