"""Reminders of plans and new prices: each mail once, from a list that is read up to today."""

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from ledger.domain import catalogue
from ledger.domain.catalogue import Catalogue
from ledger.domain.contacts import Contact
from ledger.domain.events import Event, Owner
from ledger.domain.mails import MailKind
from ledger.domain.orders import Order
from ledger.domain.subscriptions import Subscription, SubscriptionStatus
from ledger.policy import reminders
from ledger.policy.reminders import RunningPlan
from ledger.ports.commit import Commit, DocumentChange
from ledger.ports.documents import WatchedPlan, contact_key, open_checkout_key
from ledger.usecases.remind import look_at, price_change
from ledger.usecases.send_mails import MailResult, send_mail
from ledger.usecases.sweep import Pace
from tests.contract.test_orders_terms import ADA, Shop
from tests.unit.usecases.test_sending_mails import Postbox, desk
from tools.testing.builders import record_events
from tools.testing.fakes import FakeStore
from tools.testing.unguarded import remind_customers

ORDERED = datetime(2026, 11, 10, 9, tzinfo=UTC)
DAY = timedelta(days=1)
DOCUMENT: dict[str, Any] = json.loads(catalogue.DEFAULT_FILE.read_text("utf-8"))
PLAN = "creator_monthly"


def sold(
    new_price: int | None = None, since: str = "2027-01-05T00:00:00Z", new: dict[str, Any] | None = None, **terms: Any
) -> Catalogue:
    """The catalogue; with a price of the plan, and other `new` terms, that count from a day on."""
    document = copy.deepcopy(DOCUMENT)
    row = next(row for row in document["products"] if row["product_id"] == PLAN)
    first = {name: row.pop(name) for name in ("credits", "prices", "price_ids", "proration_grants")} | terms
    later = {**first, "from": since, "prices": {"USD": new_price, "EUR": 1400}, **(new or {})}
    row["terms"] = [first, *([later] if new_price else [])]
    return catalogue.parse(document)


@dataclass
class Customer:
    """A customer with a plan, the days that pass, and the mails of them."""

    store: FakeStore = field(default_factory=FakeStore)
    postbox: Postbox = field(default_factory=Postbox)
    catalogue: Catalogue = field(default_factory=sold)

    def orders(self, key: str = "key_1", at: datetime = ORDERED) -> Order:
        """Order the plan."""
        return Shop(self.store, "stripe", PLAN).order(key=key, now=at)

    def runs(self, until: datetime, status: SubscriptionStatus = SubscriptionStatus.ACTIVE, **more: Any) -> None:
        """Report the subscription: its period ends then."""
        at = more.pop("at", ORDERED)
        cause = f"stripe:evt_{at:%Y%m%d%H}_{status}_{until:%Y%m%d}"
        state = Subscription(
            subscription_id="stripe:sub_1", status=status, at=at, cause=cause, product_id=PLAN, period_end=until, **more
        )
        event = Event(
            provider="stripe",
            event_id=cause.removeprefix("stripe:"),
            event_type="customer.subscription.updated",
            at=at,
            owner=Owner(account_id=ADA),
            subscription=state,
        )
        record_events(self.store, event, now=at)

    def looks(self, now: datetime) -> list[tuple[str, ...]]:
        """Run the job. Return what it listed."""
        done = remind_customers(self.store, self.catalogue, reminders.load(), now=now, pace=Pace())
        done.raise_failure()
        return [kinds for kinds in done.results if kinds]

    def mailed(self, now: datetime) -> list[str]:
        """Run the job, and send what it lists. Return the subjects."""
        self.looks(now)
        before = len(self.postbox.messages)
        for intent in list(self.store.mail_intents()):
            written = replace(desk(self.store), catalogue=self.catalogue, clock=lambda: now)
            send_mail(intent.mail_id, written, self.postbox, clock=lambda: now)
        return [message.subject for message in self.postbox.messages[before:]]

    @property
    def text(self) -> str:
        """The text of the latest mail, in one line."""
        return " ".join(self.postbox.messages[-1].text.split())


