"""Merge an event into the purchase of its payment.

An event names one payment by one or more ids. Each id leads to at most one stored purchase. Facts that were received
before their payment wait in a purchase of their own. When an event links the ids, such a purchase is absorbed:

    before                                 event names A and B           after
    A: purchase (payment)                                                A: purchase (payment, refund)
    B: purchase (refund, waiting)                                        B: pointer to A
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from ledger.domain.events import Event
from ledger.domain.facts import Fact, PaymentSettled, merge
from ledger.domain.purchases import Purchase
from ledger.domain.receipts import NotBookable, ParkReason
from ledger.ports.commit import PaymentPointer
from ledger.ports.reads import Snapshot, keys_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """A payment's purchase before and after an event."""

    before: Purchase
    after: Purchase
    has_new_facts: bool  # this event's, or those of purchases that were absorbed
    pointers: tuple[PaymentPointer, ...]  # to write


def merge_event(event: Event, stored: Snapshot) -> Merge | NotBookable:
    """Merge the event's facts and names into the purchase that its names lead to, or into a new one.

    Return NotBookable if the names lead to two payments, or if the payment is booked for another account or period.
    """
    named = {purchase.payment_id: purchase for name in event.names if (purchase := stored.home_of(name))}
    paid = [(purchase, purchase.payment) for purchase in named.values() if purchase.payment]
    if len(paid) > 1:
        return _ambiguous("one payment, but two purchases: " + ", ".join(sorted(named)))
    for purchase, payment in paid:
        if event.payment and not _is_booked_alike(payment, event.payment):
            return _ambiguous(f"{purchase.payment_id} is booked for another account or order")

    best_name = event.names[0]
    before = paid[0][0] if paid else stored.home_of(best_name) or Purchase(payment_id=best_name)
    reported = event.payment
    if reported and before.payment and before.payment.is_under_other_terms(reported):
        reported = None  # the catalogue was rewritten meanwhile: what was granted stays as it was agreed
    absorbed = [purchase for purchase in named.values() if purchase.payment_id != before.payment_id]
    after = replace(
        before,
        names=before.names.union([before.payment_id], event.names, *(purchase.names for purchase in absorbed)),
        facts=merge(before.facts, [*_facts_of(absorbed), *event.facts, *([reported] if reported else ())]),
    )
    return Merge(
        before=before,
        after=after,
        has_new_facts=after.facts is not before.facts or bool(absorbed),
        pointers=_pointers(before, after, absorbed, stored, event),
    )


def _ambiguous(detail: str) -> NotBookable:
    return NotBookable(ParkReason.AMBIGUOUS_PAYMENT, detail)


def _is_booked_alike(one: PaymentSettled, other: PaymentSettled) -> bool:
    """Whether two facts about one payment agree on account, lots and period."""
    return keys_of(one) == keys_of(other)


def _facts_of(purchases: Iterable[Purchase]) -> Iterator[Fact]:
    for purchase in purchases:
        yield from purchase.facts.values()


def _pointers(
    before: Purchase, after: Purchase, absorbed: list[Purchase], stored: Snapshot, event: Event
) -> tuple[PaymentPointer, ...]:
    """Return the pointers to write: for new names, and for absorbed purchases, which they replace.

    When the account becomes known, write all pointers again: a pointer that names the account saves a read.
    """
    versions = {purchase.payment_id: purchase.version for purchase in absorbed}
    names = set(event.names) - stored.payments.keys() - before.names | versions.keys()
    if after.account_id and before.account_id is None:
        names |= after.names
    return tuple(
        PaymentPointer(
            name=name, to=after.payment_id, account_id=after.account_id, replaces_version=versions.get(name, 0)
        )
        for name in sorted(names - {after.payment_id})
    )
