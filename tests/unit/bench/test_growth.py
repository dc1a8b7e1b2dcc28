"""What is measured of an account that grows: which account, which calls, and what exceeds the budget."""

from typing import Any

import pytest

from bench.growth import RATIO, account_item, exceeded
from bench.units import size_of
from ledger.dynamodb import items
from tools.testing.fakes import MAX_ITEM_BYTES


def row(lots: int, ratio: float, size: int = 1_000) -> dict[str, Any]:
    """A row of the report."""
    return {"call": "draw", "lots of": "packs", "open lots": lots, "bytes": size, RATIO: ratio}


def test_only_what_is_above_its_budget_is_reported() -> None:
    """200 lots have one for their CPU, and every account one for its size."""
    assert exceeded(row(200, 3.0)) == exceeded(row(3_000, 30.0)) == exceeded(row(1, 1.0, MAX_ITEM_BYTES)) == []
    assert exceeded(row(200, 3.25)) == ["draw, 200 lots of packs: 3.25 × one lot, at most 3 are due"]
    assert len(exceeded(row(3_000, 30.0, MAX_ITEM_BYTES + 1))) == 1


@pytest.mark.parametrize("kind", ["packs", "periods"])
def test_the_account_has_that_many_open_lots(kind: str) -> None:
    """Each bought by itself. As many as 3,000 have room in an item."""
    item = account_item(kind, 30)
    account = items.from_account(item)
    assert (len(account.lots), account.balance) == (30, 30_000)
    assert {lot.grace_from is not None for lot in account.lots.values()} == {kind == "periods"}
    assert size_of(item) * 100 < MAX_ITEM_BYTES
