"""Time that can be moved ahead, and calendar months."""

import calendar
import itertools
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

DAY_S = 86400


class Clock:
    """A source of time, moved ahead by whoever plays. Two changes of one object never have one time.

    What is seconds apart in a test is days apart in life; so `next_for` gives each change of an object a later time.
    """

    def __init__(self, source: Callable[[], float] = time.time, step_s: float = 1) -> None:
        self.source = source
        self.ahead_s = 0.0
        self.step_s = step_s
        self._changed: dict[str, float] = {}
        self._lock = threading.Lock()

    def now(self) -> float:
        """Seconds since 1970."""
        return self.source() + self.ahead_s

    def advance(self, seconds: float) -> None:
        if seconds < 0:
            raise ValueError("time does not run back")
        self.ahead_s += seconds

    def next_for(self, object_id: str) -> float:
        """The time of this object's next change: now, but later than its last."""
        with self._lock:
            at = max(self.now(), self._changed.get(object_id, 0.0) + self.step_s)
            self._changed[object_id] = at
            return at


def months_after(start: int, months: int) -> int:
    """The same day and hour so many months later; the last day of the month where it has no such day."""
    then = datetime.fromtimestamp(start, UTC)
    year, month = divmod(then.year * 12 + then.month - 1 + months, 12)
    day = min(then.day, calendar.monthrange(year, month + 1)[1])
    return int(then.replace(year=year, month=month + 1, day=day).timestamp())


def next_period(start: int, end: int) -> tuple[int, int]:
    """The monthly period after the one that ends at `end`, counted from the subscription's `start`: no day is lost."""
    ends = (months_after(start, count) for count in itertools.count(1))
    return end, next(after for after in ends if after > end)


def stamp(seconds: float) -> str:
    """A time as Paddle writes it."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
