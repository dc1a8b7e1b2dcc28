"""Decisions about refunds."""

from ledger.api.responses.model import Money, ResponseModel
from ledger.domain.refund_cases import Decision, DecisionOutcome


class DecisionResponse(ResponseModel):
    """What is decided, the clause of the published policy it rests on, and why."""

    outcome: DecisionOutcome
    money: Money | None
    credits: int | None
    takes_credits: bool
    ends_subscription: bool
    clause: str
    reasons: list[str]
    policy_version: str

    @classmethod
    def of(cls, decision: Decision) -> "DecisionResponse":
        """A decision, as the customer sees it. What a review recommends is support's to know."""
        is_final = decision.outcome in {DecisionOutcome.APPROVE, DecisionOutcome.REPLACE}
        has_money = is_final and decision.money_minor > 0
        return cls(
            outcome=decision.outcome,
            money=Money(amount_minor=decision.money_minor, currency=decision.currency) if has_money else None,
            credits=decision.credits if is_final and decision.credits else None,
            takes_credits=decision.takes_credits,
            ends_subscription=decision.ends_subscription,
            clause=decision.clause,
            reasons=list(decision.reasons),
            policy_version=decision.policy_version,
        )
