"""Explain a decision to support staff and engineers, as lines of text."""

from ledger.domain.money import format_amount
from ledger.domain.refund_cases import Decision
from ledger.policy.texts import Texts


def explain(decision: Decision, texts: Texts) -> str:
    """Return what was decided, the facts it rests on, and why each rule did or did not decide, one a line."""
    summary = str(decision.outcome)
    if decision.recommended:
        summary += f", recommended: {decision.recommended}"
    if decision.money_minor:
        summary += f", {format_amount(decision.money_minor, decision.currency)}"
    if decision.credits:
        summary += f", {decision.credits} credits"
    lines = [f"{summary} ({decision.rule}, clause {decision.clause}, policy {decision.policy_version})"]
    lines += [f"  · {line}" for line in texts.render_all(decision.inputs)]
    for trace in decision.explanation:
        lines.append(f"  {'→' if trace.decided else ' '} {trace.rule}: {' '.join(texts.render_all(trace.why))}")
    return "\n".join(lines)
