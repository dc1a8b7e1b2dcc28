"""The built functions under Lambda's own runtime, in AWS's interface emulator, beside the floor under the same runtime.

A function is what `sam build` made: its own file, and its layers. The floor is `bench.floor` over stock botocore, and
a third function does nothing: what that takes is the runtime's and the emulator's own. They are invoked in turns over
HTTP, and their calls to DynamoDB are answered with the responses of a recorded delivery, over HTTP too.

*CPU* is that of the function's process, the runtime's part included: the kernel's account of it, from outside. *Wall*
is what the caller waits, so it also contains the emulator and the answers to the calls.
"""

import contextlib
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from bench import layers
from bench.deployed import variables
from bench.hot import API, CASES, COLD_BUDGET, MEMORY_BUDGET, WARM_BUDGET, Asked, Case, Recorded, ask, record
from bench.recorded import Served
from bench.report import Advance, Progress, Report, Row
from tools import engines
from tools.check_build import BuiltLayers
from tools.real_runtime import RealRuntime, RuntimeMissing, built_template, emulated, running
from tools.signing import LOCAL_SECRETS, signed_again

CPU = "CPU × the floor"
PLOTTED = (CPU, "CPU from", "CPU to")
SIDES = ("ours", "floor", "empty")
_OF_ANOTHER = dict.fromkeys(LOCAL_SECRETS, "of_another")


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    cases: tuple[Case, ...] = CASES
    rounds: int = 11
    invocations: int = 10  # of a round
    starts: int = 7
    many: int = 1_000  # after which memory is read again


WHOLE = Size()


class Spent(NamedTuple):
    """What some invocations took, in seconds each."""

    CPU: float
    wall: float


Measured = dict[str, list[Spent]]
"""By side, what each round took."""


