"""How the types of fields are stored: each value comes back as it was, and anything else is refused."""

from datetime import UTC, date, datetime, timedelta, timezone
from enum import StrEnum
from typing import Any

import pytest

from ledger.domain.errors import UnreadableItem
from ledger.dynamodb.codec import (
    BINARY,
    BOOLEAN,
    COUNTS,
    DAY,
    DIGESTS,
    NAMES,
    TEXT,
    TEXTS,
    TIME,
    WHOLE,
    WireType,
    format_at,
    one_of,
    parse_at,
)

AT = datetime(2026, 3, 1, 12, 0, 3, tzinfo=UTC)


class Colour(StrEnum):
    """Some enum."""

    RED = "red"
    BLUE = "blue"


COLOUR = one_of("colour", {Colour.RED: "r", Colour.BLUE: "b"})


@pytest.mark.parametrize(
    ("wire", "value", "stored"),
    [
        (TEXT, "text", {"S": "text"}),
        (TEXT, "", {"S": ""}),
        (WHOLE, -12, {"N": "-12"}),
        (WHOLE, 10**30, {"N": str(10**30)}),
        (BOOLEAN, True, {"BOOL": True}),
        (BOOLEAN, False, {"BOOL": False}),
        (TIME, AT, {"S": "2026-03-01T12:00:03Z"}),
        (TIME, AT.replace(microsecond=7), {"S": "2026-03-01T12:00:03.000007Z"}),
        (DAY, date(2026, 3, 1), {"S": "2026-03-01"}),
        (BINARY, b"\x00\xff", {"B": b"\x00\xff"}),
        (TEXTS, ("b", "a", "b"), {"L": [{"S": "b"}, {"S": "a"}, {"S": "b"}]}),
        (NAMES, frozenset({"b", "a", "c", "d"}), {"L": [{"S": "a"}, {"S": "b"}, {"S": "c"}, {"S": "d"}]}),
        (COUNTS, {"lot": 3, "other": -1}, {"M": {"lot": {"N": "3"}, "other": {"N": "-1"}}}),
        (DIGESTS, {"lot": "ab"}, {"M": {"lot": {"S": "ab"}}}),
        (COLOUR, Colour.RED, {"S": "r"}),
    ],
)
def test_a_value_is_stored_so_and_comes_back(wire: WireType, value: Any, stored: dict[str, Any]) -> None:
    """The type comes back too."""
    assert wire.encode(value) == stored
    read = wire.decode(stored)
    assert read == value
    assert type(read) is type(value)


def test_a_text_with_a_name_is_stored_as_a_plain_text() -> None:
    """botocore would take a StrEnum, the digest of an item would not."""
    assert type(TEXT.encode(Colour.RED)["S"]) is str


def test_names_are_stored_in_one_order() -> None:
    """The same set is the same item, whatever the order in which it was built."""
    names = [f"name_{number}" for number in range(50)]
    stored = [{"S": name} for name in sorted(names)]
    assert NAMES.encode(names[::-1]) == {"L": stored}


@pytest.mark.parametrize(
    ("wire", "value"),
    [(WHOLE, 1.0), (WHOLE, True), (WHOLE, "1"), (BOOLEAN, 1), (BOOLEAN, None), (TEXT, 1), (TEXT, b"text")],
)
def test_a_value_of_another_type_is_never_stored(wire: WireType, value: Any) -> None:
    """The error says the type and the value."""
    with pytest.raises(TypeError, match=rf"^a {type(value).__name__} .*: {value!r}$"):
        wire.encode(value)


@pytest.mark.parametrize("count", [1.5, True, "1"])
def test_a_count_of_another_type_is_never_stored(count: Any) -> None:
    """As no whole number is."""
    with pytest.raises(TypeError):
        COUNTS.encode({"lot": count})


@pytest.mark.parametrize("stored", [1, "true", None])
def test_a_flag_is_on_only_if_it_is_stored_as_true(stored: Any) -> None:
    """Nothing else counts as true."""
    assert BOOLEAN.decode({"BOOL": stored}) is False


def test_a_name_that_this_release_does_not_know_is_refused() -> None:
    """The error says which, and of what."""
    with pytest.raises(UnreadableItem, match=r"^colour 'green' is unknown to this release$"):
        COLOUR.decode({"S": "green"})


@pytest.mark.parametrize("microsecond", [0, 1, 999_999])
@pytest.mark.parametrize("hours", [0, 2, -11])
def test_a_time_of_any_zone_is_stored_in_utc(microsecond: int, hours: int) -> None:
    """As short as it can be without losing a microsecond; it comes back the same instant."""
    at = AT.replace(microsecond=microsecond)
    text = format_at(at.astimezone(timezone(timedelta(hours=hours))))
    assert text == "2026-03-01T12:00:03" + (f".{microsecond:06}" if microsecond else "") + "Z"
    assert parse_at(text) == at
    assert parse_at(text).utcoffset() == timedelta(0)
