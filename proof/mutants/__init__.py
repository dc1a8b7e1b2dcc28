"""The tests can tell: whatever small wrong is done to the core, one of them fails, or the wrong changes nothing."""

import random
from collections.abc import Iterator, Sequence

from proof.mutants.equal import Equal
from proof.mutants.suites import MENDED, all_mutants, files_of, modules_of, trial_of
from proof.mutants.trial import Fate, Suite, Trial, with_tests
from proof.work import Work

MODULES = modules_of(*MENDED)
"""What CI tries."""


def run(work: Work, modules: Sequence[str] = MODULES) -> None:
    """Each mutant once, in an order drawn by the seed, as far as the time goes. `make mutants` tries them all."""
    mutants, equal = all_mutants(modules), Equal.load()
    order = random.Random(work.seed).sample(mutants, len(mutants))
    for entry in equal.stale(mutants):
        work.find(f"equal.toml explains what is no mutant any more: {entry}")
    files = files_of(modules, with_layers=False)

    def drawn() -> Iterator[Trial]:
        for case in work.cases(at_most=len(order)):
            mutant = order[case]
            if equal.why(mutant):
                work.count("explained")
            else:
                yield trial_of(mutant, case)

    def try_them(tests: Suite) -> None:
        (as_it_is,) = tests.tried([Trial(None, files)])
        if as_it_is.fate is not Fate.SURVIVED:
            work.find("the tests fail on the code as it is")
        for told in tests.tried(drawn()):
            work.count("wrongs done")
            work.count(told.fate)
            if told.fate is Fate.SURVIVED:
                work.find(f"no test tells this wrong from the code: {told.trial.mutant}", told.trial.case)

    with_tests(files, modules, try_them)
