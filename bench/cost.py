"""What a million deliveries cost, computed: what each sends, stores and passes on, times the prices of `prices.toml`.

Each recorded delivery of `bench.hot` is one kind. Its write units follow from the items as they are stored after it,
its domain events from the mapping and the filters that are deployed. The CPU time is this machine's: the one number
that another machine would change, and a small part. Mails and what the shop calls are left out.
"""

import importlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

from bench import hot, layers
from bench.deployed import deployed
from bench.growth import quiet
from bench.recorded import Call, Items, cpu_s, items_of, recording
from bench.report import Progress, Report, Row
from bench.units import read_units, size_of
from ledger.domain.domain_events import SOURCE, DomainEvent
from ledger.dynamodb.stream import domain_events
from tools import engines
from tools.devserver.patterns import matches
from tools.template import load, stream_mappings, table_definition

PRICES = Path(__file__).with_name("prices.toml")
BUDGET = 8.0
MIX = {"payments": 0.55, "subscription events": 0.20, "refunds and disputes": 0.10, "duplicates": 0.15}
KINDS = {
    "pack paid": "payments",
    "renewal": "payments",
    "subscription changed": "subscription events",
    "refund": "refunds and disputes",
    "dispute opened": "refunds and disputes",
    "pack paid, again": "duplicates",
    "subscription changed, again": "duplicates",
    "refund, again": "duplicates",
}
INDEX = "index of find"


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices and assumptions, as `prices.toml` has them."""

    per_million: Mapping[str, float]
    per_gigabyte: Mapping[str, float]
    assumed: Mapping[str, float]
    gigabyte_second: float
    memory_mb: int

    @classmethod
    def read(cls) -> "Prices":
        """Read the file, and the memory of a function from the template."""
        content = tomllib.loads(PRICES.read_text("utf-8"))
        return cls(
            content["per_million"],
            content["per_gigabyte"],
            content["assumed"],
            content["lambda"]["gigabyte_second"],
            load()["Globals"]["Function"]["MemorySize"],
        )

    def invocations(self, number: float, cpu_ms: float, calls: float) -> float:
        """Return what a million times so many invocations cost, each of so much CPU of a whole processor."""
        took_ms = cpu_ms * 1769 / self.memory_mb + calls * self.assumed["call_ms"]
        took_ms += self.assumed["cold_starts"] * self.assumed["init_ms"]
        gigabyte_seconds = ceil(took_ms) / 1000 * self.memory_mb / 1024
        return number * (self.per_million["lambda_request"] + gigabyte_seconds * self.gigabyte_second * 1e6)


def run(_: object, progress: Progress) -> list[Report]:
    """Compute each kind, and their mix."""
    prices, report = Prices.read(), Report("cost", f"US dollars for a million deliveries; at most {BUDGET:g}")
    by_kind: dict[str, list[Row]] = {}
    advance = progress("cost", len(hot.CASES))
    with engines.running("ministack") as endpoint:
        for case in hot.CASES:
            row = _computed(case, endpoint, prices)
            by_kind.setdefault(KINDS[case.name], []).append(row)
            report.rows.append({"delivery": case.name, "provider": case.story.partition("_")[0], **row})
            advance(1)
    mixed = {
        column: sum(
            share * sum(row[column] for row in by_kind[kind]) / len(by_kind[kind]) for kind, share in MIX.items()
        )
        for column in report.rows[0]
        if column not in {"delivery", "provider"}
    }
    report.rows.append({"delivery": "the mix", "provider": "", **mixed})
    if mixed["all"] > BUDGET:
        report.exceeded.append(f"a million deliveries of the mix: ${mixed['all']:.2f}")
    return [report]


def _computed(case: hot.Case, endpoint: str, prices: Prices) -> Row:
    """Return what a million of one delivery cost, by what is charged."""
    recorded = hot.record(case, endpoint)
    before, after = recorded.before, recorded.after
    with hot.both(recorded) as (ours, _):
        cpu_ms = min(cpu_s(ours, 20) for _ in range(10)) * 1000
    records = _changes(before, after)
    patterns = [pattern for mapping in stream_mappings(load()) for pattern in mapping.patterns]
    passed = [record for record in records if any(matches(pattern, record) for pattern in patterns)]
    published = [_delivered(event) for record in passed for event in domain_events(record)]
    log_bytes = hot.started(recorded, layers.as_it_is())["log_bytes"]
    row: Row = {
        "API": prices.per_million["http_api_request"],
        "Lambda": prices.invocations(1, cpu_ms, len(recorded.calls)),
        "DynamoDB": units_of(recorded.calls, before, after).price(prices),
        "relay, bus": _relay(len(passed), sum(_events(one, prices) for one in published), prices),
        "bodies": 5
        * ceil(len(recorded.notification.body) / 5 / 1024)
        / 1024**2
        * 1e6
        * prices.per_gigabyte["firehose"],
        "logs, traces": prices.assumed["traced"] * prices.per_million["trace"]
        + (log_bytes + prices.assumed["log_bytes_of_lambda"]) / 1024**3 * 1e6 * prices.per_gigabyte["log"],
        INDEX: _index(published, recorded.table, endpoint, prices),
    }
    return {**row, "all": sum(row.values())}


def _bytes(kind: str, number: float, prices: Prices) -> float:
    """Return what a million times so many bytes cost."""
    return number / 1024**3 * 1e6 * prices.per_gigabyte[kind]


def _delivered(event: DomainEvent) -> dict[str, Any]:
    """Return an event as the bus delivers it."""
    detail = json.loads(json.dumps(event.detail))
    return {"source": SOURCE, "detail-type": event.kind, "detail": detail}


def _events(event: Mapping[str, Any], prices: Prices) -> float:
    """Return how many events of the bus one is: purchases that were named together are one."""
    return 1 / prices.assumed["named_together"] if event["detail-type"] == "PurchasesNamed" else 1


def _relay(records: int, events: float, prices: Prices) -> float:
    batches = records / prices.assumed["relay_batch"]
    relay_cpu_ms = prices.assumed["relay_ms"] * prices.memory_mb / 1769
    return prices.invocations(batches, relay_cpu_ms, 1) + events * prices.per_million["bus_event"]


def _index(published: list[dict[str, Any]], table: str, endpoint: str, prices: Prices) -> float:
    """Return what the subscriber costs that writes the index of *find*."""
    handler = importlib.import_module("functions.index_names.app").lambda_handler
    subscribed = load()["Resources"]["IndexNamesFunction"]["Properties"]["Events"].values()
    cost = 0.0
    with deployed(table, endpoint) as services, quiet():
        for event in published:
            if any(matches(one["Properties"]["Pattern"], event) for one in subscribed):
                before = items_of(table, endpoint)
                with recording(services.connection.client) as calls:
                    handler(event, None)
                cost += units_of(calls, before, items_of(table, endpoint)).price(prices)
                cost += prices.invocations(
                    _events(event, prices), len(calls) * prices.assumed["call_cpu_ms"], len(calls)
                )
    return cost


class Units(NamedTuple):
    """Units of DynamoDB."""

    writes: float
    reads: float

    def price(self, prices: Prices) -> float:
        """Return what a million times these cost."""
        return self.writes * prices.per_million["write_unit"] + self.reads * prices.per_million["read_unit"]


def units_of(calls: list[Call], before: Items, after: Items) -> Units:
    """Return the units that some calls take. A transaction takes two for each KB, and one for each row of an index."""
    writes, reads = 0.0, 0.0
    for call in calls:
        if call.operation == "UpdateItem":  # of a row of the index of find: half the price of a transaction
            writes += _written({"Update": call.sent}, before, after) / 2
        elif call.operation == "TransactWriteItems":
            writes += sum(_written(action, before, after) for action in call.sent["TransactItems"])
        else:
            reads += read_units(call.operation, call.sent, json.loads(call.body))
    return Units(writes, reads)


def _written(action: Mapping[str, Any], before: Items, after: Items) -> int:
    """Return the units of one write: of the larger of the item before and after it, and a row of each index."""
    ((_, sent),) = action.items()
    key = sent.get("Key") or {name: sent["Item"][name] for name in ("pk", "sk")}
    where = (key["pk"]["S"], key["sk"]["S"])
    old, new = before.get(where, {}), after.get(where, {})
    rows = sum(_row(index, old) != _row(index, new) for index in _INDEXES)
    return 2 * max(1, ceil(max(size_of(old), size_of(new)) / 1024)) + rows


def _row(index: Mapping[str, Any], item: Mapping[str, Any]) -> list[Any] | None:
    """Return the keys of an item's row in an index. None: it has none."""
    keys = [item.get(key["AttributeName"]) for key in index["KeySchema"]]
    return keys if all(keys) else None


_INDEXES = table_definition(load(), "any")["GlobalSecondaryIndexes"]


def _changes(before: Items, after: Items) -> list[dict[str, Any]]:
    """Return the records of the stream between two states of a table."""
    return [
        {
            "eventName": "MODIFY" if where in before else "INSERT",
            "dynamodb": {"NewImage": item, **({"OldImage": before[where]} if where in before else {})},
        }
        for where, item in after.items()
        if before.get(where) != item
    ]
