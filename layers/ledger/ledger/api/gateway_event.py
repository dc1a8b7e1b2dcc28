"""What API Gateway hands over, brought to one form: the path as it was routed, the body as text of a JSON object."""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Any, NoReturn
from urllib.parse import quote

from ledger.domain.errors import BillingError, InvalidRequest

MAX_BODY_BYTES = 64 * 1024
"""More than any request of ours needs; a body is measured before anything else is done with it."""


class UnreadableBody(BillingError):
    """A body that is too large, or of another kind than JSON. `status` is the HTTP status to answer with."""

    def __init__(self, status: int, name: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.name = name


def normalized(event: Mapping[str, Any]) -> dict[str, Any]:
    """The event with its body decoded and its path as API Gateway read it. Raises Unreadable, or Invalid.

    Only a POST has a body here.
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
    """A JSON object, by the letter: no name twice, no NaN, nothing that is not Unicode. Raises Invalid."""
    try:
        content = json.loads(text, object_pairs_hook=_named_once, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        raise _invalid(f"It is no JSON: {error.msg} at character {error.pos + 1}.") from None
    except (ValueError, RecursionError):  # a number of thousands of digits; brackets in brackets in brackets
        raise _invalid("It is no JSON that can be read: a number is too long, or it is nested too deep.") from None
    if not isinstance(content, dict):
        raise _invalid("It should be a JSON object.")
    return content


def _body(event: Mapping[str, Any]) -> str:
    """The body as text, measured in bytes."""
    body = event.get("body") or ""
    try:
        # "surrogatepass": what is not Unicode is refused below, in its own words.
        raw = base64.b64decode(body) if event.get("isBase64Encoded") else body.encode("utf-8", "surrogatepass")
        if len(raw) > MAX_BODY_BYTES:
            raise UnreadableBody(413, "too-large", f"The body has {len(raw)} bytes; it may have {MAX_BODY_BYTES}.")
        return raw.decode()
    except (binascii.Error, UnicodeDecodeError):
        raise _invalid("It should be JSON, encoded in UTF-8.") from None


def _check_type(content_type: str) -> None:
    """JSON in UTF-8, as it is everywhere; a body of which nothing is said is taken for it."""
    media_type, *parameters = (part.strip().lower() for part in content_type.split(";"))
    charsets = {part.partition("=")[2].strip('"') for part in parameters if part.startswith("charset=")}
    if media_type not in {"", "application/json"} or charsets - {"utf-8"}:
        raise UnreadableBody(415, "unsupported-media-type", "Send the body as application/json, in UTF-8.")


def _path(event: Mapping[str, Any]) -> str:
    """The route's path, its parameters encoded anew: whether the raw one is decoded, depends on who hands it over.

    They were decoded by API Gateway; the routes know letters and some signs alone, so `asked.DECODED` reads them.
    """
    parameters: Mapping[str, str] = event.get("pathParameters") or {}
    if not parameters:
        return str(event["rawPath"])
    template: str = event["routeKey"].partition(" ")[2]
    return re.sub(r"\{(\w+)\}", lambda name: quote(parameters[name[1]], safe=":"), template)


def _named_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    for name in content:
        if not _is_unicode(name):
            raise _invalid("A field's name is not Unicode: it has half of a pair of surrogates.")
    if len(content) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidRequest(shortened(twice), "It is there twice: say it once.")
    return content


def _no_number(word: str) -> NoReturn:
    raise _invalid(f"{word} is no number in JSON.")


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def shortened(name: str) -> str:
    """A name that somebody else chose, as it may be told back."""
    return name if len(name) <= 100 else f"{name[:100]}…"


def _invalid(message: str) -> InvalidRequest:
    return InvalidRequest("", message)
