"""A connection that keeps what is sent through it, and the same calls sent again without the code: the floor."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any, NamedTuple
from uuid import uuid4

from pynamodb.connection import Connection

from bench.units import items_read, read_units


class Call(NamedTuple):
    """One call, as it was sent and answered."""

    operation: str
    arguments: dict[str, Any]
    response: dict[str, Any]


class Counted:
    """A connection that keeps each call. Safe to share between threads."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.calls: list[Call] = []

    def dispatch(self, operation: str, arguments: dict[str, Any]) -> Any:
        response = self._connection.dispatch(operation, arguments)
        self.calls.append(Call(operation, arguments, response))
        return response

    def transact_write_items(self, **named: Any) -> Any:
        response = self._connection.transact_write_items(**named)
        self.calls.append(Call("TransactWriteItems", named, {}))
        return response

    def taken(self) -> list[Call]:
        """Return the calls since the last time."""
        calls, self.calls = self.calls, []
        return calls


class Counts(NamedTuple):
    """What some calls cost."""

    calls: int
    items_read: int
    read_units: float
    items_written: int

    @classmethod
    def of(cls, calls: Sequence[Call]) -> "Counts":
        """Count calls."""
        return cls(
            calls=len(calls),
            items_read=sum(len(items_read(call.operation, call.response)) for call in calls),
            read_units=sum(read_units(*call) for call in calls),
            items_written=sum(len(_contents(call)) for call in calls if call.operation == "TransactWriteItems"),
        )


MOST_REPLAYED = 5_000


def floor_s(client: Any, calls: Sequence[Call], table: str, workers: int) -> float:
    """Return the time that these calls take when botocore alone sends them, by as many threads.

    Reads are sent as they were. A transaction is sent with as many puts of as much content, under keys of its own:
    sent again as it was, its conditions would refuse it. Of more than MOST_REPLAYED calls, that many are sent.
    """
    sample = calls[:: -(-len(calls) // MOST_REPLAYED)] if calls else calls
    requests, lock = iter([_request(call, table) for call in sample]), Lock()

    def one_by_one() -> Iterator[tuple[str, dict[str, Any]]]:
        while True:
            with lock:
                request = next(requests, None)
            if request is None:
                return
            yield request

    def send() -> None:
        for method, arguments in one_by_one():
            getattr(client, method)(**arguments)

    began = time.monotonic()
    with ThreadPoolExecutor(workers) as pool:
        for sent in [pool.submit(send) for _ in range(workers)]:
            sent.result()
    return (time.monotonic() - began) * len(calls) / max(1, len(sample))


_METHODS = {"GetItem": "get_item", "BatchGetItem": "batch_get_item", "Query": "query", "Scan": "scan"}


def _request(call: Call, table: str) -> tuple[str, dict[str, Any]]:
    if call.operation != "TransactWriteItems":
        return _METHODS[call.operation], call.arguments
    puts = [
        {"Put": {"TableName": table, "Item": {"pk": {"S": f"FLOOR#{uuid4()}"}, "sk": {"S": "FLOOR"}, **content}}}
        for content in _contents(call)
    ]
    return "transact_write_items", {"TransactItems": puts}


def _contents(call: Call) -> list[dict[str, Any]]:
    """Return what a transaction writes, item by item, each as one attribute: no index gets a row of it."""
    writes = (action for kind in ("delete_items", "put_items", "update_items") for action in call.arguments[kind])
    return [{"content": {"M": _content(action)}} for action in writes]


def _content(action: dict[str, Any]) -> dict[str, Any]:
    if "Item" in action:
        return dict(action["Item"])
    return {name.removeprefix(":") + "_": value for name, value in action.get("ExpressionAttributeValues", {}).items()}
