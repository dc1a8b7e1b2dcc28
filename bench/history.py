"""A customer with a long history: what a delivery, a draw and each page cost of an account with so many entries.

A story's customer has had so many runs, and the provider has sent as many events about him. Then the story is
delivered, he draws credits, and he and support look at his pages, each call by the whole function on a local engine.
The recorded responses are then answered inside the process, in turns: what is compared is own CPU, as a ratio to the
same call of the shortest history, which fills a page.

Support's timeline is asked without deliveries: it reads those of a customer whole, up to a bound.
"""

import importlib
import json
import os
from collections.abc import Callable, Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Any
from uuid import uuid4

import boto3

from bench import growth, table
from bench.deployed import deployed
from bench.growth import quiet
from bench.recorded import AT, Call, Played, cpu_s, recording, request_of
from bench.report import Advance, Progress, Report, Row
from bench.units import items_read, read_units
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.receipts import Receipt, RecordOutcome
from ledger.dynamodb.items import Item
from ledger.ports.commit import Commit
from ledger.usecases.usage import draw_credits
from tools import engines
from tools.devserver.environment import REGION
from tools.local import make_table
from tools.stories import stories
from tools.testing.builders import SHA256, paid, payment, record_events
from tools.testing.fakes import FakeStore
from tools.testing.stored_items import items_of

RUNS = (100, 5_000)
FLAT = 1.10
"""How many times what the shortest history costs a call may take."""
RATIO = "× the shortest"
STORY, ACCOUNT, CUSTOMER = "stripe_partial_refunds", AccountId("acct_gia"), "cus_2ac5925c44ddde6357e4"
TIMELINE = "entry,mail,case,act,look"
_ROUNDS, _CALLS = 30, 10

Recorded = tuple[dict[str, Any], list[Call]]
"""The request of a call, and its calls to the engine."""


def run(options: Any, progress: Progress, runs: tuple[int, ...] = RUNS) -> list[Report]:
    """Measure each call over histories of so many runs."""
    report = Report("history", f"A customer with a long history: own CPU of a call, at most {FLAT} times")
    advance = progress("histories", len(runs))
    name = f"bench-history-{uuid4().hex[:8]}"
    with engines.running(options.engine) as endpoint:
        recorded: dict[int, dict[str, Recorded]] = {}
        for number in runs:
            recorded[number] = _record(name, endpoint, long_history(number))
            advance(1)
    calls = list(recorded[runs[0]])
    advance = progress("calls", len(calls) * _ROUNDS)
    for call in calls:
        of_call = {number: recorded[number][call] for number in runs}
        times = _measured(name, FOLDERS[call], of_call, advance)
        for number, (_, sent) in of_call.items():
            row: Row = {"call": call, "runs": number, **counts_of(sent)}
            report.rows.append({**row, RATIO: times[number] / times[runs[0]]})
    report.exceeded += exceeded(report.rows)
    return [report]


def exceeded(rows: list[Row]) -> list[str]:
    """Return what takes more calls or reads more of a longer history, or more than its share of CPU."""
    found, first = [], {row["call"]: row for row in reversed(rows)}
    for row in rows:
        shortest, what = first[row["call"]], f"{row['call']}, {row['runs']:,} runs"
        found += [
            f"{what}: {row[name]:g} {name} instead of {shortest[name]:g}"
            for name in ("round trips", "items read")
            if row[name] > shortest[name]
        ]
        if row[RATIO] > FLAT:
            found.append(f"{what}: {row[RATIO]:.2f} × the shortest history, at most {FLAT} are due")
    return found


def long_history(runs: int) -> list[Item]:
    """Return the items of a customer who bought a pack long ago, and has had so many runs, and as many events."""
    store, began = FakeStore(), AT - timedelta(days=300)
    bought = payment(PaymentId("stripe:pi_of_long_ago"), account_id=ACCOUNT, credits_=1_000_000)
    record_events(store, paid(bought, customer=CUSTOMER), now=began)
    for number in range(runs):
        at = began + timedelta(minutes=20 * number)
        draw_credits(ACCOUNT, f"run_{number}", 1, store, now=at)
        store.commit(Commit(receipt=_noted(number, at)))
    return items_of(store)


