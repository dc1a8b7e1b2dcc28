"""The simulator of the bus: the template's rules, retries and dead letters; the way from table to subscriber."""

import json
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest

from ledger.domain.domain_events import ApprovedRefundChanged, CustomerIdentified, RefundIntentListed
from ledger.dynamodb import items
from ledger.ports.documents import intent_key
from ledger.relay import bus as event_bus
from tests.conftest import REGION
from tests.unit.dynamodb.golden_items import INTENT, PI
from tests.unit.dynamodb.test_stream_records import SETTLED, purchase
from tools.devserver.bus import BusRefused, LocalBus
from tools.devserver.gateway import handler_of
from tools.devserver.streams import TableStream
from tools.template import load, table_definition
from tools.testing.domain_events import delivered

Behave = Callable[[dict[str, Any]], Any]
IDENTIFIED = delivered(CustomerIdentified(customer_id="stripe:cus_1", account_id=SETTLED.account_id, payment_id=PI))
CHANGED = delivered(ApprovedRefundChanged(payment_id=PI))


def intent(number: int) -> dict[str, Any]:
    """The event of an intent."""
    return delivered(RefundIntentListed(tag=f"case_{number}-1", account_id=SETTLED.account_id, payment_id=PI))


class Bench:
    """The bus of our template, with functions that record what they get."""

    def __init__(self) -> None:
        self.calls: dict[str, list[dict[str, Any]]] = {}
        self.behave: dict[str, Behave] = {}
        self.told: list[str] = []
        self.bus = LocalBus(load(), find=self.find, report=self.told.append)

    def find(self, folder: str) -> Callable[[dict[str, Any], object], Any]:
        if folder == "relay_changes":
            return handler_of(folder)
        self.calls[folder] = []

        def handler(event: dict[str, Any], context: object) -> Any:  # noqa: ARG001 - Lambda's signature
            self.calls[folder].append(event)
            return self.behave[folder](event) if folder in self.behave else None

        return handler

    def sent(self) -> list[str]:
        """The tags that the sender got, again when they came again."""
        bodies = [json.loads(one["body"]) for event in self.calls["send_refunds"] for one in event["Records"]]
        return [body["detail"]["data"]["tag"] for body in bodies]


@pytest.fixture
def bench() -> Iterator[Bench]:
    """The bus, running."""
    made = Bench()
    with made.bus.running():
        yield made


def test_an_event_goes_to_those_who_subscribe_to_it(bench: Bench) -> None:
    """By kind and version; a function gets it by itself, a queue's function in a batch."""
    for event in (IDENTIFIED, CHANGED, intent(1), {**CHANGED, "detail": {**CHANGED["detail"], "version": 2}}):
        bench.bus.deliver(event)
    assert bench.bus.wait_until_idle(10)
    assert bench.calls["release_parked"] == [IDENTIFIED]
    assert bench.calls["follow_cases"] == [CHANGED]
    assert bench.sent() == ["case_1-1"]


def test_a_function_that_fails_is_called_three_times_and_then_the_event_is_a_dead_letter(bench: Bench) -> None:
    """As its EventInvokeConfig says; the other subscribers are not held up."""

    def fail(_: dict[str, Any]) -> None:
        raise ValueError("a bug")

    bench.behave["follow_cases"] = fail
    for event in (CHANGED, IDENTIFIED):
        bench.bus.deliver(event)
    assert bench.bus.wait_until_idle(10)
    assert len(bench.calls["follow_cases"]) == 3
    assert bench.bus.given_up == [("FollowCasesFunction.RefundMoved", CHANGED)]
    assert len(bench.calls["release_parked"]) == 1
    assert any("ValueError: a bug" in text for text in bench.told)


def test_one_message_that_fails_is_received_five_times_and_the_others_once(bench: Bench) -> None:
    """As the queue's RedrivePolicy says, in batches of two."""
    gate = threading.Event()

    def refuse(event: dict[str, Any]) -> Any:
        gate.wait(60)
        bad = [one["messageId"] for one in event["Records"] if "case_2-1" in one["body"]]
        return {"batchItemFailures": [{"itemIdentifier": name} for name in bad]}

    bench.behave["send_refunds"] = refuse
    for number in range(5):
        bench.bus.deliver(intent(number))
    gate.set()
    assert bench.bus.wait_until_idle(60)
    sent = bench.sent()
    assert {tag: sent.count(tag) for tag in sent} == {f"case_{n}-1": 5 if n == 2 else 1 for n in range(5)}
    assert bench.bus.given_up == [("RefundsToSendRule", intent(2))]
    assert max(len(event["Records"]) for event in bench.calls["send_refunds"]) == 2


