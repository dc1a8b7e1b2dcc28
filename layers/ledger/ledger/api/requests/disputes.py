"""What a dispute or a refund in another currency is worth."""

from pydantic import Field

from ledger.api.providers import EXAMPLE_PAYMENT_ID
from ledger.api.requests.model import RequestModel, Text


class AmountRequest(RequestModel):
    """What a refund or dispute in another currency is in its payment's currency."""

    payment_id: str = Field(
        min_length=1,
        max_length=200,
        description="The payment, as the account's purchases show it.",
        examples=[EXAMPLE_PAYMENT_ID],
    )
    subject_id: str = Field(
        min_length=1,
        max_length=200,
        examples=["dp_1Q9x"],
        description="The provider's id of the refund, credit, dispute or chargeback.",
    )
    amount_minor: int = Field(
        ge=0, strict=True, description="In minor units of the payment's currency.", examples=[2000]
    )
    why: Text = Field(examples=["The bank's letter of 2026-11-03 names it."])