def _noted(number: int, at: Any) -> Receipt:
    """Return the receipt of an event of this customer that changed nothing."""
    return Receipt(
        provider="stripe",
        event_id=f"evt_long_ago_{number}",
        event_type="customer.subscription.updated",
        occurred_at=at,
        received_at=at,
        outcome=RecordOutcome.NOTED,
        body_sha256=SHA256,
        correlation_id=f"stripe:evt_long_ago_{number}",
        customer_id=f"stripe:{CUSTOMER}",
        account_id=ACCOUNT,
    )


def _requests() -> Mapping[str, dict[str, Any]]:
    """Return what is asked, in this order, by its name: each as API Gateway passes it on."""
    story = next(one for one in stories() if one.name == STORY)
    customer = {"jwt": {"claims": {"sub": ACCOUNT}, "scopes": []}}
    support = {"jwt": {"claims": {"sub": "staff_sue", "cognito:groups": "[billing-support]"}, "scopes": []}}
    draw = {"account_id": ACCOUNT, "run_id": "run_now", "credits": 1}
    return {
        "pack paid": request_of(story.notifications[0]),
        "refund": request_of(story.notifications[1]),
        "draw": growth.event("POST", "/usage", {"iam": {"userArn": "arn:aws:sts::0:assumed-role/tagging/x"}}, draw),
        "account": growth.event("GET", "/account", customer),
        "statement": growth.event("GET", "/account/statement", customer),
        "purchases": growth.event("GET", "/purchases", customer),
        "timeline": growth.event("GET", f"/support/accounts/{ACCOUNT}/timeline", support, query={"kinds": TIMELINE}),
    }


FOLDERS = {
    "pack paid": "payment_succeeded",
    "refund": "refund_settled",
    "draw": "record_usage",
    "account": "read_account",
    "statement": "read_account",
    "purchases": "read_account",
    "timeline": "find_accounts",
}


def _record(name: str, endpoint: str, items: list[Item]) -> dict[str, Recorded]:
    """Make a table with these items, and let each function answer over it. Return what was asked, by its name."""
    os.environ["AWS_ENDPOINT_URL_DYNAMODB"] = endpoint
    make_table(name)
    table.write(name, endpoint, items)
    recorded: dict[str, Recorded] = {}
    with deployed(name, endpoint) as services, quiet():
        services.clock = lambda: AT
        for what, request in _requests().items():
            handler = importlib.import_module(f"functions.{FOLDERS[what]}.app").lambda_handler
            with recording(services.connection.client) as calls:
                response = handler(request, None)
            if response["statusCode"] != HTTPStatus.OK:
                raise ValueError(f"{what} was answered {response['statusCode']}: {response.get('body')}")
            recorded[what] = (request, calls)
    boto3.client("dynamodb", region_name=REGION, endpoint_url=endpoint).delete_table(TableName=name)
    return recorded


def counts_of(sent: list[Call]) -> Row:
    """Return what calls to the engine took together."""
    answers = [(one, json.loads(one.body)) for one in sent]
    return {
        "round trips": len(sent),
        "items read": sum(len(items_read(one.operation, answer)) for one, answer in answers),
        "read units": float(sum(read_units(one.operation, one.sent, answer) for one, answer in answers)),
    }


def _measured(name: str, folder: str, recorded: Mapping[int, Recorded], advance: Advance) -> dict[int, float]:
    """Return the CPU seconds of a call, by the number of runs: the least of all rounds, in turns."""
    times: dict[int, float] = dict.fromkeys(recorded, float("inf"))
    with deployed(name, "http://127.0.0.1:9", log_level="INFO") as services, quiet():
        services.clock = lambda: AT
        handler = importlib.import_module(f"functions.{folder}.app").lambda_handler
        engine = Played(services.connection.client, [])

        def answering(request: dict[str, Any]) -> Callable[[], Any]:
            def call() -> Any:
                engine.begin()
                return handler(request, None)

            return call

        for _ in range(_ROUNDS):
            for number, (request, calls) in recorded.items():
                engine.calls = calls
                times[number] = min(times[number], cpu_s(answering(request), _CALLS))
            advance(1)
    return times
