"""Make one entry for each movement of a lot.

An entry's id is the natural key of its effect: lot, step, kind, counter-account. The step is the version that the
account gets from the commit, so each commit can move a lot once more. A grant's step is always 0, because a lot is
granted once.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from ledger.domain.accounts import Account
from ledger.domain.entries import Entry, EntryKind
from ledger.domain.facts import PaymentSettled
from ledger.domain.lots import Lot, Movement, movements
from ledger.domain.records import record


@record(frozen=True)
class Origin:
    """When something happened, what caused it, and the correlation id of the delivery, request or job that wrote it."""

    at: datetime
    cause: str
    correlation_id: str


def purchase_entries(
    account: Account, before: Lot | None, after: Lot, payment: PaymentSettled, origin: Origin, now: datetime
) -> Iterator[Entry]:
    """Yield the entries of a change that a purchase's facts make to one of its lots.

    The grant has the payment's time and cause, everything else has those of `origin`. Nothing happens to a lot before
    its payment.
    """
    granted = Origin(payment.at, payment.cause, origin.correlation_id)
    other = replace(origin, at=max(origin.at, payment.at))
    for movement in movements(before, after):
        yield _entry(account, after, movement, granted if movement.kind is EntryKind.GRANT else other, now)


def lot_entries(account: Account, before: Mapping[str, Lot], lots: Iterable[Lot], origin: Origin) -> Iterator[Entry]:
    """Yield the entries of a change from the lots in `before` to `lots`. An expiry happened when its lot expired."""
    for lot in lots:
        for movement in movements(before.get(lot.lot_id), lot):
            is_expiry = movement.kind is EntryKind.EXPIRE
            at = lot.expires_at if is_expiry and lot.expires_at else origin.at
            yield _entry(account, lot, movement, replace(origin, at=at), origin.at)


def _entry(account: Account, lot: Lot, movement: Movement, origin: Origin, now: datetime) -> Entry:
    is_grant = movement.kind is EntryKind.GRANT
    step = 0 if is_grant else account.version + 1
    # With `expires_at` an entry is listed for its day, so that the job that expires lots finds the account again.
    adds_to_expired_lot = movement.credits > 0 and lot.remaining > 0 and lot.has_expired(now)
    is_listed = is_grant or adds_to_expired_lot or movement.kind is EntryKind.RESCHEDULE
    return Entry(
        entry_id=f"{lot.lot_id}/{step}/{movement.kind}/{movement.counter}",
        account_id=account.account_id,
        kind=movement.kind,
        counter=movement.counter,
        lot_id=lot.lot_id,
        credits=movement.credits,
        cause=origin.cause,
        correlation_id=origin.correlation_id,
        occurred_at=origin.at,
        recorded_at=now,
        step=step,
        expires_at=lot.expires_at if is_listed else None,
    )
