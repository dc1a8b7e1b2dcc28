"""One delivery, from its API Gateway event to its answer: verify, translate, record.

booked, booked before, nothing to book, parked     200, after it was stored
signature missing, wrong, too old, too new         401
body not what the signature promises to be         400, 413
could not be stored                                503: the provider delivers again
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ledger.domain.errors import InvalidBody, StoreUnavailable
from ledger.domain.receipts import RecordOutcome
from ledger.providers.parsing import MAX_BODY_BYTES
from ledger.providers.registry import PROVIDERS
from ledger.providers.signatures import SignatureRejected
from ledger.runtime import Runtime
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


@dataclass(frozen=True, slots=True)
class Delivery:
    """One HTTP attempt of a provider."""

    provider: str
    headers: Mapping[str, str]
    body: bytes

    @classmethod
    def of(cls, request: Mapping[str, Any]) -> "Delivery":
        """Read an API Gateway (HTTP API, 2.0) event. Raises InvalidBody."""
        text = request.get("body") or ""
        if len(text) > MAX_BODY_BYTES * 4 // 3 + 4:
            raise InvalidBody(f"The body is larger than {MAX_BODY_BYTES} bytes.", 413)
        try:
            body = base64.b64decode(text, validate=True) if request.get("isBase64Encoded") else text.encode()
        except (binascii.Error, ValueError) as error:
            raise InvalidBody("The body can't be decoded.") from error
        if len(body) > MAX_BODY_BYTES:
            raise InvalidBody(f"The body is larger than {MAX_BODY_BYTES} bytes.", 413)
        provider = (request.get("pathParameters") or {}).get("provider") or ""
        return cls(provider, request.get("headers") or {}, body)


def handle(function: str, request: Mapping[str, Any], runtime: Runtime) -> HttpResponse:
    """Answer one delivery to `function` (its folder's name). One log line, one metric, whatever the outcome."""
    try:
        delivery = Delivery.of(request)
        recorded, said = _receive(function, delivery, runtime)
    except SignatureRejected as rejected:
        return _refused(runtime, 401, "BadSignatures", "The signature was not accepted.", rejected.reason)
    except InvalidBody as unusable:
        return _refused(runtime, unusable.status, "RefusedBodies", str(unusable), "unusable_body")
    except StoreUnavailable as unavailable:
        runtime.metrics.add_metric("NotStoredEvents", "Count", 1)
        runtime.logger.error("not stored", extra={"reason": str(unavailable)})
        return _problem(503, "The event could not be stored. Deliver it again.") | {"headers": _RETRY}
    finally:
        runtime.publish_metrics()
    return _json(200, {"outcome": recorded.outcome, **said})


def _receive(function: str, delivery: Delivery, runtime: Runtime) -> tuple[RecordResult, dict[str, str]]:
    provider = PROVIDERS.get(delivery.provider)
    if provider is None:
        raise InvalidBody(f"There is no such provider: there are {' and '.join(PROVIDERS)}.", 404)
    now = runtime.now()
    provider.verify(delivery.body, delivery.headers, runtime.secrets.of(delivery.provider), now.timestamp())

    content = provider.parse(delivery.body)
    event = provider.translate(content, runtime.catalogue, is_live=runtime.config.is_live)
    event_id, event_type = (content[field] for field in provider.NAMED_BY)
    if event is None:
        recorded = RecordResult(RecordOutcome.IGNORED)
    else:
        digest = hashlib.sha256(delivery.body).hexdigest()
        recorded = record_event(event, runtime.store, body=delivery.body, body_sha256=digest, now=now)
        runtime.archive(delivery.provider, event_id, delivery.body)

    is_misrouted = event is not None and function not in provider.FUNCTIONS.get(event_type, {function})
    runtime.metrics.add_metric(_METRICS[recorded.outcome], "Count", 1)
    if is_misrouted:
        runtime.metrics.add_metric("MisroutedEvents", "Count", 1)
    said = {"event_id": event_id} | ({"reason": recorded.parked_reason} if recorded.parked_reason else {})
    runtime.logger.info(
        recorded.outcome,
        extra={
            "provider": delivery.provider,
            "event_id": event_id,
            "event_type": event_type,
            "account_id": recorded.account_id,
            "parked_reason": recorded.parked_reason,
            "detail": recorded.detail or None,
            "is_misrouted": is_misrouted,
        },
    )
    return recorded, said


_RETRY = {"content-type": "application/problem+json", "retry-after": "5"}


def _refused(runtime: Runtime, status: int, metric: str, detail: str, reason: str) -> HttpResponse:
    runtime.metrics.add_metric(metric, "Count", 1)
    runtime.logger.warning("refused", extra={"status": status, "reason": reason})
    return _problem(status, detail)


def _problem(status: int, detail: str) -> HttpResponse:
    """An RFC 9457 problem document."""
    titles = {400: "Bad request", 401: "Unauthorized", 404: "Not found", 413: "Content too large", 503: "Unavailable"}
    body = {"type": "about:blank", "title": titles[status], "status": status, "detail": detail}
    return _json(status, body) | {"headers": {"content-type": "application/problem+json"}}


def _json(status: int, body: Mapping[str, object]) -> HttpResponse:
    return {"statusCode": status, "headers": {"content-type": "application/json"}, "body": json.dumps(body)}
