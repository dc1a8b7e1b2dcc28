"""Reading a provider's JSON: what is not of the shape that we know raises, and the event is parked whole."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeGuard

from ledger.domain.errors import InvalidBody
from ledger.domain.facts import PaidLine
from ledger.domain.receipts import NotBookable, ParkReason

Json = Mapping[str, Any]

MAX_BODY_BYTES = 384 * 1024
"""More than any notification of either provider; a body is measured before anything else is done with it.

Whatever is in it can be kept: an item of the table has 400 KB, and a parked event's body is one, compressed or not.
"""

MAX_TEXT_BYTES = 255
"""Of an id, a state, a currency, in UTF-8: no provider's are longer, and all that is made of them fits a key."""

MAX_DIGITS = 15
"""Of a number: more money than there is, and with what is multiplied with it still far below what DynamoDB keeps."""

MAX_OBJECTS = 100
"""Of a list: no provider's notification has more."""

MAX_LINES = 10
"""Of one payment, such as give credits: a transaction of DynamoDB has a hundred actions, and a line may need seven."""

_EARLIEST, _LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(3000, 1, 1, tzinfo=UTC)
"""No payment is older, no period longer; and what is reckoned from a time stays within the calendar."""

_WORD = re.compile(r"[A-Za-z0-9_.:-]{1,100}")
_CURRENCY = re.compile(r"[A-Za-z]{3}")
_WHOLE = re.compile(rf"-?[0-9]{{1,{MAX_DIGITS}}}")


class EventNotBookable(Exception):
    """Raised inside `translate`, which catches it: the event is genuine but can't be booked, so it is parked."""

    def __init__(self, reason: ParkReason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.not_bookable = NotBookable(reason, detail)


def notification(body: bytes, id_field: str, type_field: str) -> Json:
    """The JSON object of a verified body. Raises InvalidBody if it is none, or has no id or type."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidBody("The body is not JSON.") from error
    if not isinstance(content, dict):
        raise InvalidBody("The body is not a JSON object.")
    for field in (id_field, type_field):
        if not is_text(content.get(field)):
            raise InvalidBody(f"The body has no usable {field}: it is not a notification.")
    return content


def is_text(found: object) -> TypeGuard[str]:
    """Whether it is an id, a state, a currency: one line of at most 255 bytes, and all of it Unicode."""
    return isinstance(found, str) and found.isprintable() and 0 < len(found.encode()) <= MAX_TEXT_BYTES


def _kind(found: object) -> str:
    """What was found, without its content: an expanded object would bring e-mail addresses into the log."""
    if not isinstance(found, str):
        return f"of type {type(found).__name__}"
    return "an unusable text" if found else "empty"


def excerpt(found: object) -> str:
    """What was found, for whoever releases the event: a word such as providers use, or else only what kind it is."""
    return found if isinstance(found, str) and _WORD.fullmatch(found) else _kind(found)


def text(source: Json, field: str) -> str:
    """A short text that must be there."""
    found = source[field]
    if not is_text(found):
        raise ValueError(f"{field} is {_kind(found)}, not a usable text")
    return found


def optional_text(source: Json | None, field: str) -> str | None:
    """A short text that may be missing, null or empty; then None."""
    found = (source or {}).get(field)
    if found is None or found == "":
        return None
    if not is_text(found):
        raise TypeError(f"{field} is {_kind(found)}, not a usable text")
    return found


def whole(source: Json, field: str) -> int:
    """A whole number that must be there, also as text: in plain digits, and as large as money can be."""
    found = source[field]
    if isinstance(found, bool) or not isinstance(found, int | str):
        raise TypeError(f"{field} is {_kind(found)}, not a whole number")
    if not _WHOLE.fullmatch(str(found)):
        raise ValueError(f"{field} is not a whole number of at most {MAX_DIGITS} plain digits")
    return int(found)


def amount(source: Json, field: str) -> int:
    """A sum of money that has one direction: 0 or more minor units."""
    found = whole(source, field)
    if found < 0:
        raise ValueError(f"{field} is below 0")
    return found


def currency(source: Json, field: str) -> str:
    """An ISO 4217 code that must be there, in upper case."""
    found = text(source, field)
    if not _CURRENCY.fullmatch(found):
        raise ValueError(f"{field} is no code of a currency")
    return found.upper()


def moment(seconds: object) -> datetime:
    """A Unix time in seconds."""
    if isinstance(seconds, bool) or not isinstance(seconds, int):
        raise TypeError(f"a time is {_kind(seconds)}, not in seconds")
    if not _EARLIEST.timestamp() <= seconds < _LATEST.timestamp():
        raise ValueError("a time is not of this millennium")
    return datetime.fromtimestamp(seconds, UTC)


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
    if not _EARLIEST <= at < _LATEST:
        raise ValueError("a time is not of this millennium")
    return at.astimezone(UTC)


def objects(source: Json, field: str) -> Iterator[Json]:
    """A list of objects that must be there."""
    found = source[field]
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise TypeError(f"{field} is not a list of objects")
    if len(found) > MAX_OBJECTS:
        raise ValueError(f"{field} has more than {MAX_OBJECTS} objects")
    yield from found


def bookable(lines: Sequence[PaidLine]) -> tuple[PaidLine, ...]:
    """A payment's lines, if there are no more than can be booked at once."""
    if len(lines) > MAX_LINES:
        raise ValueError(f"it has more than {MAX_LINES} lines that give credits")
    return tuple(lines)
