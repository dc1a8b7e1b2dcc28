"""Faults on demand: each affects a number of calls that match its method and path.

    429          too many requests; the call is not executed
    503          an outage; the call is not executed
    500          an internal error; nothing changes. Stripe stores this response under the Idempotency-Key
    lost_before  the call is not executed, and the connection ends without a response
    lost_after   the call is executed, and the connection ends without a response
    slow         the call is executed after `seconds`; until then its Idempotency-Key is in use

With `seconds`, a lost call keeps its connection open that long, as for a client's time-out.
"""

import fnmatch
import threading
from dataclasses import dataclass

KINDS = ("429", "503", "500", "lost_before", "lost_after", "slow")


@dataclass(slots=True)
class Fault:
    """One fault, and how many calls it still affects."""

    method: str
    path: str  # a pattern, as in `/v1/subscriptions/*`
    kind: str
    times: int = 1
    seconds: float = 0


class Faults:
    """The faults of one account. A call has the first that matches."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self._closing = threading.Event()

    def add(self, method: str, path: str, kind: str, *, times: int = 1, seconds: float = 0) -> None:
        if kind not in KINDS:
            raise ValueError(f"There is no fault {kind!r}; there are {', '.join(KINDS)}.")
        with self._lock:
            self._faults.append(Fault(method.upper(), path, kind, times, seconds))

    def take(self, method: str, path: str) -> Fault | None:
        """Return the fault of a call, and count it."""
        with self._lock:
            for fault in self._faults:
                if fault.method == method and fnmatch.fnmatchcase(path, fault.path):
                    fault.times -= 1
                    if fault.times <= 0:
                        self._faults.remove(fault)
                    return fault
        return None

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._faults.clear()

    def pause(self, seconds: float) -> None:
        """Wait, unless the simulator stops."""
        self._closing.wait(seconds)

    def close(self) -> None:
        self._closing.set()
