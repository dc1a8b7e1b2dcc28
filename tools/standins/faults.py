"""What goes wrong on the way, on demand: so many times, for the calls that match.

    429          refused at the door; nothing was done
    503          the same, as an outage answers
    500          it failed inside; nothing was done. Stripe keeps that answer under the Idempotency-Key
    lost_before  nothing was done, and the connection ends without an answer
    lost_after   everything was done, and the connection ends without an answer
    slow         done and answered, but only after a while; meanwhile its Idempotency-Key is in use

`seconds` lets the lost ones stay silent for that long first, beyond the client's own time-out.
"""

import fnmatch
import threading
from dataclasses import dataclass

KINDS = ("429", "503", "500", "lost_before", "lost_after", "slow")


@dataclass(slots=True)
class Fault:
    """One thing that goes wrong, and how often still."""

    method: str
    path: str  # a pattern, as in `/v1/subscriptions/*`
    kind: str
    times: int = 1
    seconds: float = 0


class Faults:
    """The faults that are due. The first that matches a call befalls it."""

    def __init__(self) -> None:
        self._due: list[Fault] = []
        self._lock = threading.Lock()
        self._closing = threading.Event()

    def add(self, method: str, path: str, kind: str, *, times: int = 1, seconds: float = 0) -> None:
        if kind not in KINDS:
            raise ValueError(f"There is no fault {kind!r}; there are {', '.join(KINDS)}.")
        with self._lock:
            self._due.append(Fault(method.upper(), path, kind, times, seconds))

    def take(self, method: str, path: str) -> Fault | None:
        """What befalls this call."""
        with self._lock:
            for fault in self._due:
                if fault.method == method and fnmatch.fnmatchcase(path, fault.path):
                    fault.times -= 1
                    if fault.times <= 0:
                        self._due.remove(fault)
                    return fault
        return None

    def clear(self) -> None:
        """From now on everything works."""
        with self._lock:
            self._due.clear()

    def pause(self, seconds: float) -> None:
        """Let time pass, unless the stand-in ends."""
        self._closing.wait(seconds)

    def close(self) -> None:
        self._closing.set()
