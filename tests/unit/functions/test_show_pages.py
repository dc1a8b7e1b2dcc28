"""What the function behind the public pages logs and counts: nothing of what somebody entered."""

import json
import logging
from typing import Any

import pytest

from ledger.domain.errors import BillingError, InvalidBody, NotFound, StoreUnavailable
from tests.unit.functions.test_jobs import metrics, run, services

__all__ = ["services"]  # the fixture of the jobs

ENTERED = "Ada Lovelace, ada@example.com"
EVENT: dict[str, Any] = {
    "routeKey": "GET /withdrawal",
    "requestContext": {"requestId": "request_1"},
    "headers": {"accept-language": "de"},
    "queryStringParameters": {"contract": ENTERED},
}


def failing(error: Exception, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What a request is answered that meets an error."""

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("functions.show_pages.app.form_page", fail)
    answer: dict[str, Any] = run("show_pages", EVENT)
    return answer


@pytest.mark.usefixtures("services")
@pytest.mark.parametrize("error", [RuntimeError(ENTERED), KeyError(ENTERED), BillingError(ENTERED)], ids=repr)
def test_an_error_that_nobody_foresaw_raises_its_alarm_and_is_told_to_nobody(
    error: Exception,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """500 with a page in the customer's language; the log has its type and the route, and not its text."""
    answer = failing(error, monkeypatch)
    assert (answer["statusCode"], answer["headers"]["content-language"]) == (500, "de")
    output = capsys.readouterr().out
    assert metrics(output, "UnforeseenErrors") == [1]
    (line,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert (line.error, line.route) == (type(error).__name__, "GET /withdrawal")  # type: ignore[attr-defined]
    told = json.dumps([answer, output, *(str(vars(record)) for record in caplog.records)])
    assert not [word for word in ("Ada", "Lovelace", "ada@example.com") if word in told]


@pytest.mark.usefixtures("services")
@pytest.mark.parametrize(
    ("error", "status"),
    [(InvalidBody(ENTERED, 413), 413), (NotFound(ENTERED), 404), (StoreUnavailable(ENTERED), 503)],
    ids=repr,
)
def test_an_error_that_was_foreseen_raises_no_alarm_and_is_told_in_our_words(
    error: Exception,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One line in the log: the route, the request and the status."""
    answer = failing(error, monkeypatch)
    assert answer["statusCode"] == status
    assert "Ada" not in answer["body"]
    assert metrics(capsys.readouterr().out, "UnforeseenErrors") == []
    (line,) = caplog.records
    assert (line.message, line.route, line.request_id, line.status) == (  # type: ignore[attr-defined]
        *("answered", "GET /withdrawal", "request_1"),
        status,
    )
    assert "Ada" not in str(vars(line))
