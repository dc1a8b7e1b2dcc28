"""Locks: credits that wait for the consent of their order."""

from collections.abc import Mapping
from datetime import datetime

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
    until: datetime = Field(description="The end of the right of withdrawal: then they can be used in any case.")
    missing: MissingConsent = Field(
        description="consent: the customer gives it with `POST /orders/{order_id}/consent`. confirmation: ours, by "
        "e-mail, which unlocks the credits."
    )
    words: str = Field(description="The same in plain words.")

    @classmethod
    def of(cls, locked: LockedOrder) -> "LockResponse":
        """Return a lock with the text for what is missing."""
        words = shipped_texts().render(_TEXTS[locked.missing])
        return cls(
            order_id=locked.order_id, credits=locked.credits, until=locked.until, missing=locked.missing, words=words
        )


_TEXTS: Mapping[MissingConsent, Text] = {
    MissingConsent.REQUEST: text("lock.consent"),
    MissingConsent.CONFIRMATION: text("lock.confirmation"),
}
