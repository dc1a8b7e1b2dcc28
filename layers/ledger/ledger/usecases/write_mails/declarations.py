"""Mails about declarations and objections: receipts, questions, answers."""

from datetime import datetime
from urllib.parse import urlencode

from ledger.domain.declarations import DeclarationKind
from ledger.domain.errors import RequestRefused
from ledger.domain.mails import MailIntent
from ledger.mails.notices import Declared, cancellation_confirmed, declaration_notice, review_answered, review_received
from ledger.mails.receipts import Received, receipt
from ledger.mails.writing import Writer
from ledger.ports.reads import Keys
from ledger.usecases.declarations.answer import issue_links
from ledger.usecases.declarations.change import find_declaration, read_declaration
from ledger.usecases.declarations.mails import acknowledged_before, paced_until, record_acknowledgement
from ledger.usecases.write_mails.desk import Desk, Outdated, Paced, Written, account_of, name_of, reach


def write_cancellation_receipt(intent: MailIntent, desk: Desk) -> Written:
    """Confirm that a cancellation was received. Raise NoAddress or StoreUnavailable."""
    subscription_id, end, _ = intent.subject.split("/")
    keys = Keys(subscriptions=frozenset({subscription_id}))
    subscription = desk.store.read(keys).subscriptions.get(subscription_id)
    to, writer = reach(intent, desk)
    product_id, name = subscription.product_id if subscription else None, subscription_id.partition(":")[2]
    product = name_of(product_id, intent.listed_at, desk) if product_id else name
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


def write_declaration_receipt(intent: MailIntent, desk: Desk) -> Written:
    """Confirm that a declaration was received. Raise Outdated, Paced or StoreUnavailable.

    The same content for one address within an hour has one receipt: anybody can send it anywhere.
    """
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


def write_declaration_notice(intent: MailIntent, desk: Desk) -> Written:
    """Ask a customer about a declaration. Raise Outdated if it waits for no answer, NoAddress or StoreUnavailable.

    Each mail has links of its own, whose secrets are stored as hashes before it is sent.
    """
    name = intent.subject
    declaration = find_declaration(name, desk.store)
    if declaration is None or declaration.confirmed_at is None:
        raise Outdated
    to, writer = reach(intent, desk)
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


def write_cancellation_confirmed(intent: MailIntent, desk: Desk) -> Written:
    """Tell when a cancelled subscription ends, as the provider has reported it by now.

    Raise Outdated, NoAddress or StoreUnavailable.
    """
    declaration = find_declaration(intent.subject, desk.store)
    if declaration is None or declaration.subscription_id is None:
        raise Outdated
    subscription = account_of(intent, desk).subscriptions.get(declaration.subscription_id)
    to, writer = reach(intent, desk)
    ends_at = (subscription.cancel_at or subscription.period_end) if subscription else None
    return to, cancellation_confirmed(intent.subject, ends_at, intent.mail_id, writer)


def write_review_received(intent: MailIntent, desk: Desk) -> Written:
    """Confirm that an objection to a decision was received. Raise Outdated, NotFound, NoAddress or StoreUnavailable."""
    review = read_declaration(intent.subject, desk.store)
    if review.due_by is None:
        raise Outdated
    to, writer = reach(intent, desk)
    statement = review.submission.statement
    return to, review_received(intent.subject, statement, review.declared_at, review.due_by, intent.mail_id, writer)


def write_review_answered(intent: MailIntent, desk: Desk) -> Written:
    """Answer an objection to a decision. Raise NotFound, NoAddress or StoreUnavailable."""
    review = read_declaration(intent.subject, desk.store)
    to, writer = reach(intent, desk)
    return to, review_answered(intent.subject, review.closing_reason, intent.mail_id, writer)
