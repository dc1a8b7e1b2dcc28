"""How the types of fields are stored: each value comes back as it was, and anything else is refused."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from enum import StrEnum
from typing import Any

import pytest

from ledger.domain.errors import UnreadableItem
from ledger.domain.records import record
from ledger.domain.unknown_fields import KeepsUnknownFields
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
    Field,
    Shape,
    WireType,
    format_at,
    one_of,
    record_of,
    records_of,
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
    assert TIME.decode({"S": text}) == at
    assert TIME.decode({"S": text}).utcoffset() == timedelta(0)


@record(frozen=True, kw_only=True)
class Mark(KeepsUnknownFields):
    """A record whose fields have other names than they are stored under."""

    name: str
    count: int = 0
    colour: Colour | None = None


@dataclass(frozen=True)
class Plain:
    """A record that keeps no unknown fields."""

    name: str


MARK = Shape(
    "mark",
    Mark,
    {"name": Field("n", TEXT), "count": Field("c", WHOLE, 0), "colour": Field("k", COLOUR, None)},
)
PLAIN = Shape("plain", Plain, {"name": Field("n", TEXT)})


@pytest.mark.parametrize(
    ("record", "stored"),
    [
        (Mark(name="one"), {"n": {"S": "one"}, "c": {"N": "0"}}),
        (Mark(name="", count=3, colour=Colour.BLUE), {"n": {"S": ""}, "c": {"N": "3"}, "k": {"S": "b"}}),
        (
            Mark(name="one", count=1, unknown_fields={"new": {"S": "er"}}),
            {"n": {"S": "one"}, "c": {"N": "1"}, "new": {"S": "er"}},
        ),
    ],
)
def test_a_record_is_stored_under_its_wire_names_and_comes_back(record: Mark, stored: dict[str, Any]) -> None:
    """All but None is written, what this release does not know too."""
    assert MARK.encode(record) == stored
    assert MARK.decode(stored) == record
    assert MARK.decode(stored).unknown_fields == record.unknown_fields
    assert record_of(MARK).encode(record) == {"M": stored}
    assert record_of(MARK).decode({"M": stored}) == record


def test_records_are_stored_in_their_order() -> None:
    """And come back in it."""
    records = (Mark(name="b"), Mark(name="a"))
    stored = records_of(MARK).encode(records)
    assert [item["M"]["n"]["S"] for item in stored["L"]] == ["b", "a"]
    assert records_of(MARK).decode(stored) == records


def test_a_missing_attribute_is_its_default() -> None:
    """As the table states it."""
    assert MARK.decode({"n": {"S": "one"}}) == Mark(name="one")


def test_a_field_that_stands_elsewhere_is_taken_from_there() -> None:
    """The key of an item has it, for one."""
    assert MARK.decode({"c": {"N": "2"}}, name="of the key") == Mark(name="of the key", count=2)


def test_what_a_record_cannot_keep_is_left_out() -> None:
    """It reads the fields that it knows."""
    assert PLAIN.decode({"n": {"S": "one"}, "new": {"S": "er"}}) == Plain("one")
    assert PLAIN.encode(Plain("one")) == {"n": {"S": "one"}}


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        ({}, "^mark: n is missing$"),
        ({"n": {"N": "1"}}, "^mark: n has another type$"),
        ({"n": {"S": "one"}, "c": {"N": "many"}}, "^mark: c has another type$"),
        ({"n": {"S": "one"}, "c": {"N": None}}, "^mark: c has another type$"),
        ({"n": {"S": "one"}, "c": {"S": "1"}}, "^mark: c has another type$"),
    ],
)
def test_a_record_that_cannot_be_read_is_an_error_that_names_the_attribute(
    stored: dict[str, Any], message: str
) -> None:
    """By the name that it is stored under."""
    with pytest.raises(UnreadableItem, match=message):
        MARK.decode(stored)
