"""Record an event: make the ledger hold the facts that a provider's event reports.

         ┌─ parked by translation ──► of an order? under its terms ──────── still not bookable ─► park
event ───┼─ payment with a known account ──► grant without reading ──► written: one round trip
         │                                    ├─ the event has a receipt ──────────────────► already booked
         │                                    ├─ the purchase has all of its facts ────────► receipt only
         │                                    └─ refused otherwise ──┐
         └─ everything else ─────────────────────────────────────────┴─► read ──► plan ──► commit
                                                                         ▲ │                 │
                                          already booked ◄── a receipt ──┼─┘                 │
                                                                         └──── conflict ─────┘
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from ledger.domain.entries import Entry
from ledger.domain.errors import CommitTooLarge
from ledger.domain.events import Claim, Event
from ledger.domain.ids import AccountId
from ledger.domain.receipts import MUTED, Mute, NotBookable, ParkReason, Receipt, RecordOutcome
from ledger.domain.records import record
from ledger.ports.commit import Commit
from ledger.ports.documents import mute_key
from ledger.ports.reads import Keys, Snapshot, keys_of
from ledger.ports.store import Store
from ledger.usecases import plan_booking
from ledger.usecases.credited_periods import name_credited_periods
from ledger.usecases.look_up import LookUp
from ledger.usecases.transaction import CONFLICT, Retry, run_transaction


@record(frozen=True)
class RecordResult:
    """What became of an event."""

    outcome: RecordOutcome
    account_id: AccountId | None = None
    parked_reason: ParkReason | None = None
    detail: str = ""
    entries: tuple[Entry, ...] = ()  # that this call wrote
    muted_by: str | None = None  # the mute of a parked event


def record_event(event: Event, store: Store, *, body: bytes, body_sha256: str, now: datetime) -> RecordResult:
    """Make the ledger hold what this event reports. When this returns, the event is stored, whatever the outcome.

    The same event again changes nothing more, in any order and from any number of concurrent callers. An event that
    can't be booked is parked with its `body`; if it is parked so already, nothing is written: for that reason, muted or
    not as its kind is now. Raise StoreUnavailable if it may not have been stored: record it again.
    """
    receipt = _receipt(event, body_sha256, now)
    account_id = plan_booking.claimable_account(event)
    if account_id and not event.not_bookable and plan_booking.may_grant_without_reading(event, now):
        is_claimed = event.owner.claim is not None
        known = event.with_account(account_id)
        result = run_transaction(
            lambda: _grant_without_reading(known, receipt, store, is_claimed=is_claimed), event.cause
        )
        if result:
            return result
    return run_transaction(lambda: _read_and_book(event, receipt, store, body), event.cause)


def release_parked(
    parked: Receipt, translate: Callable[[Receipt], Event | None], store: Store, now: datetime
) -> RecordResult:
    """Record a parked event again, as if it were delivered now.

    If it still can't be booked, it stays parked as it is: nothing is written, unless the reason has changed. The time
    at which it was first received stays in any case.
    """
    event = translate(parked)
    if event is None or parked.body is None:
        return RecordResult(
            RecordOutcome.PARKED, parked_reason=parked.parked_reason, detail=parked.detail, muted_by=parked.muted_by
        )
    return record_event(
        event,
        store,
        body=parked.body,
        body_sha256=parked.body_sha256,
        now=now,
    )


def is_of_nobody(event: Event, store: Store) -> bool:
    """Return whether an event can't be booked, and nothing that it names, or leads to, is ours. Only such are muted."""
    look_up = LookUp(store)
    return _is_of_nobody(_under_its_order(event, look_up), look_up.known)


def _is_of_nobody(event: Event, stored: Snapshot) -> bool:
    is_unknown = event.is_of_nobody_here and plan_booking.owner_account(event, stored) is None
    return event.not_bookable is not None and is_unknown


def _receipt(event: Event, body_sha256: str, now: datetime) -> Receipt:
    return Receipt(
        provider=event.provider,
        event_id=event.event_id,
        event_type=event.event_type,
        occurred_at=event.at,
        received_at=now,
        outcome=RecordOutcome.NOTED,
        body_sha256=body_sha256,
        correlation_id=event.correlation_id,
        customer_id=event.owner.customer_id,
        account_id=event.owner.account_id,
    )


def _park(
    not_bookable: NotBookable,
    receipt: Receipt,
    body: bytes,
    store: Store,
    received: Receipt | None,
    *,
    may_be_muted: bool = False,
) -> RecordResult | Retry:
    """Store the whole event under the reason why it can't be booked, unless it is parked so already.

    If its kind is muted, and nothing says that it is ours, it is parked muted.
    """
    parked = replace(
        receipt,
        outcome=RecordOutcome.PARKED,
        account_id=None,  # what is parked is no evidence of whose its customer is
        parked_reason=not_bookable.reason,
        detail=not_bookable.detail,
        body=body,
    )
    if may_be_muted:
        parked = replace(parked, muted_by=_mute_in_force(parked, store))
    commit = Commit(receipt=parked)
    is_stored = received and (received.parked_reason, received.muted_by) == (parked.parked_reason, parked.muted_by)
    return _result_of(commit) if is_stored else _write(commit, store)


