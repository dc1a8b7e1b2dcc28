"""Do small wrongs to the code, one at a time, and see whether a test fails.

What survives is a hole in the tests, or code that does nothing; else `equal.toml` says why it changes nothing. What no
test tells, but the type checker refuses, as CI would, is no survivor. A run that is stopped goes on where it stopped,
and one after a change tries what the change may have changed.

Exit codes: 0 each was killed, refused or is explained; 1 some survived, an explanation explains nothing, or the tests
fail as the code is.
"""

import argparse
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import TypeVar

from rich.console import Console
from rich.progress import track
from rich.table import Table
from rich.text import Text

from cli.paper import paper
from proof.mutants.deployment import MODULE, read_code
from proof.mutants.equal import Equal
from proof.mutants.kept import Kept, learn
from proof.mutants.mutations import Mutant
from proof.mutants.suites import (
    LAYERS,
    AnyMutant,
    all_mutants,
    files_of,
    layer_of,
    modules_of,
    one_of_each_kind,
    trial_of,
)
from proof.mutants.trial import Fate, Suite, Told, Trial, with_tests
from proof.mutants.typed import refuses

AT_ONCE = 2
"""The machines of CI have two cores."""
_T = TypeVar("_T")


def main() -> int:
    """Try the mutants of the chosen layers or modules, show how far it has come, and report by module."""
    parser = argparse.ArgumentParser(
        prog="python -m proof.mutants", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    short = {module.removeprefix("ledger."): module for module in modules_of(*LAYERS)}
    parser.add_argument("--layer", action="append", choices=LAYERS, metavar="LAYER", help=", ".join(LAYERS))
    parser.add_argument("--module", action="append", choices=short, metavar="MODULE", help=", ".join(short))
    sorts = parser.add_mutually_exclusive_group()
    sorts.add_argument(
        "--guards", dest="sort", action="store_const", const="guard", help="only the guards of this trade"
    )
    sorts.add_argument("--fields", dest="sort", action="store_const", const="field", help="only fields read for others")
    parser.add_argument("--own", action="store_true", help="ask only the tests about each module")
    parser.add_argument("--kinds", action="store_true", help="of each kind one that is not explained, drawn")
    parser.add_argument("--sample", type=int, help="only so many, drawn by the seed")
    parser.add_argument("--seed", type=int, default=7, help="of what is drawn (default: 7)")
    parser.add_argument("--anew", action="store_true", help="forget what became of them in earlier runs")
    parser.add_argument("--json", action="store_true", help="for machines")
    arguments = parser.parse_args()
    if arguments.module:
        chosen = tuple(short[module] for module in arguments.module)
    else:
        chosen = modules_of(*(arguments.layer or LAYERS))

    mutants, equal, kept = all_mutants(chosen), Equal.load(), Kept.load()
    stale = equal.stale(mutants)
    if arguments.sort:
        mutants = [mutant for mutant in mutants if mutant.sort == arguments.sort]
    if arguments.kinds:
        mutants = one_of_each_kind([mutant for mutant in mutants if not equal.why(mutant)], arguments.seed)
    if arguments.sample is not None and arguments.sample < len(mutants):
        mutants = random.Random(arguments.seed).sample(mutants, arguments.sample)
    trials = [trial_of(mutant) for mutant in mutants if not equal.why(mutant)]
    if arguments.own:
        trials = [replace(trial, layer=(), is_short=True) for trial in trials]
    told = [] if arguments.anew else [found for trial in trials if (found := kept.told(trial))]
    has_been = {one.trial.mutant.name for one in told}
    waiting = [trial for trial in trials if trial.mutant.name not in has_been]
    began = time.monotonic()
    try:
        if waiting:
            files = files_of([trial.mutant.module for trial in waiting], with_layers=not arguments.own)
            modules = dict.fromkeys(trial.mutant.module for trial in waiting if trial.mutant.function)
            told += with_tests(files, modules, partial(_try_all, waiting, kept))
    except KeyboardInterrupt:
        return 130
    counts = _counted(mutants, told, equal)
    survivors = [one.trial.mutant for one in told if one.fate is Fate.SURVIVED]
    if arguments.json:
        rows = [{"module": module, **counted} for module, counted in counts.items()]
        print(json.dumps({"modules": rows, "survived": list(map(str, survivors)), "stale": stale}, indent=2))
    else:
        _report(counts, survivors, stale, time.monotonic() - began)
    return 1 if survivors or stale else 0


def _try_all(waiting: list[Trial], kept: Kept, tests: Suite) -> list[Told]:
    """Learn what the tests call, and try what is to be tried. Raise SystemExit if tests fail on the code as it is."""
    told = []
    if not any("/dynamodb/" in str(trial.mutant.path) for trial in waiting):  # moto takes ten times as long
        tests = replace(tests, items={name: tests.items[name] for name in tests.over_one_store("")})
    if any(trial.mutant.module == MODULE for trial in waiting):
        read_code()
    for _ in _shown(learn(tests, AT_ONCE), "tests", len(tests.items)):
        pass
    if tests.learned.failed:
        raise SystemExit("The tests fail on the code as it is: " + ", ".join(tests.learned.failed[:20]))
    for one in _shown(tests.tried(waiting, AT_ONCE), "mutants", len(waiting)):
        if one.fate is Fate.SURVIVED and isinstance(one.trial.mutant, Mutant) and refuses(one.trial.mutant):
            one = Told(one.trial, Fate.REFUSED)
        kept.keep(one)
        told.append(one)
        if one.fate is Fate.SURVIVED:
            Console(stderr=True).print(Text(f"survived  {one.trial.mutant}"), soft_wrap=True)
    return told


def _shown(work: Iterable[_T], name: str, total: int) -> Iterator[_T]:
    console = Console(stderr=True)
    yield from track(work, name, total, console=console, transient=True, disable=not console.is_terminal)


def _counted(mutants: list[AnyMutant], told: list[Told], equal: Equal) -> dict[str, Counter[str]]:
    """What became of them, by module."""
    counts: dict[str, Counter[str]] = {mutant.module: Counter() for mutant in mutants}
    for mutant in mutants:
        counts[mutant.module].update(mutants=1, explained=int(bool(equal.why(mutant))))
    for one in told:
        counted = counts[one.trial.mutant.module]
        if one.fate in {Fate.SURVIVED, Fate.REFUSED}:
            counted[one.fate] += 1
        else:
            counted["by its module's tests" if one.by in one.trial.tests else "by its layer's tests"] += 1
            counted[one.fate] += 1
    return counts


def _report(counts: dict[str, Counter[str]], survivors: list[AnyMutant], stale: list[str], took_s: float) -> None:
    columns = (
        "mutants",
        "by its module's tests",
        "by its layer's tests",
        "timed_out",
        "refused",
        "explained",
        "survived",
    )
    table = Table(box=None, padding=(0, 2))
    table.add_column("module")
    for column in columns:
        table.add_column(column.replace("_", " "), justify="right")
    total: Counter[str] = Counter()
    for layer in dict.fromkeys(map(layer_of, counts)):
        of_layer: Counter[str] = Counter()
        for module, counted in counts.items():
            if layer_of(module) == layer:
                table.add_row(module, *(f"{counted[column]:,}" for column in columns))
                of_layer += counted
        table.add_row(Text(layer, "bold"), *(f"{of_layer[column]:,}" for column in columns), end_section=True)
        total += of_layer
    table.add_row("", *(f"{total[column]:,}" for column in columns))
    console = paper()
    console.print(table)
    console.print(f"{took_s:,.0f} seconds")
    for mutant in survivors:
        console.print(Text(f"\n✗ survived: {mutant}"))
    for entry in stale:
        console.print(Text(f"\n✗ explained in equal.toml, and no mutant any more: {entry}"))


if __name__ == "__main__":
    sys.exit(main())
