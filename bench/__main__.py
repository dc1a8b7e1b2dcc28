"""Measure what the code costs, on this machine: calls, units and items; times only as ratios within one run.

Exit codes: 0 all is within its budget; 1 something exceeds it; 2 the engine can't run here.
"""

import argparse
import json
import os
import platform
import sys
from datetime import UTC, datetime

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.text import Text

from bench import cost, emulator, growth, history, hot, jobs, support, throughput
from bench.report import Advance, Report, put_on_page
from cli.paper import paper
from tools.devserver import environment
from tools.engines import ENGINES, ROOT, EngineError

PAGE = ROOT / "docs" / "performance.md"
PARTS = ("jobs", "growth", "history", "support", "hot", "emulator", "cost", "throughput")
ON_PAGE = {"hot", "emulator", "cost", "growth", "history", "support", "throughput"}
_OF_THE_LARGE = 20


def main() -> int:
    """Run the chosen parts, show how far they are, and report."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--part", action="append", choices=PARTS, help="only this one")
    parser.add_argument("--engine", choices=ENGINES, default="ministack", help="default: ministack, the quicker one")
    parser.add_argument("--items", type=_number, default=10_000, help="of the large table (default: 10,000)")
    parser.add_argument("--small", type=_number, help=f"items of the small table (default: 1 in {_OF_THE_LARGE})")
    parser.add_argument("--due", type=_number, default=50, help="things to do, of each kind (default: 50)")
    parser.add_argument("--renewals", type=int, default=1_000, help="that end on one day (default: 1,000; 0: none)")
    parser.add_argument("--minutes", type=float, default=15, help="for the rounds of that day at most (default: 15)")
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.add_argument(
        "--page", action="store_true", help=f"of {', '.join(sorted(ON_PAGE))}: write them into docs/performance.md"
    )
    arguments = parser.parse_args()
    options = jobs.Options(
        items=arguments.items,
        small=arguments.small or max(1, arguments.items // _OF_THE_LARGE),
        due=arguments.due,
        renewals=arguments.renewals,
        engine=arguments.engine,
        minutes=arguments.minutes,
    )
    environment.use_local_credentials()
    began = (
        f"{datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, {os.cpu_count()} cores, {_load()} before"
    )
    try:
        reports = _measured(arguments.part or PARTS, options)
    except KeyboardInterrupt:
        return 130
    except EngineError as problem:
        print(problem, file=sys.stderr)
        return 2
    if arguments.page:
        put_on_page(PAGE, [report for report in reports if report.part in ON_PAGE], f"{began}, {_load()} after it.")
    if arguments.json:
        print(json.dumps([report.as_json() for report in reports], indent=2))
    else:
        _print(reports)
    return 1 if any(report.exceeded for report in reports) else 0


def _load() -> str:
    """Return how many processes want a core: more of them than cores widen the spread."""
    return f"a load of {os.getloadavg()[0]:.1f}"


def _measured(parts: list[str] | tuple[str, ...], options: jobs.Options) -> list[Report]:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description:24}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bars(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:

        def progress(name: str, total: int) -> Advance:
            task = bars.add_task(name, total=total)
            return lambda number: bars.advance(task, number)

        return [report for part in PARTS if part in parts for report in RUN[part](options, progress)]


RUN = {
    "jobs": jobs.run,
    "growth": growth.run,
    "history": history.run,
    "support": support.run,
    "hot": hot.run,
    "emulator": emulator.run,
    "cost": cost.run,
    "throughput": throughput.run,
}


def _print(reports: list[Report]) -> None:
    console = paper()
    for report in reports:
        console.print(report.table())
        console.print(Text("\n".join(["", *report.plot(), ""] if report.plotted else "")))
        for line in report.exceeded:
            console.print(Text(f"✗ {line}"))


def _number(text: str) -> int:
    number = int(text.replace(",", ""))
    if number < 1:
        raise argparse.ArgumentTypeError("should be 1 or more")
    return number


if __name__ == "__main__":
    sys.exit(main())
