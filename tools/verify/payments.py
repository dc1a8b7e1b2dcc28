"""Rules about payments: what each pays for, which names lead to it, and what of it went back."""

from collections import defaultdict
from datetime import datetime, timedelta

from ledger.domain.audit import AuditAction
from ledger.domain.declarations import DeclarationKind
from ledger.domain.facts import (
    ChargebackChanged,
    ConsentChanged,
    DisputeChanged,
    Facts,
    PaymentSettled,
    RefundApproved,
    RefundChanged,
    RefundTotalReported,
    facts_of,
)
from ledger.domain.ids import AccountId, provider_of
from ledger.domain.mails import MailIntent, MailKind, MailOutcome, MailRecord
from ledger.domain.orders import OpenCheckout, Order
from ledger.domain.refund_cases import RefundCase, RefundReason
from ledger.domain.refunds import outstanding_minor, returned, tag_of
from ledger.ports.commit import FulfilmentKey, PaymentPointer
from ledger.ports.documents import DocumentKey, checkout_key, open_checkout_key
from ledger.usecases.mail_failures import Failure
from tools.verify.world import Verdicts, World


def refunded_within_paid(world: World) -> Verdicts:
    """No payment was refunded by more than was paid, what is approved included."""
    received_at = {receipt.cause: receipt.received_at for receipt in world.receipts}
    for purchase, payment in world.purchases():
        known = purchase.facts
        # The provider may refund by itself while our refund is in the outbox. Then the sender abandons ours. So an
        # approval in the outbox is checked against what was known when it was made, a sent one against everything.
        unsent = [approval for approval in facts_of(known, RefundApproved) if approval.tag in world.intents]
        views = [{key: fact for key, fact in known.items() if fact not in unsent}]
        for approval in unsent:
            later = [
                fact
                for fact in known.values()
                if isinstance(fact, RefundChanged | RefundTotalReported)
                and not _is_ours(fact, known)
                and received_at.get(fact.cause, fact.at) > approval.at
            ]
            views.append({key: fact for key, fact in known.items() if fact not in later})
        sums = [_refunded_minor(view) + outstanding_minor(view) for view in views]
        most_minor = max(payment.paid_minor, payment.returnable_minor)
        yield purchase.payment_id, max(sums) <= most_minor


def _is_ours(fact: RefundChanged | RefundTotalReported, facts: Facts) -> bool:
    """Return whether a refund carries out an approval. A running total is the provider's own."""
    return isinstance(fact, RefundChanged) and tag_of(fact, facts) is not None


def _refunded_minor(facts: Facts) -> int:
    """Return what went back to cards. What moved to the buyer's balance beyond what was paid is owed by the lots."""
    return sum(one.amount_minor for one in returned(facts) if not one.is_to_balance)


def paid_once(world: World) -> Verdicts:
    """Each fulfilment key lists its payments, the earliest first; all but the first are duplicates."""
    paid: dict[str, list[PaymentSettled]] = defaultdict(list)
    for _, payment in world.purchases():
        if payment.fulfilment_key:
            paid[payment.fulfilment_key].append(payment)
    for key in {*paid, *world.fulfilment_keys}:
        ranked = sorted(paid[key], key=lambda payment: payment.precedence)
        item = world.fulfilment_keys.get(key)
        yield key, item is not None and item.payment_ids == tuple(payment.payment_id for payment in ranked)
    for group in world.payments_for_one_thing():
        are_duplicates = [purchase.is_duplicate for purchase, _ in group]
        (_, earliest), *others = group
        yield earliest.payment_id, are_duplicates == [False, *(True for _ in others)]


def periods_granted_once(world: World) -> Verdicts:
    """No period of a subscription is granted by two payments."""
    granting: dict[str, int] = defaultdict(int)
    for purchase, payment in world.purchases():
        if payment.period:
            granting[payment.period] += not purchase.is_duplicate
    for period, payments in granting.items():
        yield period, payments <= 1


def linked(world: World) -> Verdicts:
    """Every name of a purchase leads to it, and every pointer to purchases that know its name."""
    for item in world.payments.values():
        if isinstance(item, PaymentPointer):
            homes = [home for name in {item.to, *item.also_to} for home in world.homes_of(name)]
            knows = bool(homes) and all(item.name in home.names for home in homes)
            yield item.name, knows and item.account_id in {None, *(home.account_id for home in homes)}
        else:
            is_named = item.payment_id in item.names and all(item in world.homes_of(name) for name in item.names)
            yield item.payment_id, is_named and not (item.is_duplicate and item.payment is None)


def orders(world: World) -> Verdicts:
    """An order has the terms that were agreed, its checkout leads back to it, and its payment is for its product."""
    for key, order_id in world.order_pointers.items():
        (checkout,) = key.parts
        item = world.fulfilment_keys.get(f"order/{order_id}")
        yield checkout, item is not None and item.terms is not None
    for key, latest in world.open_checkouts.items():
        item = world.fulfilment_keys.get(f"order/{latest.order_id}")
        yield "/".join(key.parts), item is not None and item.terms is not None and _is_latest(latest, item.terms, key)
    for item in world.fulfilment_keys.values():
        if item.terms:
            yield item.key, _is_as_agreed(item, item.terms, world)
    for purchase, payment in world.purchases():
        fulfilled = world.fulfilment_keys.get(str(payment.fulfilment_key))
        order = fulfilled.terms if fulfilled else None
        yield (
            payment.payment_id,
            payment.payment_id in purchase.names
            and (fulfilled is None or fulfilled.account_id == payment.account_id)
            and (order is None or _is_for(payment, order))
            and _key_of_order(payment) in {None, payment.order_id},
        )


