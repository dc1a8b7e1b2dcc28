"""Lots: what is spendable, what a target takes and leaves owed, and which movements an entry will be written of."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.entries import CounterAccount, EntryKind
from ledger.domain.lots import Lot, Movement, movements
from tools.testing.builders import at

END = at(60)
LOT = Lot(lot_id="lot", granted=1000)
FRESH = replace(LOT, expires_at=END)
MOMENT = timedelta.resolution

whole = st.integers(0, 1200)
lots = st.builds(
    lambda drawn, refund, dispute, reserve, expired: replace(
        LOT, drawn=drawn, refund_target=refund, dispute_target=dispute, reserve_target=reserve, expired=expired
    ).rebalance(),
    st.integers(0, 1000),
    st.integers(0, 1000),
    st.integers(0, 1000),
    st.integers(0, 1000),
    st.integers(0, 1000),
)


def test_a_lot_starts_with_all_of_its_grant_and_nothing_else() -> None:
    """Untouched, sold, spendable for ever."""
    assert (LOT.remaining, LOT.owed, LOT.spendable(at(0)), LOT.source) == (1000, 0, 1000, CounterAccount.SALES)
    assert LOT.rebalance() == LOT
    assert not LOT.is_frozen


def test_what_remains_is_the_grant_without_all_that_left_it() -> None:
    """Each way out counts once."""
    lot = replace(LOT, drawn=1, refunded=20, disputed=300, expired=400)
    assert lot.remaining == 279


def test_a_lot_lapses_at_its_end_not_a_moment_before() -> None:
    """And one without an end never."""
    assert (FRESH.spendable(END - MOMENT), FRESH.spendable(END)) == (1000, 0)
    assert (FRESH.has_expired(END - MOMENT), FRESH.has_expired(END), LOT.has_expired(END)) == (False, True, False)


def test_the_credits_of_a_lot_are_locked_until_an_instant() -> None:
    """Until then nothing of them is spendable, though it would be usable; one without a lock never waits."""
    locked = replace(LOT, locked_until=END)
    assert [locked.is_locked(now) for now in (END - MOMENT, END, END + MOMENT)] == [True, False, False]
    assert [locked.spendable(now) for now in (END - MOMENT, END)] == [0, 1000]
    assert locked.usable(END - MOMENT) == 1000
    assert not LOT.is_locked(END)
    assert replace(LOT, is_withdrawn=True).is_locked(END), "a withdrawal from its contract waits, without an end"


def test_a_lot_is_in_grace_from_the_end_of_its_period_on() -> None:
    """From that instant; one without grace never."""
    plan = replace(FRESH, grace_from=END)
    assert [plan.is_in_grace(now) for now in (END - MOMENT, END, END + MOMENT)] == [False, True, True]
    assert not FRESH.is_in_grace(END + MOMENT)


@pytest.mark.parametrize(
    ("before", "after", "expired"),
    [
        (END, END + MOMENT, 0),
        (END, None, 0),
        (END, END, 400),
        (END, END - MOMENT, 400),
        (None, END, 400),
        (None, None, 400),
    ],
)
def test_a_later_end_gives_back_what_had_expired(before: datetime | None, after: datetime | None, expired: int) -> None:
    """It can expire again at its new end. An earlier or equal end gives nothing back."""
    lot = replace(LOT, expires_at=before, expired=400)
    assert lot.rescheduled(after) == replace(lot, expires_at=after, expired=expired)


def test_a_lot_that_is_as_its_targets_demand_is_the_very_same() -> None:
    """An account may have thousands, and nothing of them is written."""
    lot = replace(FRESH, drawn=100, refund_target=1, dispute_target=20, expired=300, reserve_target=50).rebalance()
    assert (lot.refunded, lot.disputed, lot.expired, lot.reserved) == (1, 20, 300, 50)
    assert lot.rebalance() is lot
    assert lot.rescheduled(lot.expires_at) is lot


def test_the_item_that_a_lot_was_read_from_is_no_part_of_its_state() -> None:
    """Two reads of one state are equal."""
    assert replace(LOT, digest="d1") == replace(LOT, digest="d2") == LOT


def test_a_lot_is_followed_by_that_of_a_later_period_of_its_subscription() -> None:
    """Not by itself, an earlier one, another subscription's, or one that was bought without a subscription."""
    plan, pack = replace(FRESH, subscription_id="stripe:sub_1"), replace(FRESH, lot_id="pack")
    later = END + MOMENT
    assert plan.is_followed_by(replace(plan, expires_at=later))
    for other in (
        plan,
        replace(plan, expires_at=END - MOMENT),
        replace(plan, expires_at=None),
        replace(plan, expires_at=later, subscription_id="stripe:sub_2"),
        replace(pack, expires_at=later),
    ):
        assert not plan.is_followed_by(other)
    assert not pack.is_followed_by(replace(pack, expires_at=later))
    assert not replace(plan, expires_at=None).is_followed_by(plan)


