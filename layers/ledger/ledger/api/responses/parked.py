"""Parked events, as support sees them."""

import json
from datetime import datetime
from typing import Any

from pydantic import Field

from ledger.api.providers import EXAMPLE_PARKED_ID
from ledger.api.responses.history import HistoryResponse
from ledger.api.responses.model import ResponseModel
from ledger.domain.receipts import ParkReason, Receipt, RecordOutcome
from ledger.usecases.parked_events import parked_id_of, release_of
from ledger.usecases.record_event import RecordResult
from ledger.usecases.subject_history import SubjectHistory


class ParkedResponse(ResponseModel):
    """A parked event: genuine, stored, and not bookable yet."""

    parked_id: str = Field(examples=[EXAMPLE_PARKED_ID])
    provider: str
    event_id: str
    event_type: str
    kind: str = Field(description="Provider, type and reason together.")
    reason: ParkReason
    detail: str = Field(description="What was found. No personal data.")
    occurred_at: datetime = Field(description="By the provider's time.")
    received_at: datetime
    customer_id: str | None = Field(description="The provider's customer.")
    released_by: str = Field(description="What would release it.")

    @classmethod
    def of(cls, receipt: Receipt) -> "ParkedResponse":
        """Return a parked event. Raise ValueError if it is parked no longer."""
        if receipt.parked_reason is None:
            raise ValueError(f"{receipt.cause} is not parked")
        return cls(**_fields(receipt))


class ParkedEventResponse(ResponseModel):
    """An event that is parked, or was: what the provider sent, what became of it, and who did what about it."""

    parked_id: str = Field(examples=[EXAMPLE_PARKED_ID])
    provider: str
    event_id: str
    event_type: str
    outcome: RecordOutcome = Field(description="`parked`, until it is booked or dismissed.")
    kind: str | None = Field(description="Provider, type and reason together. null: it is parked no longer.")
    reason: ParkReason | None = Field(description="null: it is parked no longer.")
    detail: str = Field(description="What was found. No personal data.")
    occurred_at: datetime = Field(description="By the provider's time.")
    received_at: datetime
    customer_id: str | None = Field(description="The provider's customer.")
    account_id: str | None = Field(description="Whose it is, once it is booked.")
    released_by: str | None = Field(description="What would release it. null: it is parked no longer.")
    body: dict[str, Any] | None = Field(description="The provider's JSON. null: it is parked no longer.")
    history: HistoryResponse

    @classmethod
    def of(cls, receipt: Receipt, history: SubjectHistory) -> "ParkedEventResponse":
        """Return an event with its body, if it is parked, and with its history."""
        body = json.loads(receipt.body) if receipt.body else None
        return cls(
            **_fields(receipt),
            outcome=receipt.outcome,
            account_id=receipt.account_id,
            body=body if body is None or isinstance(body, dict) else {"content": body},
            history=HistoryResponse.of(history),
        )


class ParkedPage(ResponseModel):
    """Parked events: the one that was received first comes first."""

    parked: list[ParkedResponse]
    next: str | None = Field(description="Send it as `after` to get the next page. null: this was the last page.")


class ReplayResponse(ResponseModel):
    """What became of a parked event."""

    parked_id: str
    outcome: RecordOutcome = Field(description="`parked`: it still can't be booked, for `reason`.")
    reason: ParkReason | None = Field(description="Why it still can't be booked.")
    account_id: str | None
    detail: str

    @classmethod
    def of(cls, parked_id: str, result: RecordResult) -> "ReplayResponse":
        """Return the result of recording an event again."""
        return cls(
            parked_id=parked_id,
            outcome=result.outcome,
            reason=result.parked_reason,
            account_id=result.account_id,
            detail=result.detail,
        )


def _fields(receipt: Receipt) -> dict[str, Any]:
    reason = receipt.parked_reason
    return {
        "parked_id": parked_id_of(receipt),
        "provider": receipt.provider,
        "event_id": receipt.event_id,
        "event_type": receipt.event_type,
        "kind": f"{receipt.provider}/{receipt.event_type}/{reason}" if reason else None,
        "reason": reason,
        "detail": receipt.detail,
        "occurred_at": receipt.occurred_at,
        "received_at": receipt.received_at,
        "customer_id": receipt.customer_id,
        "released_by": release_of(receipt) if reason else None,
    }
