"""API Gateway, locally: HTTP on 127.0.0.1 in front of the functions, by the routes of `template.yaml`.

The table's stream has no stand-in here: what it would trigger in AWS, the release of parked events, is run right after
every delivery that booked something.
"""

import base64
import importlib
import json
import re
import threading
import traceback
import urllib.parse
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tools.template import Route, load, routes

MAX_REQUEST_BYTES = 10 * 1024 * 1024  # API Gateway's own limit
_TEXT = re.compile(r"^(text/|application/(json|x-www-form-urlencoded|[a-z.+-]*\+json))")

Handler = Callable[[dict[str, Any], object], dict[str, Any]]
Observer = Callable[[str, int, str], None]  # path, status, body


class Gateway(ThreadingHTTPServer):
    """The server. `observe` is told of every answer."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, port: int, observe: Observer = lambda *_: None) -> None:
        super().__init__(("127.0.0.1", port), _Request)
        self.observe = observe
        self.routes = [(_pattern(route.path), route) for route in routes(load())]
        self.handlers = {route.folder: _handler(route.folder) for _, route in self.routes}
        self.release = _handler("release_parked")
        self.releasing = threading.Lock()

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        """Route one request to its function, as API Gateway would."""
        route_path, _, query = path.partition("?")
        for pattern, route in self.routes:
            match = pattern.fullmatch(route_path)
            if match and route.method == method:
                answer = self.handlers[route.folder](_event(route, route_path, query, match, headers, body), None)
                if '"outcome": "booked"' in answer["body"] or '"outcome": "noted"' in answer["body"]:
                    with self.releasing:
                        self.release({}, None)
                return answer
        return _problem(404, "No such route. The routes stand in template.yaml.")


class _Request(BaseHTTPRequestHandler):
    """One HTTP request."""

    protocol_version = "HTTP/1.1"
    server: Gateway

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > MAX_REQUEST_BYTES:
            self.close_connection = True
            answer = _problem(413, "A request may have 10 MB.")
        else:
            body = self.rfile.read(length)
            try:
                answer = self.server.answer(self.command, self.path, dict(self.headers.items()), body)
            except Exception:  # noqa: BLE001 - what Lambda does with a function that raises
                traceback.print_exc()
                answer = _problem(500, "The function raised an error.")
        self.send_response(answer["statusCode"])
        content = answer["body"].encode()
        for name, value in (*answer["headers"].items(), ("content-length", str(len(content)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
        self.server.observe(self.path, answer["statusCode"], answer["body"])

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 - http.server's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Be silent: `observe` tells."""


def _event(
    route: Route, path: str, query: str, match: re.Match[str], headers: Mapping[str, str], body: bytes
) -> dict[str, Any]:
    """An HTTP API event of payload version 2.0."""
    lower = {name.lower(): value for name, value in headers.items()}
    is_text = bool(_TEXT.match(lower.get("content-type", "")))
    try:
        text = body.decode() if is_text else base64.b64encode(body).decode()
    except UnicodeDecodeError:
        is_text, text = False, base64.b64encode(body).decode()
    return {
        "version": "2.0",
        "routeKey": f"{route.method} {route.path}",
        "rawPath": path,
        "rawQueryString": query,
        "headers": lower,
        "queryStringParameters": dict(urllib.parse.parse_qsl(query)),
        "pathParameters": {name: urllib.parse.unquote(value) for name, value in match.groupdict().items()},
        "requestContext": {
            "http": {"method": route.method, "path": path, "sourceIp": "127.0.0.1"},
            "stage": "$default",
        },
        "body": text,
        "isBase64Encoded": not is_text,
    }


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path))


def _handler(folder: str) -> Handler:
    handler: Handler = importlib.import_module(f"functions.{folder}.app").lambda_handler
    return handler


def _problem(status: int, detail: str) -> dict[str, Any]:
    titles = {404: "Not found", 413: "Content too large", 500: "Internal server error"}
    body = {"type": "about:blank", "title": titles[status], "status": status, "detail": detail}
    return {
        "statusCode": status,
        "headers": {"content-type": "application/problem+json"},
        "body": json.dumps(body),
    }