def test_what_is_frozen_or_reserved_cant_be_spent() -> None:
    """It still remains."""
    assert replace(LOT, is_frozen=True).spendable(END) == 0
    lot = replace(LOT, reserve_target=300).rebalance()
    assert (lot.spendable(END), lot.remaining, lot.reserved) == (700, 1000, 300)


@pytest.mark.parametrize(
    ("changed", "is_closed"),
    [
        ({"drawn": 1000}, True),
        ({"drawn": 999}, False),
        ({"drawn": 1000, "refund_target": 1}, False),
        ({"drawn": 1000, "is_frozen": True}, False),
        ({"drawn": 1000, "expires_at": END + MOMENT}, False),  # it refuses a second grant for its period
        ({"drawn": 1000, "expires_at": END}, True),
        ({"drawn": 900, "expires_at": END}, False),  # its expiry is still to be written down
        # a subscription's lot locks those of later periods; a pack's locks nothing but itself
        ({"drawn": 1000, "locked_until": END + MOMENT, "subscription_id": "stripe:sub_1"}, False),
        ({"drawn": 1000, "locked_until": END, "subscription_id": "stripe:sub_1"}, True),
        ({"drawn": 1000, "subscription_id": "stripe:sub_1"}, True),
        ({"drawn": 1000, "locked_until": END + MOMENT}, True),
    ],
)
def test_a_lot_is_closed_once_nothing_remains_and_nothing_can_come(changed: dict[str, object], is_closed: bool) -> None:
    """Until then the account carries it."""
    assert replace(LOT, **changed).is_closed(END) is is_closed  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changed", "refunded", "disputed", "expired", "reserved", "owed"),
    [
        ({"refund_target": 400}, 400, 0, 0, 0, 0),
        ({"refund_target": 400, "drawn": 700}, 300, 0, 0, 0, 100),
        ({"dispute_target": 400, "drawn": 700}, 0, 300, 0, 0, 100),
        ({"refund_target": 400, "dispute_target": 500, "drawn": 300}, 400, 300, 0, 0, 200),
        ({"refund_target": 400, "expired": 1000}, 400, 0, 600, 0, 0),
        ({"dispute_target": 300, "expired": 1000, "drawn": 100}, 0, 300, 600, 0, 0),
        ({"refund_target": 100, "dispute_target": 200, "expired": 300, "reserve_target": 1000}, 100, 200, 300, 400, 0),
        ({"reserve_target": 400, "drawn": 700}, 0, 0, 0, 300, 0),
    ],
)
def test_a_target_takes_what_was_not_drawn_refunds_first(
    changed: dict[str, int], refunded: int, disputed: int, expired: int, reserved: int, owed: int
) -> None:
    """What was drawn already stays owed; what lapsed gives way; what is only reserved comes last."""
    lot = replace(LOT, **changed).rebalance()  # type: ignore[arg-type]
    assert (lot.refunded, lot.disputed, lot.expired, lot.reserved) == (refunded, disputed, expired, reserved)
    assert lot.owed == owed


def test_used_credits_are_not_owed_for_a_refund_that_the_law_demanded() -> None:
    """Those of a lost dispute still are."""
    lot = replace(LOT, drawn=900, refund_target=500, dispute_target=300, owes_no_refund=True).rebalance()
    assert (lot.refunded, lot.disputed, lot.owed) == (100, 0, 300)
    assert replace(lot, owes_no_refund=False).owed == 700
    assert not LOT.owes_no_refund


@pytest.mark.parametrize(
    ("lot_id", "order_id"),
    [
        ("order/ord_1/0", "ord_1"),
        ("order/a/b/0", "a/b"),
        ("stripe:pi_1/0", None),
        ("orders/ord_1/0", None),
        ("goodwill/order/1", None),
    ],
)
def test_the_lot_of_an_order_names_it(lot_id: str, order_id: str | None) -> None:
    """Its id begins with the fulfilment key of its payment."""
    assert Lot(lot_id=lot_id, granted=1).order_id == order_id


def test_what_is_drawn_settles_a_debt_once_it_comes_back() -> None:
    """A failed run's credits pay what is owed first."""
    lot = replace(LOT, refund_target=1000).draw(600).draw(200)
    assert (lot.refunded, lot.owed) == (200, 800)
    assert (lot.draw(-300).refunded, lot.draw(-300).owed, lot.draw(-300).drawn) == (500, 500, 500)


def test_what_lapses_is_what_remains() -> None:
    """Drawn before, or lapsed before: it lapses once."""
    lot = replace(FRESH, drawn=300).expire()
    assert (lot.expired, lot.remaining) == (700, 0)
    assert lot.expire() == lot
    assert lot.draw(-100).expire().expired == 800


def test_what_lapsed_is_no_longer_kept_for_a_refund() -> None:
    """A reservation never outlives its credits."""
    lot = replace(FRESH, reserve_target=300).rebalance()
    assert (lot.reserved, lot.expire().reserved, lot.expire().spendable(at(0))) == (300, 0, 0)


