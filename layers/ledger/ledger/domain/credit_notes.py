"""Credit notes: the numbered document of each refund of a sale of ours, which corrects its invoice.

    refund succeeded ──► credit note 2026-000007, corrects the invoice
    the same refund failed later ──► correction 2026-000008, takes back credit note 2026-000007

Numbers count from 1 in each series, without a gap. A series is a seller's of one year (UTC). No document is ever
changed.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

from ledger.domain.ids import AccountId, PaymentId

_DIGITS = 6


class CreditNoteKind(StrEnum):
    """What a document does."""

    CREDIT = "credit"  # it corrects the invoice of the payment: an amount went back
    CORRECTION = "correction"  # it takes back a credit note: the amount did not arrive


@dataclass(frozen=True, slots=True, kw_only=True)
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

    @property
    def subject(self) -> str:
        """Return what there is one document about: a refund, or that it failed."""
        return subject_of(self.refund_id, self.kind)


@dataclass(frozen=True, slots=True, kw_only=True)
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
