"""Plan what one event changes.

event + stored purchases ──► merged purchases ─┬─ no payment yet ──► store the facts: they wait
                                               ├─ no new fact ──► store new ids, if any, and the receipt
                                               └─ else ──► all payments for the same ──► book their target
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from ledger.domain.canonical import digest
from ledger.domain.events import Event
from ledger.domain.facts import ConsentChanged, PaymentSettled, digest_of, merge
from ledger.domain.orders import Order
from ledger.domain.purchases import Purchase
from ledger.domain.receipts import NotBookable, ParkReason, Receipt, RecordOutcome
from ledger.domain.subscriptions import Subscription
from ledger.ports.commit import AccountChange, Commit, FulfilmentKeyChange, PaymentPointer
from ledger.ports.reads import Snapshot, keys_of
from ledger.usecases.plan_booking.booking import plan_targets
from ledger.usecases.plan_booking.entries import Origin
from ledger.usecases.plan_booking.fulfilment import find_fulfilment
from ledger.usecases.plan_booking.merging import Merge, merge_event


def plan_event(event: Event, receipt: Receipt, stored: Snapshot) -> Commit | NotBookable:
    """Return the commit after which the ledger holds what all facts report, including this event's.

    `stored` must contain everything that the event's names lead to. `event.payment` must name its account. The outcome
    is on the commit's receipt.
    """
    merges = merge_event(_with_consent(event, stored), stored)
    if isinstance(merges, NotBookable):
        return merges
    reported = {fact.key: digest_of(fact) for about in event.about for fact in about.facts}
    paid = [one.after for one in merges if one.after.payment]
    if not paid:
        return _store_purchases(merges, replace(receipt, facts=reported), RecordOutcome.WAITING)
    account_ids = sorted({one.account_id for one in paid if one.account_id})
    if len(account_ids) > 1:
        return NotBookable(ParkReason.AMBIGUOUS_ACCOUNT, "money of one event for " + " and ".join(account_ids))
    if event.payment and (unpaid := [one.after.payment_id for one in merges if not one.after.payment]):
        detail = f"it is paid in part by a credit of {unpaid[0]}, whose payment is not known"
        return NotBookable(ParkReason.UNKNOWN_ORIGIN, detail)
    receipt = replace(receipt, account_id=account_ids[0], facts=reported, outcome=RecordOutcome.BOOKED)
    if not any(one.has_new_facts for one in merges):
        return _store_purchases(merges, receipt, RecordOutcome.BOOKED)

    after = stored.with_purchases(one.after for one in merges)
    fulfilments = []
    for purchase in paid:
        fulfilment = find_fulfilment(purchase, after)
        if isinstance(fulfilment, NotBookable):
            return fulfilment
        fulfilments.append(fulfilment)
    origin = _origin_of_changes(event, paid[0])
    changed = [one.after for one in merges if one.has_new_facts]
    commit = plan_targets(changed, fulfilments, stored, origin, receipt.received_at)
    return replace(commit, receipt=receipt, pointers=_pointers_of(merges))


def _with_consent(event: Event, stored: Snapshot) -> Event:
    """Return a payment's event with the consent of its order, if that is complete: its credits are not locked."""
    payment = event.payment
    order = stored.order_under(payment.fulfilment_key or "") if payment and payment.locked_until else None
    fact = consent_fact(order) if order else None
    return replace(event, facts=(*event.facts, fact)) if fact and fact.is_complete else event


def consent_fact(order: Order) -> ConsentChanged | None:
    """Return what the payments for an order keep of its consent, as it is stored. None: it has none."""
    if order.consent is None:
        return None
    return ConsentChanged(
        order_id=order.order_id,
        is_complete=order.consent.is_complete,
        step=order.version,
        at=order.consent.confirmed_at or order.consent.given_at,
        cause=f"order:{order.order_id}",
    )


def plan_first_grant(event: Event, receipt: Receipt, *, is_claimed: bool) -> Commit:
    """Return the commit of a payment about which nothing is stored, without reading. It only adds to the account.

    The conditions of the write make it safe: no receipt, no purchase, no grant entry and no lot of these ids is stored,
    no other payment for the same order or period, and the order's account, product and terms match (`AccountChange`,
    `FulfilmentKeyChange`). If one fails, read, and use `plan_event`.

    `is_claimed`: the event's account was not read, and a browser may have written it. Then the order must have the
    checkout that was paid, or the account must have the subscription.
    """
    commit = plan_event(event, receipt, Snapshot())
    if isinstance(commit, NotBookable) or commit.account is None:
        raise ValueError("a payment about which nothing is stored always grants")
    return replace(
        commit,
        account=replace(
            commit.account, version=None, has_subscription=event.owner.subscription_id if is_claimed else None
        ),
        fulfilment_keys=tuple(
            _of_order(key, event, is_claimed=is_claimed) for key in commit.fulfilment_keys if not key.is_check
        ),
    )