def _mute_in_force(parked: Receipt, store: Store) -> str | None:
    """Return the id of the mute of a parked event's kind, in one round trip. None: there is none, or it was ended."""
    if parked.mute_id is None:
        return None
    key = mute_key(parked.mute_id)
    mute = store.read(Keys(documents=frozenset({key}))).document(key, Mute)
    return mute.mute_id if mute and mute.is_in_force else None


def _already_paid(event: Event, receipt: Receipt, stored: Snapshot, store: Store) -> RecordResult | Retry | None:
    """Note an event that can't be booked, but reports a payment that another event has booked. None: it does not."""
    homes = (stored.home_of(name) for name in event.names)
    account_id = next((home.account_id for home in homes if home and home.payment), None)
    booked = replace(receipt, outcome=RecordOutcome.ALREADY_BOOKED, account_id=account_id)
    return _write(Commit(receipt=booked), store) if account_id else None


def _grant_without_reading(
    event: Event, receipt: Receipt, store: Store, *, is_claimed: bool
) -> RecordResult | Retry | None:
    """Commit a payment's grant on the assumption that nothing about it is stored. Return None if something is: read it.

    If the stored purchase has all facts of this event, another event has booked the payment: write the receipt only.
    What is too large for the store is parked by the way that reads, if it is then.
    """
    commit = plan_booking.plan_first_grant(event, receipt, is_claimed=is_claimed)
    try:
        refusal = store.commit(commit)
    except CommitTooLarge:
        return None
    if refusal is None:
        return _result_of(commit)
    if refusal.receipt:
        return _already_recorded(refusal.receipt)
    if refusal.purchase and plan_booking.is_already_booked(event, refusal.purchase):
        booked = replace(receipt, outcome=RecordOutcome.ALREADY_BOOKED, account_id=refusal.purchase.account_id)
        return _write(Commit(receipt=booked), store)
    return None


def _read_and_book(event: Event, receipt: Receipt, store: Store, body: bytes) -> RecordResult | Retry:
    """Find the event's account, read what its names lead to, and commit what the event changes. One attempt.

    The first batch reads the event's receipt too: the same event again costs one round trip, and no write. A payment
    whose account had to be found, and about which nothing is stored, is granted without reading more.
    """
    look_up = LookUp(store, are_lots_checked=True)
    received = look_up.once(_keys_of(event) | Keys(receipts=frozenset({receipt.name}))).receipts.get(receipt.name)
    if received and not received.parked_reason:
        return _already_recorded(received)
    event = _under_its_order(event, look_up)
    stored = look_up.known
    if event.not_bookable:
        booked = _already_paid(event, receipt, stored, store)
        if noted := booked or _mute(event, receipt, store):
            return noted
        may_be_muted = _is_of_nobody(event, stored)
        return _park(event.not_bookable, receipt, body, store, received, may_be_muted=may_be_muted)
    account_id = _find_account(event, stored, store)
    if isinstance(account_id, NotBookable):
        return _mute(event, receipt, store) or _park(account_id, receipt, body, store, received)

    if event.credited_periods and account_id:
        named = name_credited_periods(event, account_id, store, look_up)
        if isinstance(named, NotBookable):
            return _park(named, receipt, body, store, received)
        event, stored = named, look_up(_keys_of(named))

    is_new = not event.owner.account_id and not stored.payments.keys() & set(event.names)
    event = event.with_account(account_id) if account_id else event
    if (
        is_new
        and not _has_consent(event, stored)
        and plan_booking.may_grant_without_reading(event, receipt.received_at)
    ):
        result = _grant_without_reading(event, receipt, store, is_claimed=False)
        if result:
            return result

    planned = _plan(event, account_id, receipt, look_up)
    if isinstance(planned, NotBookable):
        return _park(planned, receipt, body, store, received)
    is_waiting = planned.receipt is not None and planned.receipt.outcome is RecordOutcome.WAITING
    if is_waiting and (muted := _mute(event, receipt, store)):
        return muted
    try:
        return _write(planned, store)
    except CommitTooLarge as error:
        return _park(NotBookable(ParkReason.TOO_LARGE, str(error)), receipt, body, store, received)


def _has_consent(event: Event, stored: Snapshot) -> bool:
    """Return whether the consent of the event's order is complete: a grant without reading would lock its credits."""
    is_locking = event.payment is not None and event.payment.locked_until is not None
    order = stored.order_under(event.payment.fulfilment_key or "") if event.payment and is_locking else None
    return order is not None and order.consent is not None and order.consent.is_complete


def _mute(event: Event, receipt: Receipt, store: Store) -> RecordResult | Retry | None:
    """Note an event that a rule recognizes as another application's. None: there is no such rule, or it is ours.

    Whatever names an order or an account of ours is ours, also if a rule recognizes it.
    """
    owner = event.owner
    claim = owner.claim or Claim()
    if event.muted_by is None or any((owner.order_id, owner.account_id, claim.order_id, claim.account_id)):
        return None
    noted = replace(receipt, outcome=RecordOutcome.NOTED, account_id=None, detail=MUTED + event.muted_by)
    return _write(Commit(receipt=noted), store)


