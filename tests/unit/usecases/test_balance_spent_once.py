"""Money that moves to the buyer's balance takes its credits along: whoever spends it again has not paid twice."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ledger.domain import catalogue
from ledger.domain.errors import InsufficientCredits
from ledger.domain.events import Event
from ledger.domain.ids import AccountId, OrderId, PaymentId
from ledger.domain.receipts import ParkReason, RecordOutcome
from ledger.providers.stripe import events as stripe
from ledger.usecases.expire_credits import expire_account
from ledger.usecases.usage import draw_credits, fail_run
from tools.fixtures import stripe_shapes as shapes
from tools.testing.builders import event_of, record_events, refund
from tools.testing.fakes import FakeStore, world
from tools.testing.unguarded import release_all
from tools.verify import check

Json = dict[str, Any]

SOLD, ADA = catalogue.load(), AccountId("acct_ada")
START, DAY, MONTH = 1_788_264_000, 86400, 30 * 86400
LATER = datetime.fromtimestamp(START, UTC) + timedelta(days=9)


def invoiced(
    which: str,
    reason: str,
    at: int,
    *lines: Json,
    subscription: str,
    balance: int = 0,
    sold: catalogue.Catalogue = SOLD,
) -> Event:
    """An invoice that is paid from the balance first, then by card."""
    invoice = shapes.invoice(
        f"in_{which}",
        reason,
        at,
        list(lines),
        who="Ada",
        customer="cus_1",
        subscription_id=subscription,
        metadata={"account_id": ADA},
        starting_balance=balance,
    )
    event = stripe.translate(shapes.envelope(f"evt_{which}", "invoice.paid", at, invoice, None), sold, is_live=False)
    assert event is not None
    return event


def line(which: str, subscription: str, amount: int, start: int, **more: Any) -> Json:
    """A line of the plan, whole or a part of its month."""
    period = (start, start + MONTH)
    price = "price_creator_monthly"
    return shapes.invoice_line(f"il_{which}", f"in_{which}", subscription, price, amount, period, item="si_1", **more)


def month(number: int, balance: int = 0, sold: catalogue.Catalogue = SOLD) -> Event:
    """A subscription's first month."""
    sub, at, which = f"sub_{number}", START + number * DAY, f"m{number}"
    charged = line(which, sub, 1500, at)
    return invoiced(which, "subscription_create", at, charged, subscription=sub, balance=balance, sold=sold)


def ordered(first: Event, order_id: str | None) -> Event:
    """The same payment, for an order of ours for each subscription, if any."""
    if order_id is None or first.payment is None:
        return first
    order_id = OrderId(f"{order_id}_{first.payment.subscription_id}")
    payment = replace(
        first.payment, fulfilment_key=f"order/{order_id}", covers=first.payment.fulfilment_key, order_id=order_id
    )
    return replace(first, payment=payment)


def cancelled(number: int) -> Event:
    """It is cancelled within the hour: what is unused moves to the balance."""
    sub, at = f"sub_{number}", START + number * DAY + 3600
    unused = line(f"c{number}", sub, -1450, at, proration=True, credits_lines=(f"in_m{number}", [f"il_m{number}"]))
    return invoiced(f"c{number}", "subscription_update", at, unused, subscription=sub)


def test_nobody_uses_more_than_what_came_in_bought() -> None:
    """15.00 by card, cancelled to the balance, subscribed again: four rounds for 16.50, which buy 1,100 credits."""
    store, used = FakeStore(), 0
    for number in range(4):
        assert record_events(store, month(number, -1450 if number else 0))[0].outcome is RecordOutcome.BOOKED
        account = store.accounts[ADA]
        if wanted := account.spendable(LATER, is_debt_withheld=True):
            draw_credits(ADA, f"run_{number}", wanted, store, now=LATER, is_debt_withheld=True)
            used += wanted
        if number < 3:
            assert record_events(store, cancelled(number))[0].outcome is RecordOutcome.BOOKED
    assert 1000 <= used <= 1100 + 4, "one credit of rounding a lot"
    with pytest.raises(InsufficientCredits):
        draw_credits(ADA, "run_more", 5, store, now=LATER, is_debt_withheld=True)
    assert not [finding for finding in check(world(store)) if finding.broken]


