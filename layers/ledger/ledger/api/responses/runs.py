"""Runs of the tagging service."""

from datetime import datetime

from ledger.api.responses.model import ResponseModel


class RunResponse(ResponseModel):
    """A run: the credits that it drew (0: it failed before its draw), and when it failed, which returned them."""

    run_id: str
    credits: int
    at: datetime
    failed_at: datetime | None
