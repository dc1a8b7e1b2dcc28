"""What is locked on an account, by order: shown to the customer, to support and to whoever draws."""

from dataclasses import replace

from ledger.domain.accounts import Account
from ledger.domain.ids import OrderId
from ledger.domain.lots import Lot
from ledger.domain.orders import MissingConsent
from ledger.usecases.locks import LockedOrder, locked_orders
from tools.testing.builders import ADA, ORDER, at

ONE, TWO = OrderId("ord_1"), OrderId("ord_2")
NOW = at(0)


def shown(*lots: Lot) -> list[LockedOrder]:
    """What an account with these lots shows, whose orders have no consent."""
    account = Account(account_id=ADA, lots={lot.lot_id: lot for lot in lots})
    return locked_orders(account, lambda _: replace(ORDER, consent=None), NOW)


def lot(order_id: OrderId, number: int, credits_: int, minutes: int) -> Lot:
    """A lot of an order, locked for some minutes."""
    return Lot(lot_id=f"order/{order_id}/{number}", granted=credits_, locked_until=at(minutes))


def test_an_order_is_locked_until_the_last_of_its_lots_is_unlocked() -> None:
    """Whichever of them comes first: an order that was paid twice has the later right of withdrawal."""
    first, second = lot(ONE, 0, 100, 10), lot(ONE, 1, 20, 30)
    expected = [LockedOrder(order_id=ONE, credits=120, until=at(30), missing=MissingConsent.REQUEST)]
    assert shown(first, second) == shown(second, first) == expected


def test_each_order_has_a_row_and_a_withdrawal_one_of_its_own() -> None:
    """In the order of their ids. What has no credits left, and what is not locked any more, has none."""
    withdrawn = replace(lot(ONE, 1, 7, 30), is_withdrawn=True)
    used_up = replace(lot(OrderId("ord_0"), 0, 5, 30), drawn=5)
    found = shown(lot(TWO, 0, 3, 20), used_up, lot(OrderId("ord_3"), 0, 5, 0), withdrawn, lot(ONE, 0, 2, 10))
    assert [(one.order_id, one.credits, one.until, one.missing) for one in found] == [
        (ONE, 2, at(10), MissingConsent.REQUEST),
        (ONE, 7, None, None),
        (TWO, 3, at(20), MissingConsent.REQUEST),
    ]
