"""The simulator of DynamoDB streams → Lambda: real streams of real engines into functions that record what they get."""

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import boto3
import pytest

from tests.conftest import REGION
from tools.devserver.patterns import checked, matches
from tools.devserver.streams import TableStream
from tools.template import TemplateError, parse, table_definition
from tools.testing.waiting import PATIENCE_S, wait_until

NEW_IMAGE = {"pk": {"S": "RECEIPT#x"}, "n": {"N": "5"}, "tags": {"SS": ["a", "b"]}, "gone": {"NULL": True}}
RECORD = {"eventName": "INSERT", "dynamodb": {"NewImage": NEW_IMAGE}}


def image(**attributes: Any) -> dict[str, Any]:
    """A pattern over attributes of the new image."""
    return {"dynamodb": {"NewImage": attributes}}


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        ({}, True),
        ({"eventName": ["INSERT", "MODIFY"]}, True),
        ({"eventName": ["REMOVE"]}, False),
        ({"eventName": [{"anything-but": ["REMOVE"]}]}, True),
        ({"eventName": [{"anything-but": "INSERT"}]}, False),
        ({"eventName": [{"anything-but": {"prefix": "IN"}}]}, False),
        (image(pk={"S": [{"prefix": "RECEIPT#"}]}), True),
        (image(pk={"S": [{"prefix": "ACCOUNT#"}]}), False),
        (image(pk={"S": [{"suffix": "#x"}]}), True),
        (image(pk={"S": [{"equals-ignore-case": "receipt#X"}]}), True),
        (image(pk={"S": [{"prefix": "RECEIPT#"}]}, account_id={"S": [{"exists": True}]}), False),
        (image(account_id={"S": [{"exists": False}]}), True),
        (image(account_id={"S": [{"anything-but": ["x"]}]}), False),
        (image(pk={"S": [{"exists": True}]}), True),
        (image(pk={"S": [{"exists": False}]}), False),
        (image(pk=[{"exists": True}]), False),
        (image(n={"N": ["5"]}), True),
        (image(n={"N": [5]}), False),
        (image(tags={"SS": ["b"]}), True),
        (image(tags={"SS": ["c"]}), False),
        (image(gone={"NULL": [True]}), True),
        ({"dynamodb": {"OldImage": {"pk": {"S": [{"exists": False}]}}}}, True),
        ({"$or": [{"eventName": ["REMOVE"]}, image(n={"N": ["5"]})]}, True),
        ({"$or": [{"eventName": ["REMOVE"]}, image(n={"N": ["6"]})]}, False),
    ],
)
def test_a_filter_lets_through_what_lambda_would(pattern: dict[str, Any], fits: bool) -> None:
    """Every key must fit, a leaf by one of its rules; only leaves exist; types count."""
    assert matches(checked(pattern), RECORD) is fits


@pytest.mark.parametrize("rule", [{"numeric": [">", 5]}, {"wildcard": "a*"}, {"prefix": "a", "suffix": "b"}])
def test_a_filter_that_is_not_understood_is_told_at_the_start(rule: dict[str, Any]) -> None:
    """Rather no stream than one that feeds the wrong records."""
    with pytest.raises(TemplateError, match="not supported"):
        checked(image(n={"N": [rule]}))
    with pytest.raises(TemplateError, match="list of rules"):
        checked(image(n={"N": "5"}))


TEMPLATE = """
Resources:
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{ AttributeName: pk, AttributeType: S }]
      KeySchema: [{ AttributeName: pk, KeyType: HASH }]
      StreamSpecification: { StreamViewType: NEW_AND_OLD_IMAGES }
  AllFunction:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/all/
      Events:
        Any: { Type: DynamoDB, Properties: { Stream: x, StartingPosition: TRIM_HORIZON, BatchSize: 10 } }
  SomeFunction:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/some/
      Events:
        Known:
          Type: DynamoDB
          Properties:
            StartingPosition: TRIM_HORIZON
            BatchSize: 4
            MaximumRetryAttempts: 2
            BisectBatchOnFunctionError: true
            FilterCriteria:
              Filters: [{ Pattern: '{"dynamodb": {"NewImage": {"wanted": {"S": [{"exists": true}]}}}}' }]
  PartFunction:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/part/
      Events:
        Part:
          Type: DynamoDB
          Properties: { BatchSize: 50, FunctionResponseTypes: [ReportBatchItemFailures], MaximumRetryAttempts: 3 }
"""

