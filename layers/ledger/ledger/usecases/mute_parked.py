"""Mute a kind of parked events as a person of support, and end that.

    parked ──► its kind is muted ──► listed apart, whenever it comes; tried again with each deployment as before
       ▲                                 │
       └──────────── it is ended ◄───────┘

A kind is a provider, a type of event, a reason and its exact detail. What names an order or account of ours, or what
the catalogue sells, is never muted, whatever its kind: `record_event` looks at each event by itself. So events are
moved by recording them again. What a request does not move, for there is too much of it, a job does.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice

from ledger.domain.audit import AuditAction, AuditRecord
from ledger.domain.errors import NotFound, RequestRefused
from ledger.domain.events import Event
from ledger.domain.receipts import MUTABLE, Mute, Receipt, Trigger
from ledger.domain.records import record
from ledger.domain.subjects import subject_of_mute
from ledger.ports.commit import Commit, DocumentChange
from ledger.ports.documents import mute_key, subject_act_key
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.attribute_parked import UNREADABLE, read_receipt
from ledger.usecases.record_event import is_of_nobody, release_parked
from ledger.usecases.transaction import CONFLICT, Retry, run_transaction

MOST_AT_ONCE = 500
"""How many parked events a request looks at, of any kind. A job looks at all."""

_BATCH = 100
_OVERLAP = timedelta(minutes=10)  # the index of parked receipts may lag behind them

Translate = Callable[[Receipt], Event | None]


@record(frozen=True, kw_only=True)
class MutePreview:
    """What muting the kind of a parked event would do."""

    receipt: Receipt
    refusal: str  # why it can't be muted; empty: it can
    events: int  # parked now, that would be muted
    of_ours: int  # of the same kind, that would stay: they name something of ours
    is_cut: bool  # there may be more: not all parked events were looked at


@record(frozen=True, kw_only=True)
class CountedMute:
    """A mute, with the number of parked events that it keeps out of the list."""

    mute: Mute
    events: int


def preview_mute(name: tuple[str, str], store: Store, translate: Translate) -> MutePreview:
    """Return what muting the kind of a parked event would do. Raise NotFound."""
    receipt = read_receipt(name, store)
    refusal = _refusal(receipt, store, translate)
    if refusal:
        return MutePreview(receipt=receipt, refusal=refusal, events=0, of_ours=0, is_cut=False)
    looked_at = Counter(_is_of_nobody(one, store, translate) for one in _of_kind(receipt.mute_id, store, MOST_AT_ONCE))
    is_cut = next(islice(store.parked_names(Trigger.DEPLOYMENT), MOST_AT_ONCE, None), None) is not None
    return MutePreview(receipt=receipt, refusal="", events=looked_at[True], of_ours=looked_at[False], is_cut=is_cut)


def mute_kind(
    name: tuple[str, str], actor: str, why: str, store: Store, translate: Translate, *, now: datetime
) -> Mute:
    """Mute the kind of a parked event, and move those that are parked. One that is in force stays as it is.

    Raise NotFound if there is no such event, and RequestRefused if its kind can't be muted, or it names what is ours.
    """
    receipt = read_receipt(name, store)
    if receipt.muted_by is None and (refusal := _refusal(receipt, store, translate)):
        raise RequestRefused(refusal)
    mute = run_transaction(lambda: _put_in_force(receipt, actor, why, store, now), f"mute of {receipt.cause}")
    return settle_mute(mute, store, translate, now=now, most=MOST_AT_ONCE)


def _put_in_force(receipt: Receipt, actor: str, why: str, store: Store, now: datetime) -> Mute | Retry:
    if receipt.parked_reason is None or receipt.mute_id is None:
        raise RequestRefused("It is parked no longer.")
    known = _find(receipt.mute_id, store)
    if known and known.is_in_force:
        return known
    mute = Mute(
        provider=receipt.provider,
        event_type=receipt.event_type,
        reason=receipt.parked_reason,
        detail=receipt.detail,
        muted_by=actor,
        muted_at=now,
        why=why,
        version=known.version if known else 0,
    )
    return _store(mute, AuditAction.MUTE, actor, why, store, now)


def end_mute(mute_id: str, actor: str, why: str, store: Store, translate: Translate, *, now: datetime) -> Mute:
    """End a mute: its events come back to the list of those that need a person. One that was ended stays so.

    Raise NotFound.
    """
    mute = run_transaction(lambda: _end(mute_id, actor, why, store, now), f"end of {mute_id}")
    return settle_mute(mute, store, translate, now=now, most=MOST_AT_ONCE)


def _end(mute_id: str, actor: str, why: str, store: Store, now: datetime) -> Mute | Retry:
    mute = _find(mute_id, store)
    if mute is None:
        raise NotFound(f"There is no mute {mute_id}.")
    if not mute.is_in_force:
        return mute
    ended = replace(mute, ended_by=actor, ended_at=now, ended_why=why, is_settled=False)
    return _store(ended, AuditAction.UNMUTE, actor, why, store, now)


def _store(mute: Mute, action: AuditAction, actor: str, why: str, store: Store, now: datetime) -> Mute | Retry:
    """Store a mute with the act on record, in one transaction."""
    record = AuditRecord(actor=actor, action=action, subject=mute.mute_id, reason=why, at=now, step=mute.version)
    act = DocumentChange(subject_act_key(subject_of_mute(mute.mute_id), record), record, None)
    change = DocumentChange(mute_key(mute.mute_id), mute, mute.version)
    return CONFLICT if store.commit(Commit(documents=(change, act))) else replace(mute, version=mute.version + 1)


def list_mutes(store: Store) -> tuple[list[CountedMute], bool]:
    """Return the mutes, those in force first and the latest first, and whether not all muted events were counted."""
    names = list(islice(store.parked_names(Trigger.MUTED), MOST_AT_ONCE + 1))
    counted = Counter(one.muted_by for one in store.parked_receipts(names[:MOST_AT_ONCE]))
    mutes = sorted(store.mutes(), key=lambda one: (one.is_in_force, one.changed_at), reverse=True)
    return [CountedMute(mute=one, events=counted[one.mute_id]) for one in mutes], len(names) > MOST_AT_ONCE


def settle_mutes(store: Store, translate: Translate, has_time: Callable[[], bool], *, now: datetime) -> int:
    """Move the parked events of each mute that was changed, until all were looked at. Return how many there were.

    What time does not suffice for, the next round goes on with.
    """
    changed = [mute for mute in store.mutes() if not mute.is_settled]
    for mute in changed:
        settle_mute(mute, store, translate, now=now, has_time=has_time)
    return len(changed)


def settle_mute(
    mute: Mute,
    store: Store,
    translate: Translate,
    *,
    now: datetime,
    most: int | None = None,
    has_time: Callable[[], bool] = lambda: True,
) -> Mute:
    """Record the parked events of a kind again, so that each is in the list in which it belongs. Return the mute.

    `most`: how many parked events of any kind are looked at. None: all; then the mute is settled, once the index of
    parked receipts does not lag behind its change any more.
    """
    under = Trigger.DEPLOYMENT if mute.is_in_force else Trigger.MUTED
    for receipt in _of_kind(mute.mute_id, store, most, under):
        if not has_time():
            return mute
        done = release_parked(receipt, translate, store, now)
        if not mute.is_in_force and done.muted_by == mute.mute_id:  # this release does not read it, or not any more
            store.commit(Commit(receipt=replace(receipt, muted_by=None)))
    if most is not None or mute.is_settled or now - mute.changed_at < _OVERLAP:
        return mute
    settled = replace(mute, is_settled=True)
    store.commit(Commit(documents=(DocumentChange(mute_key(mute.mute_id), settled, mute.version),)))
    return settled


def _of_kind(
    mute_id: str | None, store: Store, most: int | None, under: Trigger = Trigger.DEPLOYMENT
) -> Iterator[Receipt]:
    """Yield the parked events of a kind, or those that its mute holds, in a list: the oldest first."""
    listed = islice(store.parked_names(under), most)
    while names := list(islice(listed, _BATCH)):
        for receipt in store.parked_receipts(names):
            if mute_id == (receipt.muted_by if under is Trigger.MUTED else receipt.mute_id):
                yield receipt


def _refusal(receipt: Receipt, store: Store, translate: Translate) -> str:
    """Return why the kind of a parked event can't be muted at its hand. Empty: it can."""
    if receipt.parked_reason is None:
        return "It is parked no longer."
    if receipt.parked_reason not in MUTABLE:
        return f"It is parked as {receipt.parked_reason}: that always needs a person. It may be a customer's money."
    event = translate(receipt)
    if event is None:
        return UNREADABLE
    if not is_of_nobody(event, store):
        return "It names an order or account of ours, or what the catalogue sells: it always needs a person."
    return ""


def _is_of_nobody(receipt: Receipt, store: Store, translate: Translate) -> bool:
    event = translate(receipt)
    return event is not None and is_of_nobody(event, store)


def _find(mute_id: str, store: Store) -> Mute | None:
    key = mute_key(mute_id)
    return store.read(Keys(documents=frozenset({key}))).document(key, Mute)
