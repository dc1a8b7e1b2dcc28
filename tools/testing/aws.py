"""What DynamoDB does at AWS and at no local engine, played in its wire format between a store and an engine.

    store ──► LaggingIndexes, ShortAnswers ──► connection ──► engine

Each has what a store calls of a connection.
"""

from collections.abc import Iterator
from typing import Any

from pynamodb.connection import Connection

from ledger.dynamodb.items import Item

_BATCH_WRITE = 25  # items of one BatchWriteItem


class _Between:
    """Passes everything on."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def dispatch(self, operation: str, arguments: dict[str, Any]) -> Any:
        """Send an operation by its name."""
        return self.connection.dispatch(operation, arguments)

    def transact_write_items(self, **arguments: Any) -> Any:
        """Send a transaction."""
        return self.connection.transact_write_items(**arguments)


class LaggingIndexes(_Between):
    """Queries of an index see the table as it was at the last `catch_up`. At first they see nothing.

    They go to another table of the same engine, which holds a copy. Source: "Querying a Global Secondary Index" in
    AWS's developer guide: the table is propagated to its indexes with eventual consistency.
    """

    def __init__(self, connection: Connection, table: str, copy: str) -> None:
        super().__init__(connection)
        self._table, self._copy = table, copy

    def dispatch(self, operation: str, arguments: dict[str, Any]) -> Any:
        """Send an operation by its name."""
        is_indexed = operation == "Query" and "IndexName" in arguments
        return super().dispatch(operation, arguments | ({"TableName": self._copy} if is_indexed else {}))

    def catch_up(self) -> None:
        """Bring the indexes to the table as it is."""
        old = [{name: item[name] for name in ("pk", "sk")} for item in self._all(self._copy)]
        self._write([{"DeleteRequest": {"Key": key}} for key in old])
        self._write([{"PutRequest": {"Item": item}} for item in self._all(self._table)])

    def _write(self, requests: list[dict[str, Any]]) -> None:
        for start in range(0, len(requests), _BATCH_WRITE):
            batch = {"RequestItems": {self._copy: requests[start : start + _BATCH_WRITE]}}
            super().dispatch("BatchWriteItem", batch)

    def _all(self, table: str) -> Iterator[Item]:
        start: dict[str, Any] = {}
        while True:
            page = super().dispatch("Scan", {"TableName": table, "ConsistentRead": True, **start})
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


class ShortAnswers(_Between):
    """A batch reads a few keys and leaves the others unread; a page ends after a few rows, before its limit.

    As where 16 MB of a batch, or 1 MB of a page, are full, or the table is throttled. Source: AWS's API reference,
    `UnprocessedKeys` of BatchGetItem and `LastEvaluatedKey` of Query.
    """

    def __init__(self, connection: Connection, *, keys: int = 20, rows: int = 2) -> None:
        super().__init__(connection)
        self._keys, self._rows = keys, rows

    def dispatch(self, operation: str, arguments: dict[str, Any]) -> Any:
        """Send an operation by its name."""
        if operation in {"Query", "Scan"}:
            limit = min(self._rows, arguments.get("Limit", self._rows))
            return super().dispatch(operation, arguments | {"Limit": limit})
        if operation != "BatchGetItem":
            return super().dispatch(operation, arguments)
        ((table, wanted),) = arguments["RequestItems"].items()
        read, unread = wanted["Keys"][: self._keys], wanted["Keys"][self._keys :]
        answer = super().dispatch("BatchGetItem", {"RequestItems": {table: {**wanted, "Keys": read}}})
        return {**answer, "UnprocessedKeys": {table: {**wanted, "Keys": unread}} if unread else {}}
