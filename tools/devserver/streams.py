"""Run the functions of the table's stream locally: read the real stream in order, and pass its records on.

    table ──► shards ──► reader ──► each mapping's filter ──► its queue ──► batches ──► the function ──► the bus

As in AWS, the batches of a mapping are handled in order, and a failed batch is retried (split in half first, if the
template says so). After the last retry it is given up: AWS sends it to a queue, this module reports and stores it.
Delivery is at least once: after a restart, the reader begins at the start of the stream.
"""

import base64
import contextlib
import sys
import threading
import time
import traceback
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import boto3
import botocore.exceptions

from tools.devserver.bus import LocalBus
from tools.devserver.gateway import Handler, handler_of
from tools.devserver.patterns import checked, matches
from tools.template import StreamMapping, stream_mappings

POLL_S = 1.0
"""The polling interval of the stream, in seconds, while `wake` is not called."""

_LONGEST_PAUSE_S = 1.0  # between attempts; AWS goes on to minutes

Record = dict[str, Any]
Report = Callable[[str], None]


class TableStream:
    """One table's stream, and a worker for each mapping that it feeds. Raise TemplateError for an unknown filter."""

    def __init__(
        self,
        table_name: str,
        template: dict[str, Any],
        *,
        find: Callable[[str], Handler] = handler_of,
        endpoint: str | None = None,
        region: str | None = None,
        bus: "LocalBus | None" = None,
        report: Report = lambda text: print(text, file=sys.stderr),
    ) -> None:
        """`drain` waits for the subscribers of `bus` too: for what the stream's functions publish."""
        self._bus = bus
        mappings = stream_mappings(template)
        for pattern in (pattern for mapping in mappings for pattern in mapping.patterns):
            checked(pattern)
        self.given_up: list[tuple[str, list[Record]]] = []
        self._shards = Shards(table_name, endpoint, region)
        self._report = report
        self._changed = threading.Condition()
        self._pending: Counter[str] = Counter()
        self._queues: dict[str, deque[Record]] = {mapping.name: deque() for mapping in mappings}
        self._passes = self._records = self._draining = 0
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._mappings = mappings
        self._threads = [threading.Thread(target=self._read, daemon=True, name="stream")] + [
            threading.Thread(target=self._feed, args=(mapping, find(mapping.folder)), daemon=True, name=mapping.name)
            for mapping in mappings
        ]

    @contextlib.contextmanager
    def running(self) -> Iterator["TableStream"]:
        """Read the stream and call the functions until the end of the block."""
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self._stopping.set()
            self._wake.set()
            with self._changed:
                self._changed.notify_all()
            for thread in self._threads:
                thread.join(10)

    def wake(self) -> None:
        """Read the stream now: something may have been written."""
        self._wake.set()

    def drain(self, timeout_s: float = 30) -> bool:
        """Wait until all records so far, and those that their handling writes, are handled. False: timed out."""
        deadline = time.monotonic() + timeout_s
        while True:
            delivered = self._bus.delivered if self._bus else 0
            if self._bus and not self._bus.wait_until_idle(max(0.0, deadline - time.monotonic())):
                return False
            if not self._read_all(deadline):
                return False
            if self._bus is None or self._bus.delivered == delivered:
                return True

    def _read_all(self, deadline: float) -> bool:
        """Wait until all records so far, and those that the stream's functions write, are handled. False: timed out."""
        with self._changed:
            self._draining += 1
            self._wake.set()
            try:
                while True:
                    if not self._until(lambda: not self._pending.total(), deadline):
                        return False
                    # The current pass may have started before the last write. The next one reads everything.
                    records, passes = self._records, self._passes + 2
                    if not self._until(lambda passes=passes: self._passes >= passes, deadline):  # type: ignore[misc]
                        return False
                    if self._records == records and not self._pending.total():
                        return True
            finally:
                self._draining -= 1

    def _until(self, condition: Callable[[], bool], deadline: float) -> bool:
        return self._changed.wait_for(condition, max(0.0, deadline - time.monotonic()))

    def _read(self) -> None:
        has_failed = False
        while not self._stopping.is_set():
            self._wait()
            self._wake.clear()
            try:
                for record in self._shards.new_records():
                    self._offer(record)
                has_failed = False
            except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
                if not has_failed and not self._stopping.is_set():
                    self._report(f"The table's stream can't be read: {error}")
                has_failed = True
                self._stopping.wait(POLL_S)
                continue
            with self._changed:
                self._passes += 1
                self._changed.notify_all()

    def _wait(self) -> None:
        """Wait for what may bring records: an end of handling while somebody drains, else a write, or the time."""
        if not self._draining:
            self._wake.wait(POLL_S)
            return
        with self._changed:
            self._changed.wait_for(lambda: not self._pending.total() or self._stopping.is_set(), POLL_S)

    def _offer(self, record: Record) -> None:
        """Put a record into the queue of every mapping whose filter matches it."""
        with self._changed:
            self._records += 1
            for mapping in self._mappings:
                if not mapping.patterns or any(matches(pattern, record) for pattern in mapping.patterns):
                    self._queues[mapping.name].append(record)
                    self._pending[mapping.name] += 1
            self._changed.notify_all()

    def _feed(self, mapping: StreamMapping, handler: Handler) -> None:
        queue = self._queues[mapping.name]
        while not self._stopping.is_set():
            with self._changed:
                self._changed.wait_for(lambda: queue or self._stopping.is_set())
                batch = [queue.popleft() for _ in range(min(len(queue), mapping.batch_size))]
            if batch:
                self._handle(mapping, handler, batch)
            with self._changed:
                self._pending[mapping.name] -= len(batch)
                self._changed.notify_all()

    def _handle(self, mapping: StreamMapping, handler: Handler, batch: list[Record]) -> None:
        """Call the function with a batch, in order, until the batch is handled or given up."""
        parts = deque([(batch, 0)])
        while parts and not self._stopping.is_set():
            part, attempt = parts.popleft()
            done = self._call(mapping, handler, part, attempt)
            rest = part[done:]
            if not rest:
                continue
            if done:
                parts.appendleft((rest, 0))
            elif mapping.is_bisecting and len(rest) > 1:
                middle = len(rest) // 2
                parts.extendleft([(rest[middle:], attempt), (rest[:middle], attempt)])
            elif mapping.retries is not None and attempt >= mapping.retries:
                self.given_up.append((mapping.name, rest))
                self._report(f"{mapping.name} gave up {len(rest)} records after {attempt + 1} attempts.")
            else:
                self._stopping.wait(min(0.02 * 2**attempt, _LONGEST_PAUSE_S))
                parts.appendleft((rest, attempt + 1))

    def _call(self, mapping: StreamMapping, handler: Handler, batch: list[Record], attempt: int) -> int:
        """Return how many of the batch's first records were handled."""
        try:
            result = handler({"Records": batch}, None)
        except Exception:  # noqa: BLE001 - as Lambda does when a function raises an error
            if attempt == 0:
                self._report(f"{mapping.name} raised an error, and is retried:\n{traceback.format_exc()}")
            return 0
        failures = (result or {}).get("batchItemFailures") if mapping.reports_failures else None
        if not failures:
            return len(batch)
        numbers = [record["dynamodb"]["SequenceNumber"] for record in batch]
        named = [failure.get("itemIdentifier") for failure in failures]
        # As in AWS, all records from the first failure on are retried. An unknown name fails the whole batch.
        return min(numbers.index(name) for name in named) if set(named) <= set(numbers) else 0