def test_what_moves_to_the_balance_takes_its_credits_in_any_order() -> None:
    """The credit waits for the payment that it is a part of, and takes its credits when that is known."""
    events = [month(0), cancelled(0), month(1, -1450)]
    ends = []
    for order in itertools.permutations(events):
        store = FakeStore()
        record_events(store, *order, *order)
        account = store.accounts[ADA]
        ends.append({lot_id: (lot.granted, lot.remaining, lot.owed) for lot_id, lot in account.lots.items()})
        assert not [finding for finding in check(world(store)) if finding.broken]
    assert all(end == ends[0] for end in ends)
    assert sorted(remaining for _, remaining, _ in ends[0].values()) == [34, 1000]


def unnamed(number: int) -> Event:
    """The same cancellation, which does not name what it credits."""
    sub, at = f"sub_{number}", START + number * DAY + 3600
    unused = line(f"c{number}", sub, -1450, at, proration=True)
    unused["period"]["end"] = START + number * DAY + MONTH
    return invoiced(f"c{number}", "subscription_update", at, unused, subscription=sub)


def test_a_credit_that_names_nothing_takes_the_credits_of_the_period_that_runs() -> None:
    """It is parked until the payment of that period is known, and released with it."""
    early, late = FakeStore(), FakeStore()
    assert record_events(early, unnamed(0))[0].parked_reason is ParkReason.UNKNOWN_ORIGIN
    for store in (early, late):
        record_events(store, month(1))  # another subscription of the same customer
        assert record_events(store, month(0), unnamed(0))[1].outcome is RecordOutcome.BOOKED
        assert store.accounts[ADA].balance == 1000 + 34
        assert not [finding for finding in check(world(store)) if finding.broken]


def test_a_credit_whose_period_is_paid_later_is_released_by_the_hourly_round() -> None:
    """No deployment is needed: the payment is what was missing."""
    store, credit = FakeStore(), unnamed(0)
    assert record_events(store, credit, now=LATER)[0].parked_reason is ParkReason.UNKNOWN_ORIGIN
    for hour in range(20):
        release_all(lambda _: credit, "this deployment", store, now=LATER + timedelta(hours=hour))
    assert [receipt.event_id for receipt in store.parked_receipts()] == [credit.event_id]
    record_events(store, month(0), now=LATER + timedelta(hours=20))
    release_all(lambda _: credit, "this deployment", store, now=LATER + timedelta(hours=20))
    assert list(store.parked_receipts()) == []
    assert store.accounts[ADA].balance == 34


def test_a_credit_of_a_period_is_never_taken_from_the_period_before() -> None:
    """Its credits end before the period that is credited does."""
    store, sub, next_start = FakeStore(), "sub_0", START + MONTH
    unused = line("c", sub, -700, next_start + 15 * DAY, proration=True)
    unused["period"]["end"] = next_start + MONTH
    credit = invoiced("c", "subscription_update", next_start + 15 * DAY, unused, subscription=sub)
    renewal = invoiced(
        "m_next", "subscription_cycle", next_start, line("m_next", sub, 1500, next_start), subscription=sub
    )
    record_events(store, month(0))
    assert record_events(store, credit)[0].parked_reason is ParkReason.UNKNOWN_ORIGIN
    record_events(store, renewal, credit)
    lots = {lot.expires_at: lot.remaining for lot in store.accounts[ADA].lots.values()}
    assert [lots[expiry] for expiry in sorted(lots, key=str)] == [1000, 534]


def next_month(sub: str = "sub_0") -> Event:
    """The second month of a subscription, which begins as the first one ends."""
    start = START + MONTH
    return invoiced("m_next", "subscription_cycle", start, line("m_next", sub, 1500, start), subscription=sub)


def unnamed_half(sub: str = "sub_0") -> Event:
    """The second half of the first month is credited, and nothing names what it was paid with."""
    unused = line("half", sub, -750, START + 15 * DAY, proration=True)
    unused["period"]["end"] = START + MONTH
    return invoiced("half", "subscription_update", START + 15 * DAY, unused, subscription=sub)


@pytest.mark.parametrize("order", [*itertools.permutations(range(3))], ids=str)
@pytest.mark.parametrize("order_id", [None, "ord_1"])
def test_a_credit_is_of_the_period_in_which_it_begins_in_any_order(
    order: tuple[int, ...], order_id: str | None
) -> None:
    """Also if the next period, which begins as the credit ends, was booked before it."""
    store, events = FakeStore(), (ordered(month(0), order_id), next_month(), unnamed_half())
    record_events(store, *[events[number] for number in order], *events)
    lots = {lot.expires_at: lot.remaining for lot in store.accounts[ADA].lots.values()}
    assert [lots[expiry] for expiry in sorted(lots, key=str)] == [500, 1000]
    assert not [finding for finding in check(world(store)) if finding.broken]


