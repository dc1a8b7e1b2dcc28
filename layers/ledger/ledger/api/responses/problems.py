"""Problem documents (RFC 9457)."""

from pydantic import Field

from ledger.api.responses.model import ResponseModel


class FieldProblem(ResponseModel):
    """One field that is wrong."""

    field: str = Field(examples=["body.currency"])
    message: str


class Problem(ResponseModel):
    """What went wrong, and what would be right (RFC 9457)."""

    type: str = Field(examples=["urn:imagetagger:problem:insufficient-credits"])
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] | None = None
    case_id: str | None = Field(default=None, description="The open case that stands in the way.")
    missing: int | None = Field(default=None, description="Credits that the account is short of.")
    holds: list[str] | None = None
