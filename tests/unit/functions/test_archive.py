"""The archive: what it stores, where, and that what fails in it ends with the delivery."""

import json
import threading
from collections import Counter
from typing import Any

import botocore.exceptions
import pytest

from ledger.archive import Put, body_of, line_of, stream_of
from ledger.config import Config
from ledger.dynamodb.calls import PATIENCE_S
from ledger.dynamodb.connection import PlainConnection
from ledger.runtime import Runtime
from tools.stories import EVENTS
from tools.testing.builders import LATER

BODIES = [path.read_bytes() for path in sorted((EVENTS / "stripe").glob("*.json"))]


def test_a_line_names_its_event_and_holds_its_body_byte_for_byte() -> None:
    """One line of JSON for each body."""
    line = line_of("stripe", "evt_1", BODIES[0], LATER)
    assert (line.count(b"\n"), line[-1:]) == (1, b"\n")
    content = json.loads(line)
    assert content.pop("body_zlib")
    assert content == {"provider": "stripe", "event_id": "evt_1", "received_at": LATER.isoformat()}
    assert body_of(line) == BODIES[0]


def test_lines_are_compressed() -> None:
    """Firehose counts a second's bytes, and bills each started 5 KB of a line: a line fits into one."""
    sizes = [len(line_of("stripe", "evt_1" * 6, body, LATER)) for body in BODIES]
    assert sum(sizes) < sum(map(len, BODIES)) * 0.5
    assert max(sizes) < 5 * 1024


def test_each_stream_gets_its_share_and_an_event_always_the_same_one() -> None:
    """What is delivered again lies beside its first copy."""
    streams = ("one", "two", "three", "four")
    ids = [f"evt_{number}" for number in range(4000)]
    shares = Counter(stream_of(event_id, streams) for event_id in ids)
    assert shares.keys() == set(streams)
    assert max(shares.values()) < 1100
    assert [stream_of(one, streams) for one in ids[:9]] == [stream_of(one, streams) for one in ids[:9]]


class Stream:
    """Firehose, which takes a record, or fails."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.fault = fault

    def put_record(self, **_: Any) -> None:
        if self.fault:
            raise self.fault


@pytest.mark.parametrize(
    ("fault", "failure"),
    [
        (None, None),
        (botocore.exceptions.ClientError({"Error": {"Code": "ServiceUnavailable"}}, "PutRecord"), "ClientError"),
        (botocore.exceptions.NoCredentialsError(), "NoCredentialsError"),
        (MemoryError(), "Unfinished"),
    ],
)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_whatever_stops_a_put_is_a_failure(fault: Exception | None, failure: str | None) -> None:
    """Also what nobody foresaw: it ends the thread and nothing else."""
    put = Put(lambda: Stream(fault), "stream", b"line")
    put.start()
    put.join()
    assert put.failure == failure


def test_a_put_ends_within_the_patience_of_a_write() -> None:
    """Whatever Firehose does, the provider gets its response in time. The backoff between two attempts is below 1 s."""
    services = Runtime(Config.of({"TABLE_NAME": "ledger", "AWS_REGION": "eu-central-1"}))
    config = services.client("firehose").meta.config
    attempts = config.retries["total_max_attempts"]
    assert attempts * (config.connect_timeout + config.read_timeout) <= PATIENCE_S
    assert services.client("firehose") is services.client("firehose")


def test_the_client_of_dynamodb_is_made_before_the_thread_that_makes_another() -> None:
    """botocore can't make two at once."""
    made: list[str] = []

    class Connection(PlainConnection):
        @property
        def client(self) -> Any:
            """botocore's client, made now."""
            is_beside_a_put = any(one.name == "archive" for one in threading.enumerate())
            made.append("dynamodb too late" if is_beside_a_put else "dynamodb")

    def client(service: str) -> Stream:
        made.append(service)
        return Stream()

    services = Runtime(
        Config.of({"TABLE_NAME": "ledger", "AWS_REGION": "eu-central-1", "ARCHIVE_STREAM_NAMES": "one,two"})
    )
    services.connection = Connection(region="eu-central-1")
    services.client = client  # type: ignore[assignment]
    with services.archiving("stripe", "evt_1", BODIES[0]):
        pass
    assert made == ["dynamodb", "firehose"]
