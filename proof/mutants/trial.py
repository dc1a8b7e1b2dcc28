"""Whether the tests can tell a mutant: each is tried in a forked child, which imports our code anew, the wrong in it.

The parent has imported what is not ours, once; so a trial costs the tests alone.
"""

import gc
import importlib
import importlib.machinery
import importlib.util
import os
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from types import CodeType, ModuleType

import hypothesis
import pytest

from proof.mutants.mutations import Mutant
from tools.engines import die_with_parent

_OURS = {"ledger", "tests", "tools", "functions"}
_NOT_OURS = ("boto3", "moto", "pynamodb.connection", "aws_lambda_powertools.metrics", "stripe", "paddle_billing.Client")
_MOST_MEMORY = 2 * 1024**3
_WAITED = 20
"""How much longer than that by the clock: the machine has other things to do, and a mutant may only sleep."""
_QUICK = (
    *("-x", "--noconftest", "--assert=plain", "--tb=no", "--no-header", "-W", "ignore"),
    *("-p", "no:cacheprovider", "-p", "no:faulthandler", "-p", "no:unraisableexception"),
)


class Fate(StrEnum):
    """What becomes of a mutant."""

    KILLED = "killed"
    TIMED_OUT = "timed_out"  # it never ends: a failing test by another name
    SURVIVED = "survived"


@dataclass(frozen=True, slots=True)
class Trial:
    """A mutant, and which tests are to tell it from the code. None: the code as it is."""

    mutant: Mutant | None
    tests: tuple[str, ...]
    seconds: int  # of the processor's time: after so many it counts as endless
    case: int = 0  # the number that the mutant was drawn under


def tried(trials: Iterable[Trial], at_once: int = 1) -> Iterator[tuple[Trial, Fate]]:
    """Try them, so many at once; each comes back with its fate, in the order in which they end."""
    for name in _NOT_OURS:
        importlib.import_module(name)
    running: dict[int, tuple[Trial, float]] = {}
    waiting = iter(trials)
    with tempfile.TemporaryDirectory() as compiled:
        try:
            while True:
                while len(running) < at_once and (trial := next(waiting, None)):
                    running[_begun(trial, compiled)] = (trial, time.monotonic() + trial.seconds * _WAITED)
                if not running:
                    return
                time.sleep(0.005)
                yield from _ended(running)
        finally:
            for child in running:
                os.killpg(child, signal.SIGKILL)
                os.waitpid(child, 0)


def _ended(running: dict[int, tuple[Trial, float]]) -> Iterator[tuple[Trial, Fate]]:
    for child, (trial, until) in list(running.items()):
        pid, status = os.waitpid(child, os.WNOHANG)
        if not pid and time.monotonic() > until:
            os.killpg(child, signal.SIGKILL)
            pid, status = os.waitpid(child, 0)
        if pid:
            del running[child]
            yield trial, _fate_of(os.waitstatus_to_exitcode(status))


_TOLD = {pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED, pytest.ExitCode.USAGE_ERROR}
"""A test failed, or could not even be imported. Anything else that goes wrong tells nothing about the mutant."""


def _fate_of(exit_code: int) -> Fate:
    if exit_code in {-signal.SIGXCPU, -signal.SIGKILL}:
        return Fate.TIMED_OUT
    return Fate.KILLED if exit_code in _TOLD else Fate.SURVIVED


def _begun(trial: Trial, compiled: str) -> int:
    sys.stdout.flush()
    child = os.fork()
    if child:
        with suppress(PermissionError, ProcessLookupError):
            os.setpgid(child, child)
        return child
    code: int = pytest.ExitCode.INTERNAL_ERROR
    try:
        os.setpgid(0, 0)
        die_with_parent()
        resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (trial.seconds, trial.seconds + 1))
        # Half of a small trial's time went into looking for plugins, and into compiling what is no mutant.
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        sys.pycache_prefix, sys.dont_write_bytecode = compiled, False
        gc.disable()
        nowhere = os.open(os.devnull, os.O_RDWR)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        code = _told(trial)
    finally:
        os._exit(code)


def _told(trial: Trial) -> int:
    for name in [name for name in sys.modules if name.partition(".")[0] in _OURS]:
        del sys.modules[name]
    if trial.mutant:
        sys.meta_path.insert(0, _Planted(trial.mutant))
    code: int = pytest.ExitCode.NO_TESTS_COLLECTED
    for file in trial.tests:  # one after the other: most mutants fall in the first file, and no other need be read
        code = pytest.main([*_QUICK, file], plugins=[_Repeatable()])
        if code != pytest.ExitCode.OK:
            break
    return code


class _Planted(importlib.machinery.SourceFileLoader):
    """Finds the mutant where its module is asked for."""

    def __init__(self, mutant: Mutant) -> None:
        super().__init__(mutant.module, str(mutant.path))
        self.code = mutant.compiled()

    def find_spec(
        self, name: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != self.name:
            return None
        return importlib.util.spec_from_file_location(name, self.path, loader=self)

    def get_code(self, _fullname: str) -> CodeType:
        return self.code


class _Repeatable:
    """Examples that are few and always the same, and no search for smaller ones: the first that fails tells enough."""

    @pytest.hookimpl
    def pytest_sessionstart(self) -> None:
        hypothesis.settings.register_profile(
            "mutants",
            deadline=None,
            derandomize=True,
            database=None,
            max_examples=25,
            phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        hypothesis.settings.load_profile("mutants")
