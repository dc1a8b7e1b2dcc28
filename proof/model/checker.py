"""The model checker: SPIN makes a program of a model, and that visits every state that the model can reach."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from proof.work import CannotRun
from tools.engines import die_with_parent

HERE = Path(__file__).parent

_DEEPEST = 200_000
_MEMORY_MB = 6_000


@dataclass(frozen=True, slots=True)
class Search:
    """What came of one search. Only one that is exhausted and has no error proves anything."""

    error: str | None  # the assertion that failed, or what else is wrong
    broken: str | None  # the same by the name that the model has for it
    trail: str  # the steps that led there, one a line
    is_exhausted: bool
    states: int
    transitions: int
    depth: int
    lines: frozenset[int]  # of the model's source, those that the switches leave in it; none if it failed
    unreached: frozenset[tuple[str, int]]  # process and line of every step of these that never happened


def require() -> None:
    """Raise CannotRun where there is no checker."""
    missing = [tool for tool in ("spin", "gcc") if shutil.which(tool) is None]
    if missing:
        raise CannotRun(f"The model checker needs {' and '.join(missing)}: apt-get install spin gcc")


def search(model: str, switches: tuple[str, ...], *, is_liveness: bool = False, is_long: bool = False) -> Search:
    """Visit every state of a model: for failed assertions and dead ends, or, for liveness, for fair cycles."""
    defined = [f"-D{switch}" for switch in switches]
    source = f"{model}.pml"
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(HERE / source, folder)  # it writes beside what it reads

        def run(*command: str) -> str:
            done = subprocess.run(
                command, cwd=folder, capture_output=True, text=True, check=False, preexec_fn=die_with_parent
            )
            if done.returncode and not done.stdout.strip():
                raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
            return done.stdout

        translated = run("spin", "-a", *defined, source)
        if "Error" in translated:
            raise RuntimeError(translated.strip())
        kind = ["-DNFAIR=4"] if is_liveness else ["-DSAFETY", "-DNOCLAIM"]
        how = ["-O2" if is_long else "-O0", "-w", "-DCOLLAPSE", f"-DMEMLIM={_MEMORY_MB}"]
        run("gcc", *how, *kind, "-o", "pan", "pan.c")
        said = run("./pan", f"-m{_DEEPEST}", "-w22", *(["-a", "-f"] if is_liveness else []))
        failed = re.search(r"^pan:\d+: (.+?)(?: \(at depth (\d+)\))?$", said, re.MULTILINE)
        kept = "" if failed else run("gcc", "-E", "-x", "c", *defined, source)
        trail = run("spin", "-t", "-p", "-k", f"{source}.trail", *defined, source) if failed else ""
    return Search(
        error=failed[1] if failed else None,
        broken=_broken(model, failed[1], trail) if failed else None,
        trail=_steps(trail),
        is_exhausted="errors: 0" in said and "not completed" not in said and "too small" not in said,
        states=_number(r"(\d+) states, stored", said),
        transitions=_number(r"(\d+) transitions", said),
        depth=_number(r"depth reached (\d+)", said),
        lines=frozenset(_lines(source, kept)),
        unreached=frozenset(_unreached(source, said)),
    )


def never(searches: Iterable[Search]) -> set[tuple[str, int]]:
    """Process and line of every step that happened in none of the searches of one model."""
    every = list(searches)
    steps = {step for search in every for step in search.unreached}
    return {step for step in steps if all(step in search.unreached or step[1] not in search.lines for search in every)}


def _number(pattern: str, said: str) -> int:
    found = re.search(pattern, said)
    return int(found[1]) if found else 0


def _broken(model: str, error: str, trail: str) -> str:
    """The name that stands above the assertion: of a claim of tools/verify, or of the inline that it is in."""
    failed = re.search(r"^spin: \S+?:(\d+), Error: assertion violated", trail, re.MULTILINE)
    if failed is None:
        return error
    above = (HERE / f"{model}.pml").read_text().splitlines()[: int(failed[1])]
    names: list[str] = re.findall(r"^ *(?:/\* (?=_)|inline )(\w+)", "\n".join(above), re.MULTILINE)
    return names[-1]


def _lines(source: str, kept: str) -> Iterator[int]:
    """The numbers of the lines that the preprocessor kept."""
    number = 0
    for line in kept.splitlines():
        if marker := re.match(r'# (\d+) "(.+?)"', line):
            number = int(marker[1]) if marker[2] == source else 0
        elif number:
            if line.strip():
                yield number
            number += 1


def _unreached(source: str, said: str) -> Iterator[tuple[str, int]]:
    """Not the ends of processes: they go on for ever."""
    process = ""
    for line in said.splitlines():
        if named := re.match(r"unreached in (?:proctype |claim )?(\w+)", line):
            process = named[1]
        elif (step := re.match(rf'\t{source}:(\d+), state \d+, "(.+)"', line)) and step[2] != "-end-":
            yield process, int(step[1])


def _steps(trail: str) -> str:
    """Who did what, without the checker's own bookkeeping."""
    steps = re.findall(r"^ *\d+:\tproc +\d+ \((\w+:\d+)\) \S+?:(\d+) \(state \d+\)\t\[(.*)\]$", trail, re.MULTILINE)
    return "\n".join(f"{who} line {line}: {what}" for who, line, what in steps)
