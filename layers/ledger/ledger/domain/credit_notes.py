"""Credit notes: the numbered document of each refund of a sale of ours, which corrects its invoice.

    refund succeeded ──► credit note 2026-000007, corrects the invoice
    the same refund failed later ──► correction 2026-000008, takes back credit note 2026-000007

Numbers count from 1 in each series, without a gap. A series is a seller's of one year (UTC). No document is ever
changed.
"""

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum

from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.records import record

_DIGITS = 6


class CreditNoteKind(StrEnum):
    """What a document does."""

    CREDIT = "credit"  # it corrects the invoice of the payment: an amount went back
    CORRECTION = "correction"  # it takes back a credit note: the amount did not arrive


@record(frozen=True, kw_only=True)
class CreditNote:
    """A credit note, or the document that takes one back."""

    number: str  # `2026-000007`
    kind: CreditNoteKind
    issued_at: datetime
    issued_by: str  # the seller's name and address
    account_id: AccountId
    payment_id: PaymentId
    refund_id: str  # the provider's
    case_id: str | None  # None: the refund was made at the provider
    amount_minor: int  # gross: the tax that was in the price is in it
    currency: str
    invoice_number: str | None  # that it corrects; None: the provider has told none
    paid_at: datetime
    order_id: str | None
    product_ids: tuple[str, ...]
    credits: int  # that the payment granted
    corrects: str | None = None  # CORRECTION: the number of the credit note
    tax_minor: int | None = None  # that `amount_minor` contains; None: it is not known

    @property
    def subject(self) -> str:
        """Return what there is one document about: a refund, or that it failed."""
        return subject_of(self.refund_id, self.kind)


def tax_within(amount_minor: int, tax_minor: int | None, paid_minor: int, before: Collection[CreditNote]) -> int | None:
    """Return the tax in an amount of a payment that goes back, by the documents before. None: it is not known.

    Tax goes back in proportion: all amounts so far contain their share of the payment's tax, rounded down, and each
    document says what is new of it. So the last one has the remainder, and the documents of a payment that went back
    whole sum to its tax.

        paid 2,000 with 333 of tax     500 ──► 83     500 ──► 83     1,000 ──► 167
    """
    if tax_minor is None or not 0 <= tax_minor <= paid_minor or any(note.tax_minor is None for note in before):
        return None
    signs = {CreditNoteKind.CREDIT: 1, CreditNoteKind.CORRECTION: -1}
    returned_minor = amount_minor + sum(signs[note.kind] * note.amount_minor for note in before)
    if not 0 < returned_minor <= paid_minor:
        return None
    documented_minor = sum(signs[note.kind] * (note.tax_minor or 0) for note in before)
    return min(max(0, tax_minor * returned_minor // paid_minor - documented_minor), amount_minor)


@record(frozen=True, kw_only=True)
class CreditNoteSeries:
    """The numbers that were given in one series."""

    last: int = 0
    version: int = 0  # 0: not stored yet

    def next(self, year: int) -> tuple[str, "CreditNoteSeries"]:
        """Return the next number, and the series with it."""
        return f"{year}-{self.last + 1:0{_DIGITS}}", replace(self, last=self.last + 1)


def year_of(at: datetime) -> int:
    """Return the year in whose series a document of this time is."""
    return at.astimezone(UTC).year


def subject_of(refund_id: str, kind: CreditNoteKind) -> str:
    """Return the name of what there is one document about."""
    return refund_id if kind is CreditNoteKind.CREDIT else f"{refund_id}/{kind}"
