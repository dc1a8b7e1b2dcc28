"""GET /openapi.json, GET /docs: the API's description, and a page to read and try it. Public: it has no secrets."""

import base64
import gzip
from pathlib import Path
from typing import Any

import aws_lambda_powertools.event_handler

import ledger.api
from ledger import init

init.is_over()
_DESCRIPTION = Path(ledger.api.__file__).with_name("openapi.json")
_SWAGGER = Path(aws_lambda_powertools.event_handler.__file__).parent / "openapi" / "swagger_ui"

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Image Tagger AI: billing API</title>
<link rel="stylesheet" href="/docs/swagger-ui.min.css">
</head>
<body>
<div id="api"></div>
<script src="/docs/swagger-ui-bundle.min.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
_START = """SwaggerUIBundle({
  url: "/openapi.json", dom_id: "#api", deepLinking: true, defaultModelsExpandDepth: 0, tryItOutEnabled: true,
  persistAuthorization: true, validatorUrl: null,
});
"""
_POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Serve one file by its path. Everything else is 404."""
    may_zip = "gzip" in (event.get("headers") or {}).get("accept-encoding", "")
    content_type, body, status = _content_of(event["rawPath"])
    return _response(content_type, body, status, may_zip=may_zip)


def _content_of(path: str) -> tuple[str, bytes, int]:
    match path:
        case "/openapi.json":
            return "application/json", _DESCRIPTION.read_bytes(), 200
        case "/docs":
            return "text/html; charset=utf-8", _PAGE.encode(), 200
        case "/docs/start.js":
            return "text/javascript; charset=utf-8", _START.encode(), 200
        case "/docs/swagger-ui-bundle.min.js":
            return "text/javascript; charset=utf-8", (_SWAGGER / "swagger-ui-bundle.min.js").read_bytes(), 200
        case "/docs/swagger-ui.min.css":
            return "text/css; charset=utf-8", (_SWAGGER / "swagger-ui.min.css").read_bytes(), 200
    return "application/problem+json", _NOT_FOUND, 404


_NOT_FOUND = b'{"type":"about:blank","title":"Not Found","status":404,"detail":"See /docs and /openapi.json."}'


def _response(content_type: str, body: bytes, status: int, *, may_zip: bool) -> dict[str, Any]:
    headers = {
        "content-type": content_type,
        "vary": "accept-encoding",
        "cache-control": "max-age=300",
        "content-security-policy": _POLICY,
        "x-content-type-options": "nosniff",
    }
    if may_zip:
        headers["content-encoding"] = "gzip"
        body = gzip.compress(body, 6)
    return {
        "statusCode": status,
        "headers": headers,
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
    }
