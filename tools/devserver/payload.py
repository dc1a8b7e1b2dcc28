"""Translate HTTP and payload format 2.0: a request into an event, a function's result into a response."""

import base64
import binascii
import json
import re
import urllib.parse
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import Message
from typing import Any

from tools.template import Route

ACCOUNT = "000000000000"

_TEXT = re.compile(
    r"^(text/|application/(json|xml|javascript|x-www-form-urlencoded|[a-z0-9.+-]*\+(json|xml))\s*(;|$))", re.IGNORECASE
)
_SET_BY_THE_GATEWAY = {"connection", "content-length", "transfer-encoding", "date", "server", "apigw-requestid"}


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, as received."""

    method: str
    target: str  # path and query, as received
    headers: Message
    body: bytes = b""
    request_id: str = field(default_factory=lambda: uuid.uuid4().hex[:16])

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]


@dataclass(frozen=True, slots=True)
class GatewayResponse:
    """One HTTP response. Header names are in lower case, and can occur more than once."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @classmethod
    def message(cls, status: int, text: str, *headers: tuple[str, str]) -> "GatewayResponse":
        """Return a response of API Gateway itself, for example {"message":"Not Found"}."""
        body = json.dumps({"message": text}, separators=(",", ":")).encode()
        return cls(status, (("content-type", "application/json"), *headers), body)


class UnusableResult(Exception):
    """The function's result is not a valid response. API Gateway returns 500."""


def event_of(
    request: Request, route: Route, parameters: Mapping[str, str], authorizer: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return the event of one request. Empty fields are omitted, as by API Gateway."""
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        key = name.lower()
        headers[key] = f"{headers[key]},{value}" if key in headers else value
    cookies = [one.strip() for one in headers.pop("cookie", "").split(";") if one.strip()]
    query: dict[str, str] = {}
    for name, value in urllib.parse.parse_qsl(request.query, keep_blank_values=True):
        query[name] = f"{query[name]},{value}" if name in query else value
    host = headers.get("host", "127.0.0.1")
    now = datetime.now(UTC)
    context: dict[str, Any] = {
        "accountId": ACCOUNT,
        "apiId": "local",
        "domainName": host.rpartition(":")[0] or host,
        "domainPrefix": "local",
        "http": {
            "method": request.method,
            "path": request.path,
            "protocol": "HTTP/1.1",
            "sourceIp": "127.0.0.1",
            "userAgent": headers.get("user-agent", ""),
        },
        "requestId": request.request_id,
        "routeKey": f"{route.method} {route.path}",
        "stage": "$default",
        "time": f"{now:%d/%b/%Y:%H:%M:%S +0000}",
        "timeEpoch": int(now.timestamp() * 1000),
    }
    if authorizer is not None:
        context["authorizer"] = dict(authorizer)
    text, is_base64 = _text(request.body, headers.get("content-type", ""))
    return {
        "version": "2.0",
        "routeKey": context["routeKey"],
        "rawPath": request.path,
        "rawQueryString": request.query,
        **({"cookies": cookies} if cookies else {}),
        "headers": headers,
        **({"queryStringParameters": query} if query else {}),
        "requestContext": context,
        **({"pathParameters": dict(parameters)} if parameters else {}),
        **({"body": text} if request.body else {}),
        "isBase64Encoded": is_base64,
    }


def response_of(result: Any) -> GatewayResponse:
    """Return the response for a function's result. Raise UnusableResult."""
    if not isinstance(result, dict) or "statusCode" not in result:
        # Without a status, API Gateway takes the result as the body, with status 200.
        return GatewayResponse(200, (("content-type", "application/json"),), _json(result))
    try:
        status = int(result["statusCode"])
        if not 100 <= status <= 599:
            raise ValueError(f"{status} is no status")
        text = result.get("body")
        if text is None:
            body = b""
        elif not isinstance(text, str):
            raise TypeError("a body should be text")
        else:
            body = base64.b64decode(text, validate=True) if result.get("isBase64Encoded") else text.encode()
        headers = {
            str(name).lower(): value if isinstance(value, str) else json.dumps(value)
            for name, value in (result.get("headers") or {}).items()
            if str(name).lower() not in _SET_BY_THE_GATEWAY
        }
        headers.setdefault("content-type", "application/json")
        cookies = [("set-cookie", str(cookie)) for cookie in result.get("cookies") or ()]
    except (TypeError, ValueError, AttributeError, binascii.Error) as error:
        raise UnusableResult(str(error)) from error
    if any(character in name + value for name, value in (*headers.items(), *cookies) for character in "\r\n\0"):
        raise UnusableResult("a header has a line break")
    return GatewayResponse(status, (*headers.items(), *cookies), body)


def _json(result: Any) -> bytes:
    try:
        return (result if isinstance(result, str) else json.dumps(result)).encode()
    except (TypeError, ValueError) as error:
        raise UnusableResult(str(error)) from error


def _text(body: bytes, content_type: str) -> tuple[str, bool]:
    """Return the body as text, and whether it is base64. A body without a text type is binary."""
    if _TEXT.match(content_type):
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass
    return (base64.b64encode(body).decode(), True) if body else ("", False)
