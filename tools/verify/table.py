"""A table of any size, as parts that are checked one after the other."""

import marshal
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from threading import Lock
from types import TracebackType

from ledger.domain.purchases import Purchase
from ledger.dynamodb.items import Item
from tools.verify.names import names_of
from tools.verify.scratch import Scratch
from tools.verify.world import UNREADABLE, World, incident_sums, mutes_that_hold, name_of

AT_ONCE = 5_000
"""From how many items on a part is complete. Few parts are faster than many, and this many items are some 50 MB."""


class Table:
    """Every item of a table, as it was read, on disk until it is checked.

    Of the items, only one part is in memory: fewer than `AT_ONCE`, and with them all that belongs to the last one's
    group, which is an account with all that it has.
    """

    def __init__(self) -> None:
        self.count = 0
        self._scratch = Scratch()
        self._facts: set[str] = set()
        self._incidents: dict[str, Counter[str]] = {}
        self._mutes: set[str] = set()
        self._lock = Lock()

    def __enter__(self) -> "Table":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._scratch.__exit__(kind, error, at)

    def add(self, items: Iterable[Item]) -> int:
        """Add items of the table, in any order. Return how many they were. Safe between threads."""
        things = []
        for item in items:
            world = _read(item)
            facts = facts_without_id(world)
            if not facts <= self._facts:
                with self._lock:
                    self._facts |= facts
            for incident_id, sums in incident_sums(world).items():
                with self._lock:
                    self._incidents[incident_id] = self._incidents.get(incident_id, Counter()) + sums
            if mutes := mutes_that_hold(world):
                with self._lock:
                    self._mutes |= mutes
            things.append((names_of(world) or {f"item {name_of(item)}"}, marshal.dumps(item)))
        self._scratch.add(things)
        with self._lock:
            self.count += len(things)
        return len(things)

    def worlds(self, advance: Callable[[int], None] = lambda _: None, at_once: int = AT_ONCE) -> Iterator[World]:
        """Yield the table in parts. Whatever a rule looks at together is in one of them.

        Call `advance` with the number of items of a part when the next one is wanted, or the end.
        """
        world, count = self._part(), 0
        for _, group in groupby(self._scratch.groups(), key=itemgetter(0)):
            for _, content in group:
                world.add(marshal.loads(content))  # noqa: S302 - our own file, and marshal makes no objects
                count += 1
            if count >= at_once:
                yield world
                advance(count)
                world, count = self._part(), 0
        if count:
            yield world
            advance(count)

    def _part(self) -> World:
        return World(facts_elsewhere=self._facts, incidents_elsewhere=self._incidents, mutes_elsewhere=self._mutes)


def _read(item: Item) -> World:
    """Return what an item holds: nothing, if this release can't read it."""
    world = World()
    try:
        world.read(item)
    except UNREADABLE:
        return World()
    return world


def facts_without_id(world: World) -> set[str]:
    """Return the keys of facts that name no id. What has reported one may be in another group than who knows it."""
    purchases = (item for item in world.payments.values() if isinstance(item, Purchase))
    return {key for purchase in purchases for key in purchase.facts if ":" not in key}
