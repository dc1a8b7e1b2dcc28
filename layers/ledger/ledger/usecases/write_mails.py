"""Write mails: read what a mail is about, and return what is to be sent."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlencode

from ledger.domain.accounts import Account
from ledger.domain.catalogue import Catalogue, ProductKind
from ledger.domain.contacts import Contact
from ledger.domain.credit_notes import CreditNote
from ledger.domain.declarations import DeclarationKind
from ledger.domain.errors import NotFound, RequestRefused
from ledger.domain.facts import PaymentSettled
from ledger.domain.ids import AccountId
from ledger.domain.incidents import Incident, IncidentShare, IncidentState
from ledger.domain.mails import DOCUMENTS, RECEIPTS, MailIntent, MailKind, order_of
from ledger.domain.orders import Order
from ledger.mails.cases import Reported, case_update, credit_note, is_outdated
from ledger.mails.confirmation import ConfirmedOrder, Reseller, confirmation, withdrawal_information
from ledger.mails.letters import House, Letter
from ledger.mails.notices import (
    Declared,
    account_active,
    account_suspended,
    cancellation_confirmed,
    credits_replaced,
    declaration_notice,
    low_balance,
    review_answered,
    review_received,
)
from ledger.mails.pdf import as_pdf
from ledger.mails.plans import PlanReported, price_changed, renewal_reminder
from ledger.mails.receipts import Received, receipt
from ledger.mails.rendering import as_html, as_text
from ledger.mails.writing import Writer
from ledger.policy import reminders
from ledger.policy.law import RightKind
from ledger.policy.parameters import PolicyParameters
from ledger.policy.reminders import ReminderKind, RunningPlan
from ledger.policy.withdrawal import may_be_informed
from ledger.ports.documents import contact_key, credit_note_key, incident_key, incident_share_key
from ledger.ports.mailer import Attachment, Message
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.declarations.answer import issue_links
from ledger.usecases.declarations.change import find_declaration, read_declaration
from ledger.usecases.declarations.mails import acknowledged_before, paced_until, record_acknowledgement
from ledger.usecases.late_information import mail_of
from ledger.usecases.list_mails import step_name
from ledger.usecases.refund_cases.cases import read_case
from ledger.usecases.refund_cases.context import read_case_context
from ledger.usecases.remind import price_at, price_change, running_plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What mails are written from."""

    store: Store
    catalogue: Catalogue
    policy: PolicyParameters
    house: House
    resellers: Mapping[str, Reseller]  # by provider: those that sell in their own name
    new_secret: Callable[[], str]  # for the links of a mail
    clock: Callable[[], datetime]
    low_balance: int = 0  # the setting by which a balance is low
    is_debt_withheld: bool = True  # the setting by which a shortfall lowers what can be spent


class Outdated(Exception):
    """Nothing is to be sent any more: what the mail is about has gone on."""


class Paced(Exception):
    """The address had many mails of this kind: this one waits until a time."""

    def __init__(self, until: datetime) -> None:
        super().__init__(f"It waits until {until.isoformat()}.")
        self.until = until


class NoAddress(Exception):
    """The account has no address to which mails can be delivered."""


_Written = tuple[str, Letter]
"""An address, and the letter to it."""


def write_mail(intent: MailIntent, desk: Desk) -> Message:
    """Return the message of an intent. Raise NoAddress, Outdated, Paced or StoreUnavailable."""
    to, letter = _LETTERS[intent.kind](intent, desk)
    is_receipt = intent.kind in RECEIPTS
    return Message(
        mail_id=intent.mail_id,
        to=to,
        subject=letter.subject,
        text=as_text(letter),
        html=None if is_receipt else as_html(letter, desk.house),
        language=letter.language,
        is_receipt=is_receipt,
        attachments=(_document(intent, letter, desk),) if intent.kind in DOCUMENTS else (),
    )


