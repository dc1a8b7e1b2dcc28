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
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
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


class Served:
    """DynamoDB, answered over HTTP with the responses of one delivery, over and over: for another process."""

    def __init__(self, calls: list[Call]) -> None:
        self._calls = calls
        self.count = 0
        served = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"  # the connection stays open, as the engine's does
            wbufsize = -1  # a response is one packet: the second of two would wait for the first one's receipt

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                call = served._next(self.headers["X-Amz-Target"].rpartition(".")[2])
                self.send_response(call.status)
                self.send_header("Content-Type", "application/x-amz-json-1.0")
                self.send_header("Content-Length", str(len(call.body)))
                self.end_headers()
                self.wfile.write(call.body)

            def log_message(self, *_: object) -> None:
                """Write nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"

    def _next(self, operation: str) -> Call:
        call = self._calls[self.count % len(self._calls)]
        if operation != call.operation:
            return Call(operation, {}, 400, b'{"__type": "ValidationException", "message": "It was not recorded."}')
        self.count += 1
        return call

    def __enter__(self) -> "Served":
        Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


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
