"""Time that can be moved ahead, and calendar months."""

import calendar
import itertools
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

DAY_S = 86400


class Clock:
    """A clock that can be moved ahead. No two changes of one object have the same time.

    Changes that a test makes within a second are days apart in production, so `next_for` separates them.
    """

    def __init__(self, source: Callable[[], float] = time.time, step_s: float = 1) -> None:
        self.source = source
        self.ahead_s = 0.0
        self.step_s = step_s
        self._changed: dict[str, float] = {}
        self._lock = threading.Lock()

    def now(self) -> float:
        """Return the seconds since 1970."""
        return self.source() + self.ahead_s

    def advance(self, seconds: float) -> None:
        if seconds < 0:
            raise ValueError("time does not run backwards")
        self.ahead_s += seconds

    def next_for(self, object_id: str) -> float:
        """Return the time of the next change of an object: now, but later than its last change."""
        with self._lock:
            at = max(self.now(), self._changed.get(object_id, 0.0) + self.step_s)
            self._changed[object_id] = at
            return at


def months_after(start: int, months: int) -> int:
    """Return the same day and hour some months later, or the last day of a month without that day."""
    then = datetime.fromtimestamp(start, UTC)
    year, month = divmod(then.year * 12 + then.month - 1 + months, 12)
    day = min(then.day, calendar.monthrange(year, month + 1)[1])
    return int(then.replace(year=year, month=month + 1, day=day).timestamp())


def next_period(start: int, end: int) -> tuple[int, int]:
    """Return the monthly period after the one that ends at `end`. Count from `start`, to keep the day of the month."""
    ends = (months_after(start, count) for count in itertools.count(1))
    return end, next(after for after in ends if after > end)


def stamp(seconds: float) -> str:
    """Format a time as Paddle does."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