@pytest.fixture
def ada() -> Customer:
    """A customer with an address who has ordered the plan."""
    customer = Customer()
    customer.orders()
    contact = Contact(account_id=ADA, email="ada@example.com", language="en", noted_at=ORDERED)
    customer.store.commit(Commit(documents=(DocumentChange(contact_key(ADA), contact),)))
    return customer


def over_days(ada: Customer, first: datetime, days: int, renew: Callable[[datetime], None] | None = None) -> list[str]:
    """Run the job twice a day for so many days. Return day and subject of each mail."""
    found = []
    for number in range(days):
        now = first + number * DAY
        if renew:
            renew(now)
        for hour in (1, 13):
            found += [f"{now:%Y-%m-%d} {subject}" for subject in ada.mailed(now.replace(hour=hour))]
    return found


def test_a_trial_is_reminded_once_with_amount_date_and_the_way_out(ada: Customer) -> None:
    """Five days before the first charge."""
    ends = ORDERED + 14 * DAY
    ada.runs(ends, SubscriptionStatus.TRIALING)
    mails = over_days(ada, ORDERED, 16)
    assert mails == ["2026-11-19 Your trial of Creator Monthly ends soon"]
    for part in (
        "ends on 24 November 2026",
        "Amount before tax: 15.00 USD",
        "Charged on: 24 November 2026",
        "Last day to cancel before that: 23 November 2026",
        "/cancellation?language=en&contract=ord_",
    ):
        assert part in ada.text, ada.text


def test_a_monthly_plan_is_reminded_every_six_months(ada: Customer) -> None:
    """A look is due once a week, and where a period ends: not once an hour."""
    state = {"until": ORDERED}
    dues = set[datetime]()

    def renew(now: datetime) -> None:
        dues.update(one.due_at for one in ada.store.watched_plans(ORDERED + 500 * DAY))
        while state["until"] <= now:
            state["until"] += 30 * DAY
            ada.runs(state["until"], at=now)

    mails = over_days(ada, ORDERED, 400, renew)
    assert mails == [
        "2027-05-10 Your plan Creator Monthly is still running",
        "2027-11-10 Your plan Creator Monthly is still running",
    ]
    assert max(later - earlier for earlier, later in pairwise(sorted(dues))) == 7 * DAY
    assert len(dues) <= 400 / 7 + 400 / 30 + 2


def test_a_plan_that_was_cancelled_or_never_began_is_not_reminded_and_is_watched_no_longer(ada: Customer) -> None:
    """One whose renewals may be resumed is watched until it has ended."""
    assert over_days(ada, ORDERED, 17) == []
    assert len([*ada.store.watched_plans(ORDERED + 500 * DAY)]) == 1
    assert over_days(ada, ORDERED + 17 * DAY, 2) == []
    assert [*ada.store.watched_plans(ORDERED + 500 * DAY)] == []
    ends = ORDERED + 60 * DAY
    ada.orders("key_2", ORDERED + 20 * DAY)
    ada.runs(ends, at=ORDERED + 20 * DAY, cancel_at=ends)
    assert over_days(ada, ORDERED + 21 * DAY, 30) == []
    assert len([*ada.store.watched_plans(ends)]) == 1
    ada.runs(ends, SubscriptionStatus.ENDED, at=ends)
    over_days(ada, ends, 2)
    assert [*ada.store.watched_plans(ends + 500 * DAY)] == []


def test_a_yearly_plan_is_reminded_a_month_before_its_renewal(ada: Customer) -> None:
    """How long its period is the catalogue says."""
    document = copy.deepcopy(DOCUMENT)
    next(row for row in document["products"] if row["product_id"] == PLAN)["period_months"] = 12
    ada.catalogue = catalogue.parse(document)
    ada.runs(datetime(2027, 11, 6, 9, tzinfo=UTC))
    assert over_days(ada, ORDERED, 365) == ["2027-10-07 Creator Monthly renews soon"]


def test_a_new_price_is_announced_once_between_thirty_and_fourteen_days_before_its_first_charge(ada: Customer) -> None:
    """With both prices and the day."""
    ada.catalogue = sold(1900)
    ada.runs(datetime(2027, 1, 10, 9, tzinfo=UTC))
    mails = over_days(ada, ORDERED + DAY, 60)
    assert mails == ["2026-12-11 A new price for Creator Monthly"]
    for part in (
        "for the first time on 10 January 2027",
        "Price so far, before tax: 15.00 USD",
        "New price, before tax: 19.00 USD",
        "Last day to cancel before that: 9 January 2027",
    ):
        assert part in ada.text, ada.text


