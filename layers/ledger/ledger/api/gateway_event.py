"""Normalize API Gateway's event: the path as it was routed, the body as the text of a JSON object."""

import base64
import hashlib
import ipaddress
import json
import re
from collections.abc import Mapping
from typing import Any, NoReturn
from urllib.parse import quote

from ledger.domain.errors import InvalidBody, InvalidRequest

MAX_BODY_BYTES = 128 * 1024
"""The limit of a request body. It is checked before the body is parsed.

No request that its model accepts is larger: 9,700 characters, each of them twelve bytes if it is escaped.
"""


def normalized(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return the event with its body decoded and its path as API Gateway routed it.

    Only a POST has a body here. Raises InvalidBody (too large, not JSON) or InvalidRequest.
    """
    body = _body(event) if event["requestContext"]["http"]["method"] == "POST" else ""
    headers = dict(event.get("headers") or {})
    if body:
        _check_type(headers.get("content-type", ""))
    headers["content-type"] = "application/json"
    return {
        **event,
        "rawPath": _path(event),
        "headers": headers,
        "body": body,
        "isBase64Encoded": False,
    }


def read_object(text: str) -> dict[str, Any]:
    """Parse a JSON object strictly: no duplicate names, no NaN, only valid Unicode. Raise InvalidRequest."""
    try:
        content = json.loads(text, object_pairs_hook=_unique_names, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        raise _invalid(f"This is not JSON: {error.msg} at character {error.pos + 1}.") from None
    except (ValueError, RecursionError):  # a number with thousands of digits, or very deep nesting
        raise _invalid("This JSON can't be parsed: a number is too long, or the nesting is too deep.") from None
    if not isinstance(content, dict):
        raise _invalid("Should be a JSON object.")
    return content


def source_of(event: Mapping[str, Any]) -> str:
    """Return a digest of the caller's network address, to count by: the address itself is not stored.

    Of an IPv6 address its network counts: a household has 2^64 addresses.
    """
    address = str(event["requestContext"]["http"].get("sourceIp") or "")
    if ":" in address:
        address = str(ipaddress.ip_network((address, 64), strict=False))
    return hashlib.sha256(address.encode()).hexdigest()[:16] if address else ""


def _body(event: Mapping[str, Any]) -> str:
    """Return the body as text. Its limit is in bytes."""
    body = event.get("body") or ""
    try:
        # "surrogatepass": text that is not Unicode is rejected below, with a message of its own.
        raw = base64.b64decode(body) if event.get("isBase64Encoded") else body.encode("utf-8", "surrogatepass")
        if len(raw) > MAX_BODY_BYTES:
            raise InvalidBody(f"The body has {len(raw)} bytes. The limit is {MAX_BODY_BYTES}.", 413, "too-large")
        return raw.decode()
    except ValueError:  # no Base64, or no UTF-8
        raise _invalid("Should be JSON in UTF-8.") from None


def _check_type(content_type: str) -> None:
    """Require JSON in UTF-8. A body without a content type counts as JSON."""
    media_type, *parameters = (part.strip().lower() for part in content_type.split(";"))
    charsets = {part.partition("=")[2].strip('"') for part in parameters if part.startswith("charset=")}
    if media_type not in {"", "application/json"} or charsets - {"utf-8"}:
        raise InvalidBody("Send the body as application/json in UTF-8.", 415, "unsupported-media-type")


def _path(event: Mapping[str, Any]) -> str:
    """Return the route's path with its parameters percent-encoded.

    API Gateway decodes path parameters, and whether `rawPath` is decoded depends on the gateway. The resolver's routes
    match only some characters, so parameters are encoded here and decoded by `parameters.DECODED`.
    """
    parameters: Mapping[str, str] = event.get("pathParameters") or {}
    if not parameters:
        return str(event["rawPath"])
    template: str = event["routeKey"].partition(" ")[2]
    return re.sub(r"\{(\w+)\}", lambda name: quote(parameters[name[1]], safe=":"), template)


def _unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    for name in content:
        if not _is_unicode(name):
            raise _invalid("A field's name is not valid Unicode: it has half of a surrogate pair.")
    if len(content) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidRequest(shortened(twice), "This field is there twice. Send it once.")
    return content


def _no_number(word: str) -> NoReturn:
    raise _invalid(f"{word} is not a number in JSON.")


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def shortened(name: str) -> str:
    """Return the client's own name for something, short enough for a message."""
    return name if len(name) <= 100 else f"{name[:100]}…"


def _invalid(message: str) -> InvalidRequest:
    return InvalidRequest("", message)
