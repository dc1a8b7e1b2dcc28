"""Prove what the README claims, on this machine: order, crashes, concurrency, faults, bad input, a model.

The short form takes a few minutes and runs in CI; the long one as long as it is told. The same seed plays the same
cases; what is found is told with the command that plays it again.

Exit codes: 0 all holds; 1 something was found; 2 a part could not run here, or tried too little to prove anything, and
nothing was found in the others.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from typing import IO, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from cli.paper import paper
from proof import report
from proof.report import Part
from proof.worker import CANNOT_RUN
from tools.engines import ROOT, die_with_parent

SHORT_MINUTES, LONG_MINUTES = 5.0, 60.0
AT_ONCE = 2
"""Parts that run side by side: the machines of CI have two cores."""


def parts() -> list[Part]:
    """All parts, those first that take long. A slow machine gets more time to reach the floors of the short form."""
    return [
        Part(
            "convergence",
            "every order and repetition ends in the same ledger, and that is what happened",
            3,
            {
                "deliveries": 2_000,
                "short histories": 1,
                "long histories": 10,
                "histories of money": 5,
                "histories of decisions": 10,
                "orders of stories": 5_000,
                "waiting events released": 50,
            },
            ("oracle", "decisions", "documents", "money", "kinds", "play", "shown", "fake_gateways", "waits"),
        ),
        Part(
            "concurrency",
            "whatever races, some serial order explains every answer",
            3,
            {"histories": 5, "calls during others of their account": 80, "tables verified": 1},
        ),
        Part(
            "faults",
            "AWS and the providers fail a fifth of the calls: nothing is lost, nothing is doubled",
            4,
            {"requests": 150, "deliveries": 150, "calls to AWS in bad weather": 1_500, "calls to providers": 15},
        ),
        Part(
            "input",
            "forged: no effect; strange: no 5xx, no more credits than its lines say were bought",
            3,
            {"forgeries": 1_000, "strange events": 300, "of them on a real engine": 4},
        ),
        Part(
            "api",
            "calls made of the description: no 5xx, nothing undescribed, unanswered or broken",
            4,
            {"requests": 200, "answered 2xx": 40},
        ),
        Part(
            "crashes",
            "a function may die at any call, before and after its effect: nothing lost, nothing doubled",
            6,
            {"scenarios": 20, "cuts": 20},
        ),
        Part(
            "model",
            "a model of the protocol, checked in every state: it holds, and breaks without its guards",
            4,
            {"configurations exhausted": 5, "guards shown necessary": 5},
        ),
        Part("mutants", "whatever small wrong is done to the pure core, a test tells it", 6, {"wrongs done": 50}),
    ]


def main() -> int:
    """Run the parts, show how far they are, and report."""
    parser = argparse.ArgumentParser(
        prog="python -m proof", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    known = parts()
    parser.add_argument("--part", action="append", choices=[part.name for part in known], help="only this one")
    parser.add_argument("--seed", type=int, default=7, help="of everything that is random (default: 7)")
    parser.add_argument("--case", type=int, help="only this case of the one part")
    parser.add_argument("--long", action="store_true", help=f"for {LONG_MINUTES:.0f} minutes")
    parser.add_argument("--minutes", type=float, help=f"about how long all of it may take (default: {SHORT_MINUTES})")
    parser.add_argument("--keep", action="store_true", help="write the counts of what holds into docs/proof.md")
    parser.add_argument("--json", action="store_true", help="for machines")
    arguments = parser.parse_args()
    if arguments.keep and arguments.case is not None:
        parser.error("--keep is for whole parts: without --case")
    if arguments.case is not None and len(arguments.part or ()) != 1:
        parser.error("--case names a case of one part: give that with --part")
    if arguments.minutes is not None and arguments.minutes <= 0:
        parser.error("--minutes is more than 0")
    chosen = [part for part in known if not arguments.part or part.name in arguments.part]
    if arguments.case is not None:
        chosen[0].floor = {}  # one case is no proof
    minutes = arguments.minutes or (LONG_MINUTES if arguments.long else SHORT_MINUTES)
    try:
        run(chosen, minutes * 60, arguments.seed, arguments.case)
    except KeyboardInterrupt:
        return 130
    if arguments.keep:
        report.keep([part for part in chosen if part.verdict == "holds"], arguments.seed)
    if arguments.json:
        print(json.dumps(report.as_json(chosen, arguments.seed, minutes), indent=2))
    else:
        paper().print(report.table(chosen, arguments.seed))
    if any(part.found for part in chosen):
        return 1
    return 0 if all(part.verdict == "holds" for part in chosen) else 2


def run(chosen: list[Part], seconds: float, seed: int, case: int | None) -> None:
    """Run the parts, so many at once, each in a process of its own."""
    waiting = list(chosen)
    at_once = min(AT_ONCE, len(chosen))
    whole = sum(part.share for part in chosen)
    told = Console(stderr=True)
    columns = (TextColumn("{task.fields[name]:12}"), BarColumn(), TextColumn("{task.fields[counts]}"))
    with Progress(*columns, console=told, transient=True, disable=not told.is_terminal) as progress:

        def work() -> None:
            while waiting:
                part = waiting.pop(0)
                bar = progress.add_task("", name=part.name, counts="", total=1.0)
                try:
                    _run_one(part, part.share / whole * seconds * at_once, seed, case, progress, bar)
                except Exception:  # noqa: BLE001 - whatever it is, the part has proved nothing
                    part.found.append({"what": traceback.format_exc(), "again": f"make proof PART={part.name}"})
                told.print(Text(f"{part.name:12} {part.verdict:8} {report.counted(part)}"))

        workers = [threading.Thread(target=work, daemon=True) for _ in range(at_once)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()


def _run_one(part: Part, seconds: float, seed: int, case: int | None, progress: Progress, bar: TaskID) -> None:
    command = [sys.executable, "-m", "proof.worker", part.name, "--seed", str(seed), "--seconds", f"{seconds:.0f}"]
    command += ["--case", str(case)] if case is not None else ["--floor", json.dumps(part.floor)]
    began = time.monotonic()
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            preexec_fn=die_with_parent,
        )
        for line in process.stdout or ():
            said: dict[str, Any] = json.loads(line)  # the worker lets nobody else write there
            part.counts = said.get("counts", part.counts)
            part.spent = said.get("spent", part.spent)
            if "found" in said:
                part.found.append({"what": said["found"], "again": said["again"]})
            progress.update(bar, completed=part.spent, counts=report.counted(part))
        ended = process.wait()
        part.took_s = time.monotonic() - began
        progress.remove_task(bar)
        if ended == CANNOT_RUN:
            part.cannot_run = _last_words(errors)
        elif ended != 0 and not part.found:
            part.found.append({"what": f"it ended with {ended}: {_last_words(errors)}", "again": " ".join(command)})
        part.has_ended = True


def _last_words(errors: IO[str]) -> str:
    errors.seek(0)
    return errors.read().strip()[-2000:]


if __name__ == "__main__":
    sys.exit(main())