def test_a_new_price_that_comes_too_late_is_announced_for_the_charge_after_the_next_one(ada: Customer) -> None:
    """And reported: the provider must charge the old price once more. Not again, the nearer the charge comes."""
    ada.runs(datetime(2027, 1, 10, 9, tzinfo=UTC))
    assert over_days(ada, ORDERED + DAY, 47) == []
    ada.catalogue = sold(1900)
    listed = [kinds for day in range(48, 58) for kinds in ada.looks(ORDERED + day * DAY)]
    assert listed == [("price_change", "late_price_change")]
    assert ada.mailed(ORDERED + 58 * DAY) == ["A new price for Creator Monthly"]
    assert "for the first time on 10 February 2027" in ada.text


@pytest.mark.parametrize(
    ("months", "charge_at", "first"),
    [
        (1, datetime(2027, 1, 10, 9, tzinfo=UTC), date(2027, 2, 10)),
        (1, datetime(2027, 1, 31, 9, tzinfo=UTC), date(2027, 2, 28)),
        (3, datetime(2027, 1, 10, 9, tzinfo=UTC), date(2027, 4, 10)),
        (12, datetime(2027, 1, 10, 9, tzinfo=UTC), date(2028, 1, 10)),
    ],
)
def test_the_charge_after_the_next_one_is_a_whole_period_later(months: int, charge_at: datetime, first: date) -> None:
    """A customer who pays once a year is not told of a charge next month."""
    order = Customer().orders()
    plan = RunningPlan(country="DE", ordered_at=ORDERED, charge_at=charge_at, period_months=months, is_trial=False)
    change = price_change(
        order, plan, sold(1900, f"{charge_at:%Y-%m-%d}T00:00:00Z"), reminders.load(), charge_at - 8 * DAY
    )
    assert change
    assert (change.first_charge, change.is_late) == (first, True)


@pytest.mark.parametrize("status", [SubscriptionStatus.TRIALING, SubscriptionStatus.ACTIVE])
def test_a_reminder_states_the_terms_of_the_charge_not_those_of_its_own_day(
    ada: Customer, status: SubscriptionStatus
) -> None:
    """They change between the mail and the charge."""
    is_trial = status is SubscriptionStatus.TRIALING
    charged = datetime(2027, 1, 7, 9, tzinfo=UTC) if is_trial else datetime(2027, 5, 30, 9, tzinfo=UTC)
    ada.catalogue = sold(1900, f"{charged - 2 * DAY:%Y-%m-%d}T00:00:00Z", {"credits": 700})
    ada.runs(charged, status)
    subject = "Your trial of Creator Monthly ends soon" if is_trial else "Your plan Creator Monthly is still running"
    assert subject in ada.mailed(charged - (3 if is_trial else 20) * DAY)
    (message,) = (one for one in ada.postbox.messages if one.subject == subject)
    text = " ".join(message.text.split())
    assert "Amount before tax: 19.00 USD" in text
    assert "Credits: 700 for each billing period" in text


def test_a_customer_who_keeps_the_price_is_reminded_of_the_credits_that_belong_to_it(ada: Customer) -> None:
    """New terms that do not list the price are those of other customers."""
    ends = datetime(2027, 1, 7, 9, tzinfo=UTC)
    new = {"credits": 700, "price_ids": {"stripe": ["price_of_new_customers"]}}
    ada.catalogue = sold(1900, "2026-12-01T00:00:00Z", new)
    ada.runs(ends, SubscriptionStatus.TRIALING)
    assert ada.mailed(ends - 3 * DAY) == ["Your trial of Creator Monthly ends soon"]
    assert "Credits: 1,000 for each billing period" in ada.text
    assert "Amount before tax: 15.00 USD" in ada.text


