"""Issue credit notes: one for each refund of ours that succeeded, and one more if it fails later.

The number is taken in the commit that stores the document: series and document are written together, or not at all. So
there is no gap, and of two writers at once one takes the number and the other one the next.

Clocks differ, so at New Year two writers may be in two years. On the first day of a year each commit also writes the
series of the year before, unchanged. A writer that was about to take a number of that series has a conflict, begins
again, and takes a number of the new year.
"""

from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta

from ledger.domain.credit_notes import (
    CreditNote,
    CreditNoteKind,
    CreditNoteSeries,
    subject_of,
    tax_within,
    year_of,
)
from ledger.domain.facts import PaymentSettled, RefundApproved, RefundChanged, RefundState, facts_of
from ledger.domain.ids import PaymentId, approval_tag, provider_of
from ledger.domain.links import Links
from ledger.domain.mails import MailKind
from ledger.domain.purchases import Purchase
from ledger.domain.records import record
from ledger.domain.refund_cases import case_id_of
from ledger.ports.commit import Commit, DocumentChange
from ledger.ports.documents import (
    CreditNotePointer,
    credit_note_key,
    credit_note_pointer_key,
    credit_note_series_key,
)
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.list_mails import list_mail
from ledger.usecases.look_up import LookUp
from ledger.usecases.transaction import CONFLICT, Retry, run_transaction

_NEW_YEAR = timedelta(days=1)
"""How long before and after New Year another writer may be in the other year: a job keeps the time of its beginning."""


@record(frozen=True, kw_only=True)
class Seller:
    """Who sells, and through which providers in its own name: the sales of a merchant of record are not ours."""

    name: str
    address: str
    providers: Collection[str]


def issue_credit_notes(payment_id: PaymentId, seller: Seller, store: Store, *, now: datetime) -> list[CreditNote]:
    """Issue the documents that are due for the refunds of one purchase. Return those that are new.

    A repetition issues nothing. Raise StoreUnavailable after too many conflicts: the same again goes on.
    """
    purchase = LookUp(store)(Keys(payments=frozenset({payment_id}))).home_of(payment_id)
    return issue_for_purchase(purchase, seller, store, now=now) if purchase else []


def issue_for_purchase(purchase: Purchase, seller: Seller, store: Store, *, now: datetime) -> list[CreditNote]:
    """Do the same for a purchase that was read."""
    payment = purchase.payment
    if payment is None or provider_of(payment.payment_id) not in seller.providers:
        return []
    ended = [
        one
        for one in facts_of(purchase.facts, RefundChanged)
        if one.amount_minor and one.state in {RefundState.SUCCEEDED, RefundState.FAILED, RefundState.CANCELED}
    ]
    issued = (_issue(refund, payment, purchase, seller, store, now) for refund in ended)
    return [note for note in issued if note]


