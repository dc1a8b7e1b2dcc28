"""Runs of the tagging service."""

from datetime import datetime

from ledger.api.responses.model import ResponseModel


class RunResponse(ResponseModel):
    """What a run drew, or that its credits came back."""

    run_id: str
    credits: int
    at: datetime
    failed_at: datetime | None