def test_a_price_that_the_catalogue_lists_no_longer_is_reminded_of_with_what_is_sold(ada: Customer) -> None:
    """The plan goes on at a price of its own; its name and its credits are those of the product."""
    ends = ORDERED + 14 * DAY
    document = copy.deepcopy(DOCUMENT)
    next(row for row in document["products"] if row["product_id"] == PLAN)["price_ids"] = {"stripe": ["price_new"]}
    ada.catalogue = catalogue.parse(document)
    ada.runs(ends, SubscriptionStatus.TRIALING)
    assert ada.mailed(ends - 3 * DAY) == ["Your trial of Creator Monthly ends soon"]
    assert "Credits: 1,000 for each billing period" in ada.text


def test_a_plan_that_is_sold_no_longer_is_reminded_of_with_what_was_agreed(ada: Customer) -> None:
    """Its id stands for its name."""
    ends = ORDERED + 14 * DAY
    document = copy.deepcopy(DOCUMENT)
    document["products"] = [row for row in document["products"] if row["product_id"] != PLAN]
    ada.catalogue = catalogue.parse(document)
    ada.runs(ends, SubscriptionStatus.TRIALING)
    assert ada.mailed(ends - 3 * DAY) == [f"Your trial of {PLAN} ends soon"]
    assert "Credits: 1,000 for each billing period" in ada.text


def test_a_new_price_that_was_listed_in_time_counts_though_its_mail_is_sent_late(ada: Customer) -> None:
    """The mail names the charge that was meant: it is not too late for it once the mail service works again."""
    ada.catalogue = sold(1900)
    ada.runs(datetime(2027, 1, 10, 9, tzinfo=UTC))
    assert ada.looks(datetime(2026, 12, 27, 1, tzinfo=UTC)) == [("price_change",)]
    (intent,) = ada.store.mail_intents()
    now = datetime(2026, 12, 28, 1, tzinfo=UTC)
    written = replace(desk(ada.store), catalogue=ada.catalogue, clock=lambda: now)
    assert send_mail(intent.mail_id, written, ada.postbox, clock=lambda: now) is MailResult.SENT
    assert "for the first time on 10 January 2027" in ada.text


def test_the_price_so_far_of_a_second_change_is_that_of_the_first_one(ada: Customer) -> None:
    """Not the one that the plan was ordered at. A way back to that one is a new price too, with a mail of its own."""
    document = copy.deepcopy(DOCUMENT)
    row = next(row for row in document["products"] if row["product_id"] == PLAN)
    first = {name: row.pop(name) for name in ("credits", "prices", "price_ids", "proration_grants")}
    dearer = {**first, "from": "2027-01-05T00:00:00Z", "prices": {"USD": 1900, "EUR": 1400}}
    row["terms"] = [first, dearer, {**first, "from": "2027-03-05T00:00:00Z"}]
    ada.catalogue = catalogue.parse(document)
    ada.runs(datetime(2027, 1, 10, 9, tzinfo=UTC))
    assert ada.mailed(datetime(2026, 12, 15, 1, tzinfo=UTC)) == ["A new price for Creator Monthly"]
    ada.runs(datetime(2027, 3, 10, 9, tzinfo=UTC), at=datetime(2027, 2, 10, 9, tzinfo=UTC))
    assert ada.mailed(datetime(2027, 2, 15, 1, tzinfo=UTC)) == ["A new price for Creator Monthly"]
    assert "Price so far, before tax: 19.00 USD" in ada.text
    assert "New price, before tax: 15.00 USD" in ada.text


def test_of_two_orders_of_one_plan_the_later_one_is_watched_and_reminded(ada: Customer) -> None:
    """Though it runs at another price: the subscription is found by its plan alone."""
    ends = ORDERED + 14 * DAY
    ada.orders("key_2", ORDERED + 2 * DAY)
    ada.runs(ends, SubscriptionStatus.TRIALING, at=ORDERED + 2 * DAY)
    first, later = sorted(ada.store.watched_plans(ends), key=lambda plan: plan.due_at)
    assert look_at(first, ada.store, ada.catalogue, reminders.load(), now=ends - 4 * DAY) == ()
    assert [*ada.store.mail_intents()] == []
    assert [*ada.store.watched_plans(ends + 500 * DAY)] == [later]
    mails = over_days(ada, ends - 4 * DAY, 4)
    assert mails == ["2026-11-20 Your trial of Creator Monthly ends soon"]
    assert later.order_id in ada.text
    assert [plan.order_id for plan in ada.store.watched_plans(ends + 500 * DAY)] == [later.order_id]


