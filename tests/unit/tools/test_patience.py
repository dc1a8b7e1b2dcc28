"""Whoever opens a local engine waits for it: what it does does not depend on how busy the machine is."""

import os

import pytest

from bench.deployed import deployed
from ledger.dynamodb.connection import PlainConnection
from ledger.runtime import Runtime
from tools.devserver.patience import PATIENCE_S


def read_timeout(services: Runtime) -> float:
    """How long this runtime waits for a response of the table, in seconds."""
    return float(services.connection.client.meta.config.read_timeout)


def test_a_runtime_over_a_local_engine_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The functions wait 2 s at AWS; here its store asks by a connection that waits a minute."""
    made: list[tuple[PlainConnection, float]] = []

    def store(_: str, connection: PlainConnection, *, patience_s: float) -> None:
        made.append((connection, patience_s))

    monkeypatch.setattr("tools.devserver.patience.DynamoDBStore", store)
    with deployed("ledger", "http://127.0.0.1:9") as services:
        assert made == [(services.connection, PATIENCE_S)]
        assert read_timeout(services) == PATIENCE_S
    assert read_timeout(Runtime(services.config)) == 2


def test_the_environment_is_as_it_was_before() -> None:
    """Else later tests of this process would have the settings of a bench."""
    before = dict(os.environ)
    with deployed("ledger", "http://127.0.0.1:9"):
        assert os.environ["TABLE_NAME"] == "ledger"
    assert dict(os.environ) == before
