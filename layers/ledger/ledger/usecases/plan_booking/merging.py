"""Merge an event into the purchases that it is about.

An event names a payment by one or more ids. Each id leads to the purchase of one sale, or of several sales that share
the money. Facts that were received before their payment wait in a purchase of their own. When an event links the ids,
such a purchase is absorbed:

    before                                 event names A and B           after
    A: purchase (payment)                                                A: purchase (payment, refund)
    B: purchase (refund, waiting)                                        B: pointer to A

A link never makes two sales one. If the id leads to another sale already, it leads to both from now on, and each has
all facts about the shared money:

    before                                 event links B to C            after
    A: purchase (payment, refund)                                        A: purchase (payment, refund, links)
    B: pointer to A                                                      B: pointer to A and C
    C: purchase (payment)                                                C: purchase (payment, refund, links)

What is reported of shared money tells each sale what began to be sent for another one, too: it may be our own refund.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from ledger.domain.events import About, Event
from ledger.domain.facts import MoneyLinked, PaymentSettled, RefundAttempted, facts_of, merge
from ledger.domain.ids import PaymentId
from ledger.domain.links import Links
from ledger.domain.purchases import Purchase
from ledger.domain.receipts import NotBookable, ParkReason
from ledger.domain.records import record
from ledger.ports.commit import PaymentPointer
from ledger.ports.reads import Snapshot, keys_of


@record(frozen=True, kw_only=True)
class Merge:
    """One purchase before and after an event."""

    before: Purchase
    after: Purchase
    has_new_facts: bool  # this event's, or those of purchases that were absorbed
    pointers: tuple[PaymentPointer, ...]  # to write, or to check

    @property
    def has_new_names(self) -> bool:
        return any(not pointer.is_check for pointer in self.pointers)


def merge_event(event: Event, stored: Snapshot) -> tuple[Merge, ...] | NotBookable:
    """Merge the event's facts and ids into the purchases that its ids lead to, or into new ones. The main one is first.

    Return NotBookable if the ids lead to two payments that don't share money, or if the payment is booked for another
    account or period.
    """
    merges: dict[PaymentId, Merge] = {}
    for about in event.about:
        merged = _merge(about, stored, merges)
        if isinstance(merged, NotBookable):
            return merged
        merges |= merged
    return tuple(merges.values())


def _merge(about: About, stored: Snapshot, merges: Mapping[PaymentId, Merge]) -> dict[PaymentId, Merge] | NotBookable:
    """Merge what an event reports about one payment. `merges` are those that were made for the event already."""
    sales = _sales_named(about, stored)
    if isinstance(sales, NotBookable):
        return sales
    payment = next((fact for fact in about.facts if isinstance(fact, PaymentSettled)), None)
    for sale in sales:
        if payment and sale.payment and keys_of(sale.payment) != keys_of(payment):
            return _ambiguous(f"{sale.payment_id} is booked for another account or order")
    sale_ids = {sale.payment_id for sale in sales}
    homes = {purchase.payment_id: purchase for name in about.names for purchase in stored.homes_of(name)}
    absorbed = [purchase for purchase in homes.values() if purchase.payment_id not in sale_ids]
    reported = about.facts
    if payment and any(sale.payment and sale.payment.is_under_other_terms(payment) for sale in sales):
        # The catalogue was rewritten meanwhile: what was granted stays as it was agreed.
        reported = tuple(fact for fact in about.facts if fact is not payment)
    facts = [*(fact for purchase in absorbed for fact in purchase.facts.values()), *reported]
    names = frozenset(about.names).union(*(purchase.names for purchase in absorbed))
    if len(sales) > 1:
        money_ids = {fact.money_id for fact in about.facts if isinstance(fact, MoneyLinked)}
        known_links = [(Links(sale.facts), sale) for sale in sales]
        facts += [fact for links, sale in known_links for fact in links.about(money_ids, sale.facts)]
        facts += [attempt for sale in sales for attempt in facts_of(sale.facts, RefundAttempted)]
        names = names.union(*(links.names_of(money_ids) for links, _ in known_links)) - sale_ids
    merged: dict[PaymentId, Merge] = {}
    for sale in sales:
        known = merges.get(sale.payment_id)
        now = known.after if known else sale
        after = replace(now, names=now.names | names | {now.payment_id}, facts=merge(now.facts, facts))
        merged[sale.payment_id] = Merge(
            before=sale,
            after=after,
            has_new_facts=after.facts is not sale.facts or bool(absorbed),
            pointers=known.pointers if known else (),
        )
    first = merged[sales[0].payment_id]
    written = _pointers(names, list(merged.values()), absorbed, about, stored)
    checked = _pointers_to_check(about, sales, stored)
    merged[sales[0].payment_id] = replace(first, pointers=(*first.pointers, *written, *checked))
    return merged


def _sales_named(about: About, stored: Snapshot) -> list[Purchase] | NotBookable:
    """Return the purchases that these facts belong to, the main one first: one, or all sales that share the money."""
    if sharing := _sales_after_link(about, stored):
        return sharing
    homes = {purchase.payment_id: purchase for name in about.names for purchase in stored.homes_of(name)}
    paid = [purchase for purchase in homes.values() if purchase.payment]
    shared = {
        purchase.payment_id: purchase
        for name in about.names
        if len(found := stored.homes_of(name)) > 1
        for purchase in found
    }
    if any(purchase.payment_id not in shared for purchase in paid) and (shared or len(paid) > 1):
        return _ambiguous("one payment, but two purchases: " + ", ".join(sorted(homes)))
    if shared:
        return list(shared.values())
    main_id = about.names[0]
    return [paid[0] if paid else next(iter(stored.homes_of(main_id)), Purchase(payment_id=main_id))]


def _sales_after_link(about: About, stored: Snapshot) -> list[Purchase]:
    """Return all sales that share money after a link that adds one to them. Empty: it does not.

    A purchase that is stored under the money's own id is none of them: its facts wait, or it is the sale of a session.
    """
    for link in about.facts:
        if isinstance(link, MoneyLinked):
            own = next(iter(stored.homes_of(link.sale_id)), Purchase(payment_id=link.sale_id))
            sales = {one.payment_id: one for one in stored.homes_of(link.money_id) if one.payment_id != link.money_id}
            if sales and own.payment_id not in sales and own.payment_id != link.money_id:
                return [own, *sales.values()]
    return []


def _ambiguous(detail: str) -> NotBookable:
    return NotBookable(ParkReason.AMBIGUOUS_PAYMENT, detail)


def _pointers(
    names: frozenset[PaymentId], merges: list[Merge], absorbed: list[Purchase], about: About, stored: Snapshot
) -> Iterator[PaymentPointer]:
    """Yield the pointers to write: for new ids, for absorbed purchases, for ids that lead to more sales than before.

    When the account becomes known, write all pointers to the purchase again: one that names where the payment is booked
    saves a read. Pointers to several sales stay as they are.
    """
    to = tuple(sorted(one.after.payment_id for one in merges))
    payments = [one.after.payment for one in merges if one.after.payment]
    booked_in = [keys_of(payment) for payment in payments]
    versions = {purchase.payment_id: purchase.version for purchase in absorbed}
    if len(merges) == 1:
        (one,) = merges
        written = names - stored.payments.keys() - one.before.names | versions.keys()
        if one.after.account_id and one.before.account_id is None and not _shares_money(one.after):
            written |= one.after.names
    else:
        written = frozenset(name for name in names if name in versions or _targets(name, stored) != to)
    for name in sorted(written - set(to)):
        was_read = name in stored.payments or name in about.names
        yield PaymentPointer(
            name=name,
            to=to[0],
            also_to=to[1:],
            account_id=payments[0].account_id if payments else None,
            fulfilment_keys=tuple(sorted({key for keys in booked_in for key in keys.fulfilment_keys})),
            lot_ids=tuple(sorted({lot_id for keys in booked_in for _, lot_id in keys.closed_lots})),
            replaces_version=versions.get(name, 0),
            replaces=_targets(name, stored) if was_read else None,
        )


def pointers_as_read(names: Iterable[PaymentId], stored: Snapshot) -> tuple[PaymentPointer, ...]:
    """Return the pointers that lead from these names to purchases, to check that they still lead there alone."""
    found = {pointer.name: pointer for name in names for pointer in stored.pointers_from(name)}
    return tuple(replace(found[name], replaces=found[name].targets, is_check=True) for name in sorted(found))


def _pointers_to_check(about: About, sales: Iterable[Purchase], stored: Snapshot) -> tuple[PaymentPointer, ...]:
    """Return the pointers that must still lead to these sales alone.

    A pointer may have been read before a link, and a sale after it. Then the sale as it was read shares money. If the
    sale was read before the link too, the link has changed its version.
    """
    return pointers_as_read(about.names, stored) if any(_shares_money(sale) for sale in sales) else ()


def _targets(name: PaymentId, stored: Snapshot) -> tuple[PaymentId, ...]:
    item = stored.payments.get(name)
    return item.targets if isinstance(item, PaymentPointer) else ()


def _shares_money(purchase: Purchase) -> bool:
    links = facts_of(purchase.facts, MoneyLinked)
    return len({link.sale_id for link in links}) > 1
