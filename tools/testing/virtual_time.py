"""A clock that moves only while every caller sleeps: minutes pass in no time, and the same run is the same each time.

One caller runs at a time, until it sleeps or ends; then the one that wakes first goes on.
"""

import heapq
import itertools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar
from unittest.mock import patch

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Ended(Generic[_T]):
    """How a call ended: its result or its error, and after how many virtual seconds."""

    result: _T | None
    error: Exception | None
    after_s: float


class VirtualTime:
    """The clock of some callers. Other threads keep the machine's."""

    def __init__(self) -> None:
        self._now_s = 0.0
        self._sleeping: list[tuple[float, int, threading.Event]] = []
        self._numbers = itertools.count()
        self._callers: set[int] = set()
        self._sleep, self._monotonic = time.sleep, time.monotonic

    @contextmanager
    def as_the_clock(self) -> Iterator[None]:
        """Have `time.sleep` and `time.monotonic` go by this clock in the callers' threads."""
        with patch("time.sleep", self.sleep), patch("time.monotonic", self.monotonic):
            yield

    def monotonic(self) -> float:
        """Return the time in seconds."""
        return self._now_s if threading.get_ident() in self._callers else self._monotonic()

    def sleep(self, seconds: float) -> None:
        """Let the others run until so many seconds have passed."""
        if threading.get_ident() not in self._callers:
            self._sleep(seconds)
            return
        woken = self._enlist(self._now_s + seconds)
        self._wake_next()
        woken.wait()

    def at_once(self, calls: Sequence[Callable[[], _T]]) -> list[Ended[_T]]:
        """Make these calls at the same moment. Return how each ended."""
        ended: list[Ended[_T] | None] = [None] * len(calls)
        began_s = self._now_s

        def make(number: int, started: threading.Event) -> None:
            self._callers.add(threading.get_ident())
            started.wait()
            result, error = None, None
            try:
                result = calls[number]()
            except Exception as raised:  # noqa: BLE001 - the caller is told
                error = raised
            ended[number] = Ended(result, error, self._now_s - began_s)
            self._callers.discard(threading.get_ident())
            self._wake_next()

        starts = [self._enlist(began_s) for _ in calls]
        threads = [threading.Thread(target=make, args=each, daemon=True) for each in enumerate(starts)]
        for thread in threads:
            thread.start()
        self._wake_next()
        for thread in threads:
            thread.join()
        return [one for one in ended if one]

    def _enlist(self, at_s: float) -> threading.Event:
        woken = threading.Event()
        heapq.heappush(self._sleeping, (at_s, next(self._numbers), woken))
        return woken

    def _wake_next(self) -> None:
        if self._sleeping:
            self._now_s, _, woken = heapq.heappop(self._sleeping)
            woken.set()
