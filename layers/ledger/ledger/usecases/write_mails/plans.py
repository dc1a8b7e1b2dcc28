"""Mails about a plan that runs: it renews soon, or its price changes."""

from datetime import UTC, date

from ledger.domain.mails import MailIntent, order_of
from ledger.domain.orders import Order
from ledger.mails.plans import PlanReported, price_changed, renewal_reminder
from ledger.policy import reminders
from ledger.policy.reminders import ReminderKind, RunningPlan
from ledger.ports.reads import Keys
from ledger.usecases.remind import price_at, price_change, running_plan
from ledger.usecases.write_mails.desk import Desk, Outdated, Written, account_of, reach


def write_renewal_reminder(intent: MailIntent, desk: Desk) -> Written:
    """Remind of a plan, with its price and day as of now. Raise NoAddress or StoreUnavailable.

    Raise Outdated if it renews no more, or at another time.
    """
    _, kind, day = intent.subject.split("/")
    order, plan = _plan(intent, desk)
    is_charge = ReminderKind(kind) is not ReminderKind.RUNNING
    if is_charge and plan.charge_at.astimezone(UTC).date().isoformat() != day:
        raise Outdated
    price_minor, _ = price_at(order, desk.catalogue, plan.charge_at)
    to, writer = reach(intent, desk)
    charged_on = plan.charge_at.astimezone(UTC).date()
    reported = _reported(order, plan, price_minor, charged_on, desk)
    return to, renewal_reminder(reported, ReminderKind(kind), intent.mail_id, writer)


def write_price_change(intent: MailIntent, desk: Desk) -> Written:
    """Tell the next price of a plan. Raise Outdated if it stays, NoAddress or StoreUnavailable.

    The days are counted from when the mail was listed.
    """
    order, plan = _plan(intent, desk)
    change = price_change(order, plan, desk.catalogue, reminders.load(), intent.listed_at)
    if change is None:
        raise Outdated
    to, writer = reach(intent, desk)
    reported = _reported(order, plan, change.after_minor, change.first_charge, desk)
    return to, price_changed(reported, change.before_minor, intent.mail_id, writer)


def _plan(intent: MailIntent, desk: Desk) -> tuple[Order, RunningPlan]:
    """Return the order that a mail is about, and its plan as it runs. Raise Outdated if it does not."""
    order_id = order_of(intent.subject)
    order = desk.store.read(Keys(fulfilment_keys=frozenset({f"order/{order_id}"}))).order(order_id)
    running = running_plan(order, account_of(intent, desk), desk.catalogue) if order else None
    if order is None or running is None:
        raise Outdated
    return order, running[0]


def _reported(order: Order, plan: RunningPlan, price_minor: int, charged_on: date, desk: Desk) -> PlanReported:
    price_id = order.terms.price_id if order.terms else None
    sold = desk.catalogue.product(order.product_id, plan.charge_at)
    product = desk.catalogue.priced(order.provider, price_id, plan.charge_at) or sold  # of this customer, not of others
    agreed = order.terms.credits if order.terms else 0
    return PlanReported(
        order_id=order.order_id,
        name=product.name if product else order.product_id,
        credits=product.credits if product else agreed,
        price_minor=price_minor,
        currency=order.currency,
        charged_on=charged_on,
        provider=order.provider,
    )
