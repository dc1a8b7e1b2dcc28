"""Run API Gateway's HTTP API locally: HTTP on 127.0.0.1 in front of the functions, by the routes of `template.yaml`.

    request ──► CORS preflight? ──► route ──► its authorizer ──► the function ──► response, with CORS headers
                                                                     └── may have written: the stream is read

Requests that it refuses itself get the response of API Gateway. In addition to the template's routes it has some of
its own. `POST /_local/jobs/{name}` runs a scheduled function. `POST /_local/drain` waits until the functions of the
stream and of the bus have handled everything. `GET /_local/orders` is the page to which a buyer returns. The local
issuer signs the console's users in: see `tools.devserver.sign_in`.
"""

import contextlib
import importlib
import json
import re
import threading
import traceback
import urllib.parse
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

from botocore.credentials import Credentials

from tools.devserver import environment
from tools.devserver.authorizers import AuthorizationRefused, KeySet, authorize_signature, authorize_token
from tools.devserver.order_page import order_page
from tools.devserver.payload import ACCOUNT, GatewayResponse, Request, UnusableResult, event_of, response_of
from tools.devserver.sign_in import AUTHORIZE_PATH, TOKEN_PATH, LocalIssuer
from tools.template import IAM, Cors, Route, cors, jobs, jwt_authorizers, routes

MAX_REQUEST_BYTES = 10 * 1024 * 1024  # API Gateway's own limit

Handler = Callable[[dict[str, Any], object], Any]
Observer = Callable[[str, int, str], None]  # path, status, body


class Stream(Protocol):
    """The simulator for the table's stream (tools/devserver/streams.py), as far as the gateway needs it."""

    def wake(self) -> None: ...

    def drain(self, timeout_s: float) -> bool: ...


class NoStream:
    """The stream of a table that has none."""

    def wake(self) -> None:
        """Do nothing."""

    def drain(self, timeout_s: float) -> bool:  # noqa: ARG002 - the protocol's
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Callers:
    """The issuers and the credentials that the authorizers accept."""

    keys: KeySet
    credentials: Credentials
    region: str


def handler_of(folder: str) -> Handler:
    """Return the handler of the function in `functions/{folder}`."""
    handler: Handler = importlib.import_module(f"functions.{folder}.app").lambda_handler
    return handler


