"""Statements: entries with the balance after each."""

from collections.abc import Iterable
from datetime import datetime

from pydantic import Field

from ledger.api.responses.model import ResponseModel
from ledger.domain.entries import CounterAccount, Entry, EntryKind


class EntryResponse(ResponseModel):
    """An entry: one movement of credits, and the balance after it."""

    entry_id: str
    occurred_at: datetime
    kind: EntryKind
    credits: int
    balance_after: int
    counter: CounterAccount
    lot_id: str
    cause: str

    @classmethod
    def of(cls, entry: Entry, balance_after: int) -> "EntryResponse":
        """Return an entry of a statement."""
        return cls(
            entry_id=entry.entry_id,
            occurred_at=entry.occurred_at,
            kind=entry.kind,
            credits=entry.credits,
            balance_after=balance_after,
            counter=entry.counter,
            lot_id=entry.lot_id,
            cause=entry.cause,
        )


def with_balances(entries: Iterable[Entry], balance: int) -> list[EntryResponse]:
    """Return entries, newest first, each with the balance after it. `balance` is the one after the first of them.

    It must be read beside the entries, as `Store.statement_page` does: what is booked between two reads moves it.
    """
    responses = []
    for entry in entries:
        responses.append(EntryResponse.of(entry, balance))
        balance -= entry.credits
    return responses


class StatementPage(ResponseModel):
    """Entries, newest first."""

    entries: list[EntryResponse]
    next: str | None = Field(description="Send it as `after` to get the next page. null: this was the last page.")
