"""Links: which sales a payment at the provider paid for, and with how much.

An invoice can be paid by several PaymentIntents, and a PaymentIntent can pay several invoices. Each sale has a purchase
of its own, with all links of its money and all facts about it. `ledger.domain.parts` splits what goes back.

A fact names a PaymentIntent, its charge, or both. One that names both tells that they are the same payment.
"""

import itertools
from collections.abc import Collection, Iterator, Mapping

from ledger.domain.facts import (
    DisputeChanged,
    Fact,
    Facts,
    FraudWarned,
    HoldLifted,
    MoneyLinked,
    RefundChanged,
    RefundTotalReported,
    ResolutionReported,
    facts_of,
)
from ledger.domain.ids import PaymentId, provider_of

_OfCharge = RefundChanged | RefundTotalReported | DisputeChanged | FraudWarned


class Links:
    """What one sale knows about the payments that paid for it, and for others."""

    def __init__(self, facts: Facts) -> None:
        self._links = facts_of(facts, MoneyLinked)
        self.money_ids = frozenset(link.money_id for link in self._links)
        self._same: dict[PaymentId, frozenset[PaymentId]] = {}
        for fact in facts.values() if self._links else ():
            whole = self.names_of(_names_in(fact))
            self._same |= dict.fromkeys(whole, whole)

    def paid_by(self, money_id: PaymentId | None) -> Mapping[PaymentId, int]:
        """Return how much a payment paid for each of its sales, in minor units."""
        return {link.sale_id: link.amount_minor for link in self._links if link.money_id == money_id}

    def money_of(self, fact: Fact) -> PaymentId | None:
        """Return which of the linked payments a fact is about: the only one, else the one that it names.

        None: it is about the sale alone, or nothing tells.
        """
        if isinstance(fact, MoneyLinked):
            return fact.money_id
        if not isinstance(fact, _OfCharge | ResolutionReported):
            return None
        if fact.money_id in self.money_ids:
            return fact.money_id
        if len(self.money_ids) == 1:
            return next(iter(self.money_ids))
        return min(self.names_of(_names_in(fact)) & self.money_ids, default=None)

    def shared_money_of(self, fact: Fact) -> PaymentId | None:
        """Return the payment that a fact is about, if other sales share it."""
        money_id = self.money_of(fact)
        return money_id if len(self.paid_by(money_id)) > 1 else None

    def names_of(self, names: Collection[PaymentId]) -> frozenset[PaymentId]:
        """Return all names of payments that have one of these: a PaymentIntent and its charges."""
        return frozenset(names).union(*(self._same.get(name, ()) for name in names))

    def about(self, money_ids: Collection[PaymentId], facts: Facts) -> Iterator[Fact]:
        """Yield the links of these payments, and what one sale knows about them: what a person has lifted of it, too.

        An amount that a person stated is not passed on: it is one sale's own part.
        """
        about = {key: fact for key, fact in facts.items() if self.money_of(fact) in money_ids}
        lifted = (lift for lift in facts_of(facts, HoldLifted) if _is_lift_of(lift, about))
        return itertools.chain(about.values(), lifted)


def _names_in(fact: Fact) -> frozenset[PaymentId]:
    """Return the names of the payment that a fact is about: the PaymentIntent, its charge, or both."""
    if not isinstance(fact, _OfCharge | ResolutionReported) or fact.money_id is None:
        return frozenset()
    charge_id = fact.charge_id if isinstance(fact, _OfCharge) else None
    charges = [PaymentId(f"{provider_of(fact.money_id)}:{charge_id}")] if charge_id else []
    return frozenset([fact.money_id, *charges])


def _is_lift_of(lift: HoldLifted, about: Collection[str]) -> bool:
    """Return whether a person has lifted what one of these facts, by their keys, placed on the account.

    A dispute `dispute:dp_1` places the hold `dispute:stripe:dp_1` and the flag `inquiry:stripe:dp_1`, among others.
    """
    _, _, source = lift.hold_id.partition(":")
    _, _, provider_id = source.partition(":")
    return any(key.partition(":")[2] == provider_id for key in about if key.startswith(("dispute:", "fraud_warning:")))
