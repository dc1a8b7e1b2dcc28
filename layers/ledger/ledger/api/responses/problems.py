"""Problem documents (RFC 9457)."""

from datetime import datetime

from pydantic import Field

from ledger.api.responses.model import ResponseModel


class FieldProblem(ResponseModel):
    """A field with an invalid value."""

    field: str = Field(examples=["body.currency"])
    message: str


class Problem(ResponseModel):
    """A problem document (RFC 9457): what is wrong and what to do."""

    type: str = Field(examples=["urn:imagetagger:problem:insufficient-credits"])
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] | None = None
    case_id: str | None = Field(default=None, description="The open case that the request conflicts with.")
    missing: int | None = Field(default=None, description="The number of credits that the account is missing.")
    locked: int | None = Field(default=None, description="Credits that wait for the consent of their orders.")
    locked_until: datetime | None = Field(default=None, description="When the last of them can be used in any case.")
    withdrawn: int | None = Field(
        default=None, description="Credits of contracts that the customer withdraws from: they wait for our decision."
    )
    order_ids: list[str] | None = Field(
        default=None, description="The orders: `GET /orders/{id}` says what is missing."
    )
    holds: list[str] | None = None
    owed: int | None = Field(default=None, description="The account's debt, in credits.")
    subscription_id: str | None = Field(default=None, description="The subscription that is running already.")
    proposal_id: str | None = Field(default=None, description="The proposal that waits for a second person.")
