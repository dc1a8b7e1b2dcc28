"""The use-cases: what the functions do, over any store.

record ──► grant without reading ──► written: one round trip
              └─ refused ──► heard before, or paid before: its receipt, two round trips
                    └─ else ──► read everything its names lead to ──► plan ──► write; again if overtaken
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from ledger import booking
from ledger.accounts import Hold
from ledger.booking import Unusable
from ledger.cases import Act
from ledger.entries import Entry
from ledger.errors import NotFound, StoreUnavailable
from ledger.events import Event, Outcome, ParkReason, Receipt
from ledger.facts import AccountId, HoldLifted
from ledger.lookup import ATTEMPTS, LookUp, attempts
from ledger.ports import AccountChange, Commit, DocumentChange, Keys, Store, act_place, keys_of


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of an event."""

    outcome: Outcome
    account_id: AccountId | None = None
    parked_reason: ParkReason | None = None
    detail: str = ""
    entries: tuple[Entry, ...] = ()


def record(event: Event, store: Store, *, body: bytes, body_sha256: str, now: datetime) -> Recorded:
    """Make the ledger hold what this event says. On return it is stored, whatever the outcome.

    The same event again, in any order and from any number of callers, changes nothing more. Raises StoreUnavailable
    when nobody knows whether it was stored: tell it again.
    """
    receipt = Receipt(
        provider=event.provider,
        event_id=event.event_id,
        event_type=event.event_type,
        occurred_at=event.at,
        heard_at=now,
        outcome=Outcome.NOTED,
        body_sha256=body_sha256,
        customer_id=event.owner.customer_id,
        account_id=event.owner.account_id,
    )
    if event.parked:
        return _park(Unusable(event.parked, event.detail), receipt, body, store)

    if event.payment and event.owner.account_id and booking.may_grant_unread(event.payment, now):
        event = _owned_by(event.owner.account_id, event)
        commit = booking.plan_grant(event, receipt)
        refusal = store.commit(commit)
        if refusal is None:
            return _recorded(commit)
        if refusal.receipt:
            return _heard_before(refusal.receipt)
        if refusal.purchase and booking.is_known(event, refusal.purchase):
            commit = Commit(receipt=replace(receipt, outcome=Outcome.ALREADY_BOOKED))
            if recorded := _write(commit, store):
                return recorded

    for attempt in attempts():
        planned = _plan(event, receipt, store, is_first=attempt == 0)
        if isinstance(planned, Unusable):
            return _park(planned, receipt, body, store)
        if recorded := _write(planned, store):
            return recorded
    raise StoreUnavailable(f"{event.cause}: overtaken {ATTEMPTS} times by other writers of the same items")


def _plan(event: Event, receipt: Receipt, store: Store, *, is_first: bool) -> Commit | Unusable:
    """Read what the event's names lead to, and plan its commit.

    A payment whose account had to be found, and about which nothing is known, is first tried without reading more.
    """
    look_up = LookUp(store, event.payment.claim if event.payment else None)
    known = look_up(_keys_of(event))
    account_id = booking.owner_account(event, known)
    if isinstance(account_id, Unusable):
        return account_id

    if event.payment or event.subscription:
        found = account_id or _customers_account(event, store)
        if isinstance(found, Unusable):
            return found
        event = _owned_by(found, event)
        if event.payment:
            is_unread = is_first and not event.owner.account_id and not known.payments.keys() & set(event.names)
            if is_unread and booking.may_grant_unread(event.payment, receipt.heard_at):
                return booking.plan_grant(event, receipt)
            return booking.plan(event, receipt, look_up(keys_of(event.payment)))
        return booking.plan_subscription(event, receipt, known)
    if event.names:
        return booking.plan(event, receipt, known)
    return Commit(receipt=replace(receipt, account_id=account_id))


def _keys_of(event: Event) -> Keys:
    owner, payment = event.owner, event.payment
    keys = Keys(
        payments=frozenset(name for name in (*event.names, owner.payment_id) if name),
        claims=frozenset(
            claim for claim in (owner.order_id and f"order/{owner.order_id}", payment and payment.claim) if claim
        ),
        subscriptions=frozenset([event.subscription.subscription_id] if event.subscription else []),
    )
    return keys | keys_of(payment) if payment and payment.account_id else keys


def _customers_account(event: Event, store: Store) -> AccountId | Unusable:
    """The account that the provider's customer has bought for before: the only one, or none can be told."""
    customer_id = event.owner.customer_id
    receipts = store.customer_receipts(customer_id) if customer_id else ()
    accounts = {receipt.account_id for receipt in receipts if receipt.account_id}
    if len(accounts) == 1:
        return accounts.pop()
    if accounts:
        return Unusable(ParkReason.AMBIGUOUS_ACCOUNT, f"{customer_id} bought for {len(accounts)} accounts")
    return Unusable(ParkReason.NO_ACCOUNT, f"no order, account or customer of ours: {customer_id or 'no customer'}")


