"""A person's decision about a case, and the rejection of one that waits for a second person."""

from typing import Literal

from pydantic import Field

from ledger.api import validation_messages
from ledger.api.requests.model import Credits, Line, Minor, RequestModel, Text
from ledger.domain.errors import InvalidRequest


class DecisionRequest(RequestModel):
    """A person's decision about a case in review."""

    outcome: Literal["approve", "replace", "decline"]
    words: list[Line] = Field(
        min_length=1,
        max_length=10,
        description="The reasons, for the customer.",
        examples=[["Three runs failed because of an error of ours."]],
    )
    clause: str = Field(
        pattern=validation_messages.CLAUSE, description="The clause of the published policy.", examples=["6"]
    )
    money_minor: Minor | None = Field(
        default=None,
        description="To approve: the amount, in minor units of the payment's currency. null: what the policy "
        "recommends by then.",
        examples=[500],
    )
    credits: Credits | None = Field(default=None, description="To replace: the number of credits.")
    takes_credits: bool = Field(default=True, strict=True, description="Whether the refund takes its credits back.")
    ends_subscription: bool = Field(
        default=False, strict=True, description="Whether the subscription's renewals are stopped as well."
    )
    agreement: Line | None = Field(
        default=None,
        description="To replace the money of a withdrawal: how the customer expressly agreed to credits instead. "
        "Support alone reads it.",
        examples=["By mail of 3 November: “Credits instead of the refund are fine with me.”"],
    )

    def check(self) -> None:
        """Require credits for a replacement. Allow money for an approval only. Raise InvalidRequest."""
        if self.agreement is not None and self.outcome != "replace":
            raise InvalidRequest("agreement", f"Leave it out: the outcome {self.outcome} does not use it.")
        used = {"approve": "money_minor", "replace": "credits"}.get(self.outcome)
        for name in ("money_minor", "credits"):
            if getattr(self, name) is not None and name != used:
                raise InvalidRequest(name, f"Leave it out: the outcome {self.outcome} does not use it.")
        if self.outcome == "replace" and self.credits is None:
            raise InvalidRequest("credits", "It is missing: the outcome replace needs it.")


class RejectionRequest(RequestModel):
    """Why a proposal is rejected."""

    why: Text = Field(examples=["The figure is that of another account."])