class Gateway(ThreadingHTTPServer):
    """The server. It calls `observe` with every response. Raise TemplateError for an invalid template."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(
        self,
        port: int,
        template: dict[str, Any],
        callers: Callers,
        *,
        parameters: Mapping[str, str],
        find: Callable[[str], Handler] = handler_of,
        stream: Stream | None = None,
        observe: Observer = lambda *_: None,
    ) -> None:
        self.routes = routes(template)
        self.cors = cors(template, parameters)
        self.callers = callers
        self.stream = stream or NoStream()
        self.observe = observe
        self._patterns = [(_pattern(route.path), route) for route in sorted(self.routes, key=_specificity)]
        self._authorizers = jwt_authorizers(template, parameters)
        self._jobs = jobs(template)
        self._turn = threading.Lock()
        self._is_closed = False
        self._issuer = LocalIssuer()
        folders = {route.folder for route in self.routes} | self._jobs.keys()
        self._handlers = {folder: find(folder) for folder in folders}
        super().__init__(("127.0.0.1", port), _Connection)

    @property
    def url(self) -> str:
        """Return the server's base URL."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def issuer(self) -> str:
        """The issuer of the tokens for `tools.devserver.customer_lives`."""
        return environment.ISSUER

    def respond(self, request: Request) -> GatewayResponse:
        """Return the response of API Gateway."""
        origin = request.headers.get("Origin")
        if self.cors and request.method == "OPTIONS" and self._route("OPTIONS", request.path) is None:
            return GatewayResponse(204, _preflight(self.cors, origin), b"")
        response = self._routed(request)
        if self.cors is None:
            return response
        # Only the template sets CORS headers: API Gateway drops those of a function.
        kept = tuple((name, value) for name, value in response.headers if not name.startswith("access-control-"))
        return GatewayResponse(response.status, (*kept, *_for_scripts(self.cors, origin)), response.body)

    def run_job(self, folder: str, event: dict[str, Any] | None = None) -> Any:
        """Run a scheduled function now, with its own event or this one. Raise KeyError, and what the job raises."""
        job = self._jobs[folder]
        result = self._handlers[folder](event or job.input or _scheduled_event(folder), None)
        self.stream.wake()
        return result

    def server_close(self) -> None:
        """Stop listening. A function of the API that runs comes to its end before; none is called after."""
        with self._turn:
            self._is_closed = True
        super().server_close()

    def _routed(self, request: Request) -> GatewayResponse:
        if (request.method, request.path) == ("POST", TOKEN_PATH):
            return response_of(self._issuer.redeem(request.body))
        if (request.method, request.path) == ("GET", AUTHORIZE_PATH):
            return response_of(self._issuer.authorize(request.query, request.headers.get("Host", "")))
        if request.method == "POST" and request.path.startswith("/_local/"):
            return self._local(request)
        if (request.method, request.path) == ("GET", "/_local/orders"):
            query = urllib.parse.parse_qs(request.target.partition("?")[2])
            status, page = order_page(query.get("order_id", [""])[0])
            headers = {"content-type": "text/html; charset=utf-8"}
            return response_of({"statusCode": int(status), "headers": headers, "body": page})
        found = self._route(request.method, request.path)
        if found is None:
            return GatewayResponse.message(404, "Not Found")
        route, parameters = found
        try:
            caller = self._authorized(request, route)
        except AuthorizationRefused as refused:
            challenge = (("www-authenticate", refused.challenge),) if refused.challenge else ()
            return GatewayResponse.message(
                refused.status, "Unauthorized" if refused.status == 401 else "Forbidden", *challenge
            )
        # Powertools' resolver keeps the current request in a global. So these routes run one at a time, as in one
        # process of Lambda. Webhooks have no resolver, and race as they do in AWS.
        turn = contextlib.nullcontext() if route.path.startswith("/webhooks/") else self._turn
        try:
            with turn:
                if self._is_closed:
                    return GatewayResponse.message(503, "Service Unavailable")
                response = response_of(self._handlers[route.folder](event_of(request, route, parameters, caller), None))
        except UnusableResult as unusable:
            print(f"{route.folder} returned no valid response: {unusable}")
            return GatewayResponse.message(500, "Internal Server Error")
        except Exception:  # noqa: BLE001 - what Lambda does with a function that raises
            traceback.print_exc()
            return GatewayResponse.message(500, "Internal Server Error")
        if request.method not in {"GET", "HEAD", "OPTIONS"}:
            self.stream.wake()
        return response

    def _route(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        for pattern, route in self._patterns:
            if route.method in {method, "ANY"} and (match := pattern.fullmatch(path)):
                parts = {name.rstrip("+"): part for name, part in zip(_names(route.path), match.groups(), strict=True)}
                return route, {name: urllib.parse.unquote(part) for name, part in parts.items()}
        return None

    def _authorized(self, request: Request, route: Route) -> dict[str, Any] | None:
        """Return the caller's data for the function; None on a public route. Raise AuthorizationRefused."""
        if route.authorizer is None:
            return None
        if route.authorizer == IAM:
            return authorize_signature(
                request.method,
                request.target,
                request.headers,
                request.body,
                self.callers.credentials,
                self.callers.region,
            )
        authorizer = self._authorizers[route.authorizer]
        return authorize_token(request.headers.get("Authorization"), route, authorizer, self.callers.keys)

    def _local(self, request: Request) -> GatewayResponse:
        what, _, name = request.path.removeprefix("/_local/").partition("/")
        if (what, name) == ("drain", ""):
            is_quiet = self.stream.drain(30)
            return response_of({"statusCode": 200 if is_quiet else 503, "body": json.dumps({"drained": is_quiet})})
        if what != "jobs" or name not in self._jobs:
            scheduled = ", ".join(sorted(self._jobs))
            return GatewayResponse.message(404, f"No schedule of template.yaml runs {name!r}. There are: {scheduled}.")
        try:
            event = json.loads(request.body) if request.body else None
        except ValueError:
            return GatewayResponse.message(400, "The event should be JSON, or nothing.")
        try:
            return response_of({"statusCode": 200, "body": json.dumps(self.run_job(name, event))})
        except Exception as error:  # noqa: BLE001 - what Lambda does with a function that raises
            traceback.print_exc()
            return GatewayResponse.message(500, f"{name} raised {type(error).__name__}: {error}")


class _Connection(BaseHTTPRequestHandler):
    """The connection of one client."""

    protocol_version = "HTTP/1.1"
    server: Gateway

    def _serve(self) -> None:
        declared = self.headers.get("Content-Length") or "0"
        request = Request(self.command, self.path, self.headers)
        if "Transfer-Encoding" in self.headers or not declared.isdecimal():
            self.close_connection = True
            response = GatewayResponse.message(400, "Bad Request")
        elif int(declared) > MAX_REQUEST_BYTES:
            self.close_connection = True
            response = GatewayResponse.message(413, "Request Entity Too Large")
        else:
            body = self.rfile.read(int(declared))
            request = Request(self.command, self.path, self.headers, body)
            response = self.server.respond(request)
        self.send_response(response.status)
        has_body = response.status >= 200 and response.status not in {204, 304}
        length = (("content-length", str(len(response.body))),) if has_body else ()
        for name, value in (*response.headers, *length, ("apigw-requestid", request.request_id)):
            self.send_header(name, value)
        self.end_headers()
        if has_body and self.command != "HEAD":
            self.wfile.write(response.body)
        self.server.observe(self.path, response.status, response.body.decode(errors="replace"))

    def __getattr__(self, name: str) -> Callable[[], None]:
        """Serve every method: http.server calls the attribute `do_` with the method's name."""
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Log nothing: `observe` receives every response."""


def _preflight(allowed: Cors, origin: str | None) -> tuple[tuple[str, str], ...]:
    """Return the headers of a preflight response. Another origin gets none, so its browser sends no request."""
    headers = _for_scripts(allowed, origin)
    if not any(name == "access-control-allow-origin" for name, _ in headers):
        return headers
    return (
        *headers,
        *((("access-control-allow-methods", ",".join(allowed.methods)),) if allowed.methods else ()),
        *((("access-control-allow-headers", ",".join(allowed.headers)),) if allowed.headers else ()),
        *((("access-control-max-age", str(allowed.max_age_s)),) if allowed.max_age_s is not None else ()),
    )


def _for_scripts(allowed: Cors, origin: str | None) -> tuple[tuple[str, str], ...]:
    """Return the CORS headers of a response to a script of `origin`."""
    if origin is None:
        return ()
    is_any = "*" in allowed.origins
    vary = () if is_any else (("vary", "Origin"),)
    if not is_any and origin not in allowed.origins:
        return vary
    return (
        ("access-control-allow-origin", "*" if is_any else origin),
        *vary,
        *((("access-control-allow-credentials", "true"),) if allowed.is_with_credentials else ()),
        *((("access-control-expose-headers", ",".join(allowed.exposed)),) if allowed.exposed else ()),
    )


def _names(path: str) -> list[str]:
    return re.findall(r"\{([^}]+)\}", path)


def _pattern(path: str) -> re.Pattern[str]:
    """Return the pattern of a path. A parameter matches one segment, a greedy one ({proxy+}) all that follow."""
    parts = re.split(r"(\{[^}]+\})", path)
    return re.compile("".join(_group(part) if part.startswith("{") else re.escape(part) for part in parts))


def _group(parameter: str) -> str:
    return "(.+)" if parameter.endswith("+}") else "([^/]+)"


def _specificity(route: Route) -> tuple[int, ...]:
    """Return the sort key: literal segments before parameters before greedy ones, a method before ANY."""
    segments = route.path.strip("/").split("/")
    return (*((2 if "+}" in one else 1 if "{" in one else 0) for one in segments), -1, route.method == "ANY")


def _scheduled_event(folder: str) -> dict[str, Any]:
    """Return the event that EventBridge sends at a schedule's time."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "region": "eu-central-1",
        "resources": [f"arn:aws:events:eu-central-1:{ACCOUNT}:rule/{folder}"],
        "detail": {},
    }