class Function:
    """A function under the emulator, and the engine that answers its calls."""

    def __init__(self, real: RealRuntime, engine: Served) -> None:
        self._real = real
        self._is_started = False
        self.engine = engine

    def invoke(self, request: dict[str, Any], times: int = 1, status: int = 200) -> Spent:
        """Invoke it so many times. The first of all starts its process. Raise ValueError for another status."""
        before = self.cpu_s() if self._is_started else 0.0
        began = time.perf_counter()
        for _ in range(times):
            answer = self._real.invoke(request)
            if answer and answer["statusCode"] != status:  # the one that does nothing returns nothing
                raise ValueError(f"{self._real.function} answered {answer}\n{self._real.log()[-2000:]}")
        wall = time.perf_counter() - began
        self._is_started = True
        return Spent((self.cpu_s() - before) / times, wall / times)

    def cpu_s(self) -> float:
        """Return the CPU seconds of its process so far: those of /proc/PID/stat, which counts in hundredths."""
        clock_of_process = 2  # CPUCLOCK_SCHED of Linux, whose clocks of processes have ids below zero
        return time.clock_gettime(~self._real.process_id() << 3 | clock_of_process)

    def peak_bytes(self) -> int:
        """Return the most memory that its process has held so far."""
        status = Path(f"/proc/{self._real.process_id()}/status").read_text("ascii")
        (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024


class Emulated:
    """Starts functions: ours, the floor, and one that does nothing."""

    def __init__(self, scratch: Path) -> None:
        self._template = built_template()
        self._layers = BuiltLayers()
        self._floor = layers.build_floor(scratch)

    @contextlib.contextmanager
    def started(self, side: str, one: Recorded | Asked) -> Iterator[Function]:
        """Yield a function that has not been invoked."""
        with Served(one.calls) as engine, contextlib.ExitStack() as entered:
            if side == "ours":
                name = "".join(word.title() for word in one.folder.split("_")) + "Function"
                own = variables(one.table, "INFO", is_measured=True)
                real = running(self._template, self._layers, name, own, engine.endpoint)
            else:
                file = entered.enter_context(tempfile.NamedTemporaryFile("w", suffix=".json"))
                json.dump([(call.operation, call.sent) for call in one.calls], file)
                file.flush()
                handler = {"Handler": f"bench.{side}_handler.lambda_handler"}
                properties = self._template["Globals"]["Function"] | handler
                secret = LOCAL_SECRETS.get(one.request.get("pathParameters", {}).get("provider"), "")
                own = {"CALLS_FILE": file.name, "SIGNING_SECRET": secret}
                real = emulated(side, properties, self._floor, own, engine.endpoint)
            yield Function(entered.enter_context(real), engine)

    @contextlib.contextmanager
    def all(self, one: Recorded | Asked) -> Iterator[dict[str, Function]]:
        """Yield all three."""
        with contextlib.ExitStack() as entered:
            yield {side: entered.enter_context(self.started(side, one)) for side in SIDES}


def run(_: object, progress: Progress, size: Size = WHOLE) -> list[Report]:
    """Measure each case warm, refused signatures, cold starts and memory."""
    with tempfile.TemporaryDirectory() as scratch:
        try:
            emulator = Emulated(Path(scratch))
        except (layers.NoPython, RuntimeMissing) as missing:
            return [Report("emulator", "Under Lambda's runtime", exceeded=[str(missing)])]
        with engines.running("ministack") as endpoint:
            recorded = [record(case, endpoint) for case in size.cases]
            asked = [ask(folder, recorded[0].table, endpoint) for folder in API]
        first = recorded[:2]
        starts: list[Recorded | Asked] = [*first, *asked]
        return [
            _warm(emulator, recorded, first, size, progress("emulator, warm", len(recorded) + len(first))),
            _cold(emulator, starts, size, progress("emulator, cold", len(starts) * size.starts)),
            _memory(emulator, first, size, progress("emulator, memory", len(first))),
        ]


def _warm(
    emulator: Emulated, recorded: list[Recorded], refused: list[Recorded], size: Size, advance: Advance
) -> Report:
    title = f"Under Lambda's runtime: a warm invocation, CPU at most {WARM_BUDGET}"
    report = Report("emulator", title, plotted=PLOTTED)
    for one in recorded:
        name, provider = one.case.name, one.notification.provider
        with emulator.all(one) as functions:
            measured, calls = _in_turns(functions, one, LOCAL_SECRETS, size)
        row: Row = {"delivery": name, "provider": provider, "calls": calls, **_columns(measured)}
        report.rows.append(row)
        if row[CPU] > WARM_BUDGET:
            report.exceeded.append(f"{name}, {provider}: {row[CPU]:.2f} × the floor under Lambda's runtime")
        advance(1)
    for one in refused:
        with emulator.all(one) as functions:
            measured, calls = _in_turns(functions, one, _OF_ANOTHER, size)
        row = {"delivery": "signature of another", "provider": one.notification.provider, "calls": calls}
        report.rows.append(row | _columns(measured))
        advance(1)
    return report


def _in_turns(
    functions: dict[str, Function], one: Recorded, secrets: dict[str, str], size: Size
) -> tuple[Measured, int]:
    """Invoke functions in turns. Return what each round took, and the calls of an invocation of ours.

    Raise ValueError if the floor made others.
    """
    status = 200 if secrets is LOCAL_SECRETS else 401
    for function in functions.values():
        function.invoke(signed_again(one.request, secrets, time.time()), 2, status)
        function.engine.count = 0
    measured: Measured = {side: [] for side in SIDES}
    for _ in range(size.rounds):
        request = signed_again(one.request, secrets, time.time())
        for side, function in functions.items():
            measured[side].append(function.invoke(request, size.invocations, status))
    counts = {side: function.engine.count for side, function in functions.items()}
    if counts["ours"] != counts["floor"]:
        raise ValueError(f"{one.case.name}: {counts} calls")
    return measured, counts["ours"] // (size.rounds * size.invocations)


def _cold(emulator: Emulated, requests: list[Recorded | Asked], size: Size, advance: Advance) -> Report:
    title = (
        f"Under Lambda's runtime: a process from its start to its first answer, CPU of a webhook at most {COLD_BUDGET}"
    )
    report = Report("emulator", title)
    for one in requests:
        measured: Measured = {side: [] for side in SIDES}
        for _ in range(size.starts):
            for side in SIDES:
                with emulator.started(side, one) as function:
                    measured[side].append(function.invoke(_signed(one)))
            advance(1)
        provider = one.notification.provider if isinstance(one, Recorded) else ""
        row: Row = {"function": one.folder, "provider": provider, **_columns(measured)}
        report.rows.append(row)
        if provider and row[CPU] > COLD_BUDGET:
            report.exceeded.append(f"cold start, {provider}: {row[CPU]:.2f} × the floor under Lambda's runtime")
    return report


def _signed(one: Recorded | Asked) -> dict[str, Any]:
    return signed_again(one.request, LOCAL_SECRETS, time.time()) if isinstance(one, Recorded) else one.request


def _memory(emulator: Emulated, recorded: list[Recorded], size: Size, advance: Advance) -> Report:
    report = Report("emulator", f"Under Lambda's runtime: the most memory of a process; at most {MEMORY_BUDGET}")
    for one in recorded:
        peaks: dict[int, dict[str, int]] = {1: {}, size.many: {}}
        with emulator.all(one) as functions:
            for side, function in functions.items():
                function.invoke(_signed(one))
                peaks[1][side] = function.peak_bytes()
                function.invoke(_signed(one), size.many - 1)
                peaks[size.many][side] = function.peak_bytes()
        for times, peak in peaks.items():
            ratio, provider = peak["ours"] / peak["floor"], one.notification.provider
            row: Row = {"provider": provider, "invocations": times, "× the floor": ratio}
            row |= {f"{side}, MB": peak[side] / 1e6 for side in SIDES}
            report.rows.append(row)
            if ratio > MEMORY_BUDGET:
                report.exceeded.append(
                    f"memory after {times}, {provider}: {ratio:.2f} × the floor under Lambda's runtime"
                )
        advance(1)
    return report


def _columns(measured: Measured) -> Row:
    """Return the medians and quartiles of the rounds' ratios, and the same of the function that does nothing."""
    row: Row = {}
    for what in Spent._fields:
        ours, floor, empty = ([getattr(spent, what) for spent in measured[side]] for side in SIDES)
        low, median, high = statistics.quantiles([one / other for one, other in zip(ours, floor, strict=True)], n=4)
        row |= {f"{what} × the floor": median, f"{what} from": low, f"{what} to": high}
        row[f"empty {what}"] = statistics.median(one / other for one, other in zip(empty, floor, strict=True))
    return row
