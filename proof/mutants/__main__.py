"""Do small wrongs to the core, one at a time, and see whether a test fails: `make mutants`.

What survives is either explained in `equal.toml`, as a change that changes nothing, or a hole in the tests.

Exit codes: 0 each was killed or is explained; 1 some survived, or an explanation explains nothing.
"""

import argparse
import random
import sys
from collections import Counter

from rich.console import Console
from rich.progress import track
from rich.text import Text

from proof.mutants.equal import Equal
from proof.mutants.mutations import Mutant, mutants_of
from proof.mutants.suites import SUITES, source_of, tests_of
from proof.mutants.trial import Fate, Trial, tried

SECONDS = 60
AT_ONCE = 2


def main() -> int:
    """Try the mutants of the chosen modules, and report by module."""
    parser = argparse.ArgumentParser(
        prog="python -m proof.mutants", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--module", action="append", choices=list(SUITES), help="only this one")
    parser.add_argument("--sample", type=int, help="only so many, drawn by the seed")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--json", action="store_true", help="for machines")
    arguments = parser.parse_args()
    chosen = arguments.module or list(SUITES)
    every = [mutant for module in chosen for mutant in mutants_of(f"ledger.{module}", source_of(module))]
    equal = Equal.load()
    stale = [entry for entry in equal.unmatched(every) if entry[0] in chosen]
    drawn = every
    if arguments.sample and arguments.sample < len(every):
        drawn = random.Random(arguments.seed).sample(every, arguments.sample)

    trials = [
        Trial(mutant, tests_of(mutant.module.removeprefix("ledger.")), SECONDS)
        for mutant in drawn
        if not equal.why(mutant)
    ]
    told = Console(stderr=True)
    counts = {module: Counter({"explained": 0}) for module in chosen}
    for mutant in drawn:
        counts[mutant.module.removeprefix("ledger.")]["mutants"] += 1
        counts[mutant.module.removeprefix("ledger.")]["explained"] += bool(equal.why(mutant))
    survived: list[Mutant] = []
    for trial, fate in track(
        tried(trials, AT_ONCE), "", len(trials), console=told, transient=True, disable=not told.is_terminal
    ):
        assert trial.mutant is not None
        counts[trial.mutant.module.removeprefix("ledger.")][fate] += 1
        if fate is Fate.SURVIVED:
            survived.append(trial.mutant)
            told.print(Text(f"survived  {trial.mutant}"), soft_wrap=True)
    for module in chosen:
        print(module, dict(counts[module]))
    for entry in stale:
        print("stale", entry)
    return 1 if survived or stale else 0


if __name__ == "__main__":
    sys.exit(main())
