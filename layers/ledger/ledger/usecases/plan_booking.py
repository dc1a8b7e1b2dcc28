"""Booking: from what is known and what was just heard to the one commit that makes the ledger agree. Pure.

event + snapshot ──► merged facts ──► target ──► difference to what is booked ──► Commit
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from ledger.domain.accounts import Account, Hold
from ledger.domain.entries import CounterAccount, Entry, EntryKind
from ledger.domain.events import Event
from ledger.domain.facts import Fact, PaymentSettled, merge
from ledger.domain.ids import AccountId
from ledger.domain.lots import Lot, Movement, movements
from ledger.domain.purchases import Purchase, Target, target
from ledger.domain.receipts import ParkReason, Receipt, RecordOutcome
from ledger.ports.commit import AccountChange, Commit, FulfilmentKeyChange, PaymentPointer, SubscriptionChange
from ledger.ports.reads import Snapshot, keys_of

EMPTY_SNAPSHOT = Snapshot()


@dataclass(frozen=True, slots=True)
class NotBookable:
    """The event is genuine but can't be booked as things stand."""

    reason: ParkReason
    detail: str = ""


def plan_first_grant(event: Event, receipt: Receipt) -> Commit:
    """The commit of a payment about which nothing is known, made without reading: it only adds to the account.

    If anything *is* known, one of its conditions refuses it, and `plan` decides with the facts on the table.
    """
    planned = plan_event(event, receipt, EMPTY_SNAPSHOT)
    if isinstance(planned, NotBookable) or planned.account is None:
        raise ValueError("a payment of which nothing is known always grants")
    return replace(planned, account=replace(planned.account, version=None))


def plan_event(event: Event, receipt: Receipt, known: Snapshot) -> Commit | NotBookable:
    """What to write so that the ledger holds what its facts say, this event's included.

    `known` must hold everything that the event's names lead to; `event.payment` must name its account. The outcome
    stands on the commit's receipt.
    """
    heard = (*event.facts, *([event.payment] if event.payment else []))
    homes = {home.payment_id: home for name in event.names if (home := known.home_of(name))}
    paid = [home for home in homes.values() if home.payment]
    if len(paid) > 1:
        return NotBookable(ParkReason.AMBIGUOUS_PAYMENT, "one payment, but two purchases: " + ", ".join(sorted(homes)))

    if paid and event.payment and paid[0].payment and keys_of(paid[0].payment) != keys_of(event.payment):
        return NotBookable(ParkReason.AMBIGUOUS_PAYMENT, f"{paid[0].payment_id} is booked for another account or order")
    best = event.names[0]
    before = paid[0] if paid else known.home_of(best) or Purchase(payment_id=best)
    absorbed = [home for home in homes.values() if home.payment_id != before.payment_id]
    after = replace(
        before,
        names=before.names.union([before.payment_id], event.names, *(home.names for home in absorbed)),
        facts=merge(before.facts, [*_facts_of(absorbed), *heard]),
    )
    is_news = after.facts is not before.facts or bool(absorbed)
    pointers = _pointers(before, after, absorbed, known, event)

    payment = after.payment
    if payment is None:
        return Commit(
            receipt=replace(
                receipt, outcome=RecordOutcome.WAITING if is_news or pointers else RecordOutcome.ALREADY_BOOKED
            ),
            purchases=(after,) if is_news or pointers else (),
            pointers=pointers,
        )
    receipt = replace(receipt, account_id=payment.account_id)
    if not is_news:
        if not pointers:
            return Commit(receipt=replace(receipt, outcome=RecordOutcome.ALREADY_BOOKED))
        return Commit(receipt=replace(receipt, outcome=RecordOutcome.BOOKED), purchases=(after,), pointers=pointers)

    competing_payment: Purchase | None = None
    fulfilment_key: FulfilmentKeyChange | None = None
    is_earlier = before.payment is None or payment.precedence != before.payment.precedence
    if payment.fulfilment_key and is_earlier:
        decided = _resolve_fulfilment_key(after, payment, known)
        if isinstance(decided, NotBookable):
            return decided
        after, competing_payment, fulfilment_key = decided
    if before.payment is None and not after.is_duplicate and (payer := _payer_of_period(payment, known)):
        return NotBookable(ParkReason.PERIOD_ALREADY_PAID, f"{payment.period} was paid for by {payer}")
    booked = _book(after, competing_payment, known, _time_and_cause(event, payment, after), receipt.received_at)
    return replace(
        booked, receipt=replace(receipt, outcome=RecordOutcome.BOOKED), pointers=pointers, fulfilment_key=fulfilment_key
    )


