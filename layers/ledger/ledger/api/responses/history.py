"""The history of what belongs to no account, as support sees it."""

from pydantic import Field

from ledger.api.responses.model import ResponseModel
from ledger.api.responses.support_accounts import TimelineLineResponse
from ledger.usecases.subject_history import SubjectHistory


class HistoryResponse(ResponseModel):
    """Who has looked at it, and who did what about it and why: newest first."""

    lines: list[TimelineLineResponse]
    is_cut: bool = Field(description="There are older ones.")

    @classmethod
    def of(cls, history: SubjectHistory) -> "HistoryResponse":
        """Return a history."""
        return cls(lines=[TimelineLineResponse.of(one) for one in history.lines], is_cut=history.is_cut)
