"""Amounts in another currency than the payment's: they never meet the payment's amounts in a sum or a share.

A person can state what such an amount is in the payment's currency. Until then the fact has its full effect: see
`ledger.domain.purchases`.
"""

from collections.abc import Mapping
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
    if not any(isinstance(fact, _Amount) for fact in facts.values()):
        return facts
    known = {key: fact for key, fact in {**facts, **_foreign(facts)}.items() if fact}
    return {
        key: without_what_came_back(fact) if isinstance(fact, DisputeChanged) else fact
        for key, fact in explained(known).items()
    }


def incomparable(facts: Facts) -> list[Fact]:
    """Return the facts whose amount nobody has stated in the payment's currency, running totals among them."""
    return [facts[key] for key, stated in _foreign(facts).items() if stated is None]


def _foreign(facts: Facts) -> Mapping[str, Fact | None]:
    """Return the facts in another currency than the payment's, with the amount that a person stated. None: not yet."""
    payment = facts.get("payment")
    if not isinstance(payment, PaymentSettled):
        return {}
    amounts = {key: fact for key, fact in facts.items() if isinstance(fact, _Amount)}
    return {
        key: _as_stated(fact, payment.currency, facts.get(f"amount:{key}"))
        for key, fact in amounts.items()
        if fact.currency != payment.currency
    }


def _as_stated(fact: _Amount, currency: str, stated: Fact | None) -> Fact | None:
    if not isinstance(stated, AmountStated) or isinstance(fact, RefundTotalReported):
        return None
    return replace(fact, amount_minor=stated.amount_minor, currency=currency)