@pytest.mark.parametrize("answer", [None, {"batchItemFailures": [{"itemIdentifier": "unknown"}]}])
def test_an_answer_that_names_an_unknown_message_fails_the_batch(bench: Bench, answer: Any) -> None:
    """No answer fails none."""
    bench.behave["send_refunds"] = lambda _: answer
    bench.bus.deliver(intent(1))
    assert bench.bus.wait_until_idle(60)
    assert len(bench.sent()) == (5 if answer else 1)


def test_the_bus_refuses_what_eventbridge_would_not_take(bench: Bench) -> None:
    """More than ten entries, or more than 256 KB."""
    entry = {"EventBusName": "x", "Source": "x", "DetailType": "x", "Detail": "{}"}
    assert bench.bus.put_events(Entries=[entry] * 10)["FailedEntryCount"] == 0
    for entries in ([entry] * 11, [], [{**entry, "Detail": json.dumps("x" * 300_000)}]):
        with pytest.raises(BusRefused):
            bench.bus.put_events(Entries=entries)


@contextmanager
def streamed(bench: Bench, endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, str, TableStream]]:
    """A table whose stream our relay reads into the bus."""
    monkeypatch.setenv("EVENT_BUS_NAME", "ledger")
    event_bus.cache_clear()
    event_bus().client = bench.bus
    name = f"relay-{uuid.uuid4().hex[:8]}"
    tables = boto3.client("dynamodb", region_name=REGION, endpoint_url=endpoint)
    tables.create_table(**table_definition(load(), name))
    stream = TableStream(
        name, load(), find=bench.find, endpoint=endpoint, region=REGION, bus=bench.bus, report=bench.told.append
    )
    with stream.running():
        yield tables, name, stream
    event_bus.cache_clear()


@pytest.mark.parametrize("engine", ["ministack", "dynamodb_local"])
def test_changes_reach_their_subscribers_and_a_poisonous_record_holds_up_none(
    bench: Bench, engine: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a real stream, through the template's filter, our relay and the bus, into the functions."""
    with streamed(bench, request.getfixturevalue(engine), monkeypatch) as (tables, table, stream):
        item = items.to_document(intent_key(INTENT.tag), INTENT)
        tables.put_item(TableName=table, Item=purchase(SETTLED))
        tables.put_item(TableName=table, Item={**item, "sk": {"S": "INTENT#bad"}, "schema": {"N": "99"}})
        tables.put_item(TableName=table, Item=item)
        tables.put_item(TableName=table, Item={**item, "attempts": {"N": "7"}})
        tables.put_item(TableName=table, Item=purchase(SETTLED, version=2))
        assert stream.drain(60)
    (identified,) = bench.calls["release_parked"]
    assert identified["detail"]["data"]["customer_id"] == "stripe:cus_1"
    assert set(bench.sent()) == {INTENT.tag}
    (given_up,) = stream.given_up
    assert [record["dynamodb"]["Keys"]["sk"]["S"] for record in given_up[1]] == ["INTENT#bad"]


def test_drain_waits_for_what_a_subscriber_writes(
    bench: Bench, ministack: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A chain: each intent that is sent lists another one."""
    with streamed(bench, ministack, monkeypatch) as (tables, table, stream):

        def put(number: int) -> None:
            tag = f"case_{number}-1"
            item = items.to_document(intent_key(tag), INTENT) | {"tag": {"S": tag}}
            tables.put_item(TableName=table, Item=item)

        def follow(event: dict[str, Any]) -> None:
            for one in event["Records"]:
                number = int(json.loads(one["body"])["detail"]["data"]["tag"][5:-2])
                if number < 6:
                    put(number + 1)

        bench.behave["send_refunds"] = follow
        put(1)
        assert stream.drain(60)
    assert bench.sent() == [f"case_{number}-1" for number in range(1, 7)]