@pytest.mark.parametrize("order_id", [None, "ord_1"])
@pytest.mark.parametrize(("number", "left"), [(0, [0, 1000]), (1, [1000, 0])])
def test_a_credit_that_begins_with_its_period_is_of_that_period(
    number: int, left: list[int], order_id: str | None
) -> None:
    """Both begin in the same second: all of the period is given back, and none of the one before."""
    store, start = FakeStore(), START + number * MONTH
    whole = line("whole", "sub_0", -1500, start, proration=True)
    credit = invoiced("whole", "subscription_update", start, whole, subscription="sub_0")
    record_events(store, ordered(month(0), order_id), next_month(), credit, now=LATER)
    lots = {lot.expires_at: lot.remaining for lot in store.accounts[ADA].lots.values()}
    assert [lots[expiry] for expiry in sorted(lots, key=str)] == left


@pytest.mark.parametrize("order_id", [None, "ord_1"])
def test_a_credit_that_arrives_after_its_period_leaves_the_next_one_alone(order_id: str | None) -> None:
    """Its lot is over, and the running one is another period's: what was left of it has expired."""
    store, now = FakeStore(), LATER + timedelta(days=31)
    record_events(store, ordered(month(0), order_id), now=LATER)
    expire_account(ADA, store, now=now)
    record_events(store, next_month(), now=now)
    assert record_events(store, unnamed_half(), now=now)[0].outcome is RecordOutcome.BOOKED
    assert [lot.refund_target for lot in store.closed_lots.values()] == [500]
    assert [(lot.refund_target, lot.remaining) for lot in store.accounts[ADA].lots.values()] == [(0, 1000)]
    assert not [finding for finding in check(world(store)) if finding.broken]


@pytest.mark.parametrize("order_id", [None, "ord_1"])
def test_the_first_period_of_an_order_is_found_by_what_it_covers(order_id: str | None) -> None:
    """Its lots have the order's id, and its account says which period they are for."""
    store = FakeStore()
    first = ordered(month(0), order_id)
    assert [result.outcome for result in record_events(store, first, unnamed(0))] == [RecordOutcome.BOOKED] * 2
    assert store.accounts[ADA].balance == 34


ROLLS_OVER = catalogue.Catalogue(
    SOLD.version, {**SOLD.products, "creator_monthly": replace(SOLD.products["creator_monthly"], rolls_over=True)}
)


@pytest.mark.parametrize("order_id", [None, "ord_1"])
@pytest.mark.parametrize("sold", [SOLD, ROLLS_OVER], ids=["expired", "used up, of a plan that rolls over"])
def test_a_credit_that_names_nothing_finds_a_period_whose_lot_is_over(
    sold: catalogue.Catalogue, order_id: str | None
) -> None:
    """Its credits have expired before the credit is received, or they never expire and were used up."""
    store, now = FakeStore(), LATER
    record_events(store, *(ordered(month(number, sold=sold), order_id) for number in (0, 1)), now=now)
    if sold is ROLLS_OVER:
        draw_credits(ADA, "run_1", 2000, store, now=now)
    else:
        now += timedelta(days=31)
        expire_account(ADA, store, now=now)
    assert not store.accounts[ADA].lots
    before = store.round_trips
    assert record_events(store, unnamed(1), now=now)[0].outcome is RecordOutcome.BOOKED
    assert store.round_trips - before <= 5, "one more for the lot, as for a refund"
    refunded = {lot_id: lot.refund_target for (_, lot_id), lot in store.closed_lots.items()}
    refunded |= {lot_id: lot.refund_target for lot_id, lot in store.accounts[ADA].lots.items()}
    assert sorted(refunded.values()) == [0, 966]
    assert store.accounts[ADA].shortfall == (966 if sold is ROLLS_OVER else 0)
    assert not [finding for finding in check(world(store)) if finding.broken]