@pytest.mark.parametrize(
    ("before", "after", "moved"),
    [
        (LOT, LOT, []),
        (None, LOT, [(EntryKind.GRANT, CounterAccount.SALES, 1000)]),
        (None, replace(LOT, source=CounterAccount.GOODWILL), [(EntryKind.GRANT, CounterAccount.GOODWILL, 1000)]),
        (
            None,
            replace(LOT, source=CounterAccount.GOODWILL, drawn=10),
            [(EntryKind.GRANT, CounterAccount.GOODWILL, 1000), (EntryKind.DRAW, CounterAccount.USAGE, -10)],
        ),
        (LOT, replace(LOT, granted=1200), [(EntryKind.ADJUST, CounterAccount.SALES, 200)]),
        (
            replace(LOT, source=CounterAccount.GOODWILL),
            replace(LOT, granted=900, source=CounterAccount.GOODWILL),
            [(EntryKind.ADJUST, CounterAccount.GOODWILL, -100)],
        ),
        (LOT, replace(LOT, drawn=1), [(EntryKind.DRAW, CounterAccount.USAGE, -1)]),
        (replace(LOT, drawn=10), replace(LOT, drawn=35), [(EntryKind.DRAW, CounterAccount.USAGE, -25)]),
        (replace(LOT, drawn=35), replace(LOT, drawn=10), [(EntryKind.RETURN, CounterAccount.USAGE, 25)]),
        (replace(LOT, refunded=10), replace(LOT, refunded=35), [(EntryKind.CLAWBACK, CounterAccount.REFUNDS, -25)]),
        (replace(LOT, refunded=35), replace(LOT, refunded=10), [(EntryKind.RESTORE, CounterAccount.REFUNDS, 25)]),
        (replace(LOT, disputed=10), replace(LOT, disputed=35), [(EntryKind.CLAWBACK, CounterAccount.DISPUTES, -25)]),
        (replace(LOT, disputed=35), replace(LOT, disputed=10), [(EntryKind.RESTORE, CounterAccount.DISPUTES, 25)]),
        (replace(LOT, expired=10), replace(LOT, expired=35), [(EntryKind.EXPIRE, CounterAccount.EXPIRY, -25)]),
        (replace(LOT, expired=35), replace(LOT, expired=10), [(EntryKind.EXPIRE, CounterAccount.EXPIRY, 25)]),
        (LOT, replace(LOT, is_frozen=True), [(EntryKind.FREEZE, CounterAccount.DISPUTES, 0)]),
        (replace(LOT, is_frozen=True), LOT, [(EntryKind.THAW, CounterAccount.DISPUTES, 0)]),
        (replace(LOT, reserved=10), replace(LOT, reserved=35), [(EntryKind.RESERVE, CounterAccount.REFUNDS, 0)]),
        (replace(LOT, reserved=35), replace(LOT, reserved=10), [(EntryKind.RELEASE, CounterAccount.REFUNDS, 0)]),
        (FRESH, replace(FRESH, expires_at=END + MOMENT), [(EntryKind.RESCHEDULE, CounterAccount.EXPIRY, 0)]),
    ],
)
def test_each_difference_between_two_states_is_one_movement(
    before: Lot | None, after: Lot, moved: list[tuple[EntryKind, CounterAccount, int]]
) -> None:
    """Credits into the lot are positive, out of it negative; a memo moves none."""
    assert list(movements(before, after)) == [Movement(*movement) for movement in moved]


def test_movements_come_in_the_order_of_the_lots_equation() -> None:
    """What was used, refunded, disputed, and then what lapsed."""
    after = replace(LOT, granted=1001, drawn=2, refunded=3, disputed=4, expired=5)
    assert [movement.credits for movement in movements(LOT, after)] == [1, -2, -3, -4, -5]


@given(lots, lots)
def test_the_movements_add_up_to_what_remains(before: Lot, after: Lot) -> None:
    """Between any two states, and from nothing."""
    assert before.remaining + sum(movement.credits for movement in movements(before, after)) == after.remaining
    assert sum(movement.credits for movement in movements(None, after)) == after.remaining


@given(lots)
def test_a_lot_is_never_taken_below_nothing_and_what_is_taken_or_owed_is_its_targets(lot: Lot) -> None:
    """Whatever is wanted of it."""
    assert min(lot.remaining, lot.spendable(END), lot.owed, lot.refunded, lot.disputed, lot.reserved) >= 0
    assert lot.refunded + lot.disputed + lot.owed == lot.refund_target + lot.dispute_target
    assert lot == lot.rebalance()


def test_lots_are_drawn_by_expiry_then_by_name_and_packs_last() -> None:
    """The name decides only between lots that expire at the same instant, or never."""
    first, second = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
    ends = {"a": second, "b": first, "c": first, "0": None, "1": None}
    lots = [Lot(lot_id=lot_id, granted=1, expires_at=expires_at) for lot_id, expires_at in reversed(ends.items())]
    assert [lot.lot_id for lot in sorted(lots, key=lambda lot: lot.draw_order)] == ["b", "c", "a", "0", "1"]
