"""A delivery as it went over the wire: its request, and what the engine answered to each call. It is played again and
again inside the process, so that what is measured is the process's own time.
"""

import base64
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from bench.growth import Body
from tools import signing
from tools.devserver.environment import REGION
from tools.stories import Notification

AT = datetime(2026, 11, 1, 12, tzinfo=UTC)


@dataclass(slots=True)
class Call:
    """One call to DynamoDB, and its response."""

    operation: str
    sent: dict[str, Any]
    status: int
    body: bytes


def request_of(notification: Notification, secret: str | None = None, **headers: str) -> dict[str, Any]:
    """Return API Gateway's event of a delivery that was signed at AT. `headers` replace those of the signature."""
    known = signing.LOCAL_SECRETS[notification.provider]
    signed = signing.headers(notification.provider, notification.body, secret or known, AT.timestamp())
    path = f"/webhooks/{notification.provider}/{notification.to}"
    return {
        "version": "2.0",
        "routeKey": "POST /webhooks/{provider}/" + notification.to,
        "rawPath": path,
        "rawQueryString": "",
        "headers": {name.lower(): value for name, value in (signed | headers).items()},
        "requestContext": {"http": {"method": "POST", "path": path}, "requestId": "request-1", "stage": "$default"},
        "pathParameters": {"provider": notification.provider},
        "body": notification.body.decode(),
        "isBase64Encoded": False,
    }


@contextmanager
def recording(client: Any) -> Iterator[list[Call]]:
    """Yield the list of the calls that a client makes from now on."""
    calls: list[Call] = []
    session = client._endpoint.http_session  # noqa: SLF001 - botocore has no public hook that sees a response's bytes
    send = session.send

    def sent(request: Any) -> AWSResponse:
        response = send(request)
        operation = _operation_of(request)
        calls.append(Call(operation, json.loads(request.body), response.status_code, response.content))
        return AWSResponse(response.url, response.status_code, response.headers, Body(response.content))

    session.send = sent
    try:
        yield calls
    finally:
        session.send = send


def _operation_of(request: Any) -> str:
    target = request.headers["X-Amz-Target"]
    return str(target.decode() if isinstance(target, bytes) else target).rpartition(".")[2]


class Played:
    """DynamoDB, answered inside the process with the responses of one delivery, in their order."""

    def __init__(self, client: Any, calls: list[Call]) -> None:
        self.calls = calls
        self.next = 0
        client.meta.events.register("before-send.dynamodb.*", self._answer)

    def begin(self) -> None:
        """Answer from the first response on."""
        self.next = 0

    def _answer(self, request: Any, **_: Any) -> AWSResponse:
        call = self.calls[self.next]
        self.next += 1
        if _operation_of(request) != call.operation:
            raise ValueError(f"{_operation_of(request)} was sent, {call.operation} was recorded")
        headers = HTTPHeaders.from_dict({"Content-Type": "application/x-amz-json-1.0", "x-amzn-RequestId": "0"})
        return AWSResponse(request.url, call.status, headers, Body(call.body))


def as_json(calls: list[Call]) -> list[dict[str, Any]]:
    """Return calls as plain data, for another process."""
    return [
        {
            "operation": one.operation,
            "sent": one.sent,
            "status": one.status,
            "body": base64.b64encode(one.body).decode(),
        }
        for one in calls
    ]


def cpu_s(call: Any, times: int) -> float:
    """Return the CPU seconds of one call."""
    began = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - began) / times


Items = Mapping[tuple[str, str], Mapping[str, Any]]
"""The items of a table, by partition and sort key."""


def items_of(table: str, endpoint: str) -> Items:
    """Return all items of a small table."""
    client = boto3.client("dynamodb", region_name=REGION, endpoint_url=endpoint)
    pages = client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    return {(item["pk"]["S"], item["sk"]["S"]): item for page in pages for item in page["Items"]}
