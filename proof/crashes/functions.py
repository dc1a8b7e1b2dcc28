"""The functions as they are deployed, each invocation in a process that can be made to die at any of its calls.

A function is a warm process: its handler is imported, its clients are built, nothing is connected. An invocation is a
fork of it, so it opens its own connections and reads its own secrets, and death is real: no `finally` and no `except`
runs. What the provider, the client, the stream or the schedule sees of it is that no answer came.

urllib3's `urlopen` is the one door: botocore, Stripe's SDK and Paddle's SDK all go through it, and a connection that is
opened elsewhere is an error here. A body is put into the archive beside the write; here it is put before the write, so
that an invocation makes its calls in one order.
"""

import contextlib
import gc
import importlib
import multiprocessing
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.connection import Connection
from typing import Any

from urllib3.connectionpool import HTTPConnectionPool

from ledger import archive
from ledger.relay import bus
from ledger.runtime import runtime
from tools import engines
from tools.devserver.gateway import Handler, handler_of
from tools.devserver.patience import wait_for_engine

_DIED = 86
"""The exit status of an invocation that was made to die."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Where an invocation dies: before its so-manyth call (from 0), or after that has taken effect."""

    call: int
    is_made: bool

    def __str__(self) -> str:
        return f"{'after' if self.is_made else 'before'} call {self.call + 1}"


@dataclass(frozen=True, slots=True)
class Ended:
    """How an invocation ended."""

    answer: Any = None
    calls: tuple[str, ...] = ()  # that left the function, in order; of one that died nobody knows
    is_dead: bool = False
    raised: str = ""  # what the handler raised


class _Door:
    """Every call that leaves an invocation goes through here."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.cut: Cut | None = None
        self._thread = threading.local()  # jobs work with several threads: another's call opens no door for this one
        self.is_guarded = False
        self.other_doors: list[str] = []
        pass_through = HTTPConnectionPool.urlopen

        def urlopen(pool: HTTPConnectionPool, method: str, url: str, *args: Any, **more: Any) -> Any:
            number = len(self.calls)
            target = (more.get("headers") or {}).get("X-Amz-Target", url)
            target = target.decode() if isinstance(target, bytes) else target
            self.calls.append(f"{method} {target}")
            if self.cut == Cut(number, is_made=False):
                os._exit(_DIED)
            self._thread.is_open = True
            try:
                answer = pass_through(pool, method, url, *args, **more)
            finally:
                self._thread.is_open = False
            if self.cut == Cut(number, is_made=True):
                os._exit(_DIED)
            return answer

        HTTPConnectionPool.urlopen = urlopen  # type: ignore[method-assign, assignment]
        archive.Put.start = _at_once  # type: ignore[method-assign, assignment]
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.connect" and self.is_guarded and not getattr(self._thread, "is_open", False):
            self.other_doors.append(str(arguments[-1]))


def _at_once(put: archive.Put) -> None:
    threading.Thread.start(put)
    put.join()


class Function:
    """One deployed function. `handler` is found in its own process."""

    def __init__(
        self, folder: str, find: Callable[[str], Handler], variables: Mapping[str, str], refused: Sequence[object]
    ) -> None:
        self._pipe, inner = multiprocessing.Pipe()
        self._pid = os.fork()
        if self._pid == 0:
            self._pipe.close()
            _live(inner, folder, find, variables, refused)
        inner.close()

    def invoke(self, event: object, now: datetime, cut: Cut | None = None) -> Ended:
        """Invoke it at `now`, and let it die at `cut`."""
        self._pipe.send((event, now, cut))
        ended: Ended = self._pipe.recv()
        return ended

    def close(self) -> None:
        """End its process."""
        with contextlib.suppress(OSError), self._pipe:
            self._pipe.send(None)  # that the pipe is closed, its siblings keep it from seeing
        os.waitpid(self._pid, 0)


@contextlib.contextmanager
def deployed(
    variables: Mapping[str, Mapping[str, str]],
    find: Callable[[str], Handler],
    refused: Mapping[str, Sequence[object]],
) -> Iterator[Mapping[str, Function]]:
    """Functions by their folders, with their variables. To be called before any thread is started.

    `refused`: events that a function answers without a call. They warm what it builds at its first request.
    """
    for folder in variables:
        importlib.import_module(f"functions.{folder}.app")  # once for all of them
    importlib.import_module("ledger.providers.stripe.client")
    importlib.import_module("ledger.providers.paddle.client")
    was_frozen = gc.get_freeze_count() > 0
    gc.freeze()
    functions: dict[str, Function] = {}
    try:
        for folder, its in variables.items():
            functions[folder] = Function(folder, find, its, refused.get(folder, ()))
        yield functions
    finally:
        for function in functions.values():
            function.close()
        if not was_frozen:
            gc.unfreeze()


def _live(
    pipe: Connection,
    folder: str,
    find: Callable[[str], Handler],
    variables: Mapping[str, str],
    refused: Sequence[object],
) -> None:
    """A function's process: wait for events, and give each to a child. Never returns."""
    engines.die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        os.environ.update(variables)
        runtime.cache_clear()
        bus.cache_clear()
        door = _Door()
        handler: Handler | None = None
        while asked := pipe.recv():
            event, now, cut = asked
            handler = handler or _warm(folder, find, refused, door)
            child = os.fork()
            if child == 0:
                _invoke(pipe, door, handler, event, now, cut)
            _, status = os.waitpid(child, 0)
            if status == 0:
                continue
            is_dead = os.waitstatus_to_exitcode(status) == _DIED
            pipe.send(Ended(is_dead=is_dead, raised="" if is_dead else f"its process ended with {status}"))
    except BaseException:  # noqa: BLE001 - whatever it was: a fork never returns into what it was forked from
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _warm(folder: str, find: Callable[[str], Handler], refused: Sequence[object], door: _Door) -> Handler:
    """The handler, with what a warm function has: its clients, files and models, but not one connection."""
    here = runtime()
    wait_for_engine(here)
    _ = here.catalogue, here.policy, here.connection.client
    here.client("secretsmanager")
    if here.config.archive_streams:
        here.client("firehose")
    if os.environ.get("EVENT_BUS_NAME"):
        _ = bus().client
    handler = find(folder)
    for event in refused:
        handler_of(folder)(event, None)  # type: ignore[arg-type]
    assert not door.calls, f"{folder} called {door.calls} for what should be refused at once"
    gc.freeze()
    return handler


def _invoke(pipe: Connection, door: _Door, handler: Handler, event: Any, now: datetime, cut: Cut | None) -> None:
    """One invocation, in a process of its own. Never returns."""
    runtime().clock = lambda: now
    door.cut, door.is_guarded = cut, True
    try:
        ended = Ended(handler(event, None), tuple(door.calls))
    except Exception:  # noqa: BLE001 - what Lambda does with a function that raises
        ended = Ended(calls=tuple(door.calls), raised=traceback.format_exc())
    if door.other_doors:
        ended = Ended(raised=f"It connects by another door than urllib3's: {door.other_doors}. Cuts there go unseen.")
    door.is_guarded = False
    pipe.send(ended)
    os._exit(0)
