"""The line of a delivery: what Powertools would have written in two."""

import io
import json
from typing import Any

import pytest
from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics

from ledger.lines import Lines

ENVIRONMENT = {
    "POWERTOOLS_METRICS_NAMESPACE": "Billing/live",
    "POWERTOOLS_SERVICE_NAME": "of_this_test_alone",  # Powertools gives all loggers of a service the first one's stream
    "_X_AMZN_TRACE_ID": "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
}
FIELDS = {"event_id": "evt_1", "detail": None, "is_misrouted": False, "status": 401}


def written(
    environment: dict[str, str], level: str = "WARNING", *counted: str, is_measured: bool = True
) -> dict[str, Any]:
    """The line that is written. Empty: none is."""
    lines = Lines(environment, is_measured=is_measured)
    lines.out = io.StringIO()
    lines.write(level, "refused", FIELDS, counted or ("BadSignatures", "MisroutedEvents"))
    return dict(json.loads(lines.out.getvalue() or "{}"))


@pytest.fixture
def by_powertools(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The same as Powertools writes it, in one."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    stream = io.StringIO()
    logger = Logger(service=ENVIRONMENT["POWERTOOLS_SERVICE_NAME"], stream=stream, logger_name="of this test")
    logger.warning("refused", extra=FIELDS)
    metrics = EphemeralMetrics()
    for name in ("BadSignatures", "MisroutedEvents"):
        metrics.add_metric(name, "Count", 1)
    line = json.loads(stream.getvalue())
    del line["logger_name"], line["location"]
    return line | metrics.serialize_metric_set()  # type: ignore[no-any-return]


def test_it_has_what_powertools_writes(by_powertools: dict[str, Any]) -> None:
    """All but the line of the code, which says no more than the message. Both tell the time in one form."""
    line = written(ENVIRONMENT)
    at, theirs = line.pop("timestamp"), by_powertools.pop("timestamp")
    assert [part.isdigit() for part in at] == [part.isdigit() for part in theirs]
    assert at[-5:] == "+0000"
    assert abs(line["_aws"].pop("Timestamp") - by_powertools["_aws"].pop("Timestamp")) < 60_000
    assert line == by_powertools


@pytest.mark.parametrize(
    ("setting", "level", "is_logged"),
    [
        ({}, "INFO", True),
        ({"POWERTOOLS_LOG_LEVEL": "warning"}, "INFO", False),
        ({"POWERTOOLS_LOG_LEVEL": "WARNING"}, "WARNING", True),
        ({"POWERTOOLS_LOG_LEVEL": "CRITICAL"}, "ERROR", False),
        ({"POWERTOOLS_LOG_LEVEL": "ERROR", "AWS_LAMBDA_LOG_LEVEL": "INFO"}, "INFO", True),
        ({"AWS_LAMBDA_LOG_LEVEL": "FATAL"}, "ERROR", False),
    ],
)
def test_what_is_below_the_level_is_counted_and_not_logged(
    setting: dict[str, str], level: str, *, is_logged: bool
) -> None:
    """Lambda's own setting takes precedence, as with Powertools."""
    line = written(ENVIRONMENT | setting, level)
    assert ("message" in line) is is_logged
    assert line["BadSignatures"] == [1.0]
    assert bool(written(ENVIRONMENT | setting, level, is_measured=False)) is is_logged


def test_without_metrics_it_is_a_log_line() -> None:
    """Switched off, or without a namespace: a local run."""
    named = {"POWERTOOLS_SERVICE_NAME": ENVIRONMENT["POWERTOOLS_SERVICE_NAME"]}
    expected = {"level": "WARNING", "message": "refused", "event_id": "evt_1", "is_misrouted": False, "status": 401}
    for line in (written(named), written(ENVIRONMENT, is_measured=False) | {"xray_trace_id": None}):
        del line["timestamp"]
        line.pop("xray_trace_id", None)
        assert line == expected | {"service": named["POWERTOOLS_SERVICE_NAME"]}