def _document(intent: MailIntent, letter: Letter, desk: Desk) -> Attachment:
    """Return a letter as a file that can be kept apart from the mail."""
    name = f"{intent.kind.replace('_', '-')}-{intent.mail_id.rpartition('_')[2][:8]}.pdf"
    return Attachment(name=name, content_type="application/pdf", content=as_pdf(letter, desk.house))


def _reach(intent: MailIntent, desk: Desk) -> tuple[str, Writer]:
    """Return the address of the intent's account, and a writer in its language. Raise NoAddress."""
    if intent.account_id is None:
        raise NoAddress
    key = contact_key(intent.account_id)
    contact = desk.store.read(Keys(documents=frozenset({key}))).document(key, Contact)
    if contact is None or contact.failing_since:
        raise NoAddress
    return contact.email, Writer(contact.language, desk.house)


def _confirmation(intent: MailIntent, desk: Desk) -> _Written:
    order, payment = _paid_order(intent, desk)
    to, writer = _reach(intent, desk)
    confirmed = confirmed_order(order, payment, desk)
    return to, confirmation(confirmed, intent.mail_id, writer)


def _withdrawal_information(intent: MailIntent, desk: Desk) -> _Written:
    """The days run from when it is accepted, which is never before the day that it names."""
    (order, payment), now = _paid_order(intent, desk), desk.clock()
    mail = mail_of(intent.subject, order)
    is_due = mail is not None and not (mail.returned_at or order.shown_at)
    if not is_due or may_be_informed(order, payment.billing_country, payment.at, now, desk.policy):
        raise Outdated
    to, writer = _reach(intent, desk)
    confirmed = confirmed_order(order, payment, desk)
    return to, withdrawal_information(confirmed, now, intent.mail_id, writer)


def _paid_order(intent: MailIntent, desk: Desk) -> tuple[Order, PaymentSettled]:
    """Return the order that a mail is about, with its payment. Raise Outdated if it has none."""
    order_id = order_of(intent.subject)
    key = f"order/{order_id}"
    known = desk.store.read(Keys(fulfilment_keys=frozenset({key})))
    order, fulfilled = known.order(order_id), known.fulfilment_keys.get(key)
    if order is None or fulfilled is None or fulfilled.payment_id is None:
        raise Outdated
    home = desk.store.read(Keys(payments=frozenset({fulfilled.payment_id}))).home_of(fulfilled.payment_id)
    if home is None or home.payment is None:
        raise Outdated
    return order, home.payment


def confirmed_order(order: Order, payment: PaymentSettled, desk: Desk) -> ConfirmedOrder:
    """Return what the confirmation of an order says, which this payment has paid.

    A plan renews first when the period ends that was paid: what was shown counts only where that is not reported.
    """
    agreed = desk.catalogue.agreed(order)
    version = desk.policy.sold_under(order.policy_version) or desk.policy
    right = desk.policy.law.right_of(order.country, order.made_at.date())
    sold = desk.catalogue.product(order.product_id, order.made_at)
    is_subscription = agreed is not None and agreed.kind is ProductKind.SUBSCRIPTION
    terms = order.shown.renewal if order.shown else None
    ends_at = payment.period_ends_at
    return ConfirmedOrder(
        order=order,
        name=sold.name if sold else order.product_id,
        paid_minor=payment.paid_minor,
        currency=payment.currency,
        paid_at=payment.at,
        expires_at=agreed.expires_at(payment.at, None) if agreed and not is_subscription else None,
        is_subscription=is_subscription,
        renews_every_months=terms.every_months if terms else sold.period_months if sold else None,
        renews_on=ends_at.astimezone(UTC).date() if ends_at else terms.first_on if terms else None,
        has_right=right.kind is not RightKind.NONE,
        reseller=desk.resellers.get(order.provider),
        policy_text=version.read_published_text(),
    )


def _name(product_id: str, at: datetime, desk: Desk) -> str:
    """Return the name of a product as it was sold at a time."""
    sold = desk.catalogue.product(product_id, at)
    return sold.name if sold else product_id


