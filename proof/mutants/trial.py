"""Whether the tests can tell a mutant: each is tried in a forked child of a process that has read the tests.

A wrong inside a function is planted in place: the function gets the code that has it, and the tests that call the
function are run, those of its module first. What runs while modules are imported (tables, classes, defaults) is tried
by importing our code anew, the wrong in it. So is a function of which the first way tells nothing: it may run then.
"""

import contextlib
import gc
import importlib
import json
import os
import resource
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from itertools import accumulate
from types import CodeType, FrameType, FunctionType
from typing import Any, Generic, Protocol, TypeVar

import hypothesis
import pytest

from proof.mutants.planting import OURS
from tools.engines import ROOT, die_with_parent

_T = TypeVar("_T")
_NOT_OURS = ("boto3", "moto", "pynamodb.connection", "aws_lambda_powertools.metrics", "stripe", "paddle_billing.Client")
_ENGINES = {"ministack", "dynamodb_local", "dynamodb-local"}
_MOST_MEMORY = 4 * 1024**3
_TEST_S = 10
"""Of the processor's time, beside ten times what it takes: then a test counts as endless."""
_FILE_S = 60
"""The same for a file of tests that is read anew."""
_LAYER_S = 8.0
"""What the tests of a layer may take for a mutant that those of its module do not tell."""
_SLOW_S = 10.0
"""A test that takes longer is not asked: as measured while its calls are noted, which takes some times as long."""
_CLOCK_S = 900
"""By the clock, of which a busy machine gives little: a mutant may only sleep."""
_QUICK = (
    *("--assert=plain", "--tb=no", "--no-header", "--capture=no", "-W", "ignore", "-o", "addopts="),
    *("--import-mode=importlib", "-p", "no:cacheprovider", "-p", "no:faulthandler", "-p", "no:unraisableexception"),
)
_TOLD = {pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED, pytest.ExitCode.USAGE_ERROR}
"""A test failed, or could not even be imported. Anything else that goes wrong tells nothing about the mutant."""

Function = tuple[str, str]
"""The outermost of nested functions: its file, and its name with its class."""


class Wrong(Protocol):
    """What is done to the code, or to what the code is deployed by."""

    @property
    def function(self) -> Function | None:
        """Which function has it in its body. None: no function."""

    @property
    def readers(self) -> frozenset[str]:
        """The packages that have what is wrong from their import: they are imported anew."""

    def plant_in(self, functions: Sequence[FunctionType]) -> bool:
        """Give these functions the code that has the wrong. Return whether they can have it."""

    def plant_anew(self) -> None:
        """See to it that whoever imports or reads anew gets the wrong."""


class Fate(StrEnum):
    """What becomes of a mutant."""

    KILLED = "killed"
    TIMED_OUT = "timed_out"  # it never ends: a failing test by another name
    REFUSED = "refused"  # no test tells it, and the type checker, which CI runs too, finds an error
    SURVIVED = "survived"


@dataclass(frozen=True, slots=True)
class Trial:
    """A wrong, and which tests are to tell it from the code. None: the code as it is."""

    mutant: Any  # a Wrong, or None
    tests: tuple[str, ...]  # files: those of the module, the most telling first
    layer: tuple[str, ...] = ()  # files that are asked if those tell nothing
    case: int = 0  # the number that the mutant was drawn under
    is_short: bool = False  # what its function's tests don't tell is not imported anew: that may be a survivor too many


@dataclass(frozen=True, slots=True)
class Told:
    """A trial's fate, and the file of tests that told it."""

    trial: Trial
    fate: Fate
    by: str | None = None


