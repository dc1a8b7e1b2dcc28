"""The grace of a period's credits: they outlive their period until the next one is paid for, so nobody waits for it."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ledger.domain import catalogue
from ledger.domain.accounts import Account
from ledger.domain.errors import InsufficientCredits
from ledger.domain.ids import AccountId
from ledger.domain.lots import Lot
from ledger.providers.registry import PROVIDERS
from ledger.usecases.record_event import record_event
from tools.orders import place_orders_of
from tools.stories import stories
from tools.testing.fakes import FakeStore

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
START = datetime(2026, 9, 1, tzinfo=UTC)
END = START + 30 * DAY
GRACE = 3 * HOUR
PLAN = catalogue.load().products["creator_monthly"]
ENDED = Lot(lot_id="a", granted=1000, expires_at=END + GRACE, grace_from=END, subscription_id="stripe:sub_1")
NEXT = replace(ENDED, lot_id="b", expires_at=END + 30 * DAY + GRACE, grace_from=END + 30 * DAY)
PACK = Lot(lot_id="pack", granted=500)


def account(*lots: Lot) -> Account:
    """An account with these lots."""
    return Account(account_id=AccountId("acct_ada"), lots={lot.lot_id: lot for lot in lots})


@pytest.mark.parametrize(
    ("paid_at", "grace_from"),
    [
        (START, END),
        (END - 7 * DAY, END),
        (END - 7 * DAY + HOUR, END + HOUR),  # what was paid last can be used for a week
        (END - 7 * DAY + GRACE, None),
        (END + DAY, None),
    ],
)
def test_the_grace_begins_when_the_time_that_was_paid_for_is_over(
    paid_at: datetime, grace_from: datetime | None
) -> None:
    """Credits that were paid late have their own time, and no grace after it."""
    assert PLAN.grace_from(paid_at, (START, END)) == grace_from


def test_what_has_no_period_has_no_grace() -> None:
    """Neither packs nor credits that roll over."""
    assert PLAN.grace_from(START, None) is None
    assert replace(PLAN, rolls_over=True).grace_from(START, (START, END)) is None
    assert catalogue.load().products["pack_500"].grace_from(START, (START, END)) is None


def test_in_their_grace_credits_can_be_spent_until_the_next_period_is_paid() -> None:
    """Then those of the ended period lapse, and the new ones are drawn."""
    assert account(ENDED, PACK).spendable(END) == 1500
    both = account(ENDED, NEXT, PACK)
    assert both.spendable(END) == 1500
    assert both.spendable_by_lot(END) == {ENDED.lot_id: 0, NEXT.lot_id: 1000, PACK.lot_id: 500}
    assert [lot.lot_id for lot in both.draw(1, END)] == ["b"]
    with pytest.raises(InsufficientCredits):
        both.draw(1501, END)


def test_a_next_period_that_is_paid_early_takes_nothing_from_the_one_that_runs() -> None:
    """Until its last moment."""
    assert account(ENDED, NEXT).spendable(END - timedelta(microseconds=1)) == 2000


@pytest.mark.parametrize(
    "other",
    [
        replace(NEXT, subscription_id="stripe:sub_2"),
        replace(NEXT, expires_at=ENDED.expires_at),
        replace(NEXT, expires_at=END, grace_from=None),
        replace(NEXT, expires_at=None),
    ],
    ids=["of another subscription", "of the same period", "of an earlier period", "that never expires"],
)
def test_only_a_later_period_of_the_same_subscription_ends_the_grace(other: Lot) -> None:
    """Everything else leaves it."""
    assert account(ENDED, other).spendable_by_lot(END)[ENDED.lot_id] == 1000


def test_without_a_subscription_or_an_end_nothing_follows() -> None:
    """Two lots that name no subscription are not of one."""
    unnamed = replace(ENDED, subscription_id=None)
    assert account(unnamed, replace(NEXT, subscription_id=None)).spendable_by_lot(END)[unnamed.lot_id] == 1000
    endless = replace(ENDED, expires_at=None)
    assert account(endless, NEXT).spendable_by_lot(END)[endless.lot_id] == 1000


def test_a_next_period_whose_credits_are_used_up_ends_the_grace_too() -> None:
    """It was paid for."""
    assert account(ENDED, replace(NEXT, drawn=1000)).spendable(END) == 0


@pytest.mark.parametrize("name", ["stripe_subscription_three_months", "paddle_subscription_three_months"])
def test_at_both_providers_only_the_period_that_runs_can_be_spent(name: str) -> None:
    """Right after its payment."""
    story = next(story for story in stories() if story.name == name)
    provider, store, periods = PROVIDERS[story.notifications[0].provider], FakeStore(), []
    place_orders_of(story.notifications, store)
    for notification in story.notifications:
        event = provider.translate(provider.parse(notification.body), catalogue.load(), is_live=False)
        assert event, json.loads(notification.body)
        record_event(event, store, body=notification.body, body_sha256="0" * 64, now=event.at)
        if event.payment and event.payment.period_ends_at:
            found = store.accounts[AccountId(story.account_id)]
            periods.append(found.spendable(event.payment.at))
    assert len(periods) == 3
    assert set(periods) == {1000}