def _case_update(intent: MailIntent, desk: Desk) -> _Written:
    case_id, _, number = intent.subject.partition("/")
    step = int(number)
    if intent.account_id is None:
        raise NotFound(f"There is no case {case_id}.")
    case = read_case(intent.account_id, case_id, desk.store)
    name = step_name(case.history[step - 1], case.reason)
    if name is None or is_outdated(case, step):
        raise Outdated
    _, context = read_case_context(intent.account_id, case_id, desk.store)
    payment = context.payment
    reported = Reported(case=case, product=_products(payment.lines, payment.at, desk), paid_at=payment.at)
    to, writer = _reach(intent, desk)
    return to, case_update(reported, step, name, intent.mail_id, writer)


def _products(lines: tuple[object, ...], at: datetime, desk: Desk) -> str:
    names = (_name(str(getattr(line, "product_id", "")), at, desk) for line in lines)
    return ", ".join(dict.fromkeys(names))


def _withdrawal_receipt(intent: MailIntent, desk: Desk) -> _Written:
    if intent.account_id is None:
        raise NotFound(f"There is no case {intent.subject}.")
    case, context = read_case_context(intent.account_id, intent.subject, desk.store)
    to, writer = _reach(intent, desk)
    payment = context.payment
    product = _products(payment.lines, payment.at, desk)
    order_id = str(payment.order_id or payment.payment_id.partition(":")[2])
    received = Received(
        is_cancellation=False,
        reference=case.case_id,
        name="",
        contract=f"{product} ({order_id})",
        statement=writer.write(
            "receipt.withdrawal_statement", product=product, paid_on=writer.day(payment.at), order_id=order_id
        ),
        received_at=case.confirmed_at or case.opened_at,
        due_by=case.due_by,
    )
    return to, receipt(received, intent.mail_id, writer)


def _cancellation_receipt(intent: MailIntent, desk: Desk) -> _Written:
    subscription_id, end, _ = intent.subject.split("/")
    keys = Keys(subscriptions=frozenset({subscription_id}))
    subscription = desk.store.read(keys).subscriptions.get(subscription_id)
    to, writer = _reach(intent, desk)
    product_id, name = subscription.product_id if subscription else None, subscription_id.partition(":")[2]
    product = _name(product_id, intent.listed_at, desk) if product_id else name
    received = Received(
        is_cancellation=True,
        reference=intent.mail_id,
        name="",
        contract=f"{product} ({name})",
        statement=writer.write("receipt.cancellation_statement", product=product, subscription_id=name),
        received_at=intent.listed_at,
        due_by=None,
        ends_on=datetime.fromisoformat(end) if end else None,
    )
    return to, receipt(received, intent.mail_id, writer)


def _declaration_receipt(intent: MailIntent, desk: Desk) -> _Written:
    """The same content for one address within an hour has one receipt: anybody can send it anywhere."""
    declaration = find_declaration(intent.subject, desk.store)
    if declaration is None or declaration.confirmed_at is None or declaration.acknowledged_at:
        raise Outdated
    if at := acknowledged_before(declaration, desk.store):
        record_acknowledgement(declaration.declaration_id, desk.store, at=at)
        raise Outdated
    if until := paced_until(declaration, desk.store, desk.clock()):
        raise Paced(until)
    submission = declaration.submission
    is_cancellation = declaration.kind is DeclarationKind.CANCELLATION
    received = Received(
        is_cancellation=is_cancellation,
        reference=declaration.declaration_id,
        name=submission.name,
        contract=submission.contract,
        statement=submission.statement,
        received_at=declaration.confirmed_at,
        due_by=None if is_cancellation else declaration.due_by,
    )
    return submission.email, receipt(received, intent.mail_id, Writer(submission.language, desk.house))