class Shards:
    """The stream's shards. Each is read from its last position; a child starts after its parent ends."""

    def __init__(self, table_name: str, endpoint: str | None, region: str | None) -> None:
        self._table_name = table_name
        self._tables = boto3.client("dynamodb", endpoint_url=endpoint, region_name=region)
        # A local endpoint serves both APIs. Without one, botocore finds the endpoint of AWS's streams.
        own = endpoint or self._tables.meta.endpoint_url
        is_aws = own.endswith((".amazonaws.com", ".amazonaws.com.cn", ".api.aws"))
        self._client = boto3.client("dynamodbstreams", endpoint_url=None if is_aws else own, region_name=region)
        self._arn = ""
        self._open: dict[str, str] = {}  # shard: iterator
        self._positions: dict[str, str | None] = {}  # shard: the last sequence number read

    def new_records(self) -> Iterator[Record]:
        """Yield the records that were written since the last call, as Lambda receives them."""
        self._arn = self._arn or self._stream_arn()
        is_empty = False
        while not is_empty:
            is_empty = True
            if not self._open:
                self._find()
            for shard, iterator in list(self._open.items()):
                for record in self._next(shard, iterator):
                    is_empty = False
                    yield _as_lambda_record(record, self._arn)
                if shard not in self._open:
                    is_empty = False  # its children may have records
                    self._find()

    def _next(self, shard: str, iterator: str) -> Sequence[Mapping[str, Any]]:
        try:
            page = self._client.get_records(ShardIterator=iterator)
        except self._client.exceptions.ExpiredIteratorException:  # for example after the machine was suspended
            self._open[shard] = self._iterator(shard)
            page = self._client.get_records(ShardIterator=self._open[shard])
        records: Sequence[Mapping[str, Any]] = page["Records"]
        if records:
            self._positions[shard] = records[-1]["dynamodb"]["SequenceNumber"]
        if following := page.get("NextShardIterator"):
            self._open[shard] = following
        else:
            del self._open[shard]
        return records

    def _find(self) -> None:
        """Open the new shards whose parent was read to its end."""
        arguments: dict[str, Any] = {"StreamArn": self._arn}
        while True:
            description = self._client.describe_stream(**arguments)["StreamDescription"]
            for shard in description["Shards"]:
                name = shard["ShardId"]
                if name not in self._positions and shard.get("ParentShardId") not in self._open:
                    self._positions[name] = None
                    self._open[name] = self._iterator(name)
            if "LastEvaluatedShardId" not in description:
                return
            arguments["ExclusiveStartShardId"] = description["LastEvaluatedShardId"]

    def _iterator(self, shard: str) -> str:
        last = self._positions[shard]
        start: dict[str, Any] = (
            {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": last}
            if last
            else {"ShardIteratorType": "TRIM_HORIZON"}
        )
        return str(self._client.get_shard_iterator(StreamArn=self._arn, ShardId=shard, **start)["ShardIterator"])

    def _stream_arn(self) -> str:
        return str(self._tables.describe_table(TableName=self._table_name)["Table"].get("LatestStreamArn") or "")


def _as_lambda_record(record: Mapping[str, Any], arn: str) -> Record:
    """Return a record of GetRecords in an event's JSON: times as numbers, bytes as base64."""
    return {**_as_json(record), "eventSourceARN": arn}


def _as_json(value: Any) -> Any:
    match value:
        case datetime():
            return value.timestamp()
        case bytes():
            return base64.b64encode(value).decode("ascii")
        case Mapping():
            return {key: _as_json(one) for key, one in value.items()}
        case list():
            return [_as_json(one) for one in value]
    return value
