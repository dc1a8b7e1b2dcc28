"""The proof of the API holds for our functions, and finds what is wrong with worse ones."""

import base64
import io
import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from ledger.runtime import runtime
from proof import api
from proof.work import Work
from tools.devserver.gateway import Handler, handler_of

_SET = ("TABLE_NAME", "EVIDENCE_BUCKET_NAME", "PORT", "STRIPE_API_KEY", "PADDLE_API_KEY")


@pytest.fixture(autouse=True)
def own_environment() -> Iterator[None]:
    """What the house sets is forgotten afterwards."""
    before = dict(os.environ)
    for name in _SET:
        os.environ.pop(name, None)
    yield
    os.environ.clear()
    os.environ |= before
    runtime.cache_clear()


def played(*paths: str, find: Any = handler_of) -> Work:
    """The part's work, as short as it can be, on these paths."""
    work = Work("api", 7, 60, out=io.StringIO())
    api.run(work, find, paths)
    return work


def test_it_finds_an_exception_and_an_answer_that_is_not_described() -> None:
    """Each is told once, with the request to make again."""

    def worse(folder: str) -> Handler:
        handler = handler_of(folder)

        def handle(event: dict[str, Any], context: object) -> Any:
            if folder == "record_usage":
                json.loads(event.get("body") or "{}")["run_id"].encode("ascii")
            return {"statusCode": 418, "body": "{}"} if folder == "read_account" else handler(event, context)

        return handle

    found = played("/account", "/usage", find=worse).found
    assert [what for what in found if what.startswith("GET /account: Undocumented status code")]
    usage = [what for what in found if what.startswith("POST /usage: Server error:")]
    assert len(usage) == 1
    assert "curl -X POST --aws-sigv4" in usage[0]


REQUEST = {"method": "POST", "uri": "http://127.0.0.1:3000/usage", "headers": {}}


def told(*said: dict[str, Any]) -> tuple[Work, int]:
    """What the part makes of a report's lines, and how much has failed in schemathesis' eyes."""
    work = Work("api", 7, 60, out=io.StringIO())
    return work, sum(api.heard(work, 0, line) for line in said)


def scenario(check: str | None, answer: str = "", *, message: str = "", **more: Any) -> dict[str, Any]:
    """The line of one request to POST /usage, whose answer failed a check."""
    failure = {"operation": "POST /usage", "title": "Wrong", "message": message}
    content = {"$base64": base64.b64encode(answer.encode()).decode()}
    recorder = {
        "label": "POST /usage",
        "interactions": {"a": {"request": REQUEST, "response": {"status_code": 422, "content": content}}},
        "checks": {"a": [{"name": check, "status": "failure", "failure_info": {"failure": failure}}]} if check else {},
    }
    return {"ScenarioFinished": {"status": "failure", "recorder": recorder | more}}


def refusal(name: str, *messages: str) -> str:
    """A problem document of ours."""
    errors = [{"field": "body.x", "message": message} for message in messages]
    return json.dumps({"type": f"urn:imagetagger:problem:{name}", "status": 422, "detail": "…", "errors": errors})


def test_it_finds_what_schemathesis_could_not_do() -> None:
    """A request that hung, an engine that broke; the same of one operation once."""
    hung = {
        "value": {"type": "ReadTimeout", "message": "Read timed out."},
        "phase": "coverage",
        "label": "GET /account",
    }
    broke = {"exception": {"type": "KeyError", "message": "'paths'"}}
    work, failures = told({"NonFatalError": hung}, {"NonFatalError": hung}, {"FatalError": broke})
    assert work.found == ["GET /account: ReadTimeout: Read timed out.", "all of it: KeyError: 'paths'"]
    assert failures == 3


def test_it_finds_a_request_without_an_answer() -> None:
    """The connection was reset, and no check could look at anything."""
    work, _ = told(scenario(None, interactions={"a": {"request": REQUEST}}))
    assert work.counts == {"requests": 1, "without an answer": 1}
    assert work.found[0].startswith("POST /usage: without an answer: curl -X POST --aws-sigv4")


def test_it_finds_failures_of_a_request_that_is_not_in_the_report() -> None:
    """And a check that broke off has checked nothing."""
    work, _ = told(scenario("not_a_server_error", message="503", interactions={}))
    assert work.found == ["POST /usage: Wrong: 503\n\nof a request that is not in the report"]
    work, _ = told(scenario(None, checks={"a": [{"name": "ignored_auth", "status": "error"}]}))
    assert work.found == ["POST /usage: ignored_auth ended with error "]


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "{}",
        '{"message":"Bad Request"}',
        refusal("refused"),
        refusal("invalid-request"),
        refusal("invalid-request", "There is no such field: remove it or correct its name."),
        refusal("invalid-request", "It is missing."),
        refusal("invalid-request", "Leave it out: the outcome decline does not use it.", "It is Tuesday."),
        refusal("unsupported-media-type"),
        refusal("no-such-route"),
    ],
)
def test_it_finds_a_refusal_that_no_rule_explains(answer: str) -> None:
    """Of a request that the description allows."""
    work, failures = told(scenario("positive_data_acceptance", answer))
    assert (len(work.found), failures) == (1, 1)


@pytest.mark.parametrize(
    "answer",
    [
        refusal("idempotency-key-reused"),
        refusal("insufficient-credits"),
        refusal("invalid-request", "This is not a `next` of this list: leave it out to begin at the start."),
        refusal("invalid-request", "It is missing: the outcome approve needs it."),
    ],
)
def test_a_refusal_by_a_rule_is_counted(answer: str) -> None:
    """No schema says such a rule."""
    work, failures = told(scenario("positive_data_acceptance", answer))
    assert (work.found, work.counts["refused by rules no schema says"], failures) == ([], 1, 1)


def test_only_our_services_are_refused_with_403_for_want_of_a_signature() -> None:
    """And by API Gateway: a customer without a token is told 401, and so is whoever a function looks at."""
    message, forbidden = "Got 403 when missing required 'Authorization' header, expected 401", '{"message":"Forbidden"}'
    line = scenario("missing_required_header", forbidden, message=message)
    assert told(line)[0].found == []
    assert told(scenario("missing_required_header", refusal("forbidden"), message=message))[0].found != []
    check = line["ScenarioFinished"]["recorder"]["checks"]["a"][0]
    check["failure_info"]["failure"]["operation"] = "GET /account"
    assert told(line)[0].found != []


def test_it_finds_an_end_that_the_report_does_not_explain() -> None:
    """Something failed, and nothing that was read says what."""
    assert api.ended(1, 0) == "schemathesis ended with 1, and told no failure"
    assert api.ended(2, 3) == "schemathesis ended with 2"
    assert [api.ended(0, 0), api.ended(1, 1)] == ["", ""]