def _owned_by(account_id: AccountId, event: Event) -> Event:
    return replace(
        event,
        payment=event.payment and replace(event.payment, account_id=account_id),
        subscription=event.subscription and replace(event.subscription, account_id=account_id),
    )


def _park(unusable: Unusable, receipt: Receipt, body: bytes, store: Store) -> Recorded:
    """Keep the event whole, under its reason, until a person or a later fact releases it."""
    commit = Commit(
        receipt=replace(
            receipt,
            outcome=Outcome.PARKED,
            account_id=None,
            parked_reason=unusable.reason,
            detail=unusable.detail,
            body=body,
        )
    )
    if recorded := _write(commit, store):
        return recorded
    raise StoreUnavailable(f"{receipt.event_id}: its receipt was refused, and none is there")


def _write(commit: Commit, store: Store) -> Recorded | None:
    """Commit; None: overtaken, so plan again."""
    refusal = store.commit(commit)
    if refusal is None:
        return _recorded(commit)
    return _heard_before(refusal.receipt) if refusal.receipt else None


def _recorded(commit: Commit) -> Recorded:
    receipt = commit.receipt
    if receipt is None:
        raise ValueError("an event's commit carries its receipt")
    return Recorded(receipt.outcome, receipt.account_id, receipt.parked_reason, receipt.detail, commit.entries)


def _heard_before(receipt: Receipt) -> Recorded:
    return Recorded(Outcome.ALREADY_BOOKED, receipt.account_id)


def release(parked: Receipt, translate: Callable[[Receipt], Event | None], store: Store, now: datetime) -> Recorded:
    """Try a parked event again, as if it were delivered now. It stays parked if nothing has changed."""
    event = translate(parked)
    if event is None or parked.body is None:
        return Recorded(Outcome.PARKED, parked_reason=parked.parked_reason, detail=parked.detail)
    return record(event, store, body=parked.body, body_sha256=parked.body_sha256, now=now)


def lift_hold(hold_id: str, account_id: AccountId, actor: str, store: Store, *, why: str, now: datetime) -> bool:
    """Lift one hold, by a person. False: there is no such hold now. News of the same dispute don't hold again."""
    for _ in attempts():
        look_up = LookUp(store)
        account = look_up(Keys(accounts=frozenset({account_id}))).accounts.get(account_id)
        hold = account.holds.get(hold_id) if account else None
        if account is None or hold is None:
            return False
        if hold.payment_id is None:
            commit = Commit(
                account=AccountChange(account_id=account_id, version=account.version, holds={hold_id: None})
            )
        else:
            lift = HoldLifted(hold_id=hold_id, actor=actor, at=now, cause=f"support:{actor}")
            purchase = look_up(Keys(payments=frozenset({hold.payment_id}))).home_of(hold.payment_id)
            if purchase is None or purchase.payment is None:
                raise ValueError(f"{hold_id} was derived from a purchase that is not stored")
            commit = booking.plan_ours(purchase.heard(lift), look_up.known, lift.cause, now)
        if (
            store.commit(_acted(commit, account_id, Act(actor=actor, act="lift", subject=hold_id, why=why, at=now)))
            is None
        ):
            return True
    raise StoreUnavailable(f"{hold_id}: overtaken {ATTEMPTS} times by other writers of {account_id}")


def lay_hold(hold_id: str, account_id: AccountId, actor: str, store: Store, *, why: str, now: datetime) -> bool:
    """Suspend an account, by a person. False: this hold is there already. Raises NotFound: no such account."""
    for _ in attempts():
        account = store.read(Keys(accounts=frozenset({account_id}))).accounts.get(account_id)
        if account is None:
            raise NotFound(f"There is no account {account_id}.")
        if hold_id in account.holds:
            return False
        change = AccountChange(account_id=account_id, version=account.version, holds={hold_id: Hold(now, None)})
        act = Act(actor=actor, act="hold", subject=hold_id, why=why, at=now)
        if store.commit(_acted(Commit(account=change), account_id, act)) is None:
            return True
    raise StoreUnavailable(f"{hold_id}: overtaken {ATTEMPTS} times by other writers of {account_id}")


def _acted(commit: Commit, account_id: AccountId, act: Act) -> Commit:
    """The same, with the record of who did it."""
    record_of_it = DocumentChange(act_place(account_id, act.at, act.subject), act)
    return replace(commit, documents=(*commit.documents, record_of_it))
