"""An account that grows: what a draw and the account page cost of one with many open lots.

The whole function runs, from the text of API Gateway's event to the text of its result, with botocore and its log line.
Only the engine is answered inside the process. What is measured is the process's own CPU of ten calls in a row, as a
ratio to that of ten calls for an account with one open lot right before: the median of the turns. A single call would
pay for what the one before left behind, in the processor's caches and for the garbage collector. Packs and periods
are measured by themselves: a period's lot has more in it.
"""

import contextlib
import importlib
import io
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from bench.deployed import deployed
from bench.histories import NOW
from bench.report import Advance, Progress, Report, Row
from bench.units import size_of
from ledger.domain.ids import PaymentId
from ledger.dynamodb import keys
from ledger.dynamodb.items import Item
from ledger.dynamodb.keys import ItemKind
from ledger.runtime import Runtime
from tools.testing.builders import ADA, paid, payment, record_events
from tools.testing.fakes import MAX_ITEM_BYTES, FakeStore
from tools.testing.stored_items import items_of

LOTS = (1, 200, 3_000)
BUDGET = {200: 3.0}
"""By the number of open lots: how many times what one open lot costs a call may take."""
RATIO = "× one lot"
TABLE = "ledger-bench"
MANY = 1_000
_TURNS, _CALLS, _CALLS_OF_MANY = 20, 10, 2


def run(_: object, progress: Progress) -> list[Report]:
    """Measure draws and account pages of accounts with so many lots."""
    report = Report("growth", "Own CPU of an invocation, by the open lots of its account")
    for kind in ("packs", "periods"):
        accounts = {number: account_item(kind, number) for number in LOTS}
        for call, folder, event in (("draw", "record_usage", draw_event()), ("page", "read_account", page_event())):
            ratios = _measured(folder, event, accounts, progress(f"{call}, {kind}", _TURNS))
            for number, item in accounts.items():
                row = {"call": call, "lots of": kind, "open lots": number, "bytes": size_of(item)}
                report.rows.append({**row, RATIO: ratios[number]})
                report.exceeded += exceeded(report.rows[-1])
    return [report]


def exceeded(row: Row) -> list[str]:
    """Return what of a row exceeds its budget."""
    what = f"{row['call']}, {row['open lots']:,} lots of {row['lots of']}"
    found = []
    if (ratio := row[RATIO]) > (budget := BUDGET.get(row["open lots"], float("inf"))):
        found.append(f"{what}: {ratio:.2f} × one lot, at most {budget:g} are due")
    if row["bytes"] > MAX_ITEM_BYTES:
        found.append(f"{what}: {row['bytes']:,} bytes, at most {MAX_ITEM_BYTES:,} are stored")
    return found


def account_item(kind: str, lots: int) -> Item:
    """Return the item of an account with so many open lots, bought one by one."""
    store = FakeStore()
    for number in range(lots):
        record_events(store, paid(_pack(number) if kind == "packs" else _period(number)), now=NOW)
    (item,) = (item for item in items_of(store) if keys.kind_of(item) is ItemKind.ACCOUNT)
    return item


def _pack(number: int) -> Any:
    order = f"order/ord_{number:026}"
    return payment(PaymentId(f"stripe:pi_{number:024}"), fulfilment_key=order)


def _period(number: int) -> Any:
    """Return the payment of a month of a subscription of its own."""
    subscription, ends_at = f"stripe:sub_{number:024}", NOW + timedelta(days=12, seconds=number)
    bought = payment(PaymentId(f"stripe:in_{number:024}"), fulfilment_key=f"period/{subscription}/2026-11-01T12:00:00Z")
    line = replace(bought.lines[0], grace_from=ends_at, expires_at=ends_at + timedelta(hours=3), period_ends_at=ends_at)
    return replace(bought, lines=(line,), subscription_id=subscription, is_renewal=True)


def draw_event() -> dict[str, Any]:
    """Return the request of a draw of one credit, as API Gateway passes it on."""
    body = {"account_id": ADA, "run_id": "run_1", "credits": 1}
    return event("POST", "/usage", {"iam": {"userArn": "arn:aws:sts::0:assumed-role/tagging/x"}}, body)


