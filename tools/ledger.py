"""Open a ledger's table, and read all of it."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from pynamodb.connection import Connection

from ledger.dynamodb.store import DynamoDBStore
from tools.verify import World

SEGMENTS = 4


def open_store() -> DynamoDBStore:
    """Return the store over the table that TABLE_NAME names."""
    return DynamoDBStore(os.environ["TABLE_NAME"], Connection(region=os.environ["AWS_DEFAULT_REGION"]))


def read_world(store: DynamoDBStore, world: World, advance: Callable[[], None] = lambda: None) -> None:
    """Scan the table in parallel segments into `world`. Call `advance` after each item."""

    def read(segment: int) -> None:
        for item in store.scan(segment, SEGMENTS):
            world.add(item)
            advance()

    with ThreadPoolExecutor(SEGMENTS) as pool:
        list(pool.map(read, range(SEGMENTS)))
