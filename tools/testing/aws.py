"""What DynamoDB does at AWS and at no local engine, played in its wire format between a store and an engine.

    store ──► LaggingIndexes, ShortAnswers, Cancellations ──► connection ──► engine

Each has what a store calls of a connection.
"""

import contextlib
import io
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ReadTimeoutError
from pynamodb.connection import Connection

from ledger.dynamodb.items import Item
from tools.testing.fakes import Trouble

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


class Cancellations(_Between):
    """The next transactions meet these troubles, one each, in DynamoDB's answers. The connection must be its own.

    Source: `CancellationReasons` of TransactWriteItems in AWS's API reference.
    """

    def __init__(self, connection: Connection, engine: str) -> None:
        super().__init__(connection)
        self.troubles: list[Trouble] = []
        self._engine = engine
        self._is_lost = False
        connection.client.meta.events.register("before-send.dynamodb.TransactWriteItems", self._befall)  # type: ignore[arg-type]

    def transact_write_items(self, **arguments: Any) -> Any:
        """Send a transaction."""
        try:
            return super().transact_write_items(**arguments)
        finally:
            self._is_lost = False

    def _befall(self, request: Any, **_: Any) -> AWSResponse | None:
        """A transaction is about to leave: return its answer, or None to let it go."""
        if self.troubles or self._is_lost:
            trouble = Trouble.LOST if self._is_lost else self.troubles.pop(0)
            if trouble is Trouble.LOST:
                self._is_lost = True  # also when the client tries again by itself
                self._carry_out(request)
                raise ReadTimeoutError(endpoint_url=self._engine)
            operations = json.loads(request.body)["TransactItems"]
            reasons = [{"Code": "None"} for _ in operations[1:]] + [{"Code": str(trouble), "Message": str(trouble)}]
            return _cancelled(request.url, reasons)
        return None

    def _carry_out(self, request: Any) -> None:
        headers = {name: request.headers[name] for name in ("X-Amz-Target", "Content-Type", "Authorization")}
        texts = {name: value.decode() if isinstance(value, bytes) else value for name, value in headers.items()}
        sent = urllib.request.Request(self._engine, request.body, texts)  # noqa: S310 - on 127.0.0.1
        with contextlib.suppress(urllib.error.HTTPError):  # a condition failed: nobody is told either
            urllib.request.urlopen(sent).close()  # noqa: S310


class _Body(io.BytesIO):
    """A response's body, as botocore reads it."""

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self.read()


def _cancelled(url: str, reasons: list[dict[str, str]]) -> AWSResponse:
    content = {
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": "Transaction cancelled, please refer cancellation reasons for specific reasons",
        "CancellationReasons": reasons,
    }
    headers = {"Content-Type": "application/x-amz-json-1.0", "x-amzn-RequestId": "0"}
    return AWSResponse(url, 400, HTTPHeaders.from_dict(headers), _Body(json.dumps(content).encode()))
