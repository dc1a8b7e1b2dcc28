"""Reading a provider's JSON: what is not of the shape that we know raises, and the event is parked whole."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from ledger.errors import UnusableBody
from ledger.events import ParkReason

Json = Mapping[str, Any]

MAX_BODY_BYTES = 512 * 1024
"""More than any notification of either provider; a body is measured before anything else is done with it."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class NotBookable(Exception):
    """A genuine event that can't be booked. It never leaves `translate`: there it becomes a parked event."""

    def __init__(self, reason: ParkReason, detail: str) -> None:
        self.reason = reason
        self.detail = detail


def notification(body: bytes, id_field: str, type_field: str) -> Json:
    """The JSON object of a verified body. Raises UnusableBody if it is none, or has no id or type."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UnusableBody("The body is not JSON.") from error
    if not isinstance(content, dict):
        raise UnusableBody("The body is not a JSON object.")
    for field in (id_field, type_field):
        if not (isinstance(content.get(field), str) and 0 < len(content[field]) <= 255):
            raise UnusableBody(f"The body has no {field}: it is not a notification.")
    return content


def _kind(found: object) -> str:
    """What was found, without its content: an expanded object would bring e-mail addresses into the log."""
    return "empty" if found == "" else f"of type {type(found).__name__}"


def text(source: Json, field: str) -> str:
    """A text that must be there."""
    found = source[field]
    if not isinstance(found, str) or not found:
        raise ValueError(f"{field} is {_kind(found)}, not a text")
    return found


def optional_text(source: Json | None, field: str) -> str | None:
    """A text that may be missing, null or empty; then None."""
    found = (source or {}).get(field)
    if found is None or found == "":
        return None
    if not isinstance(found, str):
        raise TypeError(f"{field} is {_kind(found)}, not a text")
    return found


def whole(source: Json, field: str) -> int:
    """A whole number that must be there, also as text."""
    found = source[field]
    if isinstance(found, bool) or not isinstance(found, int | str):
        raise TypeError(f"{field} is {_kind(found)}, not a whole number")
    try:
        return int(found)
    except ValueError:
        raise ValueError(f"{field} is a text, not a whole number") from None


def moment(seconds: object) -> datetime:
    """A Unix time in seconds."""
    if isinstance(seconds, bool) or not isinstance(seconds, int):
        raise TypeError(f"a time is {_kind(seconds)}, not in seconds")
    return _EPOCH + timedelta(
        seconds=seconds
    )  # `fromtimestamp` fails on what is too large, in ways of the platform's own


def instant(stamp: object) -> datetime:
    """An RFC 3339 time."""
    if not isinstance(stamp, str):
        raise TypeError(f"a time is {_kind(stamp)}, not of RFC 3339")
    try:
        at = datetime.fromisoformat(stamp)
    except ValueError:
        raise ValueError("a time is a text, not of RFC 3339") from None
    if at.tzinfo is None:
        raise ValueError("a time has no time zone")
    return at.astimezone(UTC)


def objects(source: Json, field: str) -> Iterator[Json]:
    """A list of objects that must be there."""
    found = source[field]
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise TypeError(f"{field} is not a list of objects")
    yield from found
