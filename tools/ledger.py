"""Open a ledger's table, and read all of it."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from threading import Event
from typing import Protocol

from botocore.exceptions import ClientError
from pynamodb.connection import Connection

from ledger.dynamodb.items import Item
from ledger.dynamodb.store import DynamoDBStore
from tools.verify import World
from tools.verify.table import Table

SEGMENTS = 4
_TOGETHER = 250  # items that go to the disk together


class Scanned(Protocol):
    """What is read of a store: all of its items, in parallel segments."""

    def item_count(self) -> int:
        """Return about how many items there are."""

    def scan(self, segment: int = 0, segments: int = 1) -> Iterator[Item]:
        """Yield every item of one segment."""


def open_store() -> DynamoDBStore:
    """Return the store over the table that TABLE_NAME names."""
    return DynamoDBStore(os.environ["TABLE_NAME"], Connection(region=os.environ["AWS_DEFAULT_REGION"]))


def about_how_many(store: Scanned) -> int:
    """Return about how many items the table has. 0: it has none, or whoever asks may not know."""
    try:
        return store.item_count()
    except ClientError:
        return 0


def read_world(store: Scanned, world: World) -> None:
    """Scan the table in parallel segments into `world`, which has room for all of it."""

    def add(items: list[Item]) -> None:
        for item in items:
            world.add(item)

    _scan(store, add)


def read_table(store: Scanned, table: Table, advance: Callable[[int], None] = lambda _: None) -> None:
    """Scan the table in parallel segments into `table`. Call `advance` with the number of items that were read."""
    _scan(store, lambda items: advance(table.add(items)))


def _scan(store: Scanned, add: Callable[[list[Item]], object]) -> None:
    """Read the table, some items at a time. Stop soon if one segment can't be read, or at Ctrl-C."""
    stopped = Event()

    def read(segment: int) -> None:
        try:
            items = store.scan(segment, SEGMENTS)
            while (some := list(islice(items, _TOGETHER))) and not stopped.is_set():
                add(some)
        except BaseException:
            stopped.set()
            raise

    with ThreadPoolExecutor(SEGMENTS) as pool:
        try:
            list(pool.map(read, range(SEGMENTS)))
        finally:
            stopped.set()
