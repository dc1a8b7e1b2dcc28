"""Do small wrongs to the core, one at a time, and see whether a test fails.

What survives is a hole in the tests, or code that does nothing; else `equal.toml` says why it changes nothing.

Exit codes: 0 each was killed or is explained; 1 some survived, an explanation explains nothing, or the tests fail as
the code is.
"""

import argparse
import json
import random
import sys
from collections import Counter

from rich.console import Console
from rich.progress import track
from rich.table import Table
from rich.text import Text

from cli.paper import paper
from proof.mutants.equal import Equal
from proof.mutants.mutations import Mutant
from proof.mutants.suites import SECONDS, SUITES, all_mutants, suite_of, suites_of
from proof.mutants.trial import Fate, Trial, tried

AT_ONCE = 2
"""The machines of CI have two cores."""


def main() -> int:
    """Try the mutants of the chosen modules, show how far it has come, and report by module."""
    parser = argparse.ArgumentParser(
        prog="python -m proof.mutants", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    short = [module.removeprefix("ledger.") for module in SUITES]
    parser.add_argument("--module", action="append", choices=short, metavar="MODULE", help=", ".join(short))
    parser.add_argument("--sample", type=int, help="only so many, drawn by the seed")
    parser.add_argument("--seed", type=int, default=7, help="of the sample (default: 7)")
    parser.add_argument("--json", action="store_true", help="for machines")
    arguments = parser.parse_args()
    chosen = tuple(f"ledger.{module}" for module in arguments.module or short)

    mutants, equal = all_mutants(chosen), Equal.load()
    stale = equal.stale(mutants)
    if arguments.sample is not None and arguments.sample < len(mutants):
        mutants = random.Random(arguments.seed).sample(mutants, arguments.sample)
    try:
        counts, survivors = _try_all(chosen, mutants, equal)
    except KeyboardInterrupt:
        return 130
    if arguments.json:
        rows = [{"module": module, **counted} for module, counted in counts.items()]
        print(json.dumps({"modules": rows, "survived": list(map(str, survivors)), "stale": stale}, indent=2))
    else:
        _report(counts, survivors, stale)
    return 1 if survivors or stale else 0


def _try_all(
    chosen: tuple[str, ...], mutants: list[Mutant], equal: Equal
) -> tuple[dict[str, Counter[str]], list[Mutant]]:
    """What became of them, by module; and those that survived."""
    told = Console(stderr=True)
    ((_, fate),) = tried([Trial(None, suites_of(chosen), SECONDS)])
    if fate is not Fate.SURVIVED:
        sys.exit("The tests fail on the code as it is: run them first.")
    counts: dict[str, Counter[str]] = {module: Counter() for module in chosen}
    for mutant in mutants:
        counts[mutant.module].update(mutants=1, explained=int(bool(equal.why(mutant))))
    trials = [Trial(mutant, suite_of(mutant.module), SECONDS) for mutant in mutants if not equal.why(mutant)]
    survivors = []
    fates = track(
        tried(trials, AT_ONCE), "mutants", len(trials), console=told, transient=True, disable=not told.is_terminal
    )
    for trial, fate in fates:
        if trial.mutant is None:
            continue
        counts[trial.mutant.module][fate] += 1
        if fate is Fate.SURVIVED:
            survivors.append(trial.mutant)
            told.print(Text(f"survived  {trial.mutant}"), soft_wrap=True)
    return counts, survivors


def _report(counts: dict[str, Counter[str]], survivors: list[Mutant], stale: list[str]) -> None:
    columns = ("mutants", *Fate, "explained")
    table = Table(box=None, padding=(0, 2))
    table.add_column("module")
    for column in columns:
        table.add_column(column.replace("_", " "), justify="right")
    total: Counter[str] = Counter()
    for module, counted in counts.items():
        table.add_row(module, *(f"{counted[column]:,}" for column in columns))
        total += counted
    table.add_row("", *(f"{total[column]:,}" for column in columns))
    console = paper()
    console.print(table)
    for mutant in survivors:
        console.print(Text(f"\n✗ survived: {mutant}"))
    for entry in stale:
        console.print(Text(f"\n✗ explained in equal.toml, and no mutant any more: {entry}"))


if __name__ == "__main__":
    sys.exit(main())
