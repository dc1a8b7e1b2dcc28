"""Every call that leaves a function is an interruption point, before and after it takes effect.

Each scenario is played without a crash first: that numbers its calls and says what it means. Then it is played again
with the function dying at one of them; whoever made the step makes it again, the schedules sweep, the rest goes on. At
its end every invariant must hold, and ledger and providers must mean the same. Once every cut was made, two are made in
one run: the second one while the step is made again.

Cuts that leave the same behind are one: before a call, and after the call before it; before a read, and after it. So an
invocation dies before its first call, and after each of its writes.

The first cases take one cut of each scenario, the later ones any of those that are left, in an order that the seed
shuffles.
"""

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from proof.crashes.functions import Cut
from proof.crashes.meaning import differences
from proof.crashes.play import Broken, Death, PlayResult, Point, Scenario, Stage, staged
from proof.crashes.scenarios import scenarios
from proof.work import CannotRun, Work
from tools import engines
from tools.devserver.gateway import Handler, handler_of

_MOST_CALLS_AGAIN = 12
"""The second of two cuts comes at one of so many calls; a step that makes fewer ends before."""


def run(work: Work) -> None:
    """Prove it of the product. Raises CannotRun."""
    if problem := engines.unavailable("ministack"):
        raise CannotRun(problem)
    prove(work, handler_of, scenarios())


def prove(work: Work, find: Callable[[str], Handler], chosen: Mapping[str, Scenario], at_least: int = 1) -> None:
    """Prove it of these functions, in these scenarios."""
    with staged(find) as stage:
        plan = _Plan(work, stage, chosen)
        for case in work.cases(at_least):
            if planned := plan.of(case):
                prove_one(work, stage, planned, case)


@dataclass(frozen=True, slots=True)
class Planned:
    """One case: who dies where in which scenario, and what that means without."""

    name: str
    scenario: Scenario
    uncut: PlayResult
    point: Point
    death: Death


def prove_one(work: Work, stage: Stage, planned: Planned, case: int) -> None:
    """Play a case, and tell what does not hold in it."""
    dying = f"{planned.name}, {planned.point.what}, {planned.death}"
    try:
        told = stage.play(planned.scenario, planned.death, work.chance(case))
    except Broken as broken:
        work.find(f"{dying}: {broken}", case)
        return
    work.count("cuts", told.cuts)
    work.count("redeliveries", told.redeliveries)
    if not told.cuts:
        work.find(f"{dying}: it did not come there: the run is not the one that was counted", case)
    if differing := differences(planned.uncut.meaning, told.meaning):
        work.find("\n  ".join([f"{dying}: it means something else", *differing, *told.log]), case)


def differing(points: Iterable[Point]) -> list[tuple[Point, Cut]]:
    """Every cut after which something else is left behind: before the first call of an invocation, after each write."""
    points = list(points)
    firsts = [(point, Cut(point.call, is_made=False)) for point in points if point.call == 0]
    return firsts + [(point, Cut(point.call, is_made=True)) for point in points if not point.is_read]


class _Plan:
    """Which case is what. What a scenario's points are is found when the first of its cases is due."""

    def __init__(self, work: Work, stage: Stage, chosen: Mapping[str, Scenario]) -> None:
        self._work = work
        self._stage = stage
        self._scenarios = chosen
        self._names = sorted(chosen)
        self._chance("order").shuffle(self._names)
        self._uncut: dict[str, PlayResult | None] = {}
        self._rest: list[tuple[str, Point, Cut]] | None = None

    def of(self, case: int) -> Planned | None:
        """The case of this number; None: its scenario is broken without a crash, and that was told."""
        if case < len(self._names):
            name = self._names[case]
            singles = self._singles(name)
            return self._planned(name, *singles[0]) if singles else None
        if self._rest is None:
            self._rest = [(name, *single) for name in self._names for single in self._singles(name)[1:]]
            self._chance("rest").shuffle(self._rest)
        if not self._rest:
            return None
        number = case - len(self._names)
        if number < len(self._rest):
            return self._planned(*self._rest[number])
        chance = self._work.chance(case)
        second = Cut(chance.randrange(_MOST_CALLS_AGAIN), is_made=chance.random() < 0.5)
        return self._planned(*chance.choice(self._rest), second)

    def _singles(self, name: str) -> list[tuple[Point, Cut]]:
        """Every cut of one scenario that differs from the others, shuffled."""
        uncut = self._played(name)
        singles = differing(uncut.points) if uncut else []
        self._chance(name).shuffle(singles)
        return singles

    def _played(self, name: str) -> PlayResult | None:
        if name not in self._uncut:
            self._uncut[name] = None
            try:
                uncut = self._stage.play(self._scenarios[name])
            except Broken as broken:
                self._work.find(f"{name}, without any crash: {broken}")
            else:
                self._uncut[name] = uncut
                self._work.count("scenarios")
                self._work.count("points", len(uncut.points))
                self._work.count("cuts that differ", len(differing(uncut.points)))
        return self._uncut[name]

    def _planned(self, name: str, point: Point, cut: Cut, again: Cut | None = None) -> Planned | None:
        uncut = self._uncut[name]
        death = Death(point.invocation, cut, again)
        return Planned(name, self._scenarios[name], uncut, point, death) if uncut else None

    def _chance(self, what: str) -> random.Random:
        return random.Random(f"{self._work.part}/{self._work.seed}/{what}")
