"""The engines, the stores over them, and what a test needs to stand on."""

import os
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import hypothesis
import pytest
from moto import mock_aws
from pynamodb.connection import Connection

from ledger.dynamodb.store import DynamoDBStore
from ledger.ports.store import Store
from tools import engines
from tools.template import load, table_definition
from tools.testing.fakes import FakeStore

REGION = "eu-central-1"
os.environ |= {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": REGION,
    "POWERTOOLS_METRICS_NAMESPACE": "ImageTaggerBilling",
    "POWERTOOLS_SERVICE_NAME": "tests",
}

# How long an example takes says something about the machine, nothing about the code.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

_no_java: list[str] = []


@pytest.fixture(scope="session")
def ministack() -> Iterator[str]:
    """MiniStack's endpoint."""
    with engines.running("ministack") as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def dynamodb_local() -> Iterator[str]:
    """The reference engine's endpoint: AWS's own; where there is no Java, MiniStack, and the summary says so."""
    engine = "dynamodb-local"
    if problem := engines.unavailable(engine):
        _no_java.append(problem)
        engine = "ministack"
    with engines.running(engine) as endpoint:
        yield endpoint


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many histories were played, and which engine the concurrency was proven on if not the reference."""
    passed = terminalreporter.stats.get("passed", [])
    played = sum(value for report in passed for name, value in report.user_properties if name == "histories")
    if played:
        terminalreporter.write_line(f"{played:,} histories were played, every event twice; each ended in one ledger.")
    started = [value for report in passed for name, value in report.user_properties if name == "cold_start"]
    for function, init_ms in started:
        terminalreporter.write_line(f"{function:32} cold start {init_ms:6.0f} ms")
    if problem := engines.unavailable("dynamodb-local"):
        terminalreporter.write_line(f"The concurrency tests ran on MiniStack, not on DynamoDB Local. {problem}")


def store_at(
    endpoint: str | None,
    *,
    definition: dict[str, object] | None = None,
    around: Callable[[Connection], Any] | None = None,
) -> DynamoDBStore:
    """A store over a table of its own, as `template.yaml` defines it; `around` its connection there may be trouble."""
    name = f"ledger-{uuid.uuid4().hex[:12]}"
    client = boto3.client("dynamodb", region_name=REGION, endpoint_url=endpoint)
    client.create_table(**(definition or table_definition(load(), name)))
    connection = Connection(region=REGION, host=endpoint, max_pool_connections=80)
    return DynamoDBStore(name, around(connection) if around else connection)


@pytest.fixture(params=["fake", "moto", "ministack", "dynamodb-local"])
def any_store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """Each store that keeps the port's promise: the same tests run over all of them."""
    match request.param:
        case "fake":
            yield FakeStore()
        case "moto":
            with mock_aws():
                yield store_at(None)
        case "ministack":
            yield store_at(request.getfixturevalue("ministack"))
        case _:
            yield store_at(request.getfixturevalue("dynamodb_local"))


@pytest.fixture
def real_store(dynamodb_local: str) -> DynamoDBStore:
    """A store on the reference engine."""
    return store_at(dynamodb_local)


@pytest.fixture
def new_store() -> Callable[[], FakeStore]:
    """A maker of fresh fakes, for tests that play many histories."""
    return FakeStore
