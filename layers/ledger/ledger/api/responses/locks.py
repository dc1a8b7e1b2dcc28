"""Locks: credits that wait for the consent of their order, or for a decision about a withdrawal."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from pydantic import Field

from ledger.api.responses.model import ResponseModel
from ledger.domain.orders import MissingConsent
from ledger.domain.texts import Text, text
from ledger.policy.texts import shipped_texts
from ledger.usecases.locks import LockedOrder


class LockResponse(ResponseModel):
    """Credits of one order that can't be used yet, and what unlocks them."""

    order_id: str | None
    credits: int
    until: datetime | None = Field(
        description="The end of the right of withdrawal: then they can be used in any case. null: they wait for a "
        "decision about a withdrawal."
    )
    missing: Literal["consent", "confirmation", "decision"] = Field(
        description="consent: the customer gives it with `POST /orders/{order_id}/consent`. confirmation: ours, by "
        "e-mail, which unlocks the credits. decision: ours, about the withdrawal from their contract."
    )
    words: str = Field(description="The same in plain words.")

    @classmethod
    def of(cls, locked: LockedOrder) -> "LockResponse":
        """Return a lock with the text for what is missing."""
        return cls(
            order_id=locked.order_id,
            credits=locked.credits,
            until=locked.until,
            missing=locked.missing.value if locked.missing else "decision",
            words=shipped_texts().render(_TEXTS[locked.missing]),
        )


_TEXTS: Mapping[MissingConsent | None, Text] = {
    MissingConsent.REQUEST: text("lock.consent"),
    MissingConsent.CONFIRMATION: text("lock.confirmation"),
    None: text("lock.withdrawal"),
}
