"""The invariants of the whole ledger, checked over everything that is stored.

Each rule is a function over the `World`, in the module of its noun. Its docstring is the invariant.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tools.verify import (
    accounts,
    cases,
    causes,
    credit_notes,
    decisions,
    declarations,
    incidents,
    lots,
    payments,
    proposals,
    records,
)
from tools.verify.world import Verdicts as Verdicts
from tools.verify.world import World as World

_RULES: tuple[Callable[[World], Verdicts], ...] = (
    records.readable,
    records.as_written,
    records.keys_and_indexes,
    lots.balances,
    lots.figures,
    lots.granted_once,
    lots.on_target,
    lots.within_grant,
    payments.refunded_within_paid,
    accounts.held,
    accounts.acts_of_people,
    accounts.subscriptions,
    accounts.covered_periods,
    accounts.versions,
    lots.balanced,
    lots.times_of_entries,
    lots.nothing_left_without_money,
    payments.paid_once,
    payments.periods_granted_once,
    payments.linked,
    payments.orders,
    payments.consents,
    payments.late_information,
    payments.renewals_stopped,
    lots.drawn,
    records.parked_whole,
    causes.causes_of_all,
    causes.reported_facts,
    causes.reported_subscriptions,
    causes.correlation_ids,
    cases.approved,
    cases.withdrawn,
    cases.in_the_outbox,
    accounts.open_cases,
    cases.queued,
    cases.refunded_cases,
    decisions.histories,
    decisions.decisions_of_cases,
    decisions.agreed,
    proposals.proposed,
    proposals.sums_of_accounts,
    proposals.adjusted,
    records.idempotency_records,
    records.muted,
    records.acts_about_subjects,
    records.acts_about_declarations,
    declarations.listed,
    credit_notes.documented,
    credit_notes.due,
    incidents.replaced_once,
    incidents.carried_out,
)


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one invariant: how many things it was checked over, and which of them break it."""

    invariant: str
    checked: int
    broken: tuple[str, ...]
    more: int = 0  # that break it too, beyond the `LISTED` that `broken` names


LISTED = 1_000
"""How many things that break an invariant are named. The others are counted."""


def check(world: World) -> list[Finding]:
    """Check every invariant over everything that is stored."""
    return check_all([world])


def check_all(worlds: Iterable[World]) -> list[Finding]:
    """Check every invariant over everything that is stored, part by part. No part needs another one."""
    results = [_Result(str(rule.__doc__).removesuffix(".")) for rule in _RULES]
    for found in map(list, map(findings, worlds)):  # holds no part while the next one is read
        for result, finding in zip(results, found, strict=True):
            result.add(finding)
    return [result.finding() for result in results]


def findings(world: World) -> Iterator[Finding]:
    """Yield the finding of each invariant, as soon as it is checked."""
    world = world.as_it_is()
    for rule in _RULES:
        verdicts = list(_verdicts(rule, world))
        broken = tuple(sorted({name for name, holds in verdicts if not holds}))
        yield Finding(str(rule.__doc__).removesuffix("."), len(verdicts), broken)


@dataclass(slots=True)
class _Result:
    """The finding of one invariant, while it is checked part by part."""

    invariant: str
    checked: int = 0
    broken: set[str] = field(default_factory=set)
    more: int = 0

    def add(self, finding: Finding) -> None:
        self.checked += finding.checked
        for name in finding.broken:
            if name in self.broken or len(self.broken) < LISTED:
                self.broken.add(name)
            else:
                self.more += 1

    def finding(self) -> Finding:
        return Finding(self.invariant, self.checked, tuple(sorted(self.broken)), self.more)


def _verdicts(rule: Callable[[World], Verdicts], world: World) -> Verdicts:
    """Yield what a rule says. Stored content from which nothing can be computed breaks the rule, and stops no other."""
    try:
        yield from rule(world)
    except (LookupError, OverflowError, TypeError, ValueError) as error:
        yield f"can't be checked: {type(error).__name__}: {error}", False


def as_json(findings: list[Finding]) -> dict[str, Any]:
    """Return the findings for programs. `holds` is None if nothing was checked.

    `broken` lists the first 1,000 things that break an invariant, `more` counts the others.
    """
    return {
        "holds": not any(finding.broken for finding in findings) if any(found.checked for found in findings) else None,
        "invariants": [
            {
                "invariant": finding.invariant,
                "checked": finding.checked,
                "broken": list(finding.broken),
                "more": finding.more,
            }
            for finding in findings
        ],
    }