@dataclass(slots=True)
class Learned:
    """Which functions each test calls, and how long it takes."""

    calls: dict[str, set[Function]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Suite:
    """The tests of some files, read and ready to be run in forked children."""

    items: Mapping[str, pytest.Item]
    functions: Mapping[Function, Sequence[FunctionType]]
    learned: Learned = field(default_factory=Learned)

    def learn(self, names: Sequence[str], at_once: int) -> Iterator[str]:
        """Run each of these tests once, and note what it calls and how long it takes. Yield it when it has ended."""
        for start in range(0, len(names), _AT_A_TIME):
            part = names[start : start + _AT_A_TIME]
            shares = [part[first::at_once] for first in range(at_once)]
            children = [(_Child(partial(self._watch, share)), share) for share in shares]
            for child, share in children:
                yield from self._learn_from(child, share)

    def _learn_from(self, child: "_Child", share: Sequence[str]) -> Iterator[str]:
        """Note what a child says of its share. A test that it ends in is slow, or has failed: the rest is another's."""
        child.wait()
        for position, name in enumerate(share):
            took_s, has_failed, called = child.said.get(name, (_FILE_S, child.fate is not Fate.TIMED_OUT, ()))
            self.learned.seconds[name] = took_s
            self.learned.calls[name] = {(file, function) for file, function in called}
            self.learned.failed += [name] if has_failed else []
            yield name
            if name not in child.said:
                rest = share[position + 1 :]
                if rest:
                    yield from self._learn_from(_Child(partial(self._watch, rest)), rest)
                return

    def tried(self, trials: Iterable[Trial], at_once: int = 1) -> Iterator[Told]:
        """Try them, so many at once; each comes back with its fate, in the order in which they end."""
        callers: dict[Function, list[str]] = {}
        for name, called in self.learned.calls.items():
            for function in called:
                callers.setdefault(function, []).append(name)
        running: list[tuple[Trial, _Child]] = []
        waiting = iter(trials)
        with tempfile.TemporaryDirectory() as compiled:
            try:
                while True:
                    while len(running) < at_once and (trial := next(waiting, None)):
                        running.append((trial, _Child(partial(self._try, trial, callers, compiled))))
                    if not running:
                        return
                    time.sleep(0.002)
                    for trial, child in [one for one in running if one[1].has_ended()]:
                        running.remove((trial, child))
                        yield Told(trial, child.fate, child.said.get("by"))
            finally:
                for _, child in running:
                    child.kill()

    def _watch(self, names: Sequence[str], said: dict[str, Any]) -> int:
        for name in names:
            item = self.items[name]
            _allow(_FILE_S)
            began, failed = time.process_time(), item.session.testsfailed
            with _calls() as called:
                _run_one(item)
            said[name] = (time.process_time() - began, item.session.testsfailed > failed, sorted(_ours(called)))
        return pytest.ExitCode.OK

    def _try(self, trial: Trial, callers: Mapping[Function, list[str]], compiled: str, said: dict[str, Any]) -> int:
        wrong: Wrong | None = trial.mutant
        function = wrong.function if wrong else None
        if wrong and function and wrong.plant_in(self.functions.get(function, ())):
            known = callers.get(function, []) if self.learned.calls else self.over_one_store(function[0])
            for name in self._telling(trial, known):
                item = self.items[name]
                _allow(_TEST_S + 10 * self.learned.seconds.get(name, 1.0))
                said["by"] = _file(item)
                _run_one(item)
                if item.session.testsfailed:
                    return pytest.ExitCode.TESTS_FAILED
            if trial.is_short:
                return pytest.ExitCode.OK
        return _tried_anew(trial, self.learned.seconds, compiled, said)

    def over_one_store(self, path: str) -> list[str]:
        """Of all tests, those over several stores once: over moto for a file of the store's own, else over the fake."""
        left, instead = ("fake", "moto") if "/dynamodb/" in path else ("moto", "fake")
        return [name for name in self.items if left not in name or name.replace(left, instead) not in self.items]

    def _telling(self, trial: Trial, callers: Sequence[str]) -> list[str]:
        """Of the tests that call a function, those of its module, then as many of the layer's; quick ones first."""
        seconds = self.learned.seconds
        quick = [name for name in callers if name in self.items and seconds.get(name, 0.0) <= _SLOW_S]
        file = {name: _file(self.items[name]) for name in quick}
        rank = {each: position for position, each in enumerate((*trial.tests, *trial.layer))}
        names = sorted(file, key=lambda name: (seconds.get(name, 0.0), "moto" in name, rank.get(file[name], len(rank))))
        own = [name for name in names if file[name] in trial.tests]
        others = [name for name in names if file[name] in trial.layer and file[name] not in trial.tests]
        spent_s = accumulate(seconds.get(name, 0.0) for name in others)
        return own + [name for name, spent in zip(others, spent_s, strict=True) if spent <= _LAYER_S]


_AT_A_TIME = 200


def with_tests(files: Iterable[str], modules: Iterable[str], body: Callable[[Suite], _T]) -> _T:
    """Read the tests of these files, import the modules, and do the body. Raise SystemExit if that can't be done."""
    for name in _NOT_OURS:
        importlib.import_module(name)
    session = _Session(tuple(modules), body)
    with _left_as_it_was(), open(os.devnull, "w") as silence, contextlib.redirect_stdout(silence):
        code = pytest.main([*_QUICK, *(str(ROOT / file) for file in files)], plugins=[session, _Chosen()])
    if session.error:
        raise session.error
    if not session.done:
        raise SystemExit(f"The tests can't be read: pytest ended with {code}.")
    return session.done[0]


@contextlib.contextmanager
def _left_as_it_was() -> Iterator[None]:
    """Leave this process as it was: it may be one that runs other tests too."""
    profile = hypothesis.settings.get_current_profile_name()
    without_plugins = "PYTEST_DISABLE_PLUGIN_AUTOLOAD"  # half of a small trial's time went into looking for them
    before = os.environ.get(without_plugins)
    os.environ[without_plugins] = "1"
    was_frozen = gc.get_freeze_count() > 0
    try:
        yield
    finally:
        hypothesis.settings.load_profile(profile)
        if not was_frozen:
            gc.unfreeze()
        if before is None:
            del os.environ[without_plugins]


class _Session(Generic[_T]):
    """Does the body where pytest would run the tests."""

    def __init__(self, modules: Sequence[str], body: Callable[[Suite], _T]) -> None:
        self.done: list[_T] = []
        self.error: BaseException | None = None
        self._modules = modules
        self._body = body

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if session.testsfailed:
            return True
        for module in self._modules:
            importlib.import_module(module)
        tests = Suite({item.nodeid: item for item in session.items}, _functions())
        gc.collect()
        gc.freeze()
        try:
            self.done.append(self._body(tests))
        except BaseException as error:  # noqa: BLE001 - pytest would report it as its own
            self.error = error
        return True


class _Chosen:
    """Which tests there are, and how they are run: without an engine, and with examples that are few and the same."""

    def __init__(self, seconds: Mapping[str, float] | None = None) -> None:
        self._seconds = seconds or {}

    @pytest.hookimpl
    def pytest_sessionstart(self) -> None:
        hypothesis.settings.register_profile(
            "mutants",
            deadline=None,
            derandomize=True,
            database=None,
            max_examples=25,
            phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),  # the first that fails tells enough
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        hypothesis.settings.load_profile("mutants")

    @pytest.hookimpl
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [
            item for item in items if not _needs_engine(item) and self._seconds.get(item.nodeid, 0.0) <= _SLOW_S
        ]


def _needs_engine(item: pytest.Item) -> bool:
    parameters = getattr(item, "callspec", None)
    needed = {*getattr(item, "fixturenames", ()), *(map(str, parameters.params.values()) if parameters else ())}
    return bool(_ENGINES & needed) or item.get_closest_marker("runtime") is not None


def _run_one(item: pytest.Item) -> None:
    item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)