def _declaration_notice(intent: MailIntent, desk: Desk) -> _Written:
    """Each mail has links of its own, whose secrets are stored as hashes before it is sent."""
    name = intent.subject
    declaration = find_declaration(name, desk.store)
    if declaration is None or declaration.confirmed_at is None:
        raise Outdated
    to, writer = _reach(intent, desk)
    approval, objection = desk.new_secret(), desk.new_secret()
    try:
        issue_links(name, approval, objection, desk.store)
    except RequestRefused as refusal:  # it waits for no answer any more
        raise Outdated from refusal

    def page(path: str, token: str) -> str:
        query = urlencode({"token": token, "language": writer.language})
        return f"{desk.house.public_url}/declarations/{name}/{path}?{query}"

    declared = Declared(
        is_cancellation=declaration.kind is DeclarationKind.CANCELLATION,
        reference=name,
        contract=(declaration.contract_id or "").partition(":")[2],
        received_at=declaration.confirmed_at,
        approval_url=page("approval", approval),
        objection_url=page("objection", objection),
    )
    return to, declaration_notice(declared, intent.mail_id, writer)


def _cancellation_confirmed(intent: MailIntent, desk: Desk) -> _Written:
    """The end is that of the subscription as the provider has reported it by now."""
    declaration = find_declaration(intent.subject, desk.store)
    if declaration is None or declaration.subscription_id is None:
        raise Outdated
    subscription = _account(intent, desk).subscriptions.get(declaration.subscription_id)
    to, writer = _reach(intent, desk)
    ends_at = (subscription.cancel_at or subscription.period_end) if subscription else None
    return to, cancellation_confirmed(intent.subject, ends_at, intent.mail_id, writer)


def _account_suspended(intent: MailIntent, desk: Desk) -> _Written:
    holds = _account(intent, desk).holds
    if not holds:
        raise Outdated
    to, writer = _reach(intent, desk)
    reasons = tuple(sorted({hold_id.partition(":")[0] for hold_id in holds}))
    return to, account_suspended(reasons, intent.mail_id, writer)


def _account_active(intent: MailIntent, desk: Desk) -> _Written:
    if _account(intent, desk).holds:
        raise Outdated
    to, writer = _reach(intent, desk)
    return to, account_active(intent.mail_id, writer)


def _credits_replaced(intent: MailIntent, desk: Desk) -> _Written:
    """An account with very many failed runs gets its credits in parts: the mail waits for the last one."""
    incident_id = intent.subject.partition("/")[0]
    if intent.account_id is None:
        raise NotFound(f"There is no account in {incident_id}.")
    key, share_key = incident_key(incident_id), incident_share_key(incident_id, intent.account_id)
    stored = desk.store.read(Keys(documents=frozenset({key, share_key})))
    incident, share = stored.document(key, Incident), stored.document(share_key, IncidentShare)
    if incident is None or share is None:
        raise NotFound(f"There is no incident {incident_id}.")
    if incident.state is IncidentState.RUNNING and incident.after < intent.account_id:
        raise Paced(desk.clock() + _PARTS_WITHIN)
    to, writer = _reach(intent, desk)
    return to, credits_replaced(share.runs, share.credits, intent.mail_id, writer)


_PARTS_WITHIN = timedelta(minutes=1)


def _review_received(intent: MailIntent, desk: Desk) -> _Written:
    review = read_declaration(intent.subject, desk.store)
    if review.due_by is None:
        raise Outdated
    to, writer = _reach(intent, desk)
    statement = review.submission.statement
    return to, review_received(intent.subject, statement, review.declared_at, review.due_by, intent.mail_id, writer)


def _review_answered(intent: MailIntent, desk: Desk) -> _Written:
    review = read_declaration(intent.subject, desk.store)
    to, writer = _reach(intent, desk)
    return to, review_answered(intent.subject, review.closing_reason, intent.mail_id, writer)


def _credit_note(intent: MailIntent, desk: Desk) -> _Written:
    key = credit_note_key(intent.account_id or AccountId(""), intent.subject.rpartition("/")[2])
    note = desk.store.read(Keys(documents=frozenset({key}))).document(key, CreditNote)
    if note is None:
        raise NotFound(f"There is no credit note {intent.subject}.")
    names = [_name(product_id, note.paid_at, desk) for product_id in note.product_ids]
    to, writer = _reach(intent, desk)
    return to, credit_note(note, ", ".join(names), intent.mail_id, writer)


