"""Reading what names lead to, and trying again when overtaken: what every use-case does."""

import random
import time
from collections.abc import Iterator

from ledger.ports import Keys, Snapshot, Store

ATTEMPTS = 12  # how often an overtaken write is planned again before the caller is asked to come again


class LookUp:
    """What was read so far. Nothing is read twice, and whatever it leads to is read as well."""

    def __init__(self, store: Store, claim: str | None = None, *, with_orders: bool = False) -> None:
        self._store = store
        self._claim = claim
        self._with_orders = with_orders
        self._read = Keys()
        self.known = Snapshot()

    def __call__(self, keys: Keys) -> Snapshot:
        """Read these names, and what they lead to."""
        while missing := (keys | self.known.mentioned(self._claim, with_orders=self._with_orders)) - self._read:
            self.known |= self._store.read(missing)
            self._read |= missing
        return self.known


def attempts() -> Iterator[int]:
    """Attempt numbers, with a growing pause of random length ("full jitter") before each but the first."""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(random.uniform(0, min(0.4, 0.01 * 2**attempt)))  # noqa: S311 - spreads load, guards nothing
        yield attempt