def _file(item: pytest.Item) -> str:
    return str(item.path.relative_to(ROOT) if item.path.is_relative_to(ROOT) else item.path)


def _tried_anew(trial: Trial, seconds: Mapping[str, float], compiled: str, said: dict[str, Any]) -> int:
    """Import our code anew and run file after file: most mutants fall in the first, and no other need be read."""
    sys.pycache_prefix, sys.dont_write_bytecode = compiled, False
    readers = trial.mutant.readers if trial.mutant else OURS
    for name in [name for name in sys.modules if name.partition(".")[0] in readers]:
        del sys.modules[name]
    if trial.mutant:
        trial.mutant.plant_anew()
    began_s, code = time.process_time(), int(pytest.ExitCode.NO_TESTS_COLLECTED)
    for file in (*trial.tests, *(file for file in trial.layer if file not in trial.tests)):
        if file not in trial.tests and time.process_time() - began_s > _LAYER_S:
            break
        _allow(_FILE_S)
        said["by"] = file
        code = pytest.main([*_QUICK, "-x", str(ROOT / file)], plugins=[_Chosen(seconds)])
        if code not in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
            break
    return code


def _allow(seconds: float) -> None:
    """Let this process have so much more of the processor."""
    used = int(time.process_time())
    resource.setrlimit(resource.RLIMIT_CPU, (used + int(seconds) + 1, resource.RLIM_INFINITY))


