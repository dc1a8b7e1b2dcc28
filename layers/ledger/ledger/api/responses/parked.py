"""Parked events, as support sees them."""

import json
from datetime import datetime
from typing import Any

from pydantic import Field

from ledger.api.providers import EXAMPLE_PARKED_ID
from ledger.api.responses.history import HistoryResponse
from ledger.api.responses.model import ResponseModel
from ledger.domain.receipts import Mute, ParkReason, Receipt, RecordOutcome
from ledger.usecases.mute_parked import CountedMute, MutePreview
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
    muted_by: str | None = Field(description="The mute that keeps it out of the list of those that need a person.")

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
    muted_by: str | None = Field(description="The mute that keeps it out of the list of those that need a person.")
    can_be_muted: bool = Field(description="Whether it is parked for a reason for which events of a kind may be muted.")
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
            can_be_muted=receipt.mute_id is not None,
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


class MutePreviewResponse(ResponseModel):
    """What muting the kind of a parked event would do."""

    provider: str
    event_type: str
    reason: ParkReason | None
    detail: str
    refusal: str = Field(description="Why its kind can't be muted. Empty: it can.")
    events: int = Field(description="Parked now, that would be muted.")
    of_ours: int = Field(description="Of the same kind, that stay: each names an order, an account or a price of ours.")
    is_cut: bool = Field(description="There may be more of them: not all parked events were looked at.")

    @classmethod
    def of(cls, preview: MutePreview) -> "MutePreviewResponse":
        """Return a preview."""
        receipt = preview.receipt
        return cls(
            provider=receipt.provider,
            event_type=receipt.event_type,
            reason=receipt.parked_reason,
            detail=receipt.detail,
            refusal=preview.refusal,
            events=preview.events,
            of_ours=preview.of_ours,
            is_cut=preview.is_cut,
        )


class MuteResponse(ResponseModel):
    """A kind of parked events that need no attention: who said so, when and why."""

    mute_id: str = Field(examples=["mute_0123456789abcdef01234567"])
    provider: str
    event_type: str
    reason: ParkReason
    detail: str = Field(description="Exactly what was found.")
    muted_by: str
    muted_at: datetime
    why: str
    is_in_force: bool
    ended_by: str | None
    ended_at: datetime | None
    ended_why: str
    is_settled: bool = Field(description="Its events are where they belong. Else a job moves some within the hour.")

    @classmethod
    def of(cls, mute: Mute) -> "MuteResponse":
        """Return a mute."""
        return cls(**_fields_of_mute(mute))


class CountedMuteResponse(MuteResponse):
    """A mute with its events."""

    events: int = Field(description="Parked events that it keeps out of the list.")

    @classmethod
    def counted(cls, one: CountedMute) -> "CountedMuteResponse":
        """Return a mute with the number of its events."""
        return cls(**_fields_of_mute(one.mute), events=one.events)


class MuteList(ResponseModel):
    """All mutes: those in force first, the latest first."""

    mutes: list[CountedMuteResponse]
    is_cut: bool = Field(description="There are more muted events than were counted.")


def _fields_of_mute(mute: Mute) -> dict[str, Any]:
    return {
        "mute_id": mute.mute_id,
        "provider": mute.provider,
        "event_type": mute.event_type,
        "reason": mute.reason,
        "detail": mute.detail,
        "muted_by": mute.muted_by,
        "muted_at": mute.muted_at,
        "why": mute.why,
        "is_in_force": mute.is_in_force,
        "ended_by": mute.ended_by,
        "ended_at": mute.ended_at,
        "ended_why": mute.ended_why,
        "is_settled": mute.is_settled,
    }


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
        "muted_by": receipt.muted_by,
    }
