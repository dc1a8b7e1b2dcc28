"""One delivery: what it is answered, what is logged and counted, and in which order things happen."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from typing import Any

import botocore.exceptions
import pytest

from ledger.archive import line_of, stream_of
from ledger.domain.errors import StoreUnavailable
from ledger.domain.receipts import Mute, ParkReason
from ledger.ports.commit import Commit, DocumentChange, Refusal
from ledger.ports.documents import mute_key
from ledger.providers.parsing import MAX_BODY_BYTES
from ledger.runtime import Runtime, runtime
from ledger.secrets import SigningSecrets
from ledger.webhook import Delivery, handle
from tools import signing
from tools.stories import read_notification
from tools.testing.builders import LATER
from tools.testing.fakes import FakeStore

SECRET = "whsec_unit"
BODY = read_notification("stripe/pack_bought_01_checkout_session_completed.json", "").body
STREAMS = ("raw-bodies-1", "raw-bodies-2")
EVENT_ID = json.loads(BODY)["id"]
JSON, PROBLEM = {"content-type": "application/json"}, {"content-type": "application/problem+json"}


class Firehose:
    """The archive stream."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.fault: Exception | None = None
        self.meeting = threading.Barrier(1)

    def put_record(self, **arguments: Any) -> None:
        self.meeting.wait()
        if self.fault:
            raise self.fault
        self.records.append(arguments)


class Unavailable(FakeStore):
    """A store that writes nothing."""

    def commit(self, commit: Commit) -> Refusal | None:
        del commit
        raise StoreUnavailable("DynamoDB refused 6 times: arn:aws:dynamodb:ledger")


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Iterator[Runtime]:
    """A runtime over a store and an archive stream in memory."""
    given = {
        "TABLE_NAME": "ledger",
        "PROVIDER_MODE": "test",
        "POWERTOOLS_METRICS_NAMESPACE": "t",
        "POWERTOOLS_SERVICE_NAME": "payment_succeeded",
        "STRIPE_SIGNING_SECRETS": SECRET,
        "ARCHIVE_STREAM_NAMES": ",".join(STREAMS),
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("POWERTOOLS_METRICS_DISABLED", raising=False)
    runtime.cache_clear()
    services = runtime()
    services.store, services.clock, firehose = FakeStore(), lambda: LATER, Firehose()
    monkeypatch.setattr(services, "client", lambda service: {"firehose": firehose}[service])
    yield services
    runtime.cache_clear()


def archived(services: Runtime) -> list[dict[str, Any]]:
    """What was put on the archive stream."""
    return services.client("firehose").records  # type: ignore[no-any-return]


def request(body: bytes = BODY, *, age_s: float = 0, secret: str = SECRET, provider: str = "stripe") -> dict[str, Any]:
    """A delivery as API Gateway hands it over, rightly signed."""
    signed = signing.headers("stripe", body, secret, LATER.timestamp() - age_s)
    return {
        "pathParameters": {"provider": provider},
        "headers": {name.lower(): value for name, value in signed.items()},
        "body": body.decode(),
        "isBase64Encoded": False,
    }


def counted(output: str) -> dict[str, float]:
    """The metrics that were printed."""
    lines = [json.loads(line) for line in output.splitlines() if "CloudWatchMetrics" in line]
    names = [metric["Name"] for line in lines for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]]
    return {name: sum(line[name][0] for line in lines if name in line) for name in names}


def logged(output: str) -> dict[str, Any]:
    """The one line that was written."""
    (line,) = output.splitlines()
    return dict(json.loads(line))


def problem(status: int, title: str, detail: str) -> dict[str, object]:
    """A problem document, word for word."""
    return {"type": "about:blank", "title": title, "status": status, "detail": detail}


OTHER_MODE = json.dumps(json.loads(BODY) | {"livemode": True}).encode()


