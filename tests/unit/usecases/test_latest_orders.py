"""The orders of an account's latest purchases, for support."""

from dataclasses import replace

from ledger.domain.ids import AccountId, OrderId, PaymentId
from ledger.usecases.latest_orders import latest_orders
from tools.orders import order_commit
from tools.testing.builders import ADA, ORDER, RENEWED, at, ordered, paid, payment, record_events
from tools.testing.fakes import FakeStore

EVE = AccountId("acct_eve")


def test_an_order_of_another_account_is_not_shown_whatever_a_payment_names() -> None:
    """A renewal's order is what its metadata says, which nothing has proven: it may be a stranger's."""
    store = FakeStore()
    record_events(store, paid(ordered(store, "ord_ada")))
    record_events(store, paid(replace(RENEWED, account_id=EVE, order_id=OrderId("ord_ada")), customer="cus_eve"))
    assert latest_orders(EVE, store) == []
    assert [one.order_id for one in latest_orders(ADA, store)] == ["ord_ada"]


def test_an_order_is_shown_once_the_newest_first() -> None:
    """With its renewals, which name it; without those of purchases that have none."""
    store = FakeStore()
    for minute, name in enumerate(("ord_b", "ord_a")):
        store.commit(order_commit(replace(ORDER, order_id=OrderId(name), made_at=at(minute))))
        settled = payment(PaymentId(f"stripe:pi_{name}"), fulfilment_key=f"order/{name}", minute=10 - minute)
        record_events(store, paid(settled))
    record_events(store, paid(replace(RENEWED, order_id=OrderId("ord_b"))), paid(payment(PaymentId("stripe:pi_9"))))
    assert [one.order_id for one in latest_orders(ADA, store)] == ["ord_a", "ord_b"]