def test_a_credit_is_not_of_an_older_period_that_is_still_open() -> None:
    """Of a plan that rolls over a failed run returned the first month's credits. The second month's are used up."""
    store, sub, start = FakeStore(), "sub_0", START + MONTH
    charged = line("m_next", sub, 1500, start)
    second = invoiced("m_next", "subscription_cycle", start, charged, subscription=sub, sold=ROLLS_OVER)
    for number, paid in enumerate((month(0, sold=ROLLS_OVER), second)):
        record_events(store, paid)
        draw_credits(ADA, f"run_{number}", 1000, store, now=LATER)
    fail_run(ADA, "run_0", store, now=LATER)
    assert list(store.accounts[ADA].lots) == ["period/stripe:sub_0/2026-09-01T12:00:00Z/0"]
    unused = line("c", sub, -1450, start + 3600, proration=True)
    unused["period"]["end"] = start + MONTH
    credit = invoiced("c", "subscription_update", start + 3600, unused, subscription=sub)
    assert record_events(store, credit)[0].outcome is RecordOutcome.BOOKED
    owed = {lot_id: lot.owed for lot_id, lot in store.accounts[ADA].lots.items()}
    assert owed == {"period/stripe:sub_0/2026-09-01T12:00:00Z/0": 0, "period/stripe:sub_0/2026-10-01T12:00:00Z/0": 966}


def test_a_credit_of_the_period_that_runs_takes_four_round_trips() -> None:
    """Account, period, payment; the write."""
    store = FakeStore()
    record_events(store, month(0))
    before = store.round_trips
    record_events(store, unnamed(0))
    assert store.round_trips - before == 4


def upgraded(number: int = 0) -> Event:
    """A second seat in the middle of the month: 7.50 are credited, 15.00 charged."""
    sub, at = f"sub_{number}", START + 15 * DAY
    origin = (f"in_m{number}", [f"il_m{number}"])
    lines = (
        line("up", sub, -750, at, proration=True, credits_lines=origin),
        line("up", sub, 1500, at, proration=True, quantity=2) | {"id": "il_up2"},
    )
    return invoiced("up", "subscription_update", at, *lines, subscription=sub)


def test_an_upgrade_takes_half_a_month_and_grants_a_whole_one_in_any_order() -> None:
    """What the card paid for it goes back: the credits of that part go, those that the credit paid for stay."""
    back = replace(
        refund(750),
        created_at=datetime.fromtimestamp(START + 16 * DAY, UTC),
        at=datetime.fromtimestamp(START + 16 * DAY, UTC),
    )
    events = [month(0), upgraded(), event_of(back, names=(PaymentId("stripe:in_up"),))]
    for order in itertools.permutations(events):
        store = FakeStore()
        record_events(store, *order, *order, now=LATER)
        lots = store.accounts[ADA].lots
        assert {lot_id: lot.remaining for lot_id, lot in lots.items()} == {
            "period/stripe:sub_0/2026-09-01T12:00:00Z/0": 500,
            "stripe:in_up/0": 500,
        }
        assert not [finding for finding in check(world(store)) if finding.broken]


def test_an_event_about_payments_of_two_accounts_is_parked() -> None:
    """Nothing of it is booked: one of them is not this customer's."""
    store, ben = FakeStore(), AccountId("acct_ben")
    first = month(0)
    assert first.payment
    record_events(
        store,
        replace(first, owner=replace(first.owner, account_id=ben), payment=replace(first.payment, account_id=ben)),
    )
    assert record_events(store, upgraded())[0].parked_reason is ParkReason.AMBIGUOUS_ACCOUNT
    assert ADA not in store.accounts


def test_a_credit_of_what_nobody_has_paid_pays_for_nothing() -> None:
    """A period that is past due is credited as one that was paid: its upgrade waits until it is."""
    store = FakeStore()
    assert record_events(store, upgraded())[0].parked_reason is ParkReason.UNKNOWN_ORIGIN
    assert ADA not in store.accounts
    assert [one.outcome for one in record_events(store, month(0), upgraded())] == [RecordOutcome.BOOKED] * 2
    assert store.accounts[ADA].balance == 1500


def test_what_the_card_and_the_balance_both_had_back_is_owed() -> None:
    """A month that was refunded whole is credited all the same: 7.50 remain of 22.50, which buy 500 credits."""
    refunded_at = datetime.fromtimestamp(START + DAY, UTC)
    back = replace(refund(1500), created_at=refunded_at, at=refunded_at)
    events = [month(0), event_of(back, names=(PaymentId("stripe:in_m0"),)), upgraded()]
    for order in itertools.permutations(events):
        store = FakeStore()
        record_events(store, *order, *order, now=LATER)
        account = store.accounts[ADA]
        assert (account.balance, account.shortfall) == (1000, 500)
        assert account.spendable(LATER, is_debt_withheld=True) == 500
        assert not [finding for finding in check(world(store)) if finding.broken]