def _low_balance(intent: MailIntent, desk: Desk) -> _Written:
    """What is left is as of now. A customer who has bought credits, or who can't use any, has nothing to read."""
    account, now = _account(intent, desk), desk.clock()
    spendable = account.spendable(now, is_debt_withheld=desk.is_debt_withheld)
    if account.holds or spendable >= desk.low_balance:
        raise Outdated
    to, writer = _reach(intent, desk)
    locked = sum(lock.credits for lock in account.locks(now).values())
    return to, low_balance(spendable, locked, intent.mail_id, writer)


def _renewal_reminder(intent: MailIntent, desk: Desk) -> _Written:
    """The price and the day are as of now. A plan that renews no more, or at another time, has nothing to be said."""
    _, kind, day = intent.subject.split("/")
    order, plan = _plan(intent, desk)
    is_charge = ReminderKind(kind) is not ReminderKind.RUNNING
    if is_charge and plan.charge_at.astimezone(UTC).date().isoformat() != day:
        raise Outdated
    price_minor, _ = price_at(order, desk.catalogue, plan.charge_at)
    to, writer = _reach(intent, desk)
    charged_on = plan.charge_at.astimezone(UTC).date()
    reported = _reported(order, plan, price_minor, charged_on, desk)
    return to, renewal_reminder(reported, ReminderKind(kind), intent.mail_id, writer)


def _price_change(intent: MailIntent, desk: Desk) -> _Written:
    """The days are counted from when the mail was listed."""
    order, plan = _plan(intent, desk)
    change = price_change(order, plan, desk.catalogue, reminders.load(), intent.listed_at)
    if change is None:
        raise Outdated
    to, writer = _reach(intent, desk)
    reported = _reported(order, plan, change.after_minor, change.first_charge, desk)
    return to, price_changed(reported, change.before_minor, intent.mail_id, writer)


def _plan(intent: MailIntent, desk: Desk) -> tuple[Order, RunningPlan]:
    """Return the order that a mail is about, and its plan as it runs. Raise Outdated if it does not."""
    order_id = order_of(intent.subject)
    order = desk.store.read(Keys(fulfilment_keys=frozenset({f"order/{order_id}"}))).order(order_id)
    running = running_plan(order, _account(intent, desk), desk.catalogue) if order else None
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


def _account(intent: MailIntent, desk: Desk) -> Account:
    account_id = intent.account_id or AccountId("")
    found = desk.store.read(Keys(accounts=frozenset({account_id}))).accounts.get(account_id)
    return found or Account(account_id=account_id)


_LETTERS: Mapping[MailKind, Callable[[MailIntent, Desk], _Written]] = {
    MailKind.CONTRACT_CONFIRMATION: _confirmation,
    MailKind.WITHDRAWAL_INFORMATION: _withdrawal_information,
    MailKind.CASE_UPDATE: _case_update,
    MailKind.WITHDRAWAL_RECEIPT: _withdrawal_receipt,
    MailKind.CANCELLATION_RECEIPT: _cancellation_receipt,
    MailKind.DECLARATION_RECEIPT: _declaration_receipt,
    MailKind.DECLARATION_NOTICE: _declaration_notice,
    MailKind.ACCOUNT_SUSPENDED: _account_suspended,
    MailKind.ACCOUNT_ACTIVE: _account_active,
    MailKind.CREDITS_REPLACED: _credits_replaced,
    MailKind.REVIEW_RECEIVED: _review_received,
    MailKind.REVIEW_ANSWERED: _review_answered,
    MailKind.CANCELLATION_CONFIRMED: _cancellation_confirmed,
    MailKind.LOW_BALANCE: _low_balance,
    MailKind.CREDIT_NOTE: _credit_note,
    MailKind.RENEWAL_REMINDER: _renewal_reminder,
    MailKind.PRICE_CHANGE: _price_change,
}