class _Child:
    """A forked process: it does the work, ends with the exit code that the work returns, and leaves what it said."""

    def __init__(self, work: Callable[[dict[str, Any]], int]) -> None:
        self.said: dict[str, Any] = {}
        self._file = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed when the process has ended
        self._until = time.monotonic() + _CLOCK_S
        self._status: int | None = None
        sys.stdout.flush()
        self._pid = os.fork()
        if self._pid == 0:
            self._do(work)
        with contextlib.suppress(PermissionError, ProcessLookupError):
            os.setpgid(self._pid, self._pid)

    def has_ended(self) -> bool:
        """Whether it has. One that only sleeps is ended."""
        if self._status is None:
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            if not pid and time.monotonic() > self._until:
                self.kill()
            elif pid:
                self._end(status)
        return self._status is not None

    def wait(self) -> None:
        """Until it has ended, however long that takes."""
        self._end(os.waitpid(self._pid, 0)[1])

    def kill(self) -> None:
        """End it, and what it has started."""
        os.killpg(self._pid, signal.SIGKILL)
        self._end(os.waitpid(self._pid, 0)[1])

    @property
    def fate(self) -> Fate:
        code = os.waitstatus_to_exitcode(self._status or 0)
        if code in {-signal.SIGXCPU, -signal.SIGKILL}:
            return Fate.TIMED_OUT
        return Fate.KILLED if code in _TOLD else Fate.SURVIVED

    def _end(self, status: int) -> None:
        self._status = status
        self._file.seek(0)
        for line in self._file:
            self.said |= json.loads(line)
        self._file.close()

    def _do(self, work: Callable[[dict[str, Any]], int]) -> None:
        code: int = pytest.ExitCode.INTERNAL_ERROR
        try:
            os.setpgid(0, 0)
            die_with_parent()
            resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
            gc.disable()
            nowhere = os.open(os.devnull, os.O_RDWR)
            for stream in (1, 2):
                os.dup2(nowhere, stream)
            code = work(_Said(self._file))
        finally:
            os._exit(code)


class _Said(dict[str, Any]):
    """What a child says, written down at once: it may be killed."""

    def __init__(self, file: Any) -> None:
        super().__init__()
        self._file = file

    def __setitem__(self, name: str, content: Any) -> None:
        self._file.write(json.dumps({name: content}) + "\n")
        self._file.flush()


@contextlib.contextmanager
def _calls() -> Iterator[Mapping[int, CodeType]]:
    """Note the code that is called, while this lasts."""
    seen: dict[int, CodeType] = {}

    def note(frame: FrameType, _event: str, _argument: object) -> None:
        seen[id(frame.f_code)] = frame.f_code

    sys.settrace(note)
    threading.settrace(note)
    try:
        yield seen
    finally:
        sys.settrace(None)
        threading.settrace(None)


_SOURCES = tuple(f"{ROOT}/{folder}/" for folder in ("layers", "functions", "tools"))


def _ours(called: Mapping[int, CodeType]) -> set[Function]:
    """The functions of ours that were called. Nested functions count as what they are in."""
    return {_function_of(code) for code in called.values() if code.co_filename.startswith(_SOURCES)}


def _function_of(code: CodeType) -> Function:
    return (code.co_filename, code.co_qualname.partition(".<locals>")[0])


def _functions() -> dict[Function, list[FunctionType]]:
    gc.unfreeze()  # what is frozen is not listed
    found: dict[Function, list[FunctionType]] = {}
    for one in gc.get_objects():
        if isinstance(one, FunctionType) and one.__code__.co_filename.startswith(_SOURCES):
            found.setdefault(_function_of(one.__code__), []).append(one)
    return found
