"""The use-cases: what the functions do, over any store.

record ──► grant without reading ──► written: one round trip
              └─ refused ──► heard before, or paid before: its receipt, two round trips
                    └─ else ──► read everything its names lead to ──► plan ──► write; again if overtaken
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from ledger.domain.entries import Entry
from ledger.domain.errors import StoreUnavailable
from ledger.domain.events import Event
from ledger.domain.ids import AccountId
from ledger.domain.receipts import ParkReason, Receipt, RecordOutcome
from ledger.ports.commit import Commit
from ledger.ports.reads import Keys, keys_of
from ledger.ports.store import Store
from ledger.usecases import plan_booking
from ledger.usecases.look_up import LookUp
from ledger.usecases.plan_booking import NotBookable
from ledger.usecases.transaction import ATTEMPTS, attempts


@dataclass(frozen=True, slots=True)
class RecordResult:
    """What became of an event."""

    outcome: RecordOutcome
    account_id: AccountId | None = None
    parked_reason: ParkReason | None = None
    detail: str = ""
    entries: tuple[Entry, ...] = ()


def record_event(event: Event, store: Store, *, body: bytes, body_sha256: str, now: datetime) -> RecordResult:
    """Make the ledger hold what this event says. On return it is stored, whatever the outcome.

    The same event again, in any order and from any number of callers, changes nothing more. Raises StoreUnavailable
    when nobody knows whether it was stored: tell it again.
    """
    receipt = Receipt(
        provider=event.provider,
        event_id=event.event_id,
        event_type=event.event_type,
        occurred_at=event.at,
        received_at=now,
        outcome=RecordOutcome.NOTED,
        body_sha256=body_sha256,
        customer_id=event.owner.customer_id,
        account_id=event.owner.account_id,
    )
    if event.parked:
        return _park(NotBookable(event.parked, event.detail), receipt, body, store)

    if event.payment and event.owner.account_id and plan_booking.may_grant_without_reading(event.payment, now):
        event = _with_owner(event.owner.account_id, event)
        commit = plan_booking.plan_first_grant(event, receipt)
        refusal = store.commit(commit)
        if refusal is None:
            return _result_of(commit)
        if refusal.receipt:
            return _already_recorded(refusal.receipt)
        if refusal.purchase and plan_booking.is_already_booked(event, refusal.purchase):
            commit = Commit(receipt=replace(receipt, outcome=RecordOutcome.ALREADY_BOOKED))
            if recorded := _write(commit, store):
                return recorded

    for attempt in attempts():
        planned = _plan(event, receipt, store, is_first=attempt == 0)
        if isinstance(planned, NotBookable):
            return _park(planned, receipt, body, store)
        if recorded := _write(planned, store):
            return recorded
    raise StoreUnavailable(f"{event.cause}: overtaken {ATTEMPTS} times by other writers of the same items")


def _plan(event: Event, receipt: Receipt, store: Store, *, is_first: bool) -> Commit | NotBookable:
    """Read what the event's names lead to, and plan its commit.

    A payment whose account had to be found, and about which nothing is known, is first tried without reading more.
    """
    look_up = LookUp(store, event.payment.fulfilment_key if event.payment else None)
    known = look_up(_keys_of(event))
    account_id = plan_booking.owner_account(event, known)
    if isinstance(account_id, NotBookable):
        return account_id

    if event.payment or event.subscription:
        found = account_id or _account_of_customer(event, store)
        if isinstance(found, NotBookable):
            return found
        event = _with_owner(found, event)
        if event.payment:
            is_unread = is_first and not event.owner.account_id and not known.payments.keys() & set(event.names)
            if is_unread and plan_booking.may_grant_without_reading(event.payment, receipt.received_at):
                return plan_booking.plan_first_grant(event, receipt)
            return plan_booking.plan_event(event, receipt, look_up(keys_of(event.payment)))
        return plan_booking.plan_subscription(event, receipt, known)
    if event.names:
        return plan_booking.plan_event(event, receipt, known)
    return Commit(receipt=replace(receipt, account_id=account_id))


def _keys_of(event: Event) -> Keys:
    owner, payment = event.owner, event.payment
    keys = Keys(
        payments=frozenset(name for name in (*event.names, owner.payment_id) if name),
        fulfilment_keys=frozenset(
            fulfilment_key
            for fulfilment_key in (owner.order_id and f"order/{owner.order_id}", payment and payment.fulfilment_key)
            if fulfilment_key
        ),
        subscriptions=frozenset([event.subscription.subscription_id] if event.subscription else []),
    )
    return keys | keys_of(payment) if payment and payment.account_id else keys


def _account_of_customer(event: Event, store: Store) -> AccountId | NotBookable:
    """The account that the provider's customer has bought for before: the only one, or none can be told."""
    customer_id = event.owner.customer_id
    receipts = store.customer_receipts(customer_id) if customer_id else ()
    accounts = {receipt.account_id for receipt in receipts if receipt.account_id}
    if len(accounts) == 1:
        return accounts.pop()
    if accounts:
        return NotBookable(ParkReason.AMBIGUOUS_ACCOUNT, f"{customer_id} bought for {len(accounts)} accounts")
    return NotBookable(ParkReason.NO_ACCOUNT, f"no order, account or customer of ours: {customer_id or 'no customer'}")


def _with_owner(account_id: AccountId, event: Event) -> Event:
    return replace(
        event,
        payment=event.payment and replace(event.payment, account_id=account_id),
        subscription=event.subscription and replace(event.subscription, account_id=account_id),
    )


def _park(unusable: NotBookable, receipt: Receipt, body: bytes, store: Store) -> RecordResult:
    """Keep the event whole, under its reason, until a person or a later fact releases it."""
    commit = Commit(
        receipt=replace(
            receipt,
            outcome=RecordOutcome.PARKED,
            account_id=None,
            parked_reason=unusable.reason,
            detail=unusable.detail,
            body=body,
        )
    )
    if recorded := _write(commit, store):
        return recorded
    raise StoreUnavailable(f"{receipt.event_id}: its receipt was refused, and none is there")


def _write(commit: Commit, store: Store) -> RecordResult | None:
    """Commit; None: overtaken, so plan again."""
    refusal = store.commit(commit)
    if refusal is None:
        return _result_of(commit)
    return _already_recorded(refusal.receipt) if refusal.receipt else None


def _result_of(commit: Commit) -> RecordResult:
    receipt = commit.receipt
    if receipt is None:
        raise ValueError("an event's commit carries its receipt")
    return RecordResult(receipt.outcome, receipt.account_id, receipt.parked_reason, receipt.detail, commit.entries)


def _already_recorded(receipt: Receipt) -> RecordResult:
    return RecordResult(RecordOutcome.ALREADY_BOOKED, receipt.account_id)


def release_parked(
    parked: Receipt, translate: Callable[[Receipt], Event | None], store: Store, now: datetime
) -> RecordResult:
    """Try a parked event again, as if it were delivered now. It stays parked if nothing has changed."""
    event = translate(parked)
    if event is None or parked.body is None:
        return RecordResult(RecordOutcome.PARKED, parked_reason=parked.parked_reason, detail=parked.detail)
    return record_event(event, store, body=parked.body, body_sha256=parked.body_sha256, now=now)
