"""A table of its own on a local engine, filled by several processes with bare batch writes."""

import contextlib
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from typing import Any

import botocore.config
import botocore.session

from bench.histories import Kind, history
from ledger.dynamodb import keys
from ledger.dynamodb.items import Item
from ledger.usecases.index_names import write_rows
from tools import engines
from tools.devserver.environment import REGION
from tools.index import rows_of
from tools.signing import LOCAL_ADDRESS_KEY
from tools.template import load, table_definition
from tools.testing.fakes import FakeStore
from tools.testing.stored_items import items_of

_BATCH, _PIECE = 25, 50
"""Items of one BatchWriteItem, and customers of one piece of work."""
PROCESSES = 2


@dataclass(frozen=True, slots=True)
class Table:
    """An empty table that can be filled."""

    name: str
    endpoint: str
    is_indexed: bool = False  # with the rows of the index of find

    def client(self) -> Any:
        """Return a bare botocore client with the options of the functions' connection."""
        return _client(self.endpoint)

    def fill(self, kind: Kind, first: int, number: int, advance: Callable[[int], None]) -> int:
        """Write the histories of so many customers from the first one on. Return the number of their items.

        `advance` is called with the number of customers each time that some more are written.
        """
        pieces = [(at, min(first + number, at + _PIECE)) for at in range(first, first + number, _PIECE)]
        if len(pieces) == 1:  # a process takes longer to start
            advance(number)
            return _write(self, kind, first, first + number)
        items = 0
        # Not forked: the parent has threads and connections.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(PROCESSES, mp_context=context) as pool:
            running = {pool.submit(_write, self, kind, *piece): piece for piece in pieces}
            for one in as_completed(running):
                items += one.result()
                advance(running[one][1] - running[one][0])
        return items


@contextlib.contextmanager
def opened(engine: str, name: str) -> Iterator[Table]:
    """Start an engine of its own with the template's table, without its stream. Raise EngineError."""
    with engines.running(engine) as endpoint:
        yield made(name, endpoint)


def made(name: str, endpoint: str, *, is_indexed: bool = False) -> Table:
    """Make the template's table, without its stream, at a running engine."""
    definition = {key: part for key, part in table_definition(load(), name).items() if key != "StreamSpecification"}
    client = _client(endpoint)
    client.create_table(**definition)
    # MiniStack builds its indexes at the first query of one: over a full table that takes longer than a call may.
    client.query(
        TableName=name,
        IndexName=keys.PURCHASES_INDEX,
        KeyConditionExpression="account_id = :nobody",
        ExpressionAttributeValues={":nobody": {"S": "nobody"}},
    )
    return Table(name, endpoint, is_indexed)


@cache
def _client(endpoint: str) -> Any:
    config = botocore.config.Config(max_pool_connections=50, retries={"total_max_attempts": 2})
    return botocore.session.get_session().create_client("dynamodb", REGION, endpoint_url=endpoint, config=config)


def _write(table: Table, kind: Kind, first: int, end: int) -> int:
    """Write the histories of some customers. Return the number of their items."""
    items = [item for number in range(first, end) for item in history(kind, number)]
    items = indexed(items) if table.is_indexed else items
    write(table.name, table.endpoint, items)
    return len(items)


def indexed(items: list[Item]) -> list[Item]:
    """Return these items with their rows of the index of find, which a subscriber writes behind the bus."""
    store = FakeStore()
    write_rows((row for item in items for row in rows_of(item, LOCAL_ADDRESS_KEY)), store)
    return [*items, *items_of(store)]


def write(name: str, endpoint: str, items: Sequence[Item]) -> None:
    """Write items into a table."""
    client = _client(endpoint)
    for start in range(0, len(items), _BATCH):
        requests = {name: [{"PutRequest": {"Item": item}} for item in items[start : start + _BATCH]]}
        while requests:
            requests = client.batch_write_item(RequestItems=requests).get("UnprocessedItems") or {}