def may_grant_without_reading(payment: PaymentSettled, now: datetime) -> bool:
    """Whether the account's item alone can tell that nobody else paid for the same.

    Lots that have lapsed have left it, and so have empty ones that never lapse, of a subscription that rolls over.
    """
    ends = [line.expires_at for line in payment.lines if line.expires_at]
    return not payment.covers or min(ends, default=now) > now


def is_already_booked(event: Event, stored: Purchase) -> bool:
    """Whether a stored purchase has all that this payment's event says and names, for the same account and claim."""
    if event.payment is None or stored.payment is None or keys_of(stored.payment) != keys_of(event.payment):
        return False
    return stored.names.issuperset(event.names) and merge(stored.facts, (*event.facts, event.payment)) is stored.facts


def plan_subscription(event: Event, receipt: Receipt, known: Snapshot) -> Commit:
    """What to write of a subscription's news. An older state than the stored one changes nothing."""
    heard = event.subscription
    if heard is None or heard.account_id is None:
        raise ValueError("a subscription's news is planned once its account is found")
    receipt = replace(receipt, account_id=heard.account_id)
    stored = known.subscriptions.get(heard.subscription_id)
    if stored is not None and stored.merge(heard) is stored:
        return Commit(receipt=replace(receipt, outcome=RecordOutcome.ALREADY_BOOKED))
    return Commit(
        receipt=replace(receipt, outcome=RecordOutcome.BOOKED),
        subscription=SubscriptionChange(subscription=heard, replaces_cause=stored.cause if stored else None),
        account=AccountChange(account_id=heard.account_id, subscription=heard),
    )


def _facts_of(purchases: Iterable[Purchase]) -> Iterator[Fact]:
    for purchase in purchases:
        yield from purchase.facts.values()


def _pointers(
    before: Purchase, after: Purchase, absorbed: list[Purchase], known: Snapshot, event: Event
) -> tuple[PaymentPointer, ...]:
    """The pointers to write: for new names, for purchases that were absorbed, for all once the account is known."""
    versions = {home.payment_id: home.version for home in absorbed}
    names = set(event.names) - known.payments.keys() - before.names | versions.keys()
    if after.account_id and before.account_id is None:
        names |= after.names
    return tuple(
        PaymentPointer(
            name=name, to=after.payment_id, account_id=after.account_id, replaces_version=versions.get(name, 0)
        )
        for name in sorted(names - {after.payment_id})
    )


def _resolve_fulfilment_key(
    after: Purchase, payment: PaymentSettled, known: Snapshot
) -> tuple[Purchase, Purchase | None, FulfilmentKeyChange | None] | NotBookable:
    """Who is the original of a claim: the payment that is least by (time paid, id), whichever was heard first."""
    if payment.fulfilment_key is None:
        raise ValueError("only a payment with a claim is decided here")
    held = known.fulfilment_keys.get(payment.fulfilment_key)
    if held and held.account_id not in {None, payment.account_id}:
        return NotBookable(ParkReason.ORDER_MISMATCH, f"{payment.fulfilment_key} is not this account's")
    fulfilment_key = FulfilmentKeyChange(
        key=payment.fulfilment_key,
        payment_id=payment.payment_id,
        account_id=payment.account_id,
        product_ids=frozenset(line.product_id for line in payment.lines),
    )
    if held is None or held.payment_id in {None, payment.payment_id}:
        return after, None, fulfilment_key
    competing_payment = known.home_of(held.payment_id) if held.payment_id else None
    if competing_payment is None or competing_payment.payment is None:
        raise ValueError(f"{held.payment_id} holds {payment.fulfilment_key} but has no payment")
    if competing_payment.payment.account_id != payment.account_id:
        return NotBookable(ParkReason.ORDER_MISMATCH, f"{payment.fulfilment_key} was paid for another account")
    if _items_paid_for(competing_payment.payment) != _items_paid_for(payment):
        # Neither can take the other's place: a lot that only one of them pays for would stay, and be refunded too.
        return NotBookable(
            ParkReason.ORDER_MISMATCH, f"{held.payment_id} paid for other things under {payment.fulfilment_key}"
        )
    if competing_payment.payment.precedence < payment.precedence:
        return replace(after, is_duplicate=True), None, None
    original = replace(after, is_duplicate=False)
    return original, replace(competing_payment, is_duplicate=True), replace(fulfilment_key, replaces=held.payment_id)