def page_event() -> dict[str, Any]:
    """Return the request of an account page, as API Gateway passes it on."""
    return event("GET", "/account", {"jwt": {"claims": {"sub": ADA}, "scopes": []}})


def event(
    method: str, path: str, authorizer: dict[str, Any], body: Any = None, query: dict[str, str] | None = None
) -> dict[str, Any]:
    """Return a request as API Gateway passes it on: HTTP API, payload version 2.0."""
    http = {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "bench"}
    return {
        "version": "2.0",
        "routeKey": f"{method} {path}",
        "rawPath": path,
        "rawQueryString": urlencode(query or {}),
        **({"queryStringParameters": query} if query else {}),
        "headers": {"content-type": "application/json"},
        "requestContext": {
            "http": http,
            "requestId": "request-1",
            "routeKey": f"{method} {path}",
            "stage": "$default",
            "authorizer": authorizer,
        },
        **({"body": json.dumps(body)} if body is not None else {}),
        "isBase64Encoded": False,
    }


def _measured(folder: str, event: dict[str, Any], accounts: Mapping[int, Item], advance: Advance) -> dict[int, float]:
    """Return how many times the call for the fewest lots each one takes, by the number of lots."""
    fewest = min(accounts)
    ratios: dict[int, list[float]] = {number: [] for number in accounts}
    with invoked(folder, event) as (engine, invoke), quiet():
        engine.hold(accounts[fewest])
        if json.loads(invoke())["statusCode"] != HTTPStatus.OK:  # this one imports, too
            raise ValueError(f"{folder} refused the request")
        for _ in range(_TURNS):
            for number, item in accounts.items():
                engine.hold(accounts[fewest])
                least_s = _cpu_s(invoke, _CALLS)
                engine.hold(item)
                ratios[number].append(_cpu_s(invoke, _CALLS if number < MANY else _CALLS_OF_MANY) / least_s)
            advance(1)
    return {number: statistics.median(found) for number, found in ratios.items()}


@contextlib.contextmanager
def invoked(folder: str, event: dict[str, Any]) -> Iterator[tuple["Answers", Callable[[], str]]]:
    """Yield an engine inside this process, and what invokes a function over it as Lambda's runtime does."""
    sent = json.dumps(event)
    with deployed(TABLE, "http://127.0.0.1:9", log_level="INFO") as services:
        services.clock = lambda: NOW
        handler = importlib.import_module(f"functions.{folder}.app").lambda_handler
        yield Answers(services), lambda: json.dumps(handler(json.loads(sent), None))


def _cpu_s(call: Callable[[], object], times: int) -> float:
    """Return what a call takes, the first left out."""
    call()
    began = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - began) / times


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Discard what the functions log: Powertools writes to the standard output that was there when it began."""
    kept = os.dup(1)
    with open(os.devnull, "wb") as nowhere:
        sys.stdout.flush()
        os.dup2(nowhere.fileno(), 1)
        try:
            yield
        finally:
            sys.stdout.flush()
            os.dup2(kept, 1)
            os.close(kept)


class Answers:
    """DynamoDB, answered inside the process: there is one account and nothing else, and each write succeeds."""

    def __init__(self, services: Runtime) -> None:
        self._bodies: dict[str, bytes] = {}
        events: Any = services.connection.client.meta.events
        events.register("before-send.dynamodb.*", self._answer)

    def hold(self, account: Item) -> None:
        """Be a table with this account."""
        answers = {
            "GetItem": {"Item": account},
            "BatchGetItem": {"Responses": {TABLE: [account]}, "UnprocessedKeys": {}},
            "TransactWriteItems": {},
        }
        self._bodies = {
            operation: json.dumps(answer, separators=(",", ":")).encode() for operation, answer in answers.items()
        }

    def _answer(self, request: Any, **_: Any) -> AWSResponse:
        target = request.headers["X-Amz-Target"]
        operation = (target.decode() if isinstance(target, bytes) else target).rpartition(".")[2]
        headers = HTTPHeaders.from_dict({"Content-Type": "application/x-amz-json-1.0", "x-amzn-RequestId": "0"})
        return AWSResponse(request.url, 200, headers, Body(self._bodies[operation]))


class Body(io.BytesIO):
    """A response's body, as botocore reads it."""

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self.read()
