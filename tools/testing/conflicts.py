"""DynamoDB's conflicts, which no local engine raises: two transactions at one moment that share an item.

Played below botocore, as DynamoDB sends them: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/
transaction-apis.html ("Transaction conflict handling"). The transaction that came first goes on, the other is
cancelled.
"""

import io
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse, HeadersDict
from pynamodb.connection import Connection

_Key = tuple[str, str]


class Conflicts:
    """What one connection would meet if its transactions took their time. Times are in seconds.

    `trip_s` passes on the way to DynamoDB and back, `in_progress_s` while a transaction is in progress there.
    """

    def __init__(self, *, trip_s: float, in_progress_s: float, sleep: Callable[[float], object] | None = None) -> None:
        self.cancelled = 0
        self._trip_s = trip_s
        self._in_progress_s = in_progress_s
        self._sleep = sleep
        self._lock = threading.Lock()
        self._in_progress: dict[int, list[_Key]] = {}  # by thread

    @contextmanager
    def on(self, connection: Connection) -> Iterator[None]:
        """Play them on this connection meanwhile."""
        events: Any = connection.client.meta.events
        events.register_first("before-send.dynamodb", self._before)
        events.register_last("response-received.dynamodb", self._after)
        try:
            yield
        finally:
            events.unregister("before-send.dynamodb", self._before)
            events.unregister("response-received.dynamodb", self._after)

    def _before(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse | None:
        self._pass(self._trip_s / 2)
        body = request.body
        asked = json.loads(body if isinstance(body, str | bytes) else b"{}")
        keys = [_key(operation) for item in asked.get("TransactItems", ()) for operation in item.values()]
        with self._lock:
            taken = {key for others in self._in_progress.values() for key in others}
            shared = [key in taken for key in keys]
            if any(shared):
                self.cancelled += 1
                return _cancelled(request, shared)
            if keys:
                self._in_progress[threading.get_ident()] = keys
        if keys:
            self._pass(self._in_progress_s)
        return None

    def _after(self, **_: Any) -> None:
        self._in_progress.pop(threading.get_ident(), None)
        self._pass(self._trip_s / 2)

    def _pass(self, seconds: float) -> None:
        (self._sleep or time.sleep)(seconds)


def _key(operation: Mapping[str, Any]) -> _Key:
    item = operation.get("Key") or operation["Item"]
    return (item["pk"]["S"], item["sk"]["S"])


def _cancelled(request: AWSPreparedRequest, shared: list[bool]) -> AWSResponse:
    codes = ["TransactionConflict" if is_shared else "None" for is_shared in shared]
    reasons = ", ".join(codes)
    told = {
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": f"Transaction cancelled, please refer cancellation reasons for specific reasons [{reasons}]",
        "CancellationReasons": [
            {"Code": code} | ({"Message": "Transaction is ongoing for the item"} if code != "None" else {})
            for code in codes
        ],
    }
    raw = _Body(json.dumps(told).encode())
    return AWSResponse(request.url, 400, HeadersDict({"content-type": "application/x-amz-json-1.0"}), raw)  # type: ignore[arg-type]


class _Body(io.BytesIO):
    """A body that is read as urllib3's are."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()
