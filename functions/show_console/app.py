"""GET /console, GET /console/{release}/{asset}: the support console. Public: it has no data, and reads none.

What it shows, a browser reads from the support API with the token of the person who signed in. The addresses of the
assets contain a hash over all of them: a browser keeps them for a year, and the modules of one page are of one release.
"""

import base64
import functools
import gzip
import hashlib
import os
from html import escape
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import urlsplit

_FOLDER = Path(__file__).with_name("assets")
_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "strict-transport-security": "max-age=31536000",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
_NOT_FOUND = b'{"type":"about:blank","title":"Not Found","status":404,"detail":"The console is at /console."}'
SETTINGS = ("JWT_ISSUER", "CONSOLE_CLIENT_ID", "CONSOLE_AUTHORIZE_URL", "CONSOLE_TOKEN_URL", "CONSOLE_SCOPES")


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Serve the page or one of its assets. Everything else is 404."""
    may_zip = "gzip" in (event.get("headers") or {}).get("accept-encoding", "")
    named = event.get("pathParameters") or {}
    if event["rawPath"] == "/console":
        own = {"cache-control": "no-store", "content-security-policy": _policy(), "x-frame-options": "DENY"}
        return _response(200, "text/html; charset=utf-8", _page().encode(), own, may_zip=may_zip)
    content = assets().get(named.get("asset", ""))
    if content is None or named.get("release") != release():
        return _response(404, "application/problem+json", _NOT_FOUND, {"cache-control": "no-store"}, may_zip=may_zip)
    own = {
        "cache-control": "public, max-age=31536000, immutable",
        "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    }
    return _response(200, _TYPES[Path(named["asset"]).suffix], content, own, may_zip=may_zip)


@functools.cache
def assets() -> dict[str, bytes]:
    """Return the assets by name. They are read once."""
    return {file.name: file.read_bytes() for file in sorted(_FOLDER.iterdir()) if file.suffix in _TYPES}


@functools.cache
def release() -> str:
    """Return a hash over the names and contents of all assets."""
    digest = hashlib.sha256()
    for name, content in assets().items():
        digest.update(name.encode() + b"\0" + hashlib.sha256(content).digest())
    return digest.hexdigest()[:16]


def _page() -> str:
    settings = "".join(
        f' data-{name.lower().replace("_", "-")}="{escape(os.environ.get(name, ""))}"'
        for name in (*SETTINGS, "CONSOLE_ACCEPTS_TOKEN")
    )
    modules = "".join(
        f'<link rel="modulepreload" href="/console/{release()}/{name}">' for name in assets() if name.endswith(".js")
    )
    page = Template((_FOLDER / "page.html").read_text("utf-8"))
    return page.substitute(release=release(), settings=settings, modules=modules)


def _policy() -> str:
    """Return what a browser may load into the page: our own files. It may call our own API, and the token's address."""
    token_url = urlsplit(os.environ.get("CONSOLE_TOKEN_URL", ""))
    token_address = f" {token_url.scheme}://{token_url.netloc}{token_url.path}" if token_url.netloc else ""
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        f"connect-src 'self'{token_address}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types lit-html"
    )


def _response(status: int, content_type: str, body: bytes, own: dict[str, str], *, may_zip: bool) -> dict[str, Any]:
    headers = {"content-type": content_type, "vary": "accept-encoding", **_HEADERS, **own}
    if may_zip:
        headers["content-encoding"] = "gzip"
        body = gzip.compress(body, 6)
    return {"statusCode": status, "headers": headers, "body": base64.b64encode(body).decode(), "isBase64Encoded": True}
