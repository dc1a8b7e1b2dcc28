"""`Idempotency-Key` as at Stripe: docs.stripe.com/api/idempotent_requests.

The first response after execution began, errors included, is stored and repeated for 24 hours. A response without
execution (a wrong parameter, a key in use, a rate limit) is not stored.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from tools.simulators.common.server import Response

RETENTION_S = 24 * 3600


@dataclass(slots=True)
class _Record:
    """The request of a key, and its response; None while the request is executed."""

    request: tuple[str, str, str]  # method, path, body
    begun_at: float
    response: Response | None = None


class KeyInUse(Exception):
    """Another request with the same key is being executed."""


class KeyReused(Exception):
    """The key was first used for a different request."""

    def __init__(self, is_same_path: bool, first_path: str) -> None:
        super().__init__(first_path)
        self.is_same_path = is_same_path
        self.first_path = first_path


class Keys:
    """The keys of one account."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._records: dict[str, _Record] = {}
        self._lock = threading.Lock()

    def begin(self, key: str, request: tuple[str, str, str]) -> Response | None:
        """Return the stored response, or None for a new key, to `complete`. Raise KeyInUse or KeyReused."""
        with self._lock:
            record = self._records.get(key)
            if record and record.response and self._now() - record.begun_at >= RETENTION_S:
                del self._records[key]
                record = None
            if record is None:
                self._records[key] = _Record(request, self._now())
                return None
            if record.request != request:
                raise KeyReused(record.request[:2] == request[:2], record.request[1])
            if record.response is None:
                raise KeyInUse
            return record.response

    @property
    def are_in_use(self) -> bool:
        """Return whether a request with a key is being executed."""
        with self._lock:
            return any(record.response is None for record in self._records.values())

    def complete(self, key: str, response: Response | None) -> None:
        """Store the response of a key. None frees the key, as nothing was executed."""
        with self._lock:
            if response is None:
                self._records.pop(key, None)
            else:
                self._records[key].response = response

    def forget(self) -> None:
        """Remove all stored responses, as after 24 hours."""
        with self._lock:
            self._records = {key: record for key, record in self._records.items() if record.response is None}
