"""Amounts in another currency than the payment's: they never meet the payment's amounts in a sum or a share.

A person can state what such an amount is in the payment's currency. Until then the fact has its full effect: see
`ledger.domain.purchases`.
"""

from dataclasses import replace

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
from ledger.domain.links import own_part

_Amount = RefundChanged | RefundTotalReported | DisputeChanged | ChargebackChanged | BalanceCredited


def comparable(facts: Facts) -> Facts:
    """Return a sale's own part of the facts, without those whose amount is in another currency than the payment's.

    A fact for which a person stated the amount has that amount. A running total is left out in any case: the refunds
    that it adds up are reported one by one. Without a payment every fact is comparable.
    """
    facts = own_part(facts)
    payment = facts.get("payment")
    if not isinstance(payment, PaymentSettled):
        return facts
    others = {
        key: fact for key, fact in facts.items() if isinstance(fact, _Amount) and fact.currency != payment.currency
    }
    if not others:
        return facts
    return {key: fact for key, fact in facts.items() if key not in others} | {
        key: stated for key, fact in others.items() if (stated := _as_stated(fact, facts, payment.currency))
    }


def incomparable(facts: Facts) -> list[Fact]:
    """Return the facts whose amount nobody has stated in the payment's currency. Running totals are not among them."""
    compared = comparable(facts)
    return [fact for key, fact in facts.items() if key not in compared and not isinstance(fact, RefundTotalReported)]


def _as_stated(fact: _Amount, facts: Facts, currency: str) -> Fact | None:
    stated = facts.get(f"amount:{fact.key}")
    if not isinstance(stated, AmountStated) or isinstance(fact, RefundTotalReported):
        return None
    return replace(fact, amount_minor=stated.amount_minor, currency=currency)
