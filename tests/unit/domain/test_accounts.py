"""An account: by what its plan runs, what can be spent, and what a draw takes from which lots."""

from dataclasses import replace

import pytest

from ledger.domain.accounts import Account
from ledger.domain.errors import AccountSuspended, InsufficientCredits
from ledger.domain.holds import Hold
from ledger.domain.lots import Lot
from ledger.domain.subscriptions import RUNNING, Subscription, SubscriptionStatus
from tools.testing.builders import ADA, at

PLAN = Subscription(
    subscription_id="stripe:sub_2",
    status=SubscriptionStatus.ACTIVE,
    at=at(0),
    cause="stripe:evt_1",
    product_id="creator_monthly",
)
FIRST = Lot(lot_id="a/0", granted=100, expires_at=at(1000))
SECOND = Lot(lot_id="b/0", granted=50)
OWING = Lot(lot_id="c/0", granted=30, drawn=30, refund_target=30)
HELD = Hold(since=at(0), payment_id=None)


def account(*lots: Lot, **changes: object) -> Account:
    """An account with these lots."""
    return replace(Account(account_id=ADA, lots={lot.lot_id: lot for lot in lots}), **changes)  # type: ignore[arg-type]


def subscribed(*subscriptions: Subscription) -> Account:
    """An account with these subscriptions."""
    return Account(account_id=ADA, subscriptions={one.subscription_id: one for one in subscriptions})


@pytest.mark.parametrize("status", SubscriptionStatus)
def test_a_plan_runs_by_a_subscription_to_it_that_is_charged(status: SubscriptionStatus) -> None:
    """Active, in its trial or past due; to this plan, whatever else the account has."""
    one = replace(PLAN, status=status)
    other = replace(PLAN, subscription_id="stripe:sub_1", product_id="studio_monthly")
    assert subscribed(other, one).running_subscription("creator_monthly") == (one if status in RUNNING else None)
    assert subscribed(other).running_subscription("creator_monthly") is None
    assert subscribed().running_subscription("creator_monthly") is None


def test_of_several_subscriptions_to_a_plan_the_first_by_its_id_is_named() -> None:
    """The same one each time, in whatever order they are stored."""
    third = replace(PLAN, subscription_id="stripe:sub_3")
    ended = replace(PLAN, subscription_id="stripe:sub_1", status=SubscriptionStatus.ENDED)
    assert subscribed(third, ended, PLAN).running_subscription("creator_monthly") == PLAN


@pytest.mark.parametrize("credits_", [0, -1])
def test_a_draw_of_nothing_is_a_fault_of_ours(credits_: int) -> None:
    """The error says what was asked."""
    with pytest.raises(ValueError, match=rf"at least 1 credit, not {credits_}$"):
        account(FIRST).draw(credits_, at(0))


def test_a_draw_takes_from_the_lots_in_their_order_and_names_only_those_that_change() -> None:
    """What expires first is drawn first."""
    both = account(SECOND, FIRST)
    assert both.draw(1, at(0)) == (FIRST.draw(1),)
    assert both.draw(100, at(0)) == (FIRST.draw(100),)
    assert both.draw(101, at(0)) == (FIRST.draw(100), SECOND.draw(1))
    assert both.draw(150, at(0)) == (FIRST.draw(100), SECOND.draw(50))


def test_a_draw_of_more_than_there_is_takes_nothing_and_says_what_there_is() -> None:
    """An expired lot is no credit any more."""
    both = account(SECOND, FIRST)
    with pytest.raises(InsufficientCredits) as raised:
        both.draw(151, at(0))
    assert (raised.value.needed, raised.value.spendable) == (151, 150)
    with pytest.raises(InsufficientCredits) as raised:
        both.draw(51, at(1000))
    assert raised.value.spendable == 50


def test_a_debt_is_withheld_unless_a_setting_spares_it() -> None:
    """From what can be spent, and so from draws; never below nothing."""
    owing = account(SECOND, OWING)
    assert (owing.shortfall, owing.balance) == (30, 50)
    assert owing.spendable(at(0)) == 20
    assert owing.spendable(at(0), is_debt_withheld=False) == 50
    assert account(OWING).spendable(at(0)) == 0
    with pytest.raises(InsufficientCredits):
        owing.draw(21, at(0))
    assert owing.draw(50, at(0), is_debt_withheld=False) == (SECOND.draw(50),)


def test_a_hold_stops_every_draw_and_is_named() -> None:
    """All of them, in order."""
    held = account(FIRST, holds={"fraud:x": HELD, "dispute:y": HELD})
    assert (held.status, held.spendable(at(0))) == ("suspended", 0)
    assert account(FIRST).status == "active"
    with pytest.raises(AccountSuspended) as raised:
        held.draw(1, at(0))
    assert raised.value.holds == ("dispute:y", "fraud:x")
