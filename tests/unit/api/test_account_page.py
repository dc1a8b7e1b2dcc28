"""The account page: what a customer reads about the account's lots."""

from datetime import timedelta

import pytest

from ledger.api.responses.accounts import AccountResponse
from ledger.api.responses.support_accounts import SupportAccountResponse
from ledger.domain.accounts import Account
from ledger.domain.lots import Lot
from tools.testing.builders import ADA, LATER


def test_the_account_page_lists_lots_in_the_order_in_which_they_are_drawn() -> None:
    """The lot that expires first, then the later one, then those that never expire, by id."""
    lots = [
        Lot(lot_id="b", granted=1),
        Lot(lot_id="a", granted=1),
        Lot(lot_id="c", granted=1, expires_at=LATER + timedelta(days=2)),
        Lot(lot_id="d", granted=1, expires_at=LATER + timedelta(days=1)),
    ]
    account = Account(account_id=ADA, lots={lot.lot_id: lot for lot in lots})
    page = AccountResponse.of(account, [], [], LATER, is_debt_withheld=False)
    assert [lot["lot_id"] for lot in page.lots] == ["d", "c", "a", "b"]
    assert [lot.lot_id for lot in account.draw(4, LATER)] == ["d", "c", "a", "b"]


def test_the_page_of_support_says_how_many_lots_there_are_though_it_shows_only_some(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The sums are of all of them."""
    monkeypatch.setattr("ledger.api.responses.support_accounts.MOST_LOTS", 2)
    lots = [Lot(lot_id=name, granted=10, reserved=1, is_frozen=True) for name in "cab"]
    account = Account(account_id=ADA, lots={lot.lot_id: lot for lot in lots})
    page = SupportAccountResponse.of(account, None, [], [], [], [], [], LATER, is_debt_withheld=False)
    assert ([lot.lot_id for lot in page.lots], page.number_of_lots) == (["a", "b"], 3)
    assert (page.frozen, page.reserved) == (30, 3)
