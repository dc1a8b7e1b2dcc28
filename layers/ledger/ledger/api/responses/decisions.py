"""Decisions about refunds."""

from ledger.api.responses.model import Money, ResponseModel
from ledger.domain.refund_cases import Decision, DecisionOutcome
from ledger.policy.texts import shipped_texts


class DecisionResponse(ResponseModel):
    """A decision: its outcome, its reasons, and the clause of the published policy that it rests on."""

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
        """Return a decision as the customer sees it, without what a review recommends to support."""
        is_final = decision.outcome in {DecisionOutcome.APPROVE, DecisionOutcome.REPLACE}
        has_money = is_final and decision.money_minor > 0
        return cls(
            outcome=decision.outcome,
            money=Money(amount_minor=decision.money_minor, currency=decision.currency) if has_money else None,
            credits=decision.credits if is_final and decision.credits else None,
            takes_credits=decision.takes_credits,
            ends_subscription=decision.ends_subscription,
            clause=decision.clause,
            reasons=shipped_texts().render_all(decision.reasons),
            policy_version=decision.policy_version,
        )
