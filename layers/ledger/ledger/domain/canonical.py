"""Canonical content: one text for one content, to compare and to fingerprint records by.

Two facts of one instant and state need a last tie-break, or their order of arrival would decide which one stands. That
tie-break must be the same in every release that runs at one time, and for every record that is already stored. So it
must not follow from a class's name, a `repr`, the order of fields or a default value: a rename would change history.

    canonical(RefundSent(tag="t", refund_id="re_1", at=…, cause="…"))
    '{"at":"2026-11-01T12:00:00.000000Z","cause":"…","refund_id":"re_1","tag":"t"}'

The domain has a form of its own, because it must not import the stored format (`ledger.dynamodb.schema`), and because
the stored format may change, by a migration, without changing which fact stands.
"""

import dataclasses
import functools
import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from operator import attrgetter
from typing import Any

CONTENT_NAME = "content_name"
"""The metadata key of a renamed field: `field(metadata={CONTENT_NAME: "its_first_name"})` keeps its canonical name."""


def canonical(record: Any, *, without: str | None = None) -> str:
    """Return the content of a dataclass as JSON: fields sorted by name, None omitted, times in UTC.

    Fields that do not take part in comparison (`compare=False`) are no content. `without` names one more field to
    leave out. A new field must default to None, so that the content of records without it stays as it is. Raise
    TypeError for a value that has no canonical form, such as a float.
    """
    return _encode(_content(record, without))


def digest(record: Any, *, without: str | None = None) -> str:
    """Return a short digest of the content of a dataclass, to see later that it was spoilt. `without`: as above."""
    return hashlib.sha256(canonical(record, without=without).encode()).hexdigest()[:_DIGEST_DIGITS]


_DIGEST_DIGITS = 12


def _content(record: Any, without: str | None = None) -> dict[str, Any]:
    content = {}
    for attribute, name, read in _fields(record.__class__):
        if (value := read(record)) is not None and attribute != without:
            content[name] = value if type(value) is str or type(value) is int else _plain(value)
    return content


def _plain(value: Any) -> Any:
    match value:
        case bool() | int():
            return value
        case str():
            return str(value)
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"
        case date():
            return value.isoformat()
        case tuple():
            return [_plain(item) for item in value]
        case frozenset():
            return sorted(_plain(item) for item in value)
        case Mapping():
            return {key: _plain(item) for key, item in value.items()}
    if dataclasses.is_dataclass(value):
        return _content(value)
    raise TypeError(f"a {type(value).__name__} has no canonical form")


_encode: Callable[[Any], str] = json.JSONEncoder(sort_keys=True, separators=(",", ":"), check_circular=False).encode


@functools.cache
def _fields(cls: type) -> tuple[tuple[str, str, Callable[[Any], Any]], ...]:
    return tuple(
        (field.name, field.metadata.get(CONTENT_NAME, field.name), attrgetter(field.name))
        for field in dataclasses.fields(cls)
        if field.compare
    )
