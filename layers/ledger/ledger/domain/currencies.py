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
    compared = {key: _in_currency(payment.currency, fact, facts) for key, fact in facts.items()}
    return {key: fact for key, fact in compared.items() if fact}


def incomparable(facts: Facts) -> list[Fact]:
    """Return the facts whose amount nobody has stated in the payment's currency, running totals among them."""
    compared = comparable(facts)
    return [fact for key, fact in facts.items() if key not in compared]


def _in_currency(currency: str, fact: Fact, facts: Facts) -> Fact | None:
    """Return a fact as it is, or with the amount that a person stated. None: its amount is not known."""
    if not isinstance(fact, _Amount) or fact.currency == currency:
        return fact
    stated = facts.get(f"amount:{fact.key}")
    if not isinstance(stated, AmountStated) or isinstance(fact, RefundTotalReported):
        return None
    return replace(fact, amount_minor=stated.amount_minor, currency=currency)
