"""Reading a provider's JSON. A field that is missing, or of another shape or size, raises, and the event is parked.

The readers raise KeyError, TypeError or ValueError. Their messages name the field and never quote what it contains.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, TypeGuard

from ledger.domain.errors import InvalidBody

Json = Mapping[str, Any]

MAX_BODY_BYTES = 384 * 1024
"""The size of the largest body that is read: more than any notification of a provider, and checked before all else.

A DynamoDB item has 400 KB, so a body of this size can be stored with a parked event even if it does not compress.
"""

MAX_TEXT_BYTES = 255
"""The length in UTF-8 of an id, a state or a currency. Providers' are shorter, and keys made of them fit DynamoDB's."""

MAX_DIGITS = 15
"""The length of a number. It exceeds any sum of money, and its products stay below DynamoDB's 38 digits."""

MAX_OBJECTS = 100
"""The length of a list. Providers' notifications have fewer objects."""

OUR_FIELDS = frozenset({"order_id", "account_id"})
"""The ids that our checkouts carry, whatever object of the provider they are found in."""

_EARLIEST, _LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(3000, 1, 1, tzinfo=UTC)
"""The times that are accepted. Whatever is computed from one of them is still a valid date."""

_WORD = re.compile(r"[A-Za-z0-9_.:-]{1,100}")
_CURRENCY = re.compile(r"[A-Za-z]{3}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_WHOLE_NUMBER = re.compile(rf"-?[0-9]{{1,{MAX_DIGITS}}}")


def load_notification(body: bytes, id_field: str, type_field: str) -> Json:
    """Return the JSON object of a verified body. Raise InvalidBody if it is no object, or has no usable id or type."""
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


def is_text(value: object) -> TypeGuard[str]:
    """Return whether a value can be an id, a state or a currency: one line of 1 to 255 bytes of valid Unicode."""
    return isinstance(value, str) and value.isprintable() and 0 < len(value.encode()) <= MAX_TEXT_BYTES


def _kind(value: object) -> str:
    """Describe a value without its content: an expanded object would bring e-mail addresses into the log."""
    if not isinstance(value, str):
        return f"of type {type(value).__name__}"
    return "an unusable text" if value else "empty"


def excerpt(value: object) -> str:
    """Return a value as the detail of a parked event shows it: a word such as providers use, else only its kind."""
    return value if isinstance(value, str) and _WORD.fullmatch(value) else _kind(value)


def text(source: Json, field: str) -> str:
    """Return a required short text."""
    value = source[field]
    if not is_text(value):
        raise ValueError(f"{field} is {_kind(value)}, not a usable text")
    return value


def optional_text(source: Json | None, field: str) -> str | None:
    """Return a short text. None if it is missing, null or empty."""
    value = (source or {}).get(field)
    if value is None or value == "":
        return None
    if not is_text(value):
        raise TypeError(f"{field} is {_kind(value)}, not a usable text")
    return value


def whole_number(source: Json, field: str) -> int:
    """Return a required whole number of at most 15 digits, which may be written as text."""
    value = source[field]
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError(f"{field} is {_kind(value)}, not a whole number")
    if not _WHOLE_NUMBER.fullmatch(str(value)):
        raise ValueError(f"{field} is not a whole number of at most {MAX_DIGITS} plain digits")
    return int(value)


def amount(source: Json, field: str) -> int:
    """Return a required sum of money that can't be negative, in minor units."""
    value = whole_number(source, field)
    if value < 0:
        raise ValueError(f"{field} is below 0")
    return value


def currency(source: Json, field: str) -> str:
    """Return a required ISO 4217 code in upper case."""
    value = text(source, field)
    if not _CURRENCY.fullmatch(value):
        raise ValueError(f"{field} is no code of a currency")
    return value.upper()


def billing_country(address: object) -> str | None:
    """Return the country of an address. None: there is none that can be read, which is no reason to park a payment."""
    country = address.get("country") if isinstance(address, Mapping) else None
    return country if isinstance(country, str) and _COUNTRY.fullmatch(country) else None


def unix_time(value: object) -> datetime:
    """Return the time of a number of seconds since 1970."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"a time is {_kind(value)}, not in seconds")
    if not _EARLIEST.timestamp() <= value < _LATEST.timestamp():
        raise ValueError("a time is not of this millennium")
    return datetime.fromtimestamp(value, UTC)


def rfc3339_time(value: object) -> datetime:
    """Return the time, in UTC, of a text in the format of RFC 3339."""
    if not isinstance(value, str):
        raise TypeError(f"a time is {_kind(value)}, not of RFC 3339")
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError("a time is a text, not of RFC 3339") from None
    if at.tzinfo is None:
        raise ValueError("a time has no time zone")
    if not _EARLIEST <= at < _LATEST:
        raise ValueError("a time is not of this millennium")
    return at.astimezone(UTC)


def objects(source: Json, field: str) -> Iterator[Json]:
    """Yield the objects of a required list of at most 100 objects."""
    value = source[field]
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise TypeError(f"{field} is not a list of objects")
    if len(value) > MAX_OBJECTS:
        raise ValueError(f"{field} has more than {MAX_OBJECTS} objects")
    yield from value