def _of_order(key: FulfilmentKeyChange, event: Event, *, is_claimed: bool) -> FulfilmentKeyChange:
    if not key.key.startswith("order/"):
        return key
    return replace(key, terms_hash=event.terms_hash, checkout_id=event.owner.checkout_id if is_claimed else None)


def may_grant_without_reading(event: Event, now: datetime) -> bool:
    """Return whether it is a payment's event, and the account's item alone proves that nobody has paid for its period.

    The proof is the period's lot on the account. Another payment's lot leaves the account when it has expired, which
    is not before the period's end, and an empty lot that never expires (of a subscription that rolls over) leaves it
    too. Then the purchase must be read. When this payment's own credits expire says nothing: it may be a late one.
    What the event also reports on other payments must be read in any case.
    """
    payment = event.payment
    if payment is None or event.also or event.credited_periods:
        return False
    ends_at = payment.period_ends_at
    never_expires = any(line.expires_at is None for line in payment.lines)
    return not payment.covers or (ends_at is not None and ends_at > now and not never_expires)


def is_already_booked(event: Event, stored: Purchase) -> bool:
    """Return whether a stored purchase has everything that this payment's event reports.

    That is: the same account and period, all names, and all facts.
    """
    if event.payment is None or stored.payment is None or keys_of(stored.payment) != keys_of(event.payment):
        return False
    return stored.names.issuperset(event.names) and merge(stored.facts, (*event.facts, event.payment)) is stored.facts


def plan_subscription(subscription: Subscription, receipt: Receipt, stored: Snapshot) -> Commit:
    """Return the commit of a subscription's reported state. A state older than the stored one changes nothing.

    `subscription` must name its account.
    """
    if subscription.account_id is None:
        raise ValueError("a subscription is planned only after its account was found")
    receipt = replace(
        receipt, account_id=subscription.account_id, facts={subscription.key: digest(subscription, without="instant")}
    )
    before = stored.subscriptions.get(subscription.subscription_id)
    merged = before.merge(subscription) if before else subscription
    if merged is before:
        return Commit(receipt=replace(receipt, outcome=RecordOutcome.ALREADY_BOOKED))
    return Commit(
        receipt=replace(receipt, outcome=RecordOutcome.BOOKED),
        subscription=merged,
        account=AccountChange(account_id=subscription.account_id, version=None, subscription=merged.summary),
    )


def _store_purchases(merges: Iterable[Merge], receipt: Receipt, outcome: RecordOutcome) -> Commit:
    """Return the commit that stores new facts and names and books nothing. If none is new, store the receipt only."""
    changed = tuple(one.after for one in merges if one.has_new_facts or one.has_new_names)
    if not changed:
        return Commit(receipt=replace(receipt, outcome=RecordOutcome.ALREADY_BOOKED))
    return Commit(receipt=replace(receipt, outcome=outcome), purchases=changed, pointers=_pointers_of(merges))


def _pointers_of(merges: Iterable[Merge]) -> tuple[PaymentPointer, ...]:
    """Return the pointers to write and to check, none of them twice: the parts of an event may name the same ones."""
    pointers = [pointer for one in merges for pointer in one.pointers]
    written = [pointer for pointer in pointers if not pointer.is_check]
    names = {pointer.name for pointer in written}
    checked = {pointer.name: pointer for pointer in pointers if pointer.is_check and pointer.name not in names}
    return (*written, *checked.values())


def _origin_of_changes(event: Event, purchase: Purchase) -> Origin:
    """Return the origin of every entry except the grant, whose time and cause are the payment's.

    An event without a payment is the origin itself. For a payment's event it is the latest other fact of the purchase,
    which waited for the payment. If there is none, it is the payment.
    """
    if event.payment is None:
        return Origin(event.at, event.cause, event.correlation_id)
    others = [fact for fact in purchase.facts.values() if not isinstance(fact, PaymentSettled | ConsentChanged)]
    latest = max(others, key=lambda fact: (fact.at, fact.key), default=event.payment)
    return Origin(latest.at, latest.cause, event.correlation_id)
