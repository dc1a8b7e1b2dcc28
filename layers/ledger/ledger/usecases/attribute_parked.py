"""Settle a parked event as a person of support: say whose it is, try it again, or dismiss it.

    parked ──┬─ attributed      booked for the account that a person names, as after a late link
             ├─ tried again     with the catalogue and the facts of now: booked, or parked as before
             └─ dismissed       noted: it books nothing, and is kept as proof that it was received

Each is on record under the event, which may belong to no account, and is safe to repeat: an event that is parked no
longer is left as it is.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from ledger.domain.audit import AuditAction, AuditRecord
from ledger.domain.errors import NotFound, RequestRefused
from ledger.domain.events import Event
from ledger.domain.idempotency import IdempotencyRecord
from ledger.domain.ids import AccountId, derived_id
from ledger.domain.proposals import Stake
from ledger.domain.receipts import DISMISSED, ParkReason, Receipt, RecordOutcome
from ledger.domain.records import record
from ledger.domain.subjects import subject_of_event
from ledger.ports.commit import Commit, DocumentChange
from ledger.ports.documents import audit_key, subject_act_key, subject_request_key
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.authority import Act, Authority, commit_act
from ledger.usecases.record_event import RecordResult, release_parked
from ledger.usecases.transaction import CONFLICT, Retry, result_under_key, run_transaction

REPLAYS_ROUTE = "replays"
"""The route of the Idempotency-Keys of replays: one key counts for one event and one route."""

Translate = Callable[[Receipt], Event | None]

UNREADABLE = "This release can't read what the provider sent. A release that reads it has to be deployed first."
ATTRIBUTABLE = frozenset({ParkReason.NO_ACCOUNT, ParkReason.AMBIGUOUS_ACCOUNT})
"""The reasons for which an event is booked once it is known whose it is. No other is a question of the account."""


@record(frozen=True, kw_only=True)
class Attribution:
    """Whose a parked event is, as a person says."""

    name: tuple[str, str]  # of the receipt
    account_id: AccountId
    actor: str
    reason: str


@record(frozen=True, kw_only=True)
class Replay:
    """Another try at a parked event, as a person wants it."""

    name: tuple[str, str]  # of the receipt
    actor: str
    reason: str
    key: str  # the Idempotency-Key

    @property
    def fingerprint(self) -> str:
        return derived_id("replay", *self.name, self.reason, self.actor)


def read_receipt(name: tuple[str, str], store: Store) -> Receipt:
    """Return a receipt, parked or not. Raise NotFound."""
    receipt = store.read(Keys(receipts=frozenset({name}))).receipts.get(name)
    if receipt is None:
        raise NotFound(f"There is no event {name[1]}.")
    return receipt


def attribute_parked(
    attribution: Attribution, store: Store, translate: Translate, authority: Authority, *, now: datetime
) -> RecordResult:
    """Book a parked event for the account that a person names, if nothing that it names says otherwise.

    It takes the same way as an event that names its account itself: what is of an order or a subscription of another
    account stays parked. The act is on record first, with what the event pays as its amount; the receipt's condition
    books it once. Raise NotFound if there is no such event or account, RequestRefused if its account is not what it
    lacks, SecondPersonNeeded if a colleague has to confirm it.
    """
    receipt = read_receipt(attribution.name, store)
    if receipt.parked_reason is None:
        return RecordResult(receipt.outcome, receipt.account_id, detail=receipt.detail)
    event = translate(receipt)
    if event is None:
        raise RequestRefused(UNREADABLE)
    if receipt.parked_reason not in ATTRIBUTABLE or event.not_bookable:
        raise RequestRefused(f"It is parked as {receipt.parked_reason}: it does not lack an account.")
    subject = receipt.cause
    run_transaction(lambda: _record(attribution, event, store, authority, now), f"attribution of {subject}")
    return book_attributed(attribution, store, translate, now=now)


def book_attributed(attribution: Attribution, store: Store, translate: Translate, *, now: datetime) -> RecordResult:
    """Book an attributed event, whose act is on record. One that is parked no longer is left as it is."""
    receipt = read_receipt(attribution.name, store)
    event = translate(receipt) if receipt.parked_reason else None
    if event is None:
        return RecordResult(receipt.outcome, receipt.account_id, receipt.parked_reason, receipt.detail)
    owned = replace(event, owner=replace(event.owner, account_id=attribution.account_id))
    return release_parked(receipt, lambda _: owned, store, now)


def _record(attribution: Attribution, event: Event, store: Store, authority: Authority, now: datetime) -> bool | Retry:
    account_id = attribution.account_id
    payment = event.payment
    record = AuditRecord(
        actor=attribution.actor,
        action=AuditAction.ATTRIBUTE,
        subject=event.cause,
        reason=attribution.reason,
        at=now,
        step=0,
    )
    stake = Stake(amount=payment.paid_minor, unit=payment.currency) if payment and payment.paid_minor else None
    key = audit_key(account_id, record)
    known = store.read(Keys(accounts=frozenset({account_id}), documents=frozenset({key})))
    if account_id not in known.accounts:
        raise NotFound(f"There is no account {account_id}.")
    if key in known.documents:  # a second click at the same instant
        return True
    owner, event_id = attribution.name
    request = json.dumps({"owner": owner, "event_id": event_id}, sort_keys=True)
    act = Act(account_id=account_id, record=record, stake=stake, request=request)
    of_the_event = _about_event(attribution.name, act.audit_record)
    return CONFLICT if commit_act(Commit(documents=(of_the_event,)), act, authority, store) else True


def replay_parked(replay: Replay, store: Store, translate: Translate, *, now: datetime) -> RecordResult:
    """Try once more to book a parked event, with the catalogue and the facts of now. If it can't be, it stays as it is.

    The try is on record first. The same request under the same key is one try; the receipt's condition books it once.
    One that is parked no longer is left as it is. Raise NotFound if there is no such event, and IdempotencyKeyReused if
    the key belongs to another request.
    """
    receipt = run_transaction(lambda: _record_replay(replay, store, now), f"replay of {replay.name[1]}")
    if receipt.parked_reason is None:
        return RecordResult(receipt.outcome, receipt.account_id, detail=receipt.detail)
    return release_parked(receipt, translate, store, now)


def _record_replay(replay: Replay, store: Store, now: datetime) -> Receipt | Retry:
    """Record the try, and return the receipt as it stands."""
    subject_id = subject_of_event(replay.name)
    key = subject_request_key(subject_id, REPLAYS_ROUTE, replay.key)
    known = store.read(Keys(receipts=frozenset({replay.name}), documents=frozenset({key})))
    receipt = known.receipts.get(replay.name)
    if receipt is None:
        raise NotFound(f"There is no event {replay.name[1]}.")
    if result_under_key(known, key, replay.fingerprint) or receipt.parked_reason is None:
        return receipt
    record = IdempotencyRecord(fingerprint=replay.fingerprint, subject=receipt.cause, at=now)
    act = _act_about(receipt, AuditAction.REPLAY, replay.actor, replay.reason, now)
    return CONFLICT if store.commit(Commit(documents=(DocumentChange(key, record), act))) else receipt


def dismiss_parked(name: tuple[str, str], actor: str, why: str, store: Store, *, now: datetime) -> RecordResult:
    """Note a parked event: it is none of ours, and books nothing. It is never tried again.

    Who dismissed it and why is on its receipt, and on record. One that is parked no longer is left as it is.
    """
    return run_transaction(lambda: _dismiss(name, actor, why, store, now), f"receipt of {name[1]}")


def _dismiss(name: tuple[str, str], actor: str, why: str, store: Store, now: datetime) -> RecordResult | Retry:
    receipt = read_receipt(name, store)
    if receipt.parked_reason is None:
        return RecordResult(receipt.outcome, receipt.account_id, detail=receipt.detail)
    detail = f"{DISMISSED}{actor}: {why}"
    noted = replace(receipt, outcome=RecordOutcome.NOTED, account_id=None, body=None, detail=detail)
    noted = replace(noted, parked_reason=None, muted_by=None)
    act = _act_about(receipt, AuditAction.DISMISS, actor, why, now)
    refusal = store.commit(Commit(receipt=noted, documents=(act,)))
    return CONFLICT if refusal else RecordResult(noted.outcome, detail=noted.detail)


def _act_about(receipt: Receipt, action: AuditAction, actor: str, why: str, now: datetime) -> DocumentChange:
    record = AuditRecord(actor=actor, action=action, subject=receipt.cause, reason=why, at=now, step=0)
    return _about_event(receipt.name, record)


def _about_event(name: tuple[str, str], record: AuditRecord) -> DocumentChange:
    """Return the change that puts an act on record under its event. It waits for no other: it has no condition."""
    return DocumentChange(subject_act_key(subject_of_event(name), record), record, None)