Batches = dict[str, list[list[dict[str, Any]]]]
Behave = Callable[[str, list[dict[str, Any]]], Any]


class Bench:
    """A table with a stream, functions that record their batches, and a way to make them fail."""

    def __init__(self, endpoint: str) -> None:
        self.name = f"stream-{uuid.uuid4().hex[:8]}"
        self.batches: Batches = {"all": [], "some": [], "part": []}
        self.behave: Behave = lambda *_: None
        self.told: list[str] = []
        self.client = boto3.client("dynamodb", region_name=REGION, endpoint_url=endpoint)
        self.client.create_table(**table_definition(parse(TEMPLATE), self.name))
        self.stream = TableStream(
            self.name, parse(TEMPLATE), find=self.find, endpoint=endpoint, region=REGION, report=self.told.append
        )

    def find(self, folder: str) -> Callable[[dict[str, Any], object], Any]:
        def handler(event: dict[str, Any], context: object) -> Any:  # noqa: ARG001 - Lambda's signature
            self.batches[folder].append(event["Records"])
            return self.behave(folder, event["Records"])

        return handler

    def put(self, key: str, **more: str) -> None:
        item = {"pk": {"S": key}, **{name: {"S": value} for name, value in more.items()}}
        self.client.put_item(TableName=self.name, Item=item)

    def keys(self, folder: str) -> list[str]:
        """The keys that a function got, in order, again when they came again."""
        return [key for batch in self.batches[folder] for key in keys(batch)]


def keys(batch: list[dict[str, Any]]) -> list[str]:
    """The keys of a batch's records."""
    return [record["dynamodb"]["Keys"]["pk"]["S"] for record in batch]


