"""The engines, the stores over them, and what a test needs to stand on."""

import contextlib
import faulthandler
import functools
import gc
import json
import os
import sys
import uuid
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import botocore.session
import hypothesis
import pytest
from moto import mock_aws
from moto.dynamodb.models import dynamodb_backends

from ledger.dynamodb import keys
from ledger.dynamodb.connection import PlainConnection
from ledger.dynamodb.store import DynamoDBStore
from ledger.ports.store import Store
from ledger.runtime import Runtime, runtime
from ledger.usecases import transaction
from tests.light_moto import create_table, lighten
from tools import engines
from tools.devserver.patience import PATIENCE_S
from tools.orders import place_orders_of
from tools.stories import stories
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

lighten()

# Each session of botocore would read and parse the files of its services anew.
setattr(botocore.session, "create_loader", functools.cache(botocore.session.create_loader))  # noqa: B010 - for mypy

# How long an example takes says something about the machine, nothing about the code.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

_SHARED = "shared_engines"
"""In a worker's input: the endpoints of the engines that all workers share, by name."""


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Leave what is imported and collected to no collector of garbage: all of it stays until the run ends.

    The collector would go through the whole of it a dozen times while it grows, and in each fork of this process.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Start each engine once for all workers of a run. Its start costs seconds, and it is slow until it is warm.

    A run of tests/unit alone starts none.
    """
    config: pytest.Config = node.config
    if _is_unit_run(config):
        return
    if _ENDPOINTS not in config.stash:
        started = contextlib.ExitStack()
        config.add_cleanup(started.close)
        config.stash[_ENDPOINTS] = {}
        for engine in engines.ENGINES:
            with contextlib.suppress(engines.EngineError):  # a worker that needs it tries again, and reports the error
                config.stash[_ENDPOINTS][engine] = started.enter_context(engines.running(engine))
    node.workerinput[_SHARED] = config.stash[_ENDPOINTS]


def pytest_configure(config: pytest.Config) -> None:
    """Keep the terminal, which no test has while its output is captured."""
    config.stash[_TERMINAL] = os.dup(sys.__stderr__.fileno()) if sys.__stderr__ else 2


@pytest.fixture(scope="module", autouse=True)
def _ends(pytestconfig: pytest.Config) -> Iterator[None]:
    """End a module whose tests never end, and say where each of its threads is.

    Pytest's own limit is each test's, and starts a thread for it: on a busy machine that takes as long as most tests.
    """
    if not pytestconfig.pluginmanager.hasplugin("faulthandler"):  # a process that forks for each test ends it itself
        yield
        return
    faulthandler.dump_traceback_later(_MODULE_ENDS_AFTER_S, exit=True, file=pytestconfig.stash[_TERMINAL])
    yield
    faulthandler.cancel_dump_traceback_later()


_TERMINAL = pytest.StashKey[int]()
_MODULE_ENDS_AFTER_S = 1800
"""No module takes a tenth of it on a slow machine."""

_ENDPOINTS = pytest.StashKey[dict[str, str]]()


def _is_unit_run(config: pytest.Config) -> bool:
    """Return whether all paths of the command line are in tests/unit."""
    unit, start = Path(__file__).parent / "unit", config.invocation_params.dir
    return all((start / path.partition("::")[0]).resolve().is_relative_to(unit) for path in config.args)


@contextlib.contextmanager
def _endpoint(config: pytest.Config, engine: str) -> Iterator[str]:
    shared: dict[str, str] = getattr(config, "workerinput", {}).get(_SHARED, {})
    if engine in shared:
        yield shared[engine]
        return
    with engines.running(engine) as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def ministack(pytestconfig: pytest.Config) -> Iterator[str]:
    """MiniStack's endpoint."""
    with _endpoint(pytestconfig, "ministack") as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def dynamodb_local(request: pytest.FixtureRequest) -> Iterator[str]:
    """The reference engine's endpoint: AWS's own; where there is no Java, MiniStack, and the summary says so."""
    if engines.unavailable("dynamodb-local"):
        yield request.getfixturevalue("ministack")
        return
    with _endpoint(request.config, "dynamodb-local") as endpoint:
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


@functools.cache
def _template() -> dict[str, Any]:
    return load()


def _definition(name: str) -> dict[str, Any]:
    """The template's table without its stream, which no test over such a table reads and each engine keeps up."""
    return {key: part for key, part in table_definition(_template(), name).items() if key != "StreamSpecification"}


@functools.cache
def connection_to(endpoint: str | None) -> PlainConnection:
    """Return this process's connection to an engine; None: to AWS, as moto plays it.

    A botocore client takes a tenth of a second to make, a table three milliseconds: tests share the client, and each
    has a table of its own.
    """
    # Written out for AWS too, so that no AWS_ENDPOINT_URL of the environment leads moto's tests to another engine.
    host = endpoint or f"https://dynamodb.{REGION}.amazonaws.com"
    return PlainConnection(region=REGION, host=host, max_pool_connections=80, read_timeout_seconds=PATIENCE_S)


