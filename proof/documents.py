"""The oracle of credit notes: what documents there must be, from what Stripe says of its refunds and sales alone.

It knows no share and no order of documents: a refund that went through has one, of its amount; one that came back later
has a second one; and what the documents of a sale say of its tax is the sale's, in proportion.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any, NamedTuple

from ledger.domain.credit_notes import CreditNote

_DUE: Mapping[str, list[list[str]]] = {
    "succeeded": [["credit"]],
    "pending": [[]],
    "requires_action": [[]],
    "failed": [[], ["credit", "correction"]],  # none, if it came back before its document was issued
    "canceled": [[], ["credit", "correction"]],
}


class Sale(NamedTuple):
    """A sale that Stripe has computed a tax for."""

    total_minor: int
    tax_minor: int
    is_always_known: bool  # a part of what an invoice charges may have been paid otherwise


def sales(sessions: Iterable[Mapping[str, Any]], invoices: Iterable[Mapping[str, Any]]) -> dict[str, Sale]:
    """Return the sales with a tax, by the ids of their payments."""
    found = {}
    for one in sessions:
        if tax_minor := one["total_details"]["amount_tax"]:
            payment_id = f"stripe:{one.get('payment_intent') or one['id']}"
            found[payment_id] = Sale(one["amount_total"], tax_minor, is_always_known=True)
    for one in invoices:
        if tax_minor := sum(tax["amount"] for tax in one["total_taxes"]):
            found[f"stripe:{one['id']}"] = Sale(one["total"], tax_minor, is_always_known=False)
    return found


def wrong(
    notes: Iterable[CreditNote], refunds: Iterable[Mapping[str, Any]], taxed: Mapping[str, Sale]
) -> Iterator[str]:
    """Yield what can't be right in the documents, if these were all refunds of sales that are booked."""
    by_refund: dict[str, list[CreditNote]] = defaultdict(list)
    by_payment: dict[str, list[CreditNote]] = defaultdict(list)
    for note in sorted(notes, key=lambda note: note.number):
        by_refund[note.refund_id].append(note)
        by_payment[note.payment_id].append(note)
    series: dict[str, list[int]] = defaultdict(list)  # by the year in which they were issued
    for note in sorted((note for found in by_refund.values() for note in found), key=lambda note: note.number):
        series[note.number.partition("-")[0]].append(int(note.number.partition("-")[2]))
    for year, numbers in series.items():
        if numbers != [*range(1, len(numbers) + 1)]:
            yield f"the documents of {year} have the numbers {numbers}"
    for refund in refunds:
        found = by_refund.pop(f"stripe:{refund['id']}", [])
        if [str(note.kind) for note in found] not in _DUE[refund["status"]]:
            yield f"{refund['id']} is {refund['status']} and has the documents {[str(note.kind) for note in found]}"
        if {note.amount_minor for note in found} - {refund["amount"]}:
            yield f"{refund['id']} has documents of another amount"
    yield from (f"{name} has documents and is no refund" for name in by_refund)
    for payment_id, found in by_payment.items():
        yield from (f"{payment_id}: {problem}" for problem in _of_tax(found, taxed.get(payment_id)))


def _of_tax(notes: list[CreditNote], sale: Sale | None) -> Iterator[str]:
    known = [note for note in notes if note.tax_minor is not None]
    if len(known) < len(notes):
        if sale and sale.is_always_known:
            yield "documents do not say the tax that is known"
        return
    if sale is None:
        yield "documents say a tax, and none is known"
        return
    signs = [1 if note.kind == "credit" else -1 for note in known]
    gross = sum(sign * note.amount_minor for sign, note in zip(signs, known, strict=True))
    tax = sum(sign * (note.tax_minor or 0) for sign, note in zip(signs, known, strict=True))
    off = abs(tax - Fraction(sale.tax_minor * gross, sale.total_minor))
    if off >= 1 + signs.count(-1) or (gross == sale.total_minor and tax != sale.tax_minor):
        yield f"documents of {gross} say a tax of {tax}; {sale.total_minor} has {sale.tax_minor}"
