"""The relay: the only reader of the table's stream. It publishes the domain events of each change on the bus.

    records ──► domain events ──► PutEvents, up to 10 at a time ──► the records that failed, for Lambda to retry

Purchases that were named together are one event: only the index of *find* reads it, and nearly each delivery has one.

What fails holds up nothing: all that can be published is. The record that failed is retried a few times, and then moved
to the dead-letter queue. A retry publishes again what came after it: an event is delivered at least once.

It imports neither PynamoDB nor Powertools: it starts often, and only reads what Lambda gives it.
"""

import functools
import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, cast

import botocore.config
import botocore.exceptions
import botocore.session

from ledger import init
from ledger.domain.domain_events import SOURCE, DomainEvent, PurchasesNamed, gathered
from ledger.domain.errors import ConfigurationError
from ledger.dynamodb.stream import Record, domain_events

MOST_ENTRIES = 10
"""How many entries one PutEvents takes."""
MOST_BYTES = 256 * 1024
"""How many bytes one PutEvents takes: of all its entries together, in the characters of the wire."""
MOST_NAMED = 25
"""How many purchases one event names: its subscriber reads them in one call."""

_log = logging.getLogger("relay")
_log.setLevel(logging.INFO)


class Client(Protocol):
    """What the relay needs of a client of EventBridge."""

    def put_events(self, *, Entries: Sequence[Mapping[str, str]]) -> Mapping[str, Any]:  # noqa: N803 - AWS's name
        """Publish entries. The result has one element for each, with an `ErrorCode` if that one failed."""


class Bus:
    """The bus that a deployment publishes on."""

    def __init__(self, name: str, region: str | None) -> None:
        self.name = name
        self._region = region

    @functools.cached_property
    def client(self) -> Client:
        """The client of EventBridge. A local run sets another one."""
        config = botocore.config.Config(connect_timeout=1, read_timeout=3, retries={"total_max_attempts": 2})
        client: Any = botocore.session.get_session().create_client("events", self._region, config=config)
        return cast(Client, client)


@functools.cache
def bus() -> Bus:
    """Return the bus that the environment names. Raise ConfigurationError."""
    if not os.environ.get("EVENT_BUS_NAME"):
        raise ConfigurationError("EVENT_BUS_NAME is not set: it names the bus for domain events.")
    return Bus(os.environ["EVENT_BUS_NAME"], os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION"))


class _ToPublish(NamedTuple):
    """An entry of PutEvents, and the records that it comes from."""

    records: frozenset[str]  # their sequence numbers
    event_id: str
    entry: Mapping[str, str]


def relay(records: Sequence[Record], to: Bus) -> dict[str, Any]:
    """Publish the domain events of these records. Return which records failed, as Lambda wants it."""
    failed: set[str] = set()
    entries: list[_ToPublish] = []
    named: list[tuple[str, DomainEvent]] = []
    for record in records:
        number = _number(record)
        try:
            for one in domain_events(record):
                if isinstance(one.content, PurchasesNamed):
                    named.append((number, one))
                else:
                    entries.append(_to_publish([(number, one)], to))
        except Exception as error:  # noqa: BLE001 - one record that can't be read holds up no other
            failed.add(number)
            _log.exception("record can't be read", extra={"record": number, "error": type(error).__name__})
    entries += [_to_publish(named[at : at + MOST_NAMED], to) for at in range(0, len(named), MOST_NAMED)]
    for batch in _batches(entries):
        failed |= _publish(batch, to)
    event_ids = [one.event_id for one in entries]
    _log.info("relayed", extra={"records": len(records), "event_ids": event_ids, "failed": len(failed)})
    return {"batchItemFailures": [{"itemIdentifier": one} for one in map(_number, records) if one in failed]}


def _publish(batch: Sequence[_ToPublish], to: Bus) -> set[str]:
    """Publish up to ten entries. Return the records of those that failed."""
    try:
        results = to.client.put_events(Entries=[one.entry for one in batch])["Entries"]
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
        _log.exception("PutEvents failed", extra={"events": len(batch), "error": type(error).__name__})
        return {number for one in batch for number in one.records}
    failed: set[str] = set()
    for one, result in zip(batch, results, strict=True):
        if result.get("ErrorCode"):
            failed |= one.records
            _log.error("event not published", extra={"event_id": one.event_id, "error": result["ErrorCode"]})
    return failed


def _batches(entries: Sequence[_ToPublish]) -> Iterator[list[_ToPublish]]:
    """Yield the entries in batches that PutEvents takes. One that is too large by itself is alone in its batch."""
    batch: list[_ToPublish] = []
    size = 0
    for one in entries:
        its = entry_size(one.entry)
        if batch and (len(batch) == MOST_ENTRIES or size + its > MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(one)
        size += its
    if batch:
        yield batch


def entry_size(entry: Mapping[str, str]) -> int:
    """Return the bytes of an entry as EventBridge counts them: its texts in UTF-8. It has no time and no resources."""
    return sum(len(entry[name].encode()) for name in ("Source", "DetailType", "Detail"))


def _to_publish(numbered: Sequence[tuple[str, DomainEvent]], to: Bus) -> _ToPublish:
    """Return the entry of these events, each with the number of its record: of one, or of purchases that were named."""
    event = gathered([one for _, one in numbered])
    detail = json.dumps(event.detail, separators=(",", ":"), ensure_ascii=False)
    entry = {"EventBusName": to.name, "Source": SOURCE, "DetailType": event.kind, "Detail": detail}
    return _ToPublish(frozenset(number for number, _ in numbered), event.event_id, entry)


def _number(record: Record) -> str:
    return str(record["dynamodb"]["SequenceNumber"])


init.is_over()
