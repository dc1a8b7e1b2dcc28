"""`Idempotency-Key`, as Stripe keeps it: docs.stripe.com/api/idempotent_requests.

The first answer after execution began is kept, refusals and failures too, and given again for 24 hours. What was not
executed (a wrong parameter, a key in use, a call refused at the door) is not kept.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from tools.standins.server import Answer

KEPT_S = 24 * 3600


@dataclass(slots=True)
class _Kept:
    """What a key was used for, and the answer; None: it is being worked on."""

    asked: tuple[str, str, str]  # method, path, body
    since: float
    answer: Answer | None = None


class KeyInUse(Exception):
    """Another call with the same key is under way."""


class KeyReused(Exception):
    """The key was first used for something else."""

    def __init__(self, is_same_path: bool, first_path: str) -> None:
        super().__init__(first_path)
        self.is_same_path = is_same_path
        self.first_path = first_path


class Keys:
    """The keys of one account."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._kept: dict[str, _Kept] = {}
        self._lock = threading.Lock()

    def claim(self, key: str, asked: tuple[str, str, str]) -> Answer | None:
        """The answer that was given before; None: the key is yours, `settle` it. Raises KeyInUse, KeyReused."""
        with self._lock:
            kept = self._kept.get(key)
            if kept and kept.answer and self._now() - kept.since >= KEPT_S:
                del self._kept[key]
                kept = None
            if kept is None:
                self._kept[key] = _Kept(asked, self._now())
                return None
            if kept.asked != asked:
                raise KeyReused(kept.asked[:2] == asked[:2], kept.asked[1])
            if kept.answer is None:
                raise KeyInUse
            return kept.answer

    def settle(self, key: str, answer: Answer | None) -> None:
        """Keep the answer; None: nothing was executed, so the key is free."""
        with self._lock:
            if answer is None:
                self._kept.pop(key, None)
            else:
                self._kept[key].answer = answer

    def forget(self) -> None:
        """As after 24 hours."""
        with self._lock:
            self._kept = {key: kept for key, kept in self._kept.items() if kept.answer is None}
