"""Amounts in another currency than the payment's: they never meet the payment's amounts in a sum or a share.

A person can state what such an amount is in the payment's currency. Until then the fact has its full effect: see
`ledger.domain.purchases`.
"""

from dataclasses import replace

from ledger.domain.conclusions import without_what_came_back
from ledger.domain.facts import (
    AmountStated,
    BalanceCredited,
    ChargebackChanged,
    DisputeChanged,
    Fact,
    Facts,
    PaymentSettled,
    RefundChanged,
    RefundTotalReported,
)
from ledger.domain.parts import own_part
from ledger.domain.totals import explained

_Amount = RefundChanged | RefundTotalReported | DisputeChanged | ChargebackChanged | BalanceCredited


def comparable(facts: Facts) -> Facts:
    """Return the facts about a sale with amounts that can be added up: its own part of each, in the payment's currency.

    An amount that a person stated is the sale's own part. See also `whole`.
    """
    return own_part(whole(facts), but=_foreign(facts))


def whole(facts: Facts) -> Facts:
    """Return the facts about a sale in the payment's currency, with all of what moved, also for other sales.

    A fact for which a person stated the amount has that amount; others in another currency are left out. Instead of
    running totals there are refunds that only they report: none of a total in another currency, of which the refunds
    are reported one by one. Disputes are about what did not come back. Without a payment every fact is comparable.
    """
    unknown = {fact.key for fact in incomparable(facts)}
    known = {key: _as_stated(fact, facts) for key, fact in facts.items() if key not in unknown}
    return {
        key: without_what_came_back(fact) if isinstance(fact, DisputeChanged) else fact
        for key, fact in explained(known).items()
    }


def incomparable(facts: Facts) -> list[Fact]:
    """Return the facts whose amount nobody has stated in the payment's currency, running totals among them."""
    return [facts[key] for key in _foreign(facts) if _as_stated(facts[key], facts) is facts[key]]


def _foreign(facts: Facts) -> list[str]:
    """Return the keys of the facts whose amount is in another currency than the payment's."""
    payment = facts.get("payment")
    if not isinstance(payment, PaymentSettled):
        return []
    return [key for key, fact in facts.items() if isinstance(fact, _Amount) and fact.currency != payment.currency]


def _as_stated(fact: Fact, facts: Facts) -> Fact:
    """Return a fact with the amount that a person stated in the payment's currency. As it is: nobody has, or need."""
    payment, stated = facts.get("payment"), facts.get(f"amount:{fact.key}")
    if not isinstance(payment, PaymentSettled) or not isinstance(stated, AmountStated):
        return fact
    if not isinstance(fact, _Amount) or isinstance(fact, RefundTotalReported) or fact.currency == payment.currency:
        return fact
    return replace(fact, amount_minor=stated.amount_minor, currency=payment.currency)