def test_what_is_muted_is_counted_apart(services: Runtime, capsys: pytest.CaptureFixture[str]) -> None:
    """No alarm counts it. The answer is that of what is parked."""
    theirs = json.loads(OTHER_MODE)
    theirs["data"]["object"] |= {"metadata": {}, "client_reference_id": None}
    handle("payment_succeeded", request(json.dumps(theirs).encode()), services)
    (receipt,) = services.store.parked_receipts()
    key = mute_key(receipt.mute_id or "")
    mute = Mute(
        provider="stripe",
        event_type=receipt.event_type,
        reason=ParkReason.WRONG_MODE,
        detail=receipt.detail,
        muted_by="sam",
        muted_at=receipt.received_at,
        why="Of our other shop.",
    )
    services.store.commit(Commit(documents=(DocumentChange(key, mute),)))
    other = json.dumps(theirs | {"id": "evt_another"}).encode()
    capsys.readouterr()
    answer = handle("payment_succeeded", request(other), services)
    assert json.loads(answer["body"])["outcome"] == "parked"
    assert counted(capsys.readouterr().out) == {"MutedEvents": 1}


@pytest.mark.parametrize(
    ("body", "outcome", "metric"), [(BODY, "booked", "BookedEvents"), (OTHER_MODE, "parked", "ParkedEvents")]
)
def test_what_is_stored_is_answered_200_with_its_outcome_logged_counted_and_archived(
    services: Runtime,
    capsys: pytest.CaptureFixture[str],
    body: bytes,
    outcome: str,
    metric: str,
) -> None:
    """The answer and the log say why an event is parked. What is archived is the body, byte for byte."""
    answer = handle("payment_succeeded", request(body), services)
    (receipt,) = services.store.receipts.values()  # type: ignore[attr-defined]
    assert (receipt.event_id, receipt.received_at) == (EVENT_ID, LATER)
    assert receipt.body_sha256 == hashlib.sha256(body).hexdigest()
    assert receipt.body == (body if outcome == "parked" else None)
    assert (answer["statusCode"], answer["headers"]) == (200, JSON)
    reason = {"reason": str(receipt.parked_reason)} if outcome == "parked" else {}
    assert json.loads(answer["body"]) == {"outcome": outcome, "event_id": EVENT_ID, **reason}
    output = capsys.readouterr().out
    assert counted(output) == {metric: 1}
    line = logged(output)
    assert (line["level"], line["message"]) == ("INFO", outcome)
    assert (line["provider"], line["event_id"], line["event_type"], line["is_misrouted"]) == (
        *("stripe", EVENT_ID, "checkout.session.completed"),
        False,
    )
    account_id = None if outcome == "parked" else "acct_ada"
    assert (line.get("account_id"), line.get("parked_reason")) == (account_id, receipt.parked_reason)
    assert line.get("detail") == (receipt.detail or None)
    ((record),) = archived(services)
    assert record["DeliveryStreamName"] == stream_of(EVENT_ID, STREAMS)
    assert record["Record"]["Data"] == line_of("stripe", EVENT_ID, body, LATER)


def test_what_is_not_stored_is_answered_503_and_not_explained(
    services: Runtime, capsys: pytest.CaptureFixture[str]
) -> None:
    """The answer has nothing of the error. The provider delivers it again, and then it is in the archive twice."""
    services.store = Unavailable()
    answer = handle("payment_succeeded", request(), services)
    assert (answer["statusCode"], answer["headers"]) == (503, PROBLEM | {"retry-after": "5"})
    assert json.loads(answer["body"]) == problem(503, "Unavailable", "The event could not be stored. Deliver it again.")
    output = capsys.readouterr().out
    assert counted(output) == {"NotStoredEvents": 1}
    assert (logged(output)["level"], logged(output)["message"]) == ("ERROR", "not stored")
    assert len(archived(services)) == 1


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (request(secret="whsec_other"), "mismatch"),
        (request() | {"headers": {}}, "missing"),
        (request() | {"headers": {"stripe-signature": "t=1"}}, "malformed"),
        (request(age_s=301), "too_old"),
        (request(age_s=-301), "too_new"),
    ],
)
def test_every_rejected_signature_is_answered_alike(
    services: Runtime,
    capsys: pytest.CaptureFixture[str],
    given: dict[str, Any],
    reason: str,
) -> None:
    """Whoever forges one learns nothing; the log says what was wrong. Nothing is stored."""
    answer = handle("payment_succeeded", given, services)
    assert (answer["statusCode"], answer["headers"]) == (401, PROBLEM)
    assert json.loads(answer["body"]) == problem(401, "Unauthorized", "The signature was not accepted.")
    output = capsys.readouterr().out
    assert counted(output) == {"BadSignatures": 1}
    line = logged(output)
    assert (line["level"], line["message"], line["status"]) == ("WARNING", "refused", 401)
    assert line["reason"].replace(" ", "_") == reason
    assert services.store.receipts == {}  # type: ignore[attr-defined]


