"""The index of *find*: rows that lead from a name to what has it. A subscriber behind the event bus writes them.

    a name (an invoice's number, a refund's id, an address)  ──► payment or account
    a day, a currency and an amount                          ──► payment
    a day                                                    ──► failed run

A row follows from what is stored, and contains nothing of it that can change: written twice, or late, it is the same.
So a row only says where to look. What it leads to is read before it is believed.
"""

import hashlib
import hmac
import unicodedata
from collections.abc import Iterable, Iterator
from datetime import datetime
from enum import StrEnum

from ledger.domain.contacts import Contact
from ledger.domain.facts import (
    BalanceCredited,
    ChargebackChanged,
    DisputeChanged,
    Fact,
    PaymentSettled,
    RefundChanged,
)
from ledger.domain.ids import AccountId, PaymentId, provider_of
from ledger.domain.purchases import Purchase
from ledger.domain.records import record
from ledger.domain.runs import FailedRun


class NameKind(StrEnum):
    """What a row of the index leads by."""

    INVOICE = "invoice"  # the number of an invoice
    REFUND = "refund"  # a provider's id of a refund
    DISPUTE = "dispute"  # of a dispute, or of an adjustment that reports one
    CREDIT = "credit"  # of a credit to the buyer's balance
    ADDRESS = "address"  # the keyed hash of an e-mail address
    RUN = "run"  # a run that failed
    AMOUNT = "amount"  # the day and the amount of a payment


@record(frozen=True, slots=True, kw_only=True)
class IndexRow:
    """A row of the index of *find*."""

    kind: NameKind
    name: str  # by which it is found; of AMOUNT and of a failed run by day: empty, their keys have more
    subject: str  # what has the name: an id with its provider, an account, a run
    payment_id: PaymentId | None = None  # under which the purchase was stored: it may be a pointer by now
    account_id: AccountId | None = None  # of a contact, a failed run, or a payment
    at: datetime | None = None  # of a payment or a failed run
    amount: int = 0  # of a payment, in minor units; of a failed run, the credits that were returned
    currency: str = ""  # of a payment


def rows_of_purchase(purchase: Purchase) -> Iterator[IndexRow]:
    """Yield the rows of a purchase: its amount, its invoice's number, and the ids that are no payments themselves."""
    for fact in purchase.facts.values():
        if isinstance(fact, PaymentSettled):
            yield from _rows_of_payment(fact, purchase.payment_id)
        elif found := _named_by(fact):
            kind, name = found
            provider = provider_of(purchase.payment_id)
            yield IndexRow(kind=kind, name=name, subject=f"{provider}:{name}", payment_id=purchase.payment_id)


def _rows_of_payment(payment: PaymentSettled, payment_id: PaymentId) -> Iterator[IndexRow]:
    if payment.invoice_number:
        number = payment.invoice_number
        yield IndexRow(
            kind=NameKind.INVOICE, name=number_as_searched(number), subject=payment_id, payment_id=payment_id
        )
    yield IndexRow(
        kind=NameKind.AMOUNT,
        name="",
        subject=payment_id,
        payment_id=payment_id,
        account_id=payment.account_id,
        at=payment.at,
        amount=payment.paid_minor,
        currency=payment.currency,
    )


def _named_by(fact: Fact) -> tuple[NameKind, str] | None:
    """Return the kind and the provider's id of what a fact is about, if that has an id of its own."""
    match fact:
        case RefundChanged():
            return NameKind.REFUND, fact.refund_id
        case DisputeChanged():
            return NameKind.DISPUTE, fact.dispute_id
        case ChargebackChanged():
            return NameKind.DISPUTE, fact.adjustment_id
        case BalanceCredited():
            return NameKind.CREDIT, fact.credit_id
    return None


def row_of_contact(contact: Contact, key: str) -> IndexRow:
    """Return the row of an account's address. The address itself is not in it."""
    return IndexRow(
        kind=NameKind.ADDRESS,
        name=hash_of_address(contact.email, key),
        subject=contact.account_id,
        account_id=contact.account_id,
    )


def rows_of_failed_run(account_id: AccountId, run: FailedRun) -> tuple[IndexRow, IndexRow]:
    """Return the rows of a failed run: by its id, and by its day."""
    by_id = IndexRow(kind=NameKind.RUN, name=run.run_id, subject=run.run_id, account_id=account_id)
    by_day = IndexRow(
        kind=NameKind.RUN, name="", subject=run.run_id, account_id=account_id, at=run.at, amount=run.credits
    )
    return by_id, by_day


def names_of(rows: Iterable[IndexRow]) -> frozenset[tuple[str, str, str]]:
    """Return what tells rows apart, without what only describes them."""
    return frozenset((row.kind, row.name, row.subject) for row in rows)


def number_as_searched(number: str) -> str:
    """Return an invoice's number as it is indexed and searched: in upper case, without white space."""
    return "".join(number.split()).upper()


def hash_of_address(address: str, key: str) -> str:
    """Return the keyed hash of an e-mail address, however its letters were written.

    Raise ValueError if there is no key: without one, whoever reads the table can try addresses.
    """
    if not key:
        raise ValueError("an address is hashed with a key")
    written = unicodedata.normalize("NFC", address.strip()).casefold()
    return hmac.new(key.encode(), written.encode(), hashlib.sha256).hexdigest()[:_DIGITS]


_DIGITS = 40