def _issue(
    refund: RefundChanged, payment: PaymentSettled, purchase: Purchase, seller: Seller, store: Store, now: datetime
) -> CreditNote | None:
    """Issue the document of a refund, if there is none. One that failed has one only if it had succeeded before."""
    provider = provider_of(payment.payment_id)
    refund_id = f"{provider}:{refund.refund_id}"
    has_succeeded = refund.state is RefundState.SUCCEEDED
    kind = CreditNoteKind.CREDIT if has_succeeded else CreditNoteKind.CORRECTION
    year_before, year_after = year_of(now - _NEW_YEAR), year_of(now + _NEW_YEAR)
    series_keys = {year: credit_note_series_key(seller.name, year) for year in (year_before, year_of(now), year_after)}
    credit_key, own_key = (credit_note_pointer_key(subject_of(refund_id, one)) for one in (CreditNoteKind.CREDIT, kind))
    keys = Keys(documents=frozenset({*series_keys.values(), credit_key, own_key}))

    def attempt() -> CreditNote | Retry | None:
        known = store.read(keys)
        before = known.document(credit_key, CreditNotePointer)
        if known.document(own_key, CreditNotePointer) or (before is None and not has_succeeded):
            return None
        begun = {year: known.document(key, CreditNoteSeries) or CreditNoteSeries() for year, key in series_keys.items()}
        year = year_after if begun[year_after].last else year_of(now)
        number, series = begun[year].next(year)
        # Purchase and documents are read after the series: whoever writes another document meanwhile takes its number.
        tax_minor = _tax_of(refund, payment, purchase, before, store)
        note = CreditNote(
            number=number,
            kind=kind,
            issued_at=max(now, datetime(year, 1, 1, tzinfo=UTC)),
            issued_by=f"{seller.name}, {seller.address}",
            account_id=payment.account_id,
            payment_id=payment.payment_id,
            refund_id=refund_id,
            case_id=_case_of(refund, purchase),
            amount_minor=refund.amount_minor,
            currency=refund.currency,
            invoice_number=payment.invoice_number,
            paid_at=payment.at,
            order_id=payment.order_id,
            product_ids=tuple(dict.fromkeys(line.product_id for line in payment.lines)),
            credits=sum(line.credits for line in payment.lines),
            corrects=None if has_succeeded or before is None else before.number,
            tax_minor=tax_minor,
        )
        written = {year_before: begun[year_before], year: series}  # the same one, but for the first day of a year
        numbers = (DocumentChange(series_keys[one], written[one], begun[one].version) for one in written)
        return note if store.commit(Commit(documents=(*numbers, *_changes(note)))) is None else CONFLICT

    return run_transaction(attempt, f"credit note of {refund_id}")


def _tax_of(
    refund: RefundChanged,
    payment: PaymentSettled,
    purchase: Purchase,
    before: CreditNotePointer | None,
    store: Store,
) -> int | None:
    """Return the tax in the amount of a refund's next document. None: it is not known.

    `before`: of a document that takes a credit note back, that one, which has the same tax. Nothing is known of a
    refund in another currency, or of money that other sales share.
    """
    if payment.tax_minor is None or refund.currency != payment.currency:
        return None
    if Links(purchase.facts).shared_money_of(refund):
        return None
    if before:
        key = credit_note_key(before.account_id, before.number)
        note = store.read(Keys(documents=frozenset({key}))).document(key, CreditNote)
        return note.tax_minor if note else None
    latest = store.read(Keys(payments=frozenset({purchase.payment_id}))).home_of(purchase.payment_id)
    notes = _notes_of(latest or purchase, provider_of(payment.payment_id), store)
    return tax_within(refund.amount_minor, payment.tax_minor, payment.paid_minor, notes)


def _notes_of(purchase: Purchase, provider: str, store: Store) -> list[CreditNote]:
    """Return the documents of all refunds of a purchase."""
    refunds = [f"{provider}:{one.refund_id}" for one in facts_of(purchase.facts, RefundChanged)]
    if len(refunds) == 1:
        return []  # it is the one whose document is issued
    keys = {credit_note_pointer_key(subject_of(name, kind)) for name in refunds for kind in CreditNoteKind}
    pointers = store.read(Keys(documents=frozenset(keys))).documents.values()
    notes = {credit_note_key(one.account_id, one.number) for one in pointers if isinstance(one, CreditNotePointer)}
    found = store.read(Keys(documents=frozenset(notes))).documents.values() if notes else ()
    return [note for note in found if isinstance(note, CreditNote)]


def _changes(note: CreditNote) -> Iterator[DocumentChange]:
    yield DocumentChange(credit_note_key(note.account_id, note.number), note)
    pointer = CreditNotePointer(number=note.number, account_id=note.account_id)
    yield DocumentChange(credit_note_pointer_key(note.subject), pointer)
    yield list_mail(MailKind.CREDIT_NOTE, f"{note.account_id}/{note.number}", note.account_id, note.issued_at)


def _case_of(refund: RefundChanged, purchase: Purchase) -> str | None:
    """Return the case that approved a refund. None: it was made at the provider."""
    if refund.tag is None:
        return None
    tag = approval_tag(refund.tag)
    return case_id_of(tag) if any(one.tag == tag for one in facts_of(purchase.facts, RefundApproved)) else None
