"""The invariants of the whole ledger, checked over everything that is stored.

Each rule is a function over the `World`, in the module of its noun. Its docstring is the invariant.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tools.verify import accounts, cases, lots, payments, records
from tools.verify.world import Verdicts as Verdicts
from tools.verify.world import World as World

_RULES: tuple[Callable[[World], Verdicts], ...] = (
    lots.balances,
    lots.figures,
    lots.granted_once,
    lots.on_target,
    lots.within_grant,
    payments.refunded_within_paid,
    accounts.held,
    lots.balanced,
    lots.nothing_left_without_money,
    payments.paid_once,
    payments.periods_granted_once,
    payments.linked,
    lots.drawn,
    records.parked_whole,
    records.correlated,
    cases.approved,
    cases.in_the_outbox,
    accounts.open_cases,
    cases.queued,
    cases.refunded_cases,
    records.idempotency_records,
    records.readable,
)


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one invariant: how many things it was checked over, and which of them break it."""

    invariant: str
    checked: int
    broken: tuple[str, ...]


def check(world: World) -> list[Finding]:
    """Check every invariant over everything that is stored."""
    findings = []
    for rule in _RULES:
        verdicts = list(rule(world))
        broken = tuple(sorted(name for name, holds in verdicts if not holds))
        findings.append(Finding((rule.__doc__ or rule.__name__).rstrip("."), len(verdicts), broken))
    return findings


def as_json(findings: list[Finding]) -> dict[str, Any]:
    """Return the findings for programs."""
    return {
        "holds": not any(finding.broken for finding in findings),
        "invariants": [
            {"invariant": finding.invariant, "checked": finding.checked, "broken": list(finding.broken)}
            for finding in findings
        ],
    }
