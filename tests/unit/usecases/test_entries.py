"""What the entry of a lot's change says: when it happened, and whether the job that expires lots looks at it again."""

from dataclasses import replace

import pytest

from ledger.domain.accounts import Account
from ledger.domain.entries import EntryKind
from ledger.domain.lots import Lot
from ledger.usecases.plan_booking.entries import Origin, lot_entries
from tools.testing.builders import ADA, at

LOT = Lot(lot_id="order/ord_1/0", granted=100, drawn=40, expires_at=at(60))
ACCOUNT = Account(account_id=ADA, version=7, lots={LOT.lot_id: LOT})


@pytest.mark.parametrize(
    ("drawn", "minute", "is_listed"),
    [(30, 61, True), (30, 59, False), (50, 61, False), (50, 59, False)],
    ids=["returned after its end", "returned before", "drawn after its end", "drawn before"],
)
def test_only_credits_that_come_back_to_an_expired_lot_list_it_again(
    drawn: int, minute: float, *, is_listed: bool
) -> None:
    """What leaves such a lot is no reason to expire more of it."""
    (entry,) = lot_entries(ACCOUNT, ACCOUNT.lots, [replace(LOT, drawn=drawn)], Origin(at(minute), "run:1", "r"))
    assert (entry.credits, entry.expires_at) == (40 - drawn, LOT.expires_at if is_listed else None)
    assert (entry.occurred_at, entry.recorded_at, entry.step) == (at(minute), at(minute), 8)


def test_credits_that_come_back_to_an_empty_lot_list_it_and_what_goes_at_once_does_not() -> None:
    """If nothing remains, nothing can expire."""
    empty = replace(LOT, drawn=100)
    (entry,) = lot_entries(ACCOUNT, {LOT.lot_id: empty}, [replace(empty, drawn=90)], Origin(at(61), "run:1", "r"))
    assert entry.expires_at == LOT.expires_at


def test_an_expiry_happened_when_the_lot_expired_whenever_it_is_written() -> None:
    """It is recorded later."""
    (entry,) = lot_entries(ACCOUNT, ACCOUNT.lots, [replace(LOT, expired=60)], Origin(at(90), "job", "j"))
    assert (entry.kind, entry.occurred_at, entry.recorded_at) == (EntryKind.EXPIRE, at(60), at(90))