def store_at(
    endpoint: str | None,
    *,
    definition: dict[str, object] | None = None,
    around: Callable[[PlainConnection], Any] | None = None,
) -> DynamoDBStore:
    """Return a store over a table of its own, as `template.yaml` defines it, without its stream.

    All stores of an endpoint share one connection. `around` wraps it, to put faults between the store and the engine.
    """
    name = f"ledger-{uuid.uuid4().hex[:12]}"
    connection = connection_to(endpoint)
    described = dict(definition or _definition(name))
    if endpoint:
        connection.dispatch("CreateTable", described)
    else:
        create_table(described, REGION)
    return DynamoDBStore(name, around(connection) if around else connection)


@contextlib.contextmanager
def moto_services(monkeypatch: pytest.MonkeyPatch, **environment: str) -> Iterator[Runtime]:
    """Give the functions a runtime in test mode, over a table of moto of its own and this process's connection."""
    with mock_aws():
        store = store_at(None)
        table = store._table  # noqa: SLF001 - made here
        given = {"TABLE_NAME": table, "PROVIDER_MODE": "test", "REFUNDS_PAUSED": "false", "AWS_REGION": REGION}
        for name, value in (given | environment).items():
            monkeypatch.setenv(name, value)
        # A botocore session takes 20 ms to make, and reads the files of each service anew.
        monkeypatch.setattr("ledger.runtime.PlainConnection", lambda **_: connection_to(None))
        runtime.cache_clear()
        services = runtime()
        services.store = store
        yield services
        runtime.cache_clear()


def put_items(store: Store, items: list[dict[str, Any]]) -> None:
    """Put items into a store's table of moto as they are."""
    table: str = store._table  # type: ignore[attr-defined]  # noqa: SLF001 - no port of ours writes raw items
    for start in range(0, len(items), 25):
        puts = [{"PutRequest": {"Item": item}} for item in items[start : start + 25]]
        connection_to(None).dispatch("BatchWriteItem", {"RequestItems": {table: puts}})


def place_orders_of_stories(store: Store) -> None:
    """Store the orders of all stories in a table of moto that is empty: placed once in this process, copied then."""
    if keys.SHARDS in _ORDERED:
        put_items(store, _ORDERED[keys.SHARDS])
    else:
        place_orders_of((one for story in stories() for one in story.notifications), store)
        _ORDERED[keys.SHARDS] = list(store.scan())  # type: ignore[attr-defined]


_ORDERED: dict[int, list[dict[str, Any]]] = {}
"""The items of the orders, by the number of shards over which they are spread."""


def table_content(table: str) -> list[str]:
    """Return the items of a table of moto as sorted texts, read from its memory."""
    (tables,) = (backend[REGION].tables for backend in dynamodb_backends.values() if table in backend[REGION].tables)
    return sorted(json.dumps(item.to_json(), sort_keys=True, default=repr) for item in tables[table].all_items())


@pytest.fixture(scope="module")
def few_shards(request: pytest.FixtureRequest) -> Iterator[None]:
    """Indexes of three shards instead of 24: each sweep and each list asks every shard.

    A module that counts calls has all, and is marked `all_shards`.
    """
    if request.node.get_closest_marker("all_shards"):
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keys, "SHARDS", 3)
        yield


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have transactions wait for a slow machine: what is true of a race does not depend on its speed."""
    monkeypatch.setattr(transaction, "PATIENCE_S", 60.0)


@pytest.fixture(
    params=[
        "fake",
        pytest.param("moto", marks=pytest.mark.moto),
        pytest.param("ministack", marks=pytest.mark.ministack),
        "dynamodb-local",
    ]
)
def any_store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """Each store that keeps the port's promise: the same tests run over all of them.

    `make test` asks the fake and AWS's own engine. Over moto they are for the mutants alone, which ask no engine.
    """
    request.getfixturevalue("patient")
    match request.param:
        case "fake":
            yield FakeStore()
        case "moto":
            with mock_aws():
                yield store_at(None)
        case "ministack":
            yield store_at(request.getfixturevalue("ministack"))
        case _:
            with _store_at_reference(request.getfixturevalue("dynamodb_local")) as store:
                yield store


@pytest.fixture
def real_store(dynamodb_local: str, patient: None) -> Iterator[DynamoDBStore]:  # noqa: ARG001 - it has its effect
    """A store on the reference engine."""
    with _store_at_reference(dynamodb_local) as store:
        yield store


@contextlib.contextmanager
def _store_at_reference(endpoint: str) -> Iterator[DynamoDBStore]:
    """Yield a store on the reference engine, and delete its table: 300 that nobody uses take an eighth of a core."""
    store = store_at(endpoint)
    yield store
    connection_to(endpoint).dispatch("DeleteTable", {"TableName": store._table})  # noqa: SLF001 - made here


@pytest.fixture
def new_store() -> Callable[[], FakeStore]:
    """A maker of fresh fakes, for tests that play many histories."""
    return FakeStore
