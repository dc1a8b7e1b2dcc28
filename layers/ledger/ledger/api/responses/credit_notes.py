"""Credit notes, as a customer and support read them."""

from datetime import datetime

from pydantic import Field

from ledger.api.responses.model import Money, ResponseModel
from ledger.domain.credit_notes import CreditNote, CreditNoteKind


class CreditNoteResponse(ResponseModel):
    """The numbered document of a refund, or the one that takes it back because the refund failed later."""

    number: str
    kind: CreditNoteKind
    issued_at: datetime
    seller: str
    amount: Money = Field(description="Gross: the tax that was in the price is in it.")
    net: Money | None = Field(description="Without the tax. null: the tax is not known.")
    tax: Money | None = Field(
        description="The share of the payment's tax, as far as the provider has reported that. null: it is not known."
    )
    purchase_id: str
    refund_id: str
    case_id: str | None
    order_id: str | None
    invoice_number: str | None = Field(description="Of the invoice that it corrects, as far as the provider has told.")
    paid_at: datetime
    product_ids: list[str]
    credits: int = Field(description="That the payment granted.")
    corrects: str | None = Field(description="Of a correction: the number of the credit note that it takes back.")

    @classmethod
    def of(cls, note: CreditNote) -> "CreditNoteResponse":
        """Return a credit note as it was issued."""
        tax = note.tax_minor
        return cls(
            number=note.number,
            kind=note.kind,
            issued_at=note.issued_at,
            seller=note.issued_by,
            amount=Money(amount_minor=note.amount_minor, currency=note.currency),
            net=None if tax is None else Money(amount_minor=note.amount_minor - tax, currency=note.currency),
            tax=None if tax is None else Money(amount_minor=tax, currency=note.currency),
            purchase_id=note.payment_id,
            refund_id=note.refund_id,
            case_id=note.case_id,
            order_id=note.order_id,
            invoice_number=note.invoice_number,
            paid_at=note.paid_at,
            product_ids=list(note.product_ids),
            credits=note.credits,
            corrects=note.corrects,
        )


class CreditNoteList(ResponseModel):
    """All credit notes of an account, the oldest first."""

    credit_notes: list[CreditNoteResponse]