def _items_paid_for(payment: PaymentSettled) -> list[tuple[str, int]]:
    """What a payment pays for, line by line."""
    return [(line.product_id, line.credits) for line in payment.lines]


def _payer_of_period(payment: PaymentSettled, known: Snapshot) -> str | None:
    """Who paid for the same period in the other way: as a renewal, or as the first payment of an order.

    No provider charges so. The two have lots of different names, so neither can take the other's place: whoever is
    heard second waits for a person. A renewal that was booked between the reading of its claim and of the account has
    left its lot there.
    """
    account = known.accounts.get(payment.account_id) or Account(account_id=payment.account_id)
    if payment.covers is None:
        return account.covered.get(payment.fulfilment_key or "")
    renewal = known.fulfilment_keys.get(payment.covers)
    if renewal and renewal.payment_id:
        return renewal.payment_id
    return "another payment" if f"{payment.covers}/0" in account.lots else None


def _book(
    purchase: Purchase,
    competing_payment: Purchase | None,
    known: Snapshot,
    occasion: tuple[datetime, str],
    now: datetime,
) -> Commit:
    """Bring lots, holds and flags to the purchase's target. A rival that became a duplicate hands its lots over."""
    payment = purchase.payment
    if payment is None:
        raise ValueError("only a payment can be booked")
    account = known.accounts.get(payment.account_id) or Account(account_id=payment.account_id)
    wanted = target(purchase)

    lots: dict[str, Lot] = {}
    entries: list[Entry] = []
    for lot_target in wanted.lots:
        before = known.lot(payment.account_id, lot_target.lot_id)
        lot = lot_target.applied_to(before)
        if lot != before:
            lots[lot.lot_id] = lot
        entries += _entries(occasion, payment, account, lot, movements(before, lot), now)

    holds, flags = _hold_and_flag_changes(wanted, account)
    if competing_payment:
        rival_holds, rival_flags = _hold_and_flag_changes(target(competing_payment), account)
        holds, flags = {**holds, **rival_holds}, {**flags, **rival_flags}
    change = AccountChange(
        account_id=payment.account_id,
        version=account.version,
        lots=lots,
        closed=frozenset(lot_id for lot_id, lot in lots.items() if lot.is_closed(now)),
        holds=holds,
        flags=flags,
        period=payment.period if lots else None,
        covered_by=payment.payment_id if lots and payment.covers and payment.covers not in account.covered else None,
    )
    # Reads are of no one instant. An account that agrees with a target that moved was read before the purchase was:
    # it is written all the same, so that its version tells.
    stored = known.home_of(purchase.payment_id)
    has_moved = competing_payment is not None or stored is None or stored.payment is None or target(stored) != wanted
    return Commit(
        purchases=(purchase, competing_payment) if competing_payment else (purchase,),
        account=change if has_moved or not change.is_empty else None,
        entries=tuple(entries),
    )


def _hold_and_flag_changes(
    wanted: Target, account: Account
) -> tuple[dict[str, Hold | None], dict[str, datetime | None]]:
    """The holds and flags to set or lift. Only this purchase's own are touched."""
    holds: dict[str, Hold | None] = {
        hold_id: Hold(since, wanted.payment_id)
        for hold_id, since in wanted.holds.items()
        if account.holds.get(hold_id) != Hold(since, wanted.payment_id)
    }
    holds |= dict.fromkeys(wanted.cleared_holds & account.holds.keys())
    flags: dict[str, datetime | None] = {
        flag_id: since for flag_id, since in wanted.flags.items() if account.flags.get(flag_id) != since
    }
    flags |= dict.fromkeys(wanted.cleared_flags & account.flags.keys())
    return holds, flags


