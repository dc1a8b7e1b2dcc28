"""Refund requests and withdrawals, with their evidence."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from ledger.api.providers import EXAMPLE_PAYMENT_ID
from ledger.api.requests.model import Day, Email, Id, Line, RequestModel, Time, printable

RefundReason = Literal[
    "charged_twice",
    "wrong_amount",
    "mistaken_renewal",
    "changed_my_mind",
    "technical_problem",
    "unrecognised_charge",
]


class RefundRequest(RequestModel):
    """A refund request. Its evidence is compared with the ledger; a mismatch sends it to a person."""

    purchase_id: Id = Field(description="As `GET /purchases` gives it.", examples=[EXAMPLE_PAYMENT_ID])
    reason: RefundReason
    message: Annotated[str, AfterValidator(printable)] = Field(
        default="", max_length=4000, description="What happened, in the customer's words."
    )
    email: Email | None = Field(
        default=None, description="The address linked to the account.", examples=["ada@example.com"]
    )
    charged_on: Day | None = Field(
        default=None, description="The day of the charge, as the bank shows it.", examples=["2026-11-01"]
    )
    reference: Id | None = Field(
        default=None, description="The invoice's number or the payment's reference.", examples=["INV-0001"]
    )
    happened_at: Time | None = Field(
        default=None, description="For a technical problem: when it happened.", examples=["2026-11-01T12:00:00Z"]
    )
    error_messages: list[Line] = Field(
        default_factory=list, max_length=10, description="For a technical problem: the error messages that were shown."
    )


class EvidenceRequest(RequestModel):
    """A file to be uploaded."""

    content_type: Literal["image/png", "image/jpeg", "image/webp", "application/pdf", "text/plain"]


class WithdrawalRequest(RequestModel):
    """The first step of a withdrawal: the purchase to withdraw from."""

    purchase_id: Id = Field(description="As `GET /purchases` gives it.", examples=[EXAMPLE_PAYMENT_ID])


class SupportRefundRequest(RefundRequest):
    """A refund request or a withdrawal that reached support another way, opened in the customer's name."""

    account_id: Id = Field(examples=["acct_ada"])
    reason: Literal[RefundReason, "withdrawal"]  # type: ignore[assignment]
    channel: Literal["email", "letter", "phone", "chat"] = Field(
        default="email", description="How it reached us. `message` is what was written or said, word for word."
    )
    sent_at: Time | None = Field(
        default=None,
        description="When the customer sent it: that time counts for every time limit. Left out: now.",
        examples=["2026-11-02T09:30:00Z"],
    )
