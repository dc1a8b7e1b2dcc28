"""One delivery of a provider, from its API Gateway event to the response: verify, translate, record.

booked, already booked, waiting, noted, parked, ignored    200: it was stored, or needs no storing
signature missing, malformed, wrong, too old, too new      401
no such provider                                           404
body too large                                             413
body is not a notification                                 400
not stored                                                 503: the provider delivers it again
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ledger.domain.errors import InvalidBody, StoreUnavailable
from ledger.domain.receipts import RecordOutcome
from ledger.domain.records import record
from ledger.providers.parsing import MAX_BODY_BYTES
from ledger.providers.registry import PROVIDERS, Provider
from ledger.providers.signatures import Rejection, SignatureRejected
from ledger.runtime import Runtime
from ledger.secrets import SigningSecrets
from ledger.usecases.record_event import RecordResult, record_event

HttpResponse = dict[str, Any]

_METRICS = {
    RecordOutcome.BOOKED: "BookedEvents",
    RecordOutcome.ALREADY_BOOKED: "AlreadyBookedEvents",
    RecordOutcome.WAITING: "WaitingEvents",
    RecordOutcome.NOTED: "NotedEvents",
    RecordOutcome.PARKED: "ParkedEvents",
    RecordOutcome.IGNORED: "UnknownEventTypes",
}
_MUTED_METRIC = "MutedEvents"  # parked, and of a kind that needs no attention: no alarm counts it
_NO_PROVIDER = 404
_TITLES = {400: "Bad request", 401: "Unauthorized", 404: "Not found", 413: "Content too large", 503: "Unavailable"}


@record(frozen=True)
class Delivery:
    """One HTTP request of a provider."""

    provider: str
    headers: Mapping[str, str]
    body: bytes

    @classmethod
    def of(cls, request: Mapping[str, Any]) -> "Delivery":
        """Read an API Gateway event (HTTP API, payload version 2.0). Raise InvalidBody."""
        text = request.get("body") or ""
        if len(text) > MAX_BODY_BYTES * 4 // 3 + 4:
            raise InvalidBody(f"The body is larger than {MAX_BODY_BYTES} bytes.", 413)
        try:
            body = base64.b64decode(text, validate=True) if request.get("isBase64Encoded") else text.encode()
        except ValueError as error:
            raise InvalidBody("The body can't be decoded.") from error
        if len(body) > MAX_BODY_BYTES:
            raise InvalidBody(f"The body is larger than {MAX_BODY_BYTES} bytes.", 413)
        provider = (request.get("pathParameters") or {}).get("provider") or ""
        return cls(provider, request.get("headers") or {}, body)


@record(frozen=True)
class RecordedDelivery:
    """A delivery that was verified and recorded."""

    event_id: str
    event_type: str
    is_misrouted: bool  # the event's type is not meant for the function that received it
    result: RecordResult


def handle(function: str, request: Mapping[str, Any], runtime: Runtime) -> HttpResponse:
    """Return the response to one delivery to `function` (its folder's name). Write one line, which counts it too."""
    try:
        delivery = Delivery.of(request)
        recorded = _record(function, delivery, runtime)
    except SignatureRejected as rejected:
        return _rejected(runtime, 401, "BadSignatures", "The signature was not accepted.", rejected.reason)
    except InvalidBody as error:
        return _rejected(
            runtime,
            error.status,
            "UnknownProviders" if error.status == _NO_PROVIDER else "RefusedBodies",
            str(error),
            "unusable_body",
        )
    except StoreUnavailable as error:
        return _not_stored(runtime, error)
    else:
        return _accepted(runtime, delivery, recorded)


def _record(function: str, delivery: Delivery, runtime: Runtime) -> RecordedDelivery:
    """Verify, translate and record a delivery. Raise SignatureRejected, InvalidBody or StoreUnavailable."""
    provider = PROVIDERS.get(delivery.provider)
    if provider is None:
        raise InvalidBody(f"There is no such provider. Registered: {', '.join(PROVIDERS)}.", _NO_PROVIDER)
    now = runtime.now()
    _verify(provider, delivery, runtime.secrets, now)
    content = provider.parse(delivery.body)
    event_id, event_type = content[provider.ID_FIELD], content[provider.TYPE_FIELD]
    event = provider.translate(content, runtime.catalogue, is_live=runtime.config.is_live, scope=runtime.config.scope)
    if event is None:
        return RecordedDelivery(event_id, event_type, False, RecordResult(RecordOutcome.IGNORED))

    digest = hashlib.sha256(delivery.body).hexdigest()
    with runtime.archiving(delivery.provider, event_id, delivery.body):
        result = record_event(event, runtime.store, body=delivery.body, body_sha256=digest, now=now)
    is_misrouted = function not in provider.FUNCTIONS.get(event_type, {function})
    return RecordedDelivery(event_id, event_type, is_misrouted, result)


def _verify(provider: Provider, delivery: Delivery, secrets: SigningSecrets, now: datetime) -> None:
    """Verify the signature. One that no known secret fits may be of a secret that was rotated in just now.

    Raise SignatureRejected.
    """
    try:
        provider.verify(delivery.body, delivery.headers, secrets.of(delivery.provider), now.timestamp())
    except SignatureRejected as rejected:
        newer = secrets.newer(delivery.provider) if rejected.reason in _MAY_BE_NEWER else ()
        if not newer:
            raise
        provider.verify(delivery.body, delivery.headers, newer, now.timestamp())


_MAY_BE_NEWER = {Rejection.NO_SECRET, Rejection.MISMATCH}


def _accepted(runtime: Runtime, delivery: Delivery, recorded: RecordedDelivery) -> HttpResponse:
    result = recorded.result
    fields = {
        "provider": delivery.provider,
        "event_id": recorded.event_id,
        "event_type": recorded.event_type,
        "account_id": result.account_id,
        "parked_reason": result.parked_reason,
        "detail": result.detail or None,
        "is_misrouted": recorded.is_misrouted,
    }
    runtime.lines.write(
        "INFO", result.outcome, fields, [_metric_of(result), *["MisroutedEvents"] * recorded.is_misrouted]
    )
    reason = {"reason": result.parked_reason} if result.parked_reason else {}
    return _json(200, {"outcome": result.outcome, "event_id": recorded.event_id, **reason})


def _metric_of(result: RecordResult) -> str:
    return _MUTED_METRIC if result.muted_by else _METRICS[result.outcome]


def _rejected(runtime: Runtime, status: int, metric: str, detail: str, reason: str) -> HttpResponse:
    runtime.lines.write("WARNING", "refused", {"status": status, "reason": reason}, (metric,))
    return _problem(status, detail)


def _not_stored(runtime: Runtime, error: StoreUnavailable) -> HttpResponse:
    runtime.lines.write("ERROR", "not stored", {"reason": str(error)}, ("NotStoredEvents",))
    response = _problem(503, "The event could not be stored. Deliver it again.")
    response["headers"]["retry-after"] = "5"
    return response


def _problem(status: int, detail: str) -> HttpResponse:
    """Return an RFC 9457 problem document."""
    body = {"type": "about:blank", "title": _TITLES[status], "status": status, "detail": detail}
    return _json(status, body) | {"headers": {"content-type": "application/problem+json"}}


def _json(status: int, body: Mapping[str, object]) -> HttpResponse:
    return {"statusCode": status, "headers": {"content-type": "application/json"}, "body": json.dumps(body)}