class Rotated:
    """The signing secrets, of which another one is stored since they were read, a minute ago."""

    def __init__(self, services: Runtime, known: str) -> None:
        self.stored, self.fetches, self.seconds = known, 0, 0.0
        services.secrets = SigningSecrets(self.fetch, lambda: self.seconds)
        services.secrets.of("stripe")
        self.stored, self.seconds = SECRET, 60.0

    def fetch(self) -> dict[str, str]:
        self.fetches += 1
        return {"stripe": self.stored}


@pytest.mark.parametrize("known", ["", "whsec_old", "whsec_old,whsec_older"])
def test_a_new_secret_is_in_use_from_its_first_delivery_on(services: Runtime, known: str) -> None:
    """Also the first one of a provider, which had none."""
    Rotated(services, known)
    assert handle("payment_succeeded", request(), services)["statusCode"] == 200


@pytest.mark.parametrize(
    "given",
    [
        request() | {"headers": {}},
        request() | {"headers": {"stripe-signature": "t=1"}},
        request(age_s=301),
        request(age_s=-301),
    ],
)
def test_what_no_secret_would_fit_causes_no_look_up(services: Runtime, given: dict[str, Any]) -> None:
    """It is rejected before any secret is tried."""
    rotated = Rotated(services, "whsec_old")
    assert handle("payment_succeeded", given, services)["statusCode"] == 401
    assert rotated.fetches == 1


TOO_LARGE = f"The body is larger than {MAX_BODY_BYTES} bytes."


@pytest.mark.parametrize(
    ("given", "status", "title", "detail"),
    [
        (request() | {"body": "é=", "isBase64Encoded": True}, 400, "Bad request", "The body can't be decoded."),
        (request() | {"body": "!", "isBase64Encoded": True}, 400, "Bad request", "The body can't be decoded."),
        (request() | {"body": "x" * (MAX_BODY_BYTES + 1)}, 413, "Content too large", TOO_LARGE),
        (request() | {"body": "x" * (2 * MAX_BODY_BYTES)}, 413, "Content too large", TOO_LARGE),
        (
            request() | {"body": base64.b64encode(b"x" * (MAX_BODY_BYTES + 1)).decode(), "isBase64Encoded": True},
            413,
            "Content too large",
            TOO_LARGE,
        ),
        (
            request(provider="acme"),
            404,
            "Not found",
            "There is no such provider. Registered: stripe, paddle.",
        ),
        (
            request() | {"pathParameters": None},
            404,
            "Not found",
            "There is no such provider. Registered: stripe, paddle.",
        ),
    ],
)
def test_what_can_not_be_used_is_refused_in_our_words(
    services: Runtime,
    capsys: pytest.CaptureFixture[str],
    given: dict[str, Any],
    status: int,
    title: str,
    detail: str,
) -> None:
    """Never in those of an exception."""
    answer = handle("payment_succeeded", given, services)
    assert (answer["statusCode"], answer["headers"]) == (status, PROBLEM)
    assert json.loads(answer["body"]) == problem(status, title, detail)
    output = capsys.readouterr().out
    assert counted(output) == {"UnknownProviders" if status == 404 else "RefusedBodies": 1}
    assert (logged(output)["status"], logged(output)["reason"]) == (status, "unusable_body")


def test_a_body_of_the_largest_size_is_read_as_it_is_and_as_base64() -> None:
    """The limit counts bytes of the body, not characters of its encoding."""
    body = b"x" * MAX_BODY_BYTES
    assert Delivery.of(request(body)).body == body
    assert Delivery.of({"body": base64.b64encode(body).decode(), "isBase64Encoded": True}).body == body
    assert Delivery.of({}) == Delivery("", {}, b"")


