"""The HTTP server of a simulator: the provider's API, and the actions of customers, banks and time.

GET  /_simulator                   list the actions, with their parameters
POST /_simulator/<action>          run an action; parameters as JSON or as a form
GET  /_simulator/checkout?id=…     show the page on which a person pays
"""

import contextlib
import html
import inspect
import json
import socket
import sys
import threading
import traceback
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tools.simulators.common.account import Account, NotPossible
from tools.simulators.common.faults import Fault
from tools.simulators.common.page import page_of

Json = dict[str, Any]
MAX_BODY_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """One call of the provider's API."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: Mapping[str, str]  # by their names in lower case
    body: bytes


@dataclass(frozen=True, slots=True)
class Response:
    """The provider's response to one call."""

    status: int
    content: Json
    headers: Mapping[str, str] = field(default_factory=dict)


Responder = Callable[[Request, Fault | None], Response]
"""Returns the response to one call, which has this fault if any. The server ends connections, not the responder."""


@contextlib.contextmanager
def serving(account: Account, respond: Responder, port: int = 0) -> Iterator[None]:
    """Serve a simulator on 127.0.0.1, and deliver its events. Set the `url` of its account."""
    server = _Server(account, respond, port)
    account.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    account.outbox.start()
    try:
        yield
    finally:
        account.faults.close()
        server.shutdown()
        server.server_close()
        thread.join(15)
        account.outbox.close()


class _Server(ThreadingHTTPServer):
    """One thread for each connection."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, account: Account, respond: Responder, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Connection)
        self.account = account
        self.respond = respond

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report an error, unless the client closed the connection."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Connection(BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > MAX_BODY_BYTES:
            self.close_connection = True
            self._send(413, b"too large", "text/plain")
            return
        body = self.rfile.read(length)
        address = urllib.parse.urlsplit(self.path)
        query = urllib.parse.parse_qsl(address.query, keep_blank_values=True)
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, urllib.parse.unquote(address.path), query, headers, body)
        try:
            if request.path == "/_simulator" or request.path.startswith("/_simulator/"):
                self._control(request)
            else:
                self._call(request)
        except Exception:  # noqa: BLE001 - a bug of the simulator: print it, and return 500
            traceback.print_exc()
            self._send_json(500, {"error": "The simulator itself failed; see its output."})

    do_GET = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815 - http.server's names

    def _call(self, request: Request) -> None:
        faults = self.server.account.faults
        fault = faults.take(request.method, request.path)
        if fault and fault.kind == "lost_before":
            self._hang_up(fault)
            return
        response = self.server.respond(request, fault)
        if fault and fault.kind == "lost_after":
            self._hang_up(fault)
            return
        self._send_json(response.status, response.content, response.headers)

    def _hang_up(self, fault: Fault) -> None:
        """Wait for the seconds of the fault, then close the connection without a response."""
        self.server.account.faults.pause(fault.seconds)
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def _control(self, request: Request) -> None:
        name = request.path.removeprefix("/_simulator").strip("/")
        actions = self.server.account.actions
        if not name:
            self._send_json(200, {action: _description(run) for action, run in actions.items()})
            return
        if name == "checkout" and request.method == "GET":
            self._show_checkout(dict(request.query))
            return
        if name not in actions:
            self._send_json(404, {"error": f"There is no action {name!r}: GET /_simulator lists them."})
            return
        is_form = "form-urlencoded" in request.headers.get("content-type", "")
        try:
            result = actions[name](**_arguments(actions[name], request, is_form=is_form))
        except NotPossible as problem:
            self._send_json(409, {"error": str(problem)})
        except (TypeError, ValueError, KeyError) as problem:
            self._send_json(400, {"error": f"{type(problem).__name__}: {problem}"})
        else:
            if then := dict(request.query).get("then"):
                self._send(303, b"", "text/plain", {"Location": urllib.parse.quote(then, safe=":/?#&=%+,;@!~")})
            else:
                self._send_json(200, {"done": result})

    def _show_checkout(self, query: dict[str, str]) -> None:
        checkout_id = query.get("id") or query.get("_ptxn") or ""
        try:
            rows = self.server.account.checkout_page(checkout_id)
        except NotPossible as problem:
            self._send(404, html.escape(str(problem)).encode(), "text/html; charset=utf-8")
            return
        then = query.get("then") or dict(rows).get("then", "/_simulator")
        action = f"/_simulator/pay?{urllib.parse.urlencode({'then': then})}"
        form = (
            f"<form method=post action='{html.escape(action)}'>"
            f"<input type=hidden name=checkout value='{html.escape(checkout_id)}'><button>Pay</button></form>"
        )
        listed = [(what, value) for what, value in rows if what != "then"]
        page = page_of(f"A simulator for {self.server.account.name}", listed, end=form)
        self._send(200, page.encode(), "text/html; charset=utf-8")

    def _send_json(self, status: int, content: Any, headers: Mapping[str, str] | None = None) -> None:
        self._send(status, json.dumps(content, default=str).encode(), "application/json", headers)

    def _send(self, status: int, body: bytes, kind: str, headers: Mapping[str, str] | None = None) -> None:
        with contextlib.suppress(OSError):  # the client may have gone
            self.send_response(status)
            for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Log nothing."""


def _description(action: Callable[..., Any]) -> Json:
    """Describe an action: its purpose and its parameters."""
    signature = inspect.signature(action)
    parameters = [str(parameter) for parameter in signature.parameters.values()]
    return {"does": inspect.getdoc(action), "parameters": parameters}


def _arguments(action: Callable[..., Any], request: Request, *, is_form: bool) -> Json:
    """Read the arguments of an action from JSON or a form. Convert the texts of a form to the declared types."""
    if not is_form:
        arguments = json.loads(request.body or b"{}")
        if not isinstance(arguments, dict):
            raise ValueError("the body is not a JSON object")
        return arguments
    texts = dict(urllib.parse.parse_qsl(request.body.decode(), keep_blank_values=True))
    declared = inspect.signature(action).parameters
    return {
        name: _typed(text, str(declared[name].annotation) if name in declared else "") for name, text in texts.items()
    }


def _typed(text: str, kind: str) -> Any:
    if "bool" in kind:
        return text.lower() in {"true", "1", "yes", "on"}
    if "int" in kind:
        return int(text)
    if "float" in kind:
        return float(text)
    return text
