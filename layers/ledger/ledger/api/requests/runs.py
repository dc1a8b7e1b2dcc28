"""Runs of the tagging service."""

from typing import Annotated

from pydantic import AfterValidator, Field

from ledger.api.requests.model import Credits, Id, RequestModel, printable


class DrawRequest(RequestModel):
    """A run of the tagging service that needs credits."""

    account_id: Id = Field(examples=["acct_ada"])
    run_id: Id = Field(description="The run's own id. Credits are drawn once for it.", examples=["run_20261101_0001"])
    credits: Credits = Field(examples=[25])


class RunFailureRequest(RequestModel):
    """A run that failed in our system."""

    account_id: Id = Field(examples=["acct_ada"])
    error: Annotated[str, AfterValidator(printable)] = Field(
        default="", max_length=500, description="The error. It is evidence for a refund case."
    )
