"""Call deployed routes as API Gateway does, and check every response against the API's description."""

import base64
import functools
import importlib
import json
import re
import urllib.parse
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from http.client import HTTPMessage
from typing import Any

from tools import openapi
from tools.devserver.payload import Request, event_of, response_of
from tools.template import IAM, Route, load, routes

PROBLEM = "application/problem+json"
GROUPS_CLAIM = "cognito:groups"


@functools.cache
def description() -> dict[str, Any]:
    """Return the API's description, generated from the current code."""
    return openapi.description()


@functools.cache
def deployed() -> tuple[Route, ...]:
    """Return every route of the template."""
    return tuple(routes(load()))


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """One response of the API."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def fields(self) -> list[str]:
        """The fields that a problem document names."""
        return [wrong["field"] for wrong in self.json.get("errors", [])]


@dataclass(frozen=True)
class Frontend:
    """A caller with a token: a customer, or support staff."""

    account_id: str = "acct_ada"
    claims: Mapping[str, Any] = field(default_factory=dict)

    def get(self, path: str, **more: Any) -> ApiResponse:
        return self.call("GET", path, **more)

    def post(self, path: str, content: Any = None, **more: Any) -> ApiResponse:
        return self.call("POST", path, content, **more)

    def delete(self, path: str, **more: Any) -> ApiResponse:
        return self.call("DELETE", path, **more)

    def call(
        self,
        method: str,
        path: str,
        content: Any = None,
        *,
        query: Mapping[str, object] | None = None,
        key: str | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        as_base64: bool = False,
        event_changes: Mapping[str, Any] | None = None,
    ) -> ApiResponse:
        """Send one request and return its response. `content` is sent as JSON, `body` unchanged."""
        route, parameters = matched(method, path)
        raw = body if body is not None else json.dumps(content).encode() if content is not None else b""
        sent = {"content-type": "application/json"} if raw else {}
        sent |= {"idempotency-key": key} if key is not None else {}
        message = HTTPMessage()
        for name, value in {**sent, **(headers or {})}.items():
            message[name] = value
        target = path + (f"?{urllib.parse.urlencode(query)}" if query else "")
        event = event_of(Request(method, target, message, raw), route, parameters, self._authorizer(route))
        if as_base64:
            event |= {"body": base64.b64encode(raw).decode(), "isBase64Encoded": True}
        event |= event_changes or {}
        handler = importlib.import_module(f"functions.{route.folder}.app").lambda_handler
        result = json.loads(json.dumps(handler(event, None)))  # as Lambda's runtime serializes it
        not_texts = {name: value for name, value in result.get("headers", {}).items() if not isinstance(value, str)}
        assert not not_texts, f"API Gateway wants texts: {not_texts}"
        assert isinstance(result.get("body", ""), str), "API Gateway would send another body"
        names = [name.lower() for name in result.get("headers", {})]
        assert len(names) == len({*names}), f"a header is there twice: {names}"
        raw_response = response_of(result)
        response = ApiResponse(raw_response.status, dict(raw_response.headers), raw_response.body.decode())
        check_against_description(route, response)
        return response

    def _authorizer(self, route: Route) -> dict[str, Any] | None:
        if route.authorizer is None:
            return None
        if route.authorizer == IAM:
            return {"iam": {"accountId": "000000000000", "userArn": "arn:aws:sts::000000000000:assumed-role/tagging/x"}}
        return {"jwt": {"claims": {"sub": self.account_id, **self.claims}, "scopes": list(route.scopes)}}


def supporter(groups: object = "[billing-support]", name: str = "sam") -> Frontend:
    """Return a caller who is support staff."""
    return Frontend(name, {GROUPS_CLAIM: groups})


def matched(method: str, path: str) -> tuple[Route, dict[str, str]]:
    """Return the deployed route of a request. A literal path comes first, as in API Gateway. Raise LookupError."""
    for route in sorted(deployed(), key=lambda route: "{" in route.path):
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", route.path)
        if route.method == method and (found := re.fullmatch(pattern, path)):
            return route, {name: urllib.parse.unquote(part) for name, part in found.groupdict().items()}
    raise LookupError(f"{method} {path} is not deployed")


def check_against_description(route: Route, response: ApiResponse) -> None:
    """Check that the response's status, type and body are described, and that it has no undescribed field."""
    if route.path not in description()["paths"]:
        return
    operation = description()["paths"][route.path][route.method.lower()]
    described = operation["responses"].get(str(response.status))
    assert described, f"{route.method} {route.path} returned {response.status}, which is not described: {response.text}"
    media_type = response.headers["content-type"].partition(";")[0]
    assert media_type in described["content"], f"{response.status} as {media_type} is not described"
    if media_type.endswith("json"):
        check(json.loads(response.text), described["content"][media_type]["schema"], "response")
    if response.status >= 400:
        problem = response.json
        assert media_type == PROBLEM
        assert problem["status"] == response.status
        assert problem["detail"]
        assert problem["type"].startswith("urn:imagetagger:problem:")
    is_public = route.authorizer is None and route.method == "GET" and response.status < 400
    assert response.headers["cache-control"] == ("public, max-age=300" if is_public else "no-store")


_ANNOTATIONS = {"type", "title", "description", "examples", "default", "format"}


def check(value: Any, schema: Mapping[str, Any], where: str) -> None:
    """Check a value against a schema. Reject fields that the schema lacks. Only the keywords of our schemas work."""
    if "$ref" in schema:
        check(value, description()["components"]["schemas"][schema["$ref"].rpartition("/")[2]], where)
        return
    if "anyOf" in schema:
        assert any(_fits(value, option, where) for option in schema["anyOf"]), f"{where} is {value!r}"
        return
    if expected := schema.get("type"):
        assert _TYPES[expected](value), f"{where} is {value!r}, should be of type {expected}"
    for keyword, expected in schema.items():
        match keyword:
            case "enum":
                assert value in expected, f"{where} is {value!r}"
            case "const":
                assert value == expected, f"{where} is {value!r}"
            case "required":
                assert not set(expected) - value.keys(), f"{where} lacks {set(expected) - value.keys()}"
            case "properties":
                assert not value.keys() - expected.keys(), f"{where} has {value.keys() - expected.keys()}"
                for name in value:
                    check(value[name], expected[name], f"{where}.{name}")
            case "items":
                for position, item in enumerate(value):
                    check(item, expected, f"{where}.{position}")
            case "additionalProperties":
                if isinstance(expected, dict):
                    for name in value:
                        check(value[name], expected, f"{where}.{name}")
            case "pattern":
                assert re.search(expected, value), f"{where} is {value!r}"
            case _:
                assert keyword in _ANNOTATIONS, f"{where}: {keyword} is not supported here"
    if schema.get("format") == "date-time":
        assert datetime.fromisoformat(value).utcoffset() is not None, f"{where} is {value!r}"
    if schema.get("format") == "date":
        date.fromisoformat(value)


def _fits(value: Any, schema: Mapping[str, Any], where: str) -> bool:
    try:
        check(value, schema, where)
    except AssertionError:
        return False
    return True


_TYPES = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "null": lambda value: value is None,
}


def operations() -> Iterable[tuple[str, str, dict[str, Any]]]:
    """Yield the method, the path and the description of every operation."""
    for path, methods in description()["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation
