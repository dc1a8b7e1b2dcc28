"""A balance in sentences: what became of its lots, and what of it can't be used, each figure from its own field."""

from dataclasses import replace

import pytest

from ledger.domain.accounts import Account
from ledger.domain.entries import CounterAccount, Entry, EntryKind
from ledger.domain.holds import Hold
from ledger.domain.ids import OrderId
from ledger.domain.lots import Lot
from ledger.domain.orders import MissingConsent
from ledger.usecases.balance_lines import balance_in_words, balance_of_lots_in_words
from ledger.usecases.locks import LockedOrder
from tools.testing.builders import ADA, PI, at

LOT = Lot(
    lot_id="order/ord_1/0",
    granted=1000,
    drawn=100,
    refunded=20,
    disputed=3,
    expired=400,
    refund_target=27,
    dispute_target=8,
    reserve_target=60,
    reserved=50,
)
SPENT = replace(
    LOT, lot_id="order/ord_2/0", granted=1100, drawn=1097 - 400, expired=400, refunded=3, disputed=0, reserved=0
)


def account(*lots: Lot, **changes: object) -> Account:
    """An account with these lots."""
    return replace(Account(account_id=ADA, lots={lot.lot_id: lot for lot in lots}), **changes)  # type: ignore[arg-type]


def test_a_balance_is_explained_by_the_lots_that_have_credits_left() -> None:
    """And by what is reserved or owed. A lot that has nothing left is in no sum."""
    other = replace(LOT, lot_id="period/x/0", granted=2000, refund_target=20, dispute_target=3, reserved=0)
    assert SPENT.remaining == 0
    assert balance_of_lots_in_words(account(LOT, SPENT), []) == [
        "acct_ada has 477 credits: 1,000 granted − 100 drawn − 23 taken back − 400 expired, of the lot that has"
        " credits left. All other lots have none.",
        "50 of them are reserved for a refund under way.",
        f"It owes {12 + SPENT.owed} credits that were used before their money went back.",
    ]
    both = balance_of_lots_in_words(account(LOT, other), [])[0]
    assert both.startswith("acct_ada has 1,954 credits: 3,000 granted − 200 drawn − 46 taken back − 800 expired, of")
    assert " of the 2 lots that have credits left" in both


def test_what_is_frozen_is_what_remains_of_a_lot() -> None:
    """While a dispute of its payment is open."""
    frozen = replace(LOT, is_frozen=True, reserved=0, refund_target=20, dispute_target=3)
    assert balance_of_lots_in_words(account(frozen), [])[1:] == [
        "477 of them are frozen while a dispute of their payment is open."
    ]


def test_a_balance_is_explained_by_its_entries_by_kind() -> None:
    """What gave comes first. A memo moves nothing."""
    entry = Entry(
        entry_id="e",
        account_id=ADA,
        kind=EntryKind.GRANT,
        counter=CounterAccount.SALES,
        lot_id=LOT.lot_id,
        credits=1000,
        cause="stripe:evt_1",
        correlation_id="stripe:evt_1",
        occurred_at=at(0),
        recorded_at=at(1),
        step=7,
    )
    entries = [
        replace(entry, kind=EntryKind.DRAW, credits=-60),
        replace(entry, kind=EntryKind.CLAWBACK, credits=-3),
        replace(entry, kind=EntryKind.FREEZE, credits=0),
        replace(entry, kind=EntryKind.DRAW, credits=-40),
        entry,
    ]
    own = account(replace(Lot(lot_id="x", granted=1000), drawn=100, refunded=3, refund_target=3))
    assert balance_in_words(own, entries, []) == ["acct_ada has 897 credits: 1,000 granted − 100 drawn − 3 taken back."]


def test_a_suspension_says_by_what_and_since_when() -> None:
    """Each of its holds has a sentence."""
    suspended = account(holds={"dispute:dp_1": Hold(at(5), PI), "support:x": Hold(at(65), None)}, flags={"f": at(9)})
    assert balance_of_lots_in_words(suspended, []) == [
        "acct_ada has 0 credits: no lot has any left.",
        "It is suspended by dispute:dp_1 since 1 Nov 2026, 12:05 UTC.",
        "It is suspended by support:x since 1 Nov 2026, 13:05 UTC.",
    ]


@pytest.mark.parametrize(
    ("missing", "why"),
    [
        (
            MissingConsent.REQUEST,
            "the customer of order ord_1 has not asked us to begin before the right of withdrawal ends."
            " The customer's consent unlocks them, or at the end of that right: 1 Nov 2026, 13:30 UTC.",
        ),
        (
            MissingConsent.CONFIRMATION,
            "our mail that confirms the consent of order ord_1 was not accepted for delivery yet."
            " That mail unlocks them, or at the end of that right: 1 Nov 2026, 13:30 UTC.",
        ),
        (
            None,
            "a withdrawal from the contract of order ord_1 waits for a decision."
            " That decision unlocks them, or takes them.",
        ),
    ],
)
def test_a_lock_says_how_many_credits_it_keeps_why_and_what_ends_it(missing: MissingConsent | None, why: str) -> None:
    """One that a withdrawal keeps has no end of its own."""
    lock = LockedOrder(order_id=OrderId("ord_1"), credits=900, until=at(90) if missing else None, missing=missing)
    has, *rest = balance_of_lots_in_words(account(Lot(lot_id="order/ord_1/0", granted=1000)), [lock])
    assert has.startswith("acct_ada has 1,000 credits: 1,000 granted, of the lot")
    assert rest == [f"900 of them are locked: {why}"]


@pytest.mark.parametrize(("credits_", "words"), [(1, "1 of them is locked: "), (2, "2 of them are locked: ")])
def test_one_credit_is_in_the_singular(credits_: int, words: str) -> None:
    """And two are not."""
    lock = LockedOrder(order_id=OrderId("ord_1"), credits=credits_, until=None, missing=None)
    _, line = balance_of_lots_in_words(account(Lot(lot_id="order/ord_1/0", granted=1000)), [lock])
    assert line.startswith(words)
