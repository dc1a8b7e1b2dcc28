"""What an account owes: of each lot what should have been taken back, but for what the lot still has or has expired."""

from dataclasses import replace

from ledger.domain.accounts import Account
from ledger.domain.facts import RefundedItem
from ledger.domain.lots import Lot
from ledger.usecases.debts import refusing_debt, uncovered_debt
from ledger.usecases.usage import draw_credits
from tools.testing.builders import ADA, at, event_of, paid, payment, record_events, refund
from tools.testing.fakes import FakeStore

LOT = Lot(
    lot_id="stripe:pi_1/0",
    granted=1000,
    drawn=800,
    refunded=50,
    disputed=20,
    expired=30,
    refund_target=200,
    dispute_target=60,
    reserve_target=90,
    reserved=40,
)


def test_what_is_owed_is_covered_by_what_is_left_and_has_expired_and_not_by_what_is_reserved() -> None:
    """190 are owed, 60 are left beside those that go back, and 30 have expired."""
    account = Account(account_id=ADA, version=1, lots={LOT.lot_id: LOT})
    store = FakeStore()
    store.accounts[ADA] = account
    assert uncovered_debt(account, store) == 190 - 60 - 30
    assert [refusing_debt(account, store, allowed) for allowed in (99, 100)] == [100, 0]


def test_what_one_purchase_has_left_does_not_lessen_the_debt_of_another() -> None:
    """Each keeps its own price."""
    rich = replace(LOT, lot_id="stripe:pi_2/0", refund_target=60, dispute_target=20)
    account = Account(account_id=ADA, version=1, lots={one.lot_id: one for one in (LOT, rich)})
    store = FakeStore()
    store.accounts[ADA] = account
    assert uncovered_debt(account, store) == 100


def test_the_lines_of_one_payment_owe_each_for_itself() -> None:
    """A line was used up and refunded by name; the credits of the other one were paid for and are no cover."""
    first = payment().lines[0]
    second = replace(first, line_id="1", product_id="pack_500", credits=500, amount_minor=1000)
    store = FakeStore()
    record_events(store, paid(replace(payment(lines=(first, second)), paid_minor=3000)))
    draw_credits(ADA, "run_1", 1000, store, now=at(5))
    record_events(store, event_of(replace(refund(2000), items=(RefundedItem(line_id="0", amount_minor=2000),))))
    account = store.accounts[ADA]
    assert account.shortfall == uncovered_debt(account, store) == 1000