@pytest.fixture(params=["ministack", "dynamodb_local"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """A bench on each engine, its stream being read."""
    made = Bench(request.getfixturevalue(request.param))
    with made.stream.running():
        yield made


def test_a_functions_records_are_those_of_the_real_stream(bench: Bench) -> None:
    """Insert, change, removal, in order, in the JSON that Lambda gets: bytes as base64, times as numbers, the ARN."""
    item = {"pk": {"S": "a"}, "body": {"B": b"\x00\xff"}, "n": {"N": "1"}}
    bench.client.put_item(TableName=bench.name, Item=item)
    bench.client.put_item(TableName=bench.name, Item={**item, "n": {"N": "2"}})
    bench.client.delete_item(TableName=bench.name, Key={"pk": {"S": "a"}})
    assert bench.stream.drain(PATIENCE_S)
    first, second, third = (record for batch in bench.batches["all"] for record in batch)
    assert [record["eventName"] for record in (first, second, third)] == ["INSERT", "MODIFY", "REMOVE"]
    assert first["dynamodb"]["NewImage"] == {"pk": {"S": "a"}, "body": {"B": "AP8="}, "n": {"N": "1"}}
    assert second["dynamodb"]["OldImage"]["n"] == {"N": "1"}
    assert "NewImage" not in third["dynamodb"]
    assert abs(first["dynamodb"]["ApproximateCreationDateTime"] - time.time()) < 120
    assert first["eventSource"] == "aws:dynamodb"
    assert f"table/{bench.name}/stream/" in first["eventSourceARN"]


def test_only_what_the_filter_lets_through_is_delivered_in_batches(bench: Bench) -> None:
    """In the order of the writes, never more than the batch's size."""
    for number in range(12):
        bench.put(f"k{number:02}", **({"wanted": "1"} if number % 2 else {}))
    assert bench.stream.drain(PATIENCE_S)
    assert bench.keys("some") == ["k01", "k03", "k05", "k07", "k09", "k11"]
    assert max(map(len, bench.batches["some"])) <= 4
    assert bench.keys("all") == [f"k{number:02}" for number in range(12)]


def test_a_failing_batch_is_halved_until_only_the_bad_record_is_given_up(bench: Bench) -> None:
    """The others are handled, in order; the bad one is tried as often as the template says, then told and kept."""
    gate = threading.Event()

    def behave(folder: str, batch: list[dict[str, Any]]) -> None:
        gate.wait(PATIENCE_S)
        if folder == "some" and "bad" in keys(batch):
            raise ValueError("a bug")

    bench.behave = behave
    for key in ("a", "b", "bad", "c", "d"):
        bench.put(key, wanted="1")
    time.sleep(0.1)
    gate.set()
    assert bench.stream.drain(PATIENCE_S)
    ((name, records),) = bench.stream.given_up
    assert (name, keys(records)) == ("SomeFunction.Known", ["bad"])
    alone = [batch for batch in bench.batches["some"] if keys(batch) == ["bad"]]
    assert len(alone) == 3
    fine = [key for batch in bench.batches["some"] if "bad" not in keys(batch) for key in keys(batch)]
    assert fine == ["a", "b", "c", "d"]
    assert any("ValueError: a bug" in text for text in bench.told)


def test_a_function_may_say_which_records_failed(bench: Bench) -> None:
    """Everything from the first failure on comes again; what came before it does not."""
    failed: set[str] = set()

    def behave(folder: str, batch: list[dict[str, Any]]) -> Any:
        names = keys(batch)
        if folder != "part" or "x" not in names or "x" in failed:
            return None
        failed.add("x")
        return {"batchItemFailures": [{"itemIdentifier": batch[names.index("x")]["dynamodb"]["SequenceNumber"]}]}

    bench.behave = behave
    for key in ("a", "x", "b"):
        bench.put(key)
    assert bench.stream.drain(PATIENCE_S)
    told = bench.keys("part")
    assert (told.count("a"), told.count("x")) == (1, 2)
    assert told.index("b") > told.index("x")
    assert not bench.stream.given_up


def test_a_failure_of_one_function_holds_up_no_other(bench: Bench) -> None:
    """Each mapping has its own place in the stream; one that fails for ever is tried for ever, and drain says so."""
    fixed = threading.Event()

    def behave(folder: str, _: list[dict[str, Any]]) -> None:
        if folder == "all" and not fixed.is_set():
            raise ValueError("not yet")

    bench.behave = behave
    bench.put("a", wanted="1")
    wait_until(lambda: bench.batches["some"] and len(bench.batches["all"]) > 2)
    assert not bench.stream.drain(0.1)
    assert bench.keys("some") == ["a"]
    fixed.set()
    assert bench.stream.drain(PATIENCE_S)


def test_drain_waits_for_what_a_function_writes(bench: Bench) -> None:
    """A chain of writes, each from the stream of the one before."""

    def behave(folder: str, batch: list[dict[str, Any]]) -> None:
        if folder == "all":
            for key in keys(batch):
                if len(key) < 8:
                    bench.put(f"{key}x")

    bench.behave = behave
    bench.put("a")
    assert bench.stream.drain(PATIENCE_S)
    assert bench.keys("all") == ["a" + "x" * number for number in range(8)]


def test_nothing_is_lost_or_reordered_under_concurrent_writers(bench: Bench) -> None:
    """Four writers, fifty changes each: every one arrives once, each item's in order."""

    def write(name: str) -> None:
        for number in range(50):
            bench.put(name, n=str(number))

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert bench.stream.drain(PATIENCE_S)
    records = [record["dynamodb"] for batch in bench.batches["all"] for record in batch]
    for name in "abcd":
        numbers = [int(one["NewImage"]["n"]["S"]) for one in records if one["Keys"]["pk"]["S"] == name]
        assert numbers == list(range(50))
        changes = [one for one in records if one["Keys"]["pk"]["S"] == name and "OldImage" in one]
        assert [int(one["OldImage"]["n"]["S"]) for one in changes] == list(range(49)), "each with what it replaced"


def test_a_table_without_the_engine_is_told_once_and_does_no_harm(ministack: str) -> None:
    """The reader goes on; the end of the block ends it."""
    told: list[str] = []
    template = parse(TEMPLATE)
    stream = TableStream(
        "not-there", template, find=lambda _: lambda *_: None, endpoint=ministack, region=REGION, report=told.append
    )
    with ExitStack() as stack:
        stack.enter_context(stream.running())
        wait_until(lambda: told)
        assert not stream.drain(2.5)  # time for another poll or two
    assert len([text for text in told if "can't be read" in text]) == 1
