"""Rules about payments: what each pays for, which names lead to it, and what of it went back."""

from collections import defaultdict

from ledger.domain.facts import (
    Facts,
    PaymentSettled,
    RefundApproved,
    RefundChanged,
    RefundTotalReported,
    facts_of,
)
from ledger.domain.refunds import outstanding_minor, returned, tag_of
from ledger.ports.commit import PaymentPointer
from tools.verify.world import Verdicts, World


def refunded_within_paid(world: World) -> Verdicts:
    """No payment was refunded by more than was paid, what is approved included."""
    received_at = {f"{receipt.provider}:{receipt.event_id}": receipt.received_at for receipt in world.receipts}
    for purchase, payment in world.purchases():
        # The running total may include the refund that is pending, so it is left out of the sums.
        known = {key: fact for key, fact in purchase.facts.items() if not isinstance(fact, RefundTotalReported)}
        # The provider may refund by itself while our refund is in the outbox. Then the sender abandons ours. So an
        # approval in the outbox is checked against what was known when it was made, a sent one against everything.
        unsent = [approval for approval in facts_of(known, RefundApproved) if approval.tag in world.intents]
        views = [{key: fact for key, fact in known.items() if fact not in unsent}]
        for approval in unsent:
            later = [
                fact
                for fact in facts_of(known, RefundChanged)
                if tag_of(fact, known) is None and received_at.get(fact.cause, fact.at) > approval.at
            ]
            views.append({key: fact for key, fact in known.items() if fact not in later})
        sums = [_refunded_minor(view) + outstanding_minor(view) for view in views]
        most_minor = max(payment.paid_minor, payment.returnable_minor)
        yield purchase.payment_id, max(*sums, _refunded_minor(purchase.facts)) <= most_minor


def _refunded_minor(facts: Facts) -> int:
    """Return what went back to cards. What moved to the buyer's balance beyond what was paid is owed by the lots."""
    return sum(one.amount_minor for one in returned(facts) if not one.is_to_balance)


def paid_once(world: World) -> Verdicts:
    """Each fulfilment key lists its payments, the earliest first; all but the first are duplicates."""
    paid: dict[str, list[PaymentSettled]] = defaultdict(list)
    for _, payment in world.purchases():
        if payment.fulfilment_key:
            paid[payment.fulfilment_key].append(payment)
    for key in paid.keys() | {item.key for item in world.fulfilment_keys.values() if item.payment_id}:
        ranked = sorted(paid[key], key=lambda payment: payment.precedence)
        item = world.fulfilment_keys.get(key)
        yield key, item is not None and item.payment_ids == tuple(payment.payment_id for payment in ranked)
    for group in world.payments_for_one_thing():
        are_duplicates = [one.is_duplicate for one in group]
        yield group[0].payment_id, are_duplicates == [False] + [True] * (len(group) - 1)


def periods_granted_once(world: World) -> Verdicts:
    """No period of a subscription is granted by two payments."""
    granting: dict[str, int] = defaultdict(int)
    for purchase, payment in world.purchases():
        if payment.period:
            granting[payment.period] += not purchase.is_duplicate
    for period, payments in granting.items():
        yield period, payments <= 1


def linked(world: World) -> Verdicts:
    """Every pointer leads to a purchase that knows its name."""
    for pointer in world.payments.values():
        if isinstance(pointer, PaymentPointer):
            homes = [world.home_of(target) for target in (pointer.to, *pointer.also_to)]
            yield pointer.name, all(home is not None and pointer.name in home.names for home in homes)
