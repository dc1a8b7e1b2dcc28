"""The tests can tell: whatever small wrong is done to the core, one of them fails, or the wrong changes nothing."""

from collections.abc import Iterator, Sequence

from proof.mutants.equal import Equal
from proof.mutants.suites import SECONDS, SUITES, all_mutants, suite_of, suites_of
from proof.mutants.trial import Fate, Trial, tried
from proof.work import Work


def run(work: Work, modules: Sequence[str] = tuple(SUITES)) -> None:
    """A sample of mutants, drawn by the seed; each is a case. `make mutants` tries them all."""
    mutants, equal = all_mutants(modules), Equal.load()
    for entry in equal.stale(mutants):
        work.find(f"equal.toml explains what is no mutant any more: {entry}")
    ((_, fate),) = tried([Trial(None, suites_of(modules), SECONDS)])
    if fate is not Fate.SURVIVED:
        work.find("the tests fail on the code as it is")

    def drawn() -> Iterator[Trial]:
        for case in work.cases():
            mutant = work.chance(case).choice(mutants)
            if equal.why(mutant):
                work.count("explained")
            else:
                yield Trial(mutant, suite_of(mutant.module), SECONDS, case)

    for trial, fate in tried(drawn()):
        work.count("wrongs done")
        work.count(fate)
        if fate is Fate.SURVIVED:
            work.find(f"no test tells this wrong from the code: {trial.mutant}", trial.case)