def _entries(
    occasion: tuple[datetime, str],
    payment: PaymentSettled,
    account: Account,
    lot: Lot,
    moved: Iterable[Movement],
    now: datetime,
) -> Iterator[Entry]:
    """One entry for each movement, named after its effect. A grant has no step: there is one for each lot, ever."""
    at, cause = occasion
    for movement in moved:
        if movement.kind is EntryKind.GRANT:
            yield _entry(account, lot, movement, 0, payment.cause, payment.at, now)
        else:
            yield _entry(account, lot, movement, account.version + 1, cause, max(at, payment.at), now)


def _entry(
    account: Account, lot: Lot, movement: Movement, step: int, cause: str, occurred_at: datetime, now: datetime
) -> Entry:
    gives_late = movement.credits > 0 and lot.remaining > 0 and lot.has_expired(now)
    return Entry(
        entry_id=f"{lot.lot_id}/{step}/{movement.kind}/{movement.counter}",
        account_id=account.account_id,
        kind=movement.kind,
        counter=movement.counter,
        lot_id=lot.lot_id,
        credits=movement.credits,
        cause=cause,
        occurred_at=occurred_at,
        recorded_at=now,
        expires_at=lot.expires_at if movement.kind is EntryKind.GRANT or gives_late else None,
    )


def _time_and_cause(event: Event, payment: PaymentSettled, purchase: Purchase) -> tuple[datetime, str]:
    """When and by what event anything but the grant happened: now, or, if the payment came last, by what had waited."""
    if event.payment is None:
        return event.at, event.cause
    waited = [fact for fact in purchase.facts.values() if not isinstance(fact, PaymentSettled)]
    latest = max(waited, key=lambda fact: (fact.at, fact.key), default=None)
    return (latest.at, latest.cause) if latest else (payment.at, payment.cause)


def plan_internal_fact(purchase: Purchase, known: Snapshot, cause: str, now: datetime) -> Commit:
    """What to write since a fact of ours joined this purchase: a decision about a refund, the lifting of a hold."""
    return _book(purchase, None, known, (now, cause), now)


def lot_entries(
    account: Account, before: Mapping[str, Lot], lots: Iterable[Lot], cause: str, now: datetime
) -> Iterator[Entry]:
    """The entries of a change that leads from the lots before to these. An expiry happened when its lot lapsed."""
    for lot in lots:
        for movement in movements(before.get(lot.lot_id), lot):
            is_expiry = movement.kind is EntryKind.EXPIRE and lot.expires_at
            at = lot.expires_at if is_expiry and lot.expires_at else now
            step = 0 if movement.kind is EntryKind.GRANT else account.version + 1
            yield _entry(account, lot, movement, step, cause, at, now)


def plan_goodwill(account: Account, lot_id: str, credits_: int, cause: str, now: datetime) -> Commit:
    """Credits that support gives: a lot of their own, which never lapses."""
    lot = Lot(lot_id=lot_id, granted=credits_, source=CounterAccount.GOODWILL)
    return Commit(
        account=AccountChange(account_id=account.account_id, version=account.version, lots={lot_id: lot}),
        entries=tuple(lot_entries(account, {}, [lot], cause, now)),
    )


def owner_account(event: Event, known: Snapshot) -> AccountId | NotBookable | None:
    """Whose an event is, by our order and by our ids; None: neither says, so ask the provider's customer."""
    owner = event.owner
    order = known.fulfilment_keys.get(f"order/{owner.order_id}") if owner.order_id else None
    named = owner.account_id or owner.browser_account_id
    if order and order.account_id:
        if named not in {None, order.account_id}:
            return NotBookable(ParkReason.ORDER_MISMATCH, f"order {owner.order_id} is not {named}'s")
        products = {line.product_id for line in event.payment.lines} if event.payment else {order.product_id}
        if order.product_id not in {None, *products}:
            return NotBookable(ParkReason.ORDER_MISMATCH, f"order {owner.order_id} is for {order.product_id}")
        return order.account_id
    if owner.account_id:
        return owner.account_id
    linked = known.home_of(owner.payment_id) if owner.payment_id else None
    return linked.account_id if linked else None