def test_a_plan_without_a_checkout_on_record_is_watched_no_longer(ada: Customer) -> None:
    """Nothing says that it is the latest order."""
    ada.runs(ORDERED + 14 * DAY, SubscriptionStatus.TRIALING)
    ada.store.documents.pop(open_checkout_key(ADA, PLAN))
    ada.looks(ORDERED + 10 * DAY)
    assert [*ada.store.mail_intents()] == []
    assert [*ada.store.watched_plans(ORDERED + 500 * DAY)] == []


def test_an_earlier_order_whose_plan_may_still_begin_is_watched_no_longer(ada: Customer) -> None:
    """The later one is, and what begins is one plan."""
    ada.orders("key_2", ORDERED + DAY)
    ada.looks(ORDERED + 3 * DAY)
    assert len([*ada.store.watched_plans(ORDERED + 500 * DAY)]) == 1


@pytest.mark.parametrize(
    "later",
    [
        sold(),
        sold(1500),
        sold(1900, price_ids={"stripe": ["price_of_new_customers"]}),
        sold(1900, since="2027-02-05T00:00:00Z"),
    ],
    ids=["no new terms", "the same price", "the price of others", "after the next charge"],
)
def test_what_does_not_change_the_customers_next_charge_is_not_announced(ada: Customer, later: Catalogue) -> None:
    """Who bought at a price that the new terms do not list keeps it."""
    ada.catalogue = later
    ada.runs(datetime(2027, 1, 10, 9, tzinfo=UTC))
    assert over_days(ada, ORDERED + DAY, 60) == []


@pytest.mark.parametrize("is_cancelled", [True, False])
def test_a_reminder_that_is_overtaken_is_not_sent(ada: Customer, *, is_cancelled: bool) -> None:
    """The customer has cancelled, or the charge has moved."""
    ends = ORDERED + 8 * DAY
    ada.runs(ends, SubscriptionStatus.TRIALING)
    assert ada.looks(ends - 4 * DAY) == [("renewal_reminder",)]
    until, cancel_at = (ends, ends) if is_cancelled else (ends + 30 * DAY, None)
    ada.runs(until, SubscriptionStatus.TRIALING, cancel_at=cancel_at, at=ends - 3 * DAY)
    written = replace(desk(ada.store), catalogue=ada.catalogue)
    (intent,) = ada.store.mail_intents()
    assert intent.kind is MailKind.RENEWAL_REMINDER
    assert send_mail(intent.mail_id, written, ada.postbox, clock=lambda: ends) is MailResult.OUTDATED


def test_two_rounds_at_once_list_one_mail_and_watch_once(ada: Customer) -> None:
    """What both have read is the same, and so are the keys that they write."""
    ends = ORDERED + 8 * DAY
    ada.runs(ends, SubscriptionStatus.TRIALING)
    now = ends - 4 * DAY
    before = dict(ada.store.documents)
    assert ada.looks(now) == [("renewal_reminder",)]
    (watched,) = [plan for plan in before.values() if isinstance(plan, WatchedPlan)]
    assert look_at(watched, ada.store, ada.catalogue, reminders.load(), now=now + timedelta(seconds=3)) == ()
    assert len(list(ada.store.mail_intents())) == 1
    assert len([*ada.store.watched_plans(now + 500 * DAY)]) == 1


def test_a_look_costs_three_round_trips_at_most(ada: Customer) -> None:
    """And one at which nothing is due two, beside the list itself."""
    ends = ORDERED + 8 * DAY
    ada.runs(ends, SubscriptionStatus.TRIALING)
    costs = []
    for now in (ORDERED + DAY, ends - 4 * DAY):
        ada.store.round_trips = 0
        list(ada.store.watched_plans(now))
        listing, ada.store.round_trips = ada.store.round_trips, 0
        ada.looks(now)
        costs.append(ada.store.round_trips - listing)
    assert costs == [2, 3]
