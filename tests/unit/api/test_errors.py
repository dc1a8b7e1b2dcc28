"""What a caller is told when something is wrong: one problem document for each error, and nothing of what is inside."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest

from ledger.api.auth import Forbidden
from ledger.api.errors import PROBLEM_JSON, problem_of
from ledger.api.http import lambda_handler_of, resolver
from ledger.api.validation_messages import NO_SUCH_FIELD
from ledger.domain.errors import (
    AccountInDebt,
    AccountInReview,
    AccountSuspended,
    BillingError,
    CaseAlreadyOpen,
    CaseClosed,
    CatalogueError,
    CommitTooLarge,
    ConfigurationError,
    CreditsLocked,
    IdempotencyKeyReused,
    IncidentChanged,
    InsufficientCredits,
    InvalidBody,
    InvalidRequest,
    MailRefused,
    MailUnavailable,
    NotFound,
    NotSpendable,
    PolicyError,
    ProviderRefused,
    ProviderUnavailable,
    RequestRefused,
    RunFailed,
    SecondPersonNeeded,
    StoreUnavailable,
    SubscriptionAlreadyRuns,
    TooManyRequests,
    TransactionInConflict,
    UnreadableItem,
)
from ledger.policy.texts import TextError
from ledger.runtime import Runtime, runtime
from tools.testing.builders import LATER

INSIDE = "arn:aws:dynamodb:eu-central-1:123:table/ledger"
UNAVAILABLE = "The ledger did not respond. Send the same again: it is done once."
FULL = "The account has no room for this. Support was notified."
NO_ANSWER = "The payment provider did not respond. Retry the request."


DOCUMENTS: list[tuple[BillingError, int, str, str, str | None, dict[str, Any]]] = [
    (InsufficientCredits(5, 3), 402, "Payment Required", "insufficient-credits", None, {"missing": 2}),
    (
        CreditsLocked(5, 3, 1000, LATER, ("ord_1",)),
        *(402, "Payment Required", "credits-locked", None),
        {"missing": 2, "locked": 1000, "locked_until": "2026-11-20T12:00:00Z", "order_ids": ["ord_1"]},
    ),
    (
        CreditsLocked(5, 3, 0, None, ("ord_1",), 40),
        *(402, "Payment Required", "credits-locked", None),
        {"missing": 2, "locked": 0, "withdrawn": 40, "order_ids": ["ord_1"]},
    ),
    (AccountSuspended(("a",)), 403, "Forbidden", "account-suspended", None, {"holds": ["a"]}),
    (Forbidden("No."), 403, "Forbidden", "forbidden", "No.", {}),
    (NotFound("None."), 404, "Not Found", "not-found", "None.", {}),
    (IdempotencyKeyReused("Used."), 422, "Unprocessable Content", "idempotency-key-reused", "Used.", {}),
    (RunFailed("run_1"), 409, "Conflict", "run-failed", None, {}),
    (AccountInDebt(7), 409, "Conflict", "account-in-debt", None, {"owed": 7}),
    (AccountInReview(), 409, "Conflict", "account-in-review", None, {}),
    (
        SubscriptionAlreadyRuns("plan", "stripe:sub_1"),
        *(409, "Conflict", "subscription-already-runs", None),
        {"subscription_id": "stripe:sub_1"},
    ),
    (TooManyRequests(20, timedelta(hours=1), 840), 429, "Too Many Requests", "too-many-requests", None, {}),
    (IncidentChanged(42), 409, "Conflict", "incident-changed", None, {}),
    (SecondPersonNeeded("prop_1"), 409, "Conflict", "second-person-needed", None, {"proposal_id": "prop_1"}),
    (CaseAlreadyOpen("case_1"), 409, "Conflict", "case-open", None, {"case_id": "case_1"}),
    (CaseClosed("It is closed."), 409, "Conflict", "refused", "It is closed.", {}),
    (RequestRefused("Not now."), 409, "Conflict", "refused", "Not now.", {}),
    (InvalidBody("No JSON.", 415, "wrong-type"), 415, "Unsupported Media Type", "wrong-type", "No JSON.", {}),
    (
        InvalidRequest("credits", "Too many."),
        *(422, "Unprocessable Content", "invalid-request", "body.credits: Too many."),
        {"errors": [{"field": "body.credits", "message": "Too many."}]},
    ),
    (
        ProviderRefused("code", "Too late."),
        *(502, "Bad Gateway", "provider-refused", "The payment provider refused: Too late."),
        {},
    ),
    (ProviderUnavailable(INSIDE), 503, "Service Unavailable", "provider-unavailable", NO_ANSWER, {}),
    (StoreUnavailable(INSIDE), 503, "Service Unavailable", "unavailable", UNAVAILABLE, {}),
    (TransactionInConflict(INSIDE), 503, "Service Unavailable", "unavailable", UNAVAILABLE, {}),
    (UnreadableItem(INSIDE), 503, "Service Unavailable", "unavailable", UNAVAILABLE, {}),
    (CommitTooLarge(INSIDE), 507, "Insufficient Storage", "account-full", FULL, {}),
]
OURS = [
    *(ConfigurationError(INSIDE), CatalogueError(INSIDE), PolicyError(INSIDE), TextError(INSIDE)),
    *(BillingError(INSIDE), MailRefused(INSIDE), MailUnavailable(INSIDE)),
]


@pytest.mark.parametrize(("error", "status", "title", "name", "detail", "more"), DOCUMENTS)
def test_each_error_has_its_problem_document(
    error: BillingError, status: int, title: str, name: str, detail: str | None, more: dict[str, Any]
) -> None:
    """Word for word. Only what may be tried again says when."""
    response = problem_of(error)
    assert (response.status_code, response.content_type) == (status, PROBLEM_JSON)
    assert response.headers.get("retry-after") == {503: "5", 429: "840"}.get(status)
    assert json.loads(str(response.body)) == {
        "type": f"urn:imagetagger:problem:{name}",
        "title": title,
        "status": status,
        "detail": detail or str(error),
        **more,
    }


@pytest.mark.parametrize("error", OURS)
def test_what_is_no_concern_of_the_caller_is_raised(error: BillingError) -> None:
    """So it is a 500 and an alarm."""
    with pytest.raises(BillingError) as raised:
        problem_of(error)
    assert raised.value is error


def test_every_error_of_the_ledger_is_among_these() -> None:
    """But for roots that nobody raises."""

    def below(error: type[BillingError]) -> set[type[BillingError]]:
        return {error}.union(*map(below, error.__subclasses__()))

    known = {type(error) for error in (*(row[0] for row in DOCUMENTS), *OURS)}
    of_the_ledger = {error for error in below(BillingError) if error.__module__.startswith("ledger.")}
    assert of_the_ledger - known == {NotSpendable}


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Iterator[Runtime]:
    """A runtime that is measured."""
    given = {"TABLE_NAME": "ledger", "PROVIDER_MODE": "test", "POWERTOOLS_METRICS_NAMESPACE": "t"}
    for variable, value in given.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.delenv("POWERTOOLS_METRICS_DISABLED", raising=False)
    runtime.cache_clear()
    yield runtime()
    runtime.cache_clear()


def called(error: Exception, *, query: str = "", body: str | None = None) -> dict[str, Any]:
    """The response of a route that raises, and takes neither parameters nor a body."""
    app, method = resolver(), "POST" if body else "GET"

    @app.route("/broken", method=method)
    def broken() -> None:
        raise error

    http = {"method": method, "path": "/broken", "sourceIp": "1.1.1.1", "protocol": "HTTP/1.1", "userAgent": "x"}
    event = {
        "version": "2.0",
        "routeKey": f"{method} /broken",
        "rawPath": "/broken",
        "rawQueryString": query,
        "queryStringParameters": dict(parse_qsl(query)),
        "headers": {"content-type": "application/json"} if body else {},
        "body": body,
        "requestContext": {
            "http": http,
            "requestId": "r",
            "stage": "$default",
            "authorizer": {"jwt": {"claims": {"sub": "acct_ada", "email": "ada@example.com"}, "scopes": []}},
        },
        "isBase64Encoded": False,
    }
    return lambda_handler_of(app)(event, None)


@pytest.mark.parametrize("error", [ValueError(INSIDE), ConfigurationError(INSIDE)])
def test_an_unexpected_error_is_a_500_with_nothing_of_its_text(
    services: Runtime, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    """The alarm's metric is counted; the log has type and place, and the text only if it is one of ours."""
    del services
    response = called(error)
    assert response["statusCode"] == 500
    assert json.loads(response["body"]) == {
        "type": "urn:imagetagger:problem:unforeseen",
        "title": "Internal Server Error",
        "status": 500,
        "detail": "An unexpected error occurred. Nothing was half done. Retry the request.",
    }
    assert {name.lower(): value for name, value in response["headers"].items()} == {
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "content-type": PROBLEM_JSON,
    }
    assert '"UnforeseenErrors":[1.0]' in capsys.readouterr().out.replace(" ", "")
    unexpected, answered = caplog.records
    assert (unexpected.__dict__["route"], unexpected.__dict__["error"]) == ("GET /broken", type(error).__name__)
    assert any(place.endswith(" broken") for place in unexpected.__dict__["at"])
    assert unexpected.__dict__.get("detail") == (INSIDE if isinstance(error, BillingError) else None)
    assert INSIDE not in caplog.text, "Powertools logs an unexpected error too, with its text"
    assert (answered.__dict__["route"], answered.__dict__["status"]) == ("GET /broken", 500)
    for record in (unexpected, answered):  # the access log has the same request id
        assert (record.__dict__["request_id"], record.__dict__["account_id"]) == ("r", "acct_ada")
        assert "ada@example.com" not in str(record.__dict__)


def test_an_error_of_the_ledger_is_answered_as_its_problem_and_raises_no_alarm(
    services: Runtime, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is no bug of ours."""
    del services
    response = called(StoreUnavailable(INSIDE))
    assert (response["statusCode"], INSIDE in response["body"]) == (503, False)
    assert "UnforeseenErrors" not in capsys.readouterr().out


def test_what_a_route_without_parameters_and_body_gets_is_refused_by_name(services: Runtime) -> None:
    """Who sends it meant another route: nothing is done, and each of them is named."""
    del services
    response = called(ValueError(INSIDE), query="limit=1", body='{"run_id": "run_1", "x": 2}')
    assert response["statusCode"] == 422
    assert json.loads(response["body"])["errors"] == [
        {"field": "query.limit", "message": "There is no such parameter. This route has no parameters."},
        {"field": "body.run_id", "message": NO_SUCH_FIELD},
        {"field": "body.x", "message": NO_SUCH_FIELD},
    ]