def _plan(event: Event, account_id: AccountId | None, receipt: Receipt, look_up: LookUp) -> Commit | NotBookable:
    if event.payment:
        return plan_booking.plan_event(event, receipt, look_up(keys_of(event.payment)))
    if event.subscription:
        return plan_booking.plan_subscription(event.subscription, receipt, look_up.known)
    if event.about:
        return plan_booking.plan_event(event, receipt, look_up.known)
    return Commit(receipt=replace(receipt, account_id=account_id))


def _under_its_order(event: Event, look_up: LookUp) -> Event:
    """Read what the event names. Return the event under the terms of its order, as they are stored."""
    stored = look_up(_keys_of(event), follow=_followed(event))
    order_id = plan_booking.order_id_of(event, stored)
    if order_id is None or event.under_order is None:
        return event
    order = look_up(Keys(fulfilment_keys=frozenset({f"order/{order_id}"}))).order(order_id)
    if order is None or (order.terms_hash == event.terms_hash and event.owner.claim is None):
        return event
    agreed = event.under_order(order)
    look_up(_keys_of(agreed), follow=_followed(agreed))
    return agreed


def _keys_of(event: Event) -> Keys:
    """Return the keys of everything that the event names: payments, order, fulfilment key, subscription.

    A credit of a period may name no payment: then its account leads to it.
    """
    payment, account_id = event.payment, event.owner.account_id
    keys = plan_booking.keys_of_owner(event) | Keys(
        accounts=frozenset({account_id} if event.credited_periods and account_id else ()),
        payments=frozenset(name for about in event.about for name in about.names),
        fulfilment_keys=frozenset({payment.fulfilment_key} if payment and payment.fulfilment_key else ()),
        subscriptions=frozenset({event.subscription.subscription_id} if event.subscription else ()),
    )
    return keys | keys_of(payment) if payment and payment.account_id else keys


def _followed(event: Event) -> frozenset[str]:
    """Return the fulfilment keys whose payments must be read: the event's own, and what may prove its subscription."""
    own = keys_of(event.payment).fulfilment_keys if event.payment else frozenset()
    is_proof = event.owner.subscription_id is not None
    return own | plan_booking.keys_of_owner(event).fulfilment_keys if is_proof else own


def _find_account(event: Event, stored: Snapshot, store: Store) -> AccountId | NotBookable | None:
    """Return the event's account: by our order, our ids or a linked payment; of a payment or subscription, else by
    its customer. None: it is not known, and not needed yet.
    """
    account_id = plan_booking.owner_account(event, stored)
    if account_id is not None or not (event.payment or event.subscription or event.credited_periods):
        return account_id
    if event.muted_by:
        return NotBookable(ParkReason.NO_ACCOUNT, "its customer may be ours; the object is another application's")
    if event.owner.claim is None:
        return _account_of_customer(event.owner.customer_id, store)
    return NotBookable(ParkReason.NO_ACCOUNT, "no checkout or subscription of ours proves whose it is")


def _account_of_customer(customer_id: str | None, store: Store) -> AccountId | NotBookable:
    """Return the account that the receipts of the provider's customer name. NotBookable: none, or several."""
    receipts = store.customer_receipts(customer_id) if customer_id else ()
    accounts = {receipt.account_id for receipt in receipts if receipt.account_id}
    if len(accounts) == 1:
        return accounts.pop()
    if accounts:
        return NotBookable(ParkReason.AMBIGUOUS_ACCOUNT, f"{customer_id} bought for {len(accounts)} accounts")
    detail = f"no order, account or customer that is known here: {customer_id or 'no customer'}"
    return NotBookable(ParkReason.NO_ACCOUNT, detail)


def _write(commit: Commit, store: Store) -> RecordResult | Retry:
    """Commit an event, and return the result. If its receipt is stored already, the event was recorded before.

    Return CONFLICT if another condition refused the commit.
    """
    refusal = store.commit(commit)
    if refusal is None:
        return _result_of(commit)
    return _already_recorded(refusal.receipt) if refusal.receipt else CONFLICT


def _result_of(commit: Commit) -> RecordResult:
    receipt = commit.receipt
    if receipt is None:
        raise ValueError("the commit of an event must have a receipt")
    return RecordResult(
        receipt.outcome,
        receipt.account_id,
        receipt.parked_reason,
        receipt.detail,
        commit.entries,
        muted_by=receipt.muted_by,
    )


def _already_recorded(receipt: Receipt) -> RecordResult:
    if receipt.parked_reason:
        return RecordResult(
            RecordOutcome.PARKED, None, receipt.parked_reason, receipt.detail, muted_by=receipt.muted_by
        )
    return RecordResult(RecordOutcome.ALREADY_BOOKED, receipt.account_id)
