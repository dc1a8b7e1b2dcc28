"""Mails about a plan that runs: reminders of what it costs and how to end it, and a new price before it is charged."""

from datetime import date, timedelta
from urllib.parse import urlencode

from ledger.domain.ids import OrderId
from ledger.domain.records import record
from ledger.mails.letters import Block, Facts, Letter, Link, Paragraph, Section
from ledger.mails.writing import Writer
from ledger.policy.reminders import ReminderKind


@record(frozen=True, kw_only=True)
class PlanReported:
    """What mails about a plan say of it."""

    order_id: OrderId
    name: str
    credits: int  # for each period
    price_minor: int  # before tax, of the charge
    currency: str
    charged_on: date
    provider: str


def renewal_reminder(plan: PlanReported, kind: ReminderKind, mail_id: str, writer: Writer) -> Letter:
    """Return the letter that reminds of a plan: what is charged, when, and until when it can be cancelled."""

    def write(key: str, **figures: str) -> str:
        return writer.write(f"renewal_reminder.{key}", **figures)

    return writer.letter(
        write(f"{kind}_subject", name=plan.name),
        write(f"{kind}_heading"),
        mail_id,
        Paragraph(writer.write("common.greeting")),
        Paragraph(write(str(kind), name=plan.name, day=writer.day(plan.charged_on))),
        Facts(
            (
                *_rows(plan, writer),
                (write("price"), writer.money(plan.price_minor, plan.currency)),
                *_days(plan, writer),
            )
        ),
        *_end(plan, writer),
    )


def price_changed(plan: PlanReported, before_minor: int, mail_id: str, writer: Writer) -> Letter:
    """Return the letter that announces a new price. `plan` has the new one, and its first charge."""

    def write(key: str, **figures: str) -> str:
        return writer.write(f"price_change.{key}", **figures)

    prices = (
        (write("before"), writer.money(before_minor, plan.currency)),
        (write("after"), writer.money(plan.price_minor, plan.currency)),
    )
    return writer.letter(
        write("subject", name=plan.name),
        write("heading"),
        mail_id,
        Paragraph(writer.write("common.greeting")),
        Paragraph(write("text", name=plan.name, day=writer.day(plan.charged_on))),
        Facts((*_rows(plan, writer), *prices, *_days(plan, writer))),
        *_end(plan, writer),
    )


def _rows(plan: PlanReported, writer: Writer) -> tuple[tuple[str, str], ...]:
    credits_ = writer.write("contract_confirmation.credits_each_period", credits=writer.number(plan.credits))
    return (
        (writer.write("contract_confirmation.product"), plan.name),
        (writer.write("contract_confirmation.credits"), credits_),
        (writer.write("contract_confirmation.order"), plan.order_id),
        (writer.write("contract_confirmation.payment_by"), plan.provider.capitalize()),
    )


def _days(plan: PlanReported, writer: Writer) -> tuple[tuple[str, str], ...]:
    """Return the rows with calendar dates: of the charge, and of the last day to cancel."""
    return (
        (writer.write("renewal_reminder.charged_on"), writer.day(plan.charged_on)),
        (writer.write("renewal_reminder.last_day"), writer.day(plan.charged_on - timedelta(days=1))),
    )


def _end(plan: PlanReported, writer: Writer) -> list[Block]:
    query = urlencode({"language": writer.language, "contract": plan.order_id})
    return [
        Section(writer.write("renewal_reminder.choice_title")),
        Paragraph(writer.write("renewal_reminder.choice")),
        Link(writer.write("renewal_reminder.account"), writer.house.account_url),
        Link(writer.write("renewal_reminder.cancel"), f"{writer.house.public_url}/cancellation?{query}", is_main=False),
    ]
