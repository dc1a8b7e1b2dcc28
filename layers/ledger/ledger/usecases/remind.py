"""Remind customers of plans that renew, and announce new prices.

    a plan is ordered ──► watched from the next day on ──► its day has come: what is due is listed as a mail
                              ▲                                 ├─ it runs: watched again from the next day on which
                              └─────────────────────────────────┘  something can be due, at the latest in a week
                                                                └─ it has ended, or was never paid: watched no longer

The list of watched plans is sorted by day, so a round reads what is due and no more. Each reminder has a key of its
own: it is listed once, whatever runs twice. A price is new if the catalogue's dated terms say so of the price that the
plan was sold at.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

from ledger.domain.accounts import Account
from ledger.domain.catalogue import Catalogue
from ledger.domain.ids import AccountId, OrderId
from ledger.domain.mails import MailKind, mail_id_of
from ledger.domain.orders import OpenCheckout, Order
from ledger.domain.records import record
from ledger.domain.subscriptions import Subscription, SubscriptionStatus
from ledger.policy.reminders import ReminderRules, RunningPlan, add_months
from ledger.ports.commit import Commit, DocumentChange
from ledger.ports.documents import (
    DocumentKey,
    WatchedPlan,
    mail_intent_key,
    mail_record_key,
    open_checkout_key,
    watched_plan_key,
)
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.list_mails import list_mail
from ledger.usecases.sweep import Pace, Round, Watch, sweep
from ledger.usecases.transaction import CONFLICT, Retry, run_transaction

BEGINS_WITHIN = timedelta(days=16)
"""How long after its order a plan may begin. One that has not begun then is watched no longer."""

LATE_PRICE_CHANGE = "late_price_change"
"""A new price that is announced later than the rules want, beside the kinds of the mails that were listed."""


@record(frozen=True, kw_only=True)
class PriceChange:
    """A new price of a plan that runs."""

    since: datetime  # of the catalogue's terms that have it
    first_charge: date  # at the new price
    before_minor: int
    after_minor: int
    is_late: bool  # the next charge is too soon: it must be at the old price


def running_plan(
    order: Order, account: Account | None, catalogue: Catalogue
) -> tuple[RunningPlan, Subscription] | None:
    """Return the plan of an order as it runs, with its subscription. None: it does not run, or renews no more."""
    subscription = account.running_subscription(order.product_id) if account else None
    if subscription is None or subscription.renews_at is None:
        return None
    product = catalogue.product(order.product_id, order.made_at)
    plan = RunningPlan(
        country=order.country,
        ordered_at=order.made_at,
        charge_at=subscription.renews_at,
        period_months=product.period_months if product else 1,
        is_trial=subscription.status is SubscriptionStatus.TRIALING,
    )
    return plan, subscription


def price_at(order: Order, catalogue: Catalogue, at: datetime) -> tuple[int, datetime | None]:
    """Return what an order's plan costs at a time, before tax, in minor units; and since when by the catalogue."""
    price_id = order.terms.price_id if order.terms else None
    product = catalogue.priced(order.provider, price_id, at)
    if product is None or order.currency not in product.prices:
        return order.price_minor, None
    return product.prices[order.currency], product.terms_from


def price_change(
    order: Order, plan: RunningPlan, catalogue: Catalogue, rules: ReminderRules, now: datetime
) -> PriceChange | None:
    """Return the new price that is to be announced. None: there is none, or its time has not come."""
    (before, _), (after, since) = price_at(order, catalogue, now), price_at(order, catalogue, plan.charge_at)
    charged_on = plan.charge_at.astimezone(UTC).date()
    days = (charged_on - now.astimezone(UTC).date()).days
    if before == after or since is None or days > rules.price_change_days or plan.charge_at <= now:
        return None
    is_late = days < rules.price_change_days_at_least
    first = add_months(charged_on, plan.period_months) if is_late else charged_on
    return PriceChange(since=since, first_charge=first, before_minor=before, after_minor=after, is_late=is_late)


def watch_plan(order: Order) -> DocumentChange:
    """Return the change that begins to watch the plan of an order, on the day after it. A repetition is the same."""
    return _watched(order.order_id, order.account_id, order.product_id, _next_day(order.made_at))


