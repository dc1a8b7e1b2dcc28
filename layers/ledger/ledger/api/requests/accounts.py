"""What support does to an account."""

from pydantic import Field

from ledger.api import validation_messages
from ledger.api.requests.model import RequestModel, Text
from ledger.domain.errors import InvalidRequest


class AdjustmentRequest(RequestModel):
    """Credits to give out of goodwill, or to take back of those that were given so."""

    credits: int = Field(
        ge=-10_000_000,
        le=10_000_000,
        strict=True,
        description="Given; below 0: taken back. Never 0.",
        examples=[50],
        json_schema_extra={"not": {"const": 0}},
    )
    why: Text = Field(examples=["A late reply of ours."])

    def check(self) -> None:
        """Raise InvalidRequest for an adjustment of nothing."""
        if self.credits == 0:
            raise InvalidRequest("credits", "It is 0, so there is nothing to adjust.")


class HoldRequest(RequestModel):
    """A hold to place on an account."""

    hold_id: str = Field(pattern=validation_messages.HOLD_ID, examples=["support:stolen-card"])
    why: Text = Field(examples=["The owner of the card has written to us."])
