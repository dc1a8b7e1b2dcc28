"""HTTP in front of a stand-in: the provider's API, and under `/_standin/` what customers, banks and time do.

GET  /_standin                   the acts, with their parameters
POST /_standin/<act>             do one; parameters as JSON or as a form
GET  /_standin/checkout?id=…     the page on which a person pays
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
from typing import Any, Protocol

from tools.standins.faults import Fault, Faults

Json = dict[str, Any]
MAX_BODY_BYTES = 1024 * 1024


class NotPossible(Exception):
    """A customer, a bank or time can't do this now; the message says why."""


@dataclass(frozen=True, slots=True)
class Request:
    """One call of the provider's API."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: Mapping[str, str]  # by their names in lower case
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What the provider answers."""

    status: int
    content: Json
    headers: Mapping[str, str] = field(default_factory=dict)


class Account(Protocol):
    """What stands behind the server."""

    name: str
    url: str
    faults: Faults

    @property
    def acts(self) -> Mapping[str, Callable[..., Any]]:
        """What can be done that is no call of the API, by name."""

    def checkout_page(self, checkout_id: str) -> list[tuple[str, str]]:
        """What a person is shown who is to pay. Raises NotPossible: there is no such checkout."""


Answering = Callable[[Request, Fault | None], Answer]
"""Answers one call of the API, which has this fault if any. That a connection ends is not its business."""


@contextlib.contextmanager
def serving(account: Account, answer: Answering, port: int = 0) -> Iterator[None]:
    """Serve a stand-in on 127.0.0.1; its account learns the `url`."""
    server = _Server(account, answer, port)
    account.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        account.faults.close()
        server.shutdown()
        server.server_close()
        thread.join(15)


class _Server(ThreadingHTTPServer):
    """One thread for each connection."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, account: Account, answer: Answering, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Connection)
        self.account = account
        self.answer = answer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone is no fault of the stand-in's; anything else is told."""
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
            if request.path == "/_standin" or request.path.startswith("/_standin/"):
                self._control(request)
            else:
                self._call(request)
        except Exception:  # noqa: BLE001 - a fault of the stand-in's own: loud here, a plain 500 there
            traceback.print_exc()
            self._send_json(500, {"error": "The stand-in itself failed; see its output."})

    do_GET = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815 - http.server's names

    def _call(self, request: Request) -> None:
        faults = self.server.account.faults
        fault = faults.take(request.method, request.path)
        if fault and fault.kind == "lost_before":
            self._hang_up(fault)
            return
        answer = self.server.answer(request, fault)
        if fault and fault.kind == "lost_after":
            self._hang_up(fault)
            return
        self._send_json(answer.status, answer.content, answer.headers)

    def _hang_up(self, fault: Fault) -> None:
        """Stay silent as long as the fault says, then end the connection without an answer."""
        self.server.account.faults.pause(fault.seconds)
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def _control(self, request: Request) -> None:
        name = request.path.removeprefix("/_standin").strip("/")
        acts = self.server.account.acts
        if not name:
            self._send_json(200, {act: _parameters(do) for act, do in acts.items()})
            return
        if name == "checkout" and request.method == "GET":
            self._show_checkout(dict(request.query))
            return
        if name not in acts:
            self._send_json(404, {"error": f"There is no act {name!r}: GET /_standin lists them."})
            return
        is_form = "form-urlencoded" in request.headers.get("content-type", "")
        try:
            given = _arguments(acts[name], request, is_form=is_form)
            done = acts[name](**given)
        except NotPossible as problem:
            self._send_json(409, {"error": str(problem)})
        except (TypeError, ValueError, KeyError) as problem:
            self._send_json(400, {"error": f"{type(problem).__name__}: {problem}"})
        else:
            if then := dict(request.query).get("then"):
                self._send(303, b"", "text/plain", {"Location": urllib.parse.quote(then, safe=":/?#&=%+,;@!~")})
            else:
                self._send_json(200, {"done": done})

    def _show_checkout(self, query: dict[str, str]) -> None:
        checkout_id = query.get("id") or query.get("_ptxn") or ""
        try:
            rows = self.server.account.checkout_page(checkout_id)
        except NotPossible as problem:
            self._send(404, html.escape(str(problem)).encode(), "text/html; charset=utf-8")
            return
        then = query.get("then") or dict(rows).get("then", "/_standin")
        listed = "".join(
            f"<tr><th>{html.escape(what)}</th><td>{html.escape(value)}</td></tr>"
            for what, value in rows
            if what != "then"
        )
        action = f"/_standin/pay?{urllib.parse.urlencode({'then': then})}"
        page = (
            f"<!doctype html><title>Pay</title><h1>A stand-in for {self.server.account.name}</h1>"
            f"<table>{listed}</table><form method=post action='{html.escape(action)}'>"
            f"<input type=hidden name=checkout value='{html.escape(checkout_id)}'><button>Pay</button></form>"
        )
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
        """Be silent."""


def _parameters(act: Callable[..., Any]) -> Json:
    """An act for whoever asks: what it does, and its parameters."""
    signature = inspect.signature(act)
    return {"does": inspect.getdoc(act), "parameters": [str(one) for one in signature.parameters.values()]}


def _arguments(act: Callable[..., Any], request: Request, *, is_form: bool) -> Json:
    """The parameters of an act, from JSON or a form. A form's texts become what the act declares."""
    if not is_form:
        given = json.loads(request.body or b"{}")
        if not isinstance(given, dict):
            raise ValueError("the body is not a JSON object")
        return given
    texts = dict(urllib.parse.parse_qsl(request.body.decode(), keep_blank_values=True))
    declared = inspect.signature(act).parameters
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