def remind_customers(
    store: Store,
    catalogue: Catalogue,
    rules: ReminderRules,
    watch: Watch,
    *,
    now: datetime,
    pace: Pace,
) -> Round[WatchedPlan, tuple[str, ...]]:
    """List what is due of the plans whose day has come. The results name the kinds of the mails that were listed."""
    return sweep(
        store.watched_plans(now),
        lambda plan: look_at(plan, store, catalogue, rules, now=now),
        watch,
        name=lambda plan: plan.order_id,
        since=lambda plan: plan.due_at,
        pace=pace,
    )


def look_at(
    watched: WatchedPlan, store: Store, catalogue: Catalogue, rules: ReminderRules, *, now: datetime
) -> tuple[str, ...]:
    """List the mails that are due of one plan, and watch it from its next day on. Return the kinds of the mails."""
    checkout_key = open_checkout_key(watched.account_id, watched.product_id)
    keys = Keys(
        accounts=frozenset({watched.account_id}),
        fulfilment_keys=frozenset({f"order/{watched.order_id}"}),
        documents=frozenset({checkout_key}),
    )
    over = DocumentChange(watched_plan_key(watched.due_at, watched.order_id), None)

    def attempt() -> tuple[str, ...] | Retry:
        known = store.read(keys)
        order, latest = known.order(watched.order_id), known.document(checkout_key, OpenCheckout)
        account = known.accounts.get(watched.account_id)
        is_latest = latest is not None and latest.order_id == watched.order_id
        runs = running_plan(order, account, catalogue) if order and is_latest else None
        kinds: tuple[str, ...] = ()
        changes = [over]
        if order and runs:
            plan, _ = runs
            listed = list(_due(order, plan, catalogue, rules, store, now))
            kinds = tuple(kind for kind, _ in listed)
            changes += [change for _, change in listed if change]
            next_day = rules.next_look(plan, now.astimezone(UTC).date())
            changes.append(
                _watched(order.order_id, order.account_id, order.product_id, datetime.combine(next_day, time(), UTC))
            )
        elif order and is_latest and _may_run(order, account, now):
            changes.append(_watched(order.order_id, order.account_id, order.product_id, _next_day(now)))
        return kinds if store.commit(Commit(documents=tuple(changes))) is None else CONFLICT

    return run_transaction(attempt, f"plan of {watched.order_id}")


def _due(
    order: Order, plan: RunningPlan, catalogue: Catalogue, rules: ReminderRules, store: Store, now: datetime
) -> Iterator[tuple[str, DocumentChange | None]]:
    """Yield what is due and was not listed before: the kind, and the change that lists it."""
    today = now.astimezone(UTC).date()
    subjects = [
        (MailKind.RENEWAL_REMINDER, f"{order.order_id}/{one.kind}/{one.day.isoformat()}")
        for one in rules.due(plan, today)
    ]
    change = price_change(order, plan, catalogue, rules, now)
    if change:
        subjects.append((MailKind.PRICE_CHANGE, f"{order.order_id}/{change.since.date().isoformat()}"))
    if not subjects:
        return
    names: dict[str, frozenset[DocumentKey]] = {}
    for kind, subject in subjects:
        mail_id = mail_id_of(kind, subject)
        names[subject] = frozenset({mail_intent_key(mail_id), mail_record_key(mail_id)})
    known = store.read(Keys(documents=frozenset().union(*names.values()))).documents
    for kind, subject in subjects:
        if names[subject].isdisjoint(known):
            yield kind, list_mail(kind, subject, order.account_id, now)
            if kind is MailKind.PRICE_CHANGE and change and change.is_late:
                yield LATE_PRICE_CHANGE, None


def _may_run(order: Order, account: Account | None, now: datetime) -> bool:
    """Return whether a plan that does not renew now may do so later: it begins, or its renewals are resumed."""
    has_one = account is not None and account.running_subscription(order.product_id) is not None
    return has_one or now - order.made_at <= BEGINS_WITHIN


def _watched(order_id: OrderId, account_id: AccountId, product_id: str, due_at: datetime) -> DocumentChange:
    plan = WatchedPlan(order_id=order_id, account_id=account_id, product_id=product_id, due_at=due_at)
    return DocumentChange(watched_plan_key(due_at, order_id), plan, None)


def _next_day(at: datetime) -> datetime:
    return datetime.combine(at.astimezone(UTC).date() + timedelta(days=1), time(), UTC)
