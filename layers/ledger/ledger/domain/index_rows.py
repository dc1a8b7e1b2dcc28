"""The index of *find*: rows that lead from a name to what has it. A subscriber behind the event bus writes them.

    a name (an invoice's number, a refund's id, an address)  ──► payment, account, declaration or parked event
    a day, a currency and an amount                          ──► payment or parked event
    a day                                                    ──► failed run

A row follows from what is stored, and contains nothing of it that can change: written twice, or late, it is the same.
So a row only says where to look. What it leads to is read before it is believed.
"""

import hashlib
import hmac
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from enum import StrEnum

from ledger.domain.contacts import Contact
from ledger.domain.declarations import PUBLIC_KINDS, Declaration
from ledger.domain.facts import (
    BalanceCredited,
    ChargebackChanged,
    DisputeChanged,
    Fact,
    PaymentSettled,
    RefundChanged,
)
from ledger.domain.ids import AccountId, PaymentId, provider_of
from ledger.domain.money import Money
from ledger.domain.purchases import Purchase
from ledger.domain.receipts import Receipt
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
    PARKED = "parked"  # whatever a parked event has: an id, a number, the keyed hash of an address, or day and amount
    DECLARATION = "declaration"  # the keyed hash of the address that was given in a declaration


@record(frozen=True, kw_only=True)
class IndexRow:
    """A row of the index of *find*."""

    kind: NameKind
    name: str  # by which it is found; by a day, and by a day and an amount: empty, their keys have more
    subject: str  # what has the name: an id with its provider, an account, a run, an event's cause, a declaration
    payment_id: PaymentId | None = None  # under which the purchase was stored: it may be a pointer by now
    account_id: AccountId | None = None  # of a contact, a failed run, or a payment
    at: datetime | None = None  # of a payment, a failed run, or a parked event by its amount
    amount: int = 0  # of a payment or a parked event, in minor units; of a failed run, the credits that were returned
    currency: str = ""  # of a payment or a parked event
    owner: str | None = None  # of a parked event: under which its receipt is stored


@record(frozen=True, kw_only=True)
class EventNames:
    """By what an event can be found, as far as what the provider sent has it."""

    ids: tuple[str, ...] = ()  # of the provider: payments, charges, customers, …; and of our orders and accounts
    numbers: tuple[str, ...] = ()  # of invoices, as printed
    addresses: tuple[str, ...] = ()
    amounts: tuple[Money, ...] = ()


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


def rows_of_parked(receipt: Receipt, names: EventNames, key: Callable[[], str]) -> Iterator[IndexRow]:
    """Yield the rows of a parked event, and none of another: by its id, what it names, and its day with each amount.

    `key` returns the key of the addresses' hashes. It is called only if there is an address.
    """
    if receipt.parked_reason is None:
        return
    found = {*_own_ids(receipt), *names.ids, *map(number_as_searched, names.numbers)}
    hashed = {hash_of_address(one, key()) for one in names.addresses}
    row = IndexRow(kind=NameKind.PARKED, name="", subject=receipt.cause, owner=receipt.name[0])
    yield from (replace(row, name=name) for name in sorted(found | hashed) if name)
    for money in dict.fromkeys(names.amounts):
        yield replace(row, at=receipt.occurred_at, amount=money.amount_minor, currency=money.currency)


def is_named(receipt: Receipt, names: EventNames, text: str) -> bool:
    """Return whether a parked event has a name, as a person writes it: with or without the provider's name."""
    own = {*_own_ids(receipt), *names.ids}
    ids = {*own, *(f"{receipt.provider}:{one}" for one in own)}
    numbers, addresses = map(number_as_searched, names.numbers), map(_as_written, names.addresses)
    return text in ids or number_as_searched(text) in numbers or _as_written(text) in addresses


def _own_ids(receipt: Receipt) -> set[str]:
    """Return the ids of an event and of its customer, as the provider writes them."""
    return {receipt.event_id, *((receipt.customer_id.partition(":")[2],) if receipt.customer_id else ())}


def parked_name_of(row: IndexRow) -> tuple[str, str]:
    """Return the name of the receipt that a row of a parked event leads to."""
    return row.owner or row.subject, row.subject.partition(":")[2]


def rows_of_declaration(declaration: Declaration, key: str) -> Iterator[IndexRow]:
    """Yield the row of a declaration that was confirmed without a login: by the address that was given in it.

    One that was made with a login is found by its account.
    """
    if declaration.is_confirmed and declaration.kind in PUBLIC_KINDS and declaration.submission.email:
        yield IndexRow(
            kind=NameKind.DECLARATION,
            name=hash_of_address(declaration.submission.email, key),
            subject=declaration.declaration_id,
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
    written = _as_written(address)
    return hmac.new(key.encode(), written.encode(), hashlib.sha256).hexdigest()[:_DIGITS]


def _as_written(address: str) -> str:
    """Return an address as all ways to write it are compared."""
    return unicodedata.normalize("NFC", address.strip()).casefold()


_DIGITS = 40
