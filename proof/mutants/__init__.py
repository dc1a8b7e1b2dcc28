"""The tests can tell: whatever small wrong is done to the core, one of them fails, or the wrong changes nothing."""

import random
from collections.abc import Iterator, Sequence

from proof.mutants.equal import Equal
from proof.mutants.suites import SECONDS, SUITES, all_mutants, suite_of, suites_of
from proof.mutants.trial import Fate, Trial, tried
from proof.work import Work


def run(work: Work, modules: Sequence[str] = tuple(SUITES)) -> None:
    """Each mutant once, in an order drawn by the seed, as far as the time goes. `make mutants` tries them all."""
    mutants, equal = all_mutants(modules), Equal.load()
    order = random.Random(work.seed).sample(mutants, len(mutants))
    for entry in equal.stale(mutants):
        work.find(f"equal.toml explains what is no mutant any more: {entry}")
    ((_, fate),) = tried([Trial(None, suites_of(modules), SECONDS)])
    if fate is not Fate.SURVIVED:
        work.find("the tests fail on the code as it is")

    def drawn() -> Iterator[Trial]:
        for case in work.cases(at_most=len(order)):
            mutant = order[case]
            if equal.why(mutant):
                work.count("explained")
            else:
                yield Trial(mutant, suite_of(mutant.module), SECONDS, case)

    for trial, fate in tried(drawn()):
        work.count("wrongs done")
        work.count(fate)
        if fate is Fate.SURVIVED:
            work.find(f"no test tells this wrong from the code: {trial.mutant}", trial.case)