@pytest.mark.parametrize(("function", "is_misrouted"), [("payment_succeeded", False), ("dispute_opened", True)])
def test_an_event_at_the_wrong_function_is_recorded_and_counted(
    services: Runtime,
    capsys: pytest.CaptureFixture[str],
    function: str,
    is_misrouted: bool,
) -> None:
    """Nothing is lost by a wrong setting at the provider."""
    assert handle(function, request(), services)["statusCode"] == 200
    output = capsys.readouterr().out
    assert ("MisroutedEvents" in counted(output)) is is_misrouted
    assert logged(output)["is_misrouted"] is is_misrouted


@pytest.mark.parametrize("function", ["dispute_opened", "payment_succeeded", "refund_settled", "subscription_renewed"])
def test_each_function_takes_what_its_folder_is_named_after(function: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under another name all of its events would be counted as sent to the wrong endpoint."""
    module = import_module(f"functions.{function}.app")
    monkeypatch.setattr(module, "handle", lambda name, *_: name)
    monkeypatch.setattr(module, "runtime", lambda: None)
    assert module.lambda_handler({}, None) == function


def test_a_new_kind_of_subscription_event_is_booked_and_not_called_misrouted(
    services: Runtime, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each of Paddle's carries the whole subscription. No list here says at which function a new one should arrive."""
    services.secrets = SigningSecrets(lambda: {"paddle": SECRET})
    known = read_notification("paddle/loose_subscription_paused.json", "").body
    body = json.dumps(json.loads(known) | {"event_type": "subscription.extended"}).encode()
    signed = signing.headers("paddle", body, SECRET, LATER.timestamp())
    given = request(body, provider="paddle") | {"headers": {name.lower(): value for name, value in signed.items()}}
    assert handle("subscription_renewed", given, services)["statusCode"] == 200
    output = capsys.readouterr().out
    assert "MisroutedEvents" not in counted(output)
    assert logged(output)["is_misrouted"] is False


def test_an_event_of_an_unknown_type_is_answered_200_and_counted(
    services: Runtime, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is not stored, and at no function misrouted."""
    body = json.dumps(json.loads(BODY) | {"type": "radar.early"}).encode()
    answer = handle("dispute_opened", request(body), services)
    assert (answer["statusCode"], json.loads(answer["body"])) == (200, {"outcome": "ignored", "event_id": EVENT_ID})
    assert counted(capsys.readouterr().out) == {"UnknownEventTypes": 1}
    assert services.store.receipts == {}  # type: ignore[attr-defined]


def test_a_body_is_archived_beside_the_write(services: Runtime) -> None:
    """Neither ends before the other has begun: a delivery takes the longer of both, not the sum."""
    meeting = threading.Barrier(2, timeout=60)

    class Meeting(FakeStore):
        def commit(self, commit: Commit) -> Refusal | None:
            meeting.wait()
            return super().commit(commit)

    services.store, services.client("firehose").meeting = Meeting(), meeting
    assert handle("payment_succeeded", request(), services)["statusCode"] == 200
    assert len(archived(services)) == 1


def test_without_an_archive_nothing_is_put(services: Runtime, capsys: pytest.CaptureFixture[str]) -> None:
    """The ledger does not need it: a deployment may leave it out."""
    services.config = replace(services.config, archive_streams=())
    assert handle("payment_succeeded", request(), services)["statusCode"] == 200
    assert archived(services) == []
    assert counted(capsys.readouterr().out) == {"BookedEvents": 1}


def test_what_is_forged_is_not_archived(services: Runtime) -> None:
    """Nobody without a secret can fill the archive."""
    assert handle("payment_succeeded", request(secret="whsec_of_another"), services)["statusCode"] == 401
    assert archived(services) == []


def test_an_archive_that_fails_is_counted_and_costs_no_event(
    services: Runtime, capsys: pytest.CaptureFixture[str]
) -> None:
    """The log has the kind of the error and none of its words."""
    services.client("firehose").fault = botocore.exceptions.EndpointConnectionError(endpoint_url="https://secret")
    assert handle("payment_succeeded", request(), services)["statusCode"] == 200
    output = capsys.readouterr().out
    assert counted(output) == {"UnarchivedBodies": 1, "BookedEvents": 1}
    first = logged(output.splitlines()[0])
    assert (first["level"], first["message"], first["error"]) == (
        *("WARNING", "raw body not archived"),
        "EndpointConnectionError",
    )
    assert "https://secret" not in output