def consents(world: World) -> Verdicts:
    """A payment for an order is locked as its terms say, and unlocked exactly by the order's complete consent."""
    for purchase, payment in world.purchases():
        changes = facts_of(purchase.facts, ConsentChanged)
        item = world.fulfilment_keys.get(str(payment.fulfilment_key))
        order = item.terms if item else None
        if order is None:
            yield payment.payment_id, not changes
            continue
        days = order.terms.lock_days if order.terms else None
        ends = [line.period_ends_at for line in payment.lines if payment.is_trial and line.period_ends_at]
        until = max([payment.at, *ends]) + timedelta(days=days) if days else None
        has_consent = bool(order.consent and order.consent.is_complete)
        yield (
            payment.payment_id,
            payment.locked_until == until
            and (until is None or any(one.is_complete for one in changes) == has_consent)
            and (until is None or bool(changes) or not _was_changed_when_paid(order))  # without a lock none is kept
            and all(_is_of_consent(one, order) for one in changes),
        )


def late_information(world: World) -> Verdicts:
    """Each mail about the right of withdrawal was asked for by a person, and sent and came back as is recorded."""
    asked = {(owner, act.subject, act.at) for owner, act in world.audit_records if act.action is AuditAction.INFORM}
    mailed = {one.subject: one for one in world.mail_intents.values() if one.kind is _INFORMATION}
    ended = {one.subject: one for one in world.mail_records.values() if one.kind is _INFORMATION}
    named: set[tuple[AccountId, str, datetime]] = set()
    for order in (item.terms for item in world.fulfilment_keys.values() if item.terms):
        for mail in order.late_information:
            subject = f"{order.order_id}/{mail.number}"
            listed, record = mailed.get(subject), ended.get(subject)
            named.add((order.account_id, str(order.order_id), mail.asked_at))
            has_failed = record is not None and record.failed_at is not None
            came_back = record is not None and record.failure == Failure.BOUNCE
            is_returned = came_back <= (mail.returned_at is not None) <= has_failed
            yield subject, mail.sent_at in _may_be_sent_at(listed, record) and is_returned
    yield from ((one[1], one in asked and one in named) for one in asked | named)


_INFORMATION = MailKind.WITHDRAWAL_INFORMATION


def _may_be_sent_at(listed: MailIntent | None, record: MailRecord | None) -> set[datetime | None]:
    """Return when an order can say that its mail was sent. None: not at all. Empty: nothing is left of the mail."""
    if record is not None:
        return {record.ended_at if record.outcome is MailOutcome.SENT else None}
    return {None, listed.accepted_at} if listed is not None else set()


def _was_changed_when_paid(order: Order) -> bool:
    """Return whether a consent was confirmed too late, or came back after its credits were used."""
    return order.consent is not None and (order.consent.is_late or order.consent.revoked_at is not None)


def _is_of_consent(change: ConsentChanged, order: Order) -> bool:
    """Return whether a change of a consent is one that the order can have had."""
    is_its = change.key == f"consent:{order.order_id}" and change.cause == f"order:{order.order_id}"
    return (
        order.consent is not None
        and is_its
        and 0 < change.step <= order.version
        and (not change.is_complete or change.at == order.consent.confirmed_at)
    )


def _is_as_agreed(item: FulfilmentKey, order: Order, world: World) -> bool:
    of_key = (f"order/{order.order_id}", order.account_id, order.product_id, order.terms_hash)
    checkout = checkout_key(order.provider, order.checkout.checkout_id) if order.checkout else None
    is_whole = of_key == (item.key, item.account_id, item.product_id, item.terms_hash) and order.is_agreement_whole
    return is_whole and (checkout is None or world.order_pointers.get(checkout) == order.order_id)


def _is_latest(latest: OpenCheckout, order: Order, key: DocumentKey) -> bool:
    checkout_id = order.checkout.checkout_id if order.checkout else None
    return key == open_checkout_key(order.account_id, order.product_id) and (
        (latest.provider, latest.checkout_id) == (order.provider, checkout_id)
    )


def _is_for(payment: PaymentSettled, order: Order) -> bool:
    """Return whether a payment can be for an order. Its currency may be another one, where a provider converts."""
    is_for_product = order.product_id in {line.product_id for line in payment.lines}
    return is_for_product and provider_of(payment.payment_id) == order.provider


def _key_of_order(payment: PaymentSettled) -> str | None:
    key = payment.fulfilment_key
    return key.removeprefix("order/") if key and key.startswith("order/") else None


def renewals_stopped(world: World) -> Verdicts:
    """Renewals are stopped only after a dispute, a withdrawal or a cancellation of a payment of that subscription."""
    causes = {receipt.cause for receipt in world.receipts}
    withdrawn = {f"case:{case.case_id}": case.payment_id for case in world.cases.values() if _is_withdrawn(case)}
    cancelled = {
        f"declaration:{one.declaration_id}": one.payment_id
        for one in world.declarations.values()
        if one.kind is DeclarationKind.CANCELLATION and one.approved_by
    }
    ended = withdrawn | cancelled
    for key, stop in world.renewal_stops.items():
        home = world.home_of(stop.payment_id)
        payment, facts = (home.payment, home.facts.values()) if home else (None, ())
        is_disputed = any(isinstance(fact, DisputeChanged | ChargebackChanged) for fact in facts)
        yield (
            "/".join(key.parts),
            payment is not None
            and (ended.get(stop.cause) == stop.payment_id or (is_disputed and stop.cause in causes))
            and (stop.account_id, stop.subscription_id) == (payment.account_id, payment.subscription_id),
        )


def _is_withdrawn(case: RefundCase) -> bool:
    return case.reason is RefundReason.WITHDRAWAL and case.confirmed_at is not None
