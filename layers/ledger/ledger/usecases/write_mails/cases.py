"""Mails about refund cases, and what documents their refunds."""

from ledger.domain.credit_notes import CreditNote
from ledger.domain.errors import NotFound
from ledger.domain.ids import AccountId
from ledger.domain.mails import MailIntent
from ledger.mails.cases import Reported, case_update, credit_note, is_outdated
from ledger.mails.receipts import Received, receipt
from ledger.ports.documents import credit_note_key
from ledger.ports.reads import Keys
from ledger.usecases.list_mails import step_name
from ledger.usecases.refund_cases.cases import read_case
from ledger.usecases.refund_cases.context import read_case_context
from ledger.usecases.write_mails.desk import Desk, Outdated, Written, name_of, products_of, reach


def write_case_update(intent: MailIntent, desk: Desk) -> Written:
    """Tell a step of a case. Raise Outdated if the case has gone on, NotFound, NoAddress or StoreUnavailable."""
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
    reported = Reported(case=case, product=products_of(payment.lines, payment.at, desk), paid_at=payment.at)
    to, writer = reach(intent, desk)
    return to, case_update(reported, step, name, intent.mail_id, writer)


def write_withdrawal_receipt(intent: MailIntent, desk: Desk) -> Written:
    """Confirm that a withdrawal was received. Raise NotFound, NoAddress or StoreUnavailable."""
    if intent.account_id is None:
        raise NotFound(f"There is no case {intent.subject}.")
    case, context = read_case_context(intent.account_id, intent.subject, desk.store)
    to, writer = reach(intent, desk)
    payment = context.payment
    product = products_of(payment.lines, payment.at, desk)
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


def write_credit_note(intent: MailIntent, desk: Desk) -> Written:
    """Send a credit note. Raise NotFound, NoAddress or StoreUnavailable."""
    key = credit_note_key(intent.account_id or AccountId(""), intent.subject.rpartition("/")[2])
    note = desk.store.read(Keys(documents=frozenset({key}))).document(key, CreditNote)
    if note is None:
        raise NotFound(f"There is no credit note {intent.subject}.")
    names = [name_of(product_id, note.paid_at, desk) for product_id in note.product_ids]
    to, writer = reach(intent, desk)
    return to, credit_note(note, ", ".join(names), intent.mail_id, writer)
