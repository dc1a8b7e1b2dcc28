"""How one record becomes a map of DynamoDB attributes, and back, by a table of its fields.

The tables stand in `ledger.dynamodb.schema`. Whole numbers only; times in UTC. Every field is written but None, also
one that equals its default. On reading, a missing attribute is the default that the table states, and an attribute that
the table does not know is kept where the record can keep it (`KeepsUnknownFields`).
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields as dataclass_fields
from datetime import UTC, date, datetime
from enum import StrEnum
from operator import attrgetter
from typing import Any, Generic, NamedTuple, NoReturn, TypeVar

from ledger.domain.errors import UnreadableItem
from ledger.domain.unknown_fields import KeepsUnknownFields

AttributeValue = Mapping[str, Any]
Attributes = dict[str, Any]
_T = TypeVar("_T")


class WireType(NamedTuple):
    """How one field's values are stored. `decode` raises KeyError, TypeError or ValueError for anything else."""

    encode: Callable[[Any], AttributeValue]
    decode: Callable[[AttributeValue], Any]


class Field(NamedTuple):
    """One field as it is stored: its name, its type, and what a missing attribute means.

    Without a default the attribute must be there.
    """

    name: str
    type: WireType
    default: Any = ...


def format_at(at: datetime) -> str:
    """Return a time as it is stored: UTC, as short as it can be without losing a microsecond."""
    return at.astimezone(UTC).isoformat()[:-6] + "Z"


def _whole(number: int) -> AttributeValue:
    if type(number) is not int:
        raise TypeError(f"a {type(number).__name__} has no place in the ledger: {number!r}")
    return {"N": str(number)}


def _flag(value: bool) -> AttributeValue:
    if type(value) is not bool:
        raise TypeError(f"a {type(value).__name__} is no flag: {value!r}")
    return {"BOOL": value}


def _text(text: str) -> AttributeValue:
    if isinstance(text, str):
        return {"S": str(text)}
    raise TypeError(f"a {type(text).__name__} is no text: {text!r}")


def _read_flag(attribute: AttributeValue) -> bool:
    return attribute["BOOL"] is True


TEXT = WireType(_text, lambda attribute: attribute["S"])
WHOLE = WireType(_whole, lambda attribute: int(attribute["N"]))
BOOLEAN = WireType(_flag, _read_flag)
TIME = WireType(lambda at: {"S": format_at(at)}, lambda attribute: datetime.fromisoformat(attribute["S"]))
TIMES = WireType(
    lambda times: {"L": [{"S": format_at(at)} for at in times]},
    lambda attribute: tuple([datetime.fromisoformat(item["S"]) for item in attribute["L"]]),
)
DAY = WireType(lambda day: {"S": day.isoformat()}, lambda attribute: date.fromisoformat(attribute["S"]))
BINARY = WireType(lambda content: {"B": content}, lambda attribute: bytes(attribute["B"]))
TEXTS = WireType(
    lambda texts: {"L": [{"S": text} for text in texts]},
    lambda attribute: tuple([item["S"] for item in attribute["L"]]),
)
NAMES = WireType(
    lambda names: {"L": [{"S": name} for name in sorted(names)]},
    lambda attribute: frozenset([item["S"] for item in attribute["L"]]),
)
COUNTS = WireType(
    lambda counts: {"M": {key: _whole(number) for key, number in counts.items()}},
    lambda attribute: {key: int(item["N"]) for key, item in attribute["M"].items()},
)

DIGESTS = WireType(
    lambda digests: {"M": {key: {"S": digest} for key, digest in digests.items()}},
    lambda attribute: {key: item["S"] for key, item in attribute["M"].items()},
)


def one_of(what: str, names: Mapping[Any, str]) -> WireType:
    """Return the type of an enum, stored by these names. Decoding raises UnreadableItem for any other name."""
    members = {name: member for member, name in names.items()}

    def encode(member: StrEnum) -> AttributeValue:
        return {"S": names[member]}

    def decode(attribute: AttributeValue) -> Any:
        member = members.get(attribute["S"])
        if member is None:
            raise UnreadableItem(f"{what} {attribute['S']!r} is unknown to this release")
        return member

    return WireType(encode, decode)


class Shape(Generic[_T]):
    """A record as it is stored: a table of its fields by Python's names."""

    def __init__(self, what: str, of: type[_T], fields: Mapping[str, Field]) -> None:
        self.what = what
        self.of = of
        self.fields = fields
        self.names = frozenset(field.name for field in fields.values())
        self._keeps_unknown = issubclass(of, KeepsUnknownFields)
        self._writers = [(field.name, field.type.encode, attrgetter(name)) for name, field in fields.items()]
        self._readers = [(name, field.name, field.type.decode, field.default) for name, field in fields.items()]

    def encode(self, record: _T) -> Attributes:
        """Return the attributes of a record: every field but None, and the fields that this release does not know."""
        attributes: Attributes = {}
        for name, encode, read in self._writers:
            if (value := read(record)) is not None:
                attributes[name] = encode(value)
        if self._keeps_unknown and (unknown := record.unknown_fields):  # type: ignore[attr-defined]
            attributes |= unknown
        return attributes

    def decode(self, attributes: Mapping[str, AttributeValue], **known: Any) -> _T:
        """Return the record of these attributes; `known` are fields that do not stand in them.

        Raise UnreadableItem if a field is missing that must be there, or is of another type or an unknown name.
        """
        found = 0
        for name, wire, decode, default in self._readers:
            attribute = attributes.get(wire)
            if attribute is not None:
                found += 1
                try:
                    known[name] = decode(attribute)
                except (KeyError, TypeError, ValueError) as error:
                    self._unreadable(wire, error)
            elif default is not ...:
                known[name] = default
            elif name not in known:
                self._unreadable(wire, None)
        if self._keeps_unknown and found < len(attributes):
            known["unknown_fields"] = {key: value for key, value in attributes.items() if key not in self.names}
        return self.of(**known)

    def _unreadable(self, wire: str, error: Exception | None) -> NoReturn:
        raise UnreadableItem(f"{self.what}: {wire} {'has another type' if error else 'is missing'}") from error


class Row(Generic[_T]):
    """A record as one text: a JSON list of some of its fields in a fixed order, then the others by name.

        [1000,"2026-12-01T15:00:00Z","2026-12-01T12:00:00Z",true,250]        [1000,{"added_later":{"S":"…"}}]

    In `columns`, None is null, and what is left out at the end is what a missing attribute means. A field that is
    added to the shape later has no column: it is written by name, as an attribute, so that a release that does not
    know it keeps it. Only the first column must be there. `implied` are texts that mostly follow from the record's
    name: such a text is written as true.
    """

    def __init__(
        self,
        shape: Shape[_T],
        name: str,
        columns: Sequence[str],
        implied: Mapping[str, Callable[[str], str | None]],
    ) -> None:
        self._shape = shape
        self._name = name  # of the field that stands in the key, or in the attribute's name
        self._columns = [shape.fields[column] for column in columns]
        self._implied = {shape.fields[column].name: follow for column, follow in implied.items()}
        self._missing = [_plain_default(field) for field in self._columns]
        others = [field for column, field in shape.fields.items() if column not in columns]
        self._left_out = {one.name: one.type.encode(one.default) for one in others if one.default not in {None, ...}}
        self._blank: dict[str, Any] = {member.name: None for member in dataclass_fields(shape.of)}  # type: ignore[arg-type]
        self._blank |= {column: field.default for column, field in shape.fields.items()}
        self._readers = [
            (column, _PLAIN.get(field.type), _from_text(field.type), implied.get(column))
            for column, field in zip(columns, self._columns, strict=True)
        ]

    def encode(self, record: _T) -> AttributeValue:
        """Return the attribute of a record."""
        return self.pack(self._shape.encode(record), getattr(record, self._name))

    def decode_all(self, attributes: Mapping[str, AttributeValue]) -> dict[str, _T]:
        """Return the records of these attributes, by name. Raise UnreadableItem as the shape does, or for another text.

        An account can have thousands. So all texts are parsed at once, and a record gets its fields as a dictionary:
        its __init__ takes several times as long.
        """
        records: dict[str, _T] = {}
        readers, blank, name_of = self._readers, self._blank, self._name
        new, of = object.__new__, self._shape.of
        try:
            rows = json.loads(f"[{','.join([attribute['S'] for attribute in attributes.values()])}]")
            for name, row in zip(attributes, rows, strict=True):
                if not row or row[0] is None or len(row) > len(readers) or type(row[-1]) is dict:
                    records[name] = self._shape.decode(self.unpack(row, name), **{self._name: name})
                    continue
                fields = blank.copy()
                fields[name_of] = name
                for (column, plain, read, follow), value in zip(readers, row):  # noqa: B905 - a row may be shorter
                    if type(value) is plain:
                        fields[column] = value
                    elif value is True and follow:
                        fields[column] = follow(name)
                    elif value is not None:
                        fields[column] = read(value)
                records[name] = record = new(of)
                record.__dict__ = fields
        except (KeyError, TypeError, ValueError) as error:
            raise UnreadableItem(f"{self._shape.what}: it is no row: {error}") from error
        return records

    def pack(self, attributes: Attributes, name: str) -> AttributeValue:
        """Return the attribute that these attributes become in the record of this name."""
        named = dict(attributes)
        for implied, follow in self._implied.items():
            if implied in named and named[implied].get("S") == follow(name):
                named[implied] = {"BOOL": True}
        values = [_plain(named.pop(field.name, None)) for field in self._columns]
        named = {key: value for key, value in named.items() if self._left_out.get(key) != value}
        while values and values[-1] == self._missing[len(values) - 1]:
            values.pop()
        return {"S": json.dumps([*values, named] if named else values, separators=(",", ":"))}

    def unpack(self, row: Sequence[Any], name: str) -> Attributes:
        """Return the attributes that were packed into a row, also those that were left out. Raise ValueError."""
        values = list(row)
        named: Attributes = values.pop() if values and type(values[-1]) is dict else {}
        if len(values) > len(self._columns) or any(field.name in named for field in self._columns):
            raise ValueError("more than its columns")
        values += self._missing[len(values) :]
        for field, value in zip(self._columns, values, strict=True):
            if value is True and field.name in self._implied:
                named[field.name] = {"S": self._implied[field.name](name)}
            elif value is not None:
                named[field.name] = _typed(value)
        return named


_PLAIN: Mapping[WireType, type] = {TEXT: str, WHOLE: int, BOOLEAN: bool}
"""The types whose values stand in a row as they are. The others stand there as texts."""


def _from_text(wire_type: WireType) -> Callable[[Any], Any]:
    """Return what reads a value in a row that is not plain: a text, or TypeError or KeyError is raised."""
    if wire_type is TIME:  # there may be thousands
        return datetime.fromisoformat

    def read(value: Any) -> Any:
        if wire_type in _PLAIN or type(value) is not str:
            raise TypeError(f"{value!r} is of another type")
        return wire_type.decode({"S": value})

    return read


def _plain(attribute: AttributeValue | None) -> Any:
    """Return a text, a number or a flag as it stands in a row."""
    if attribute is None:
        return None
    ((kind, content),) = attribute.items()
    return int(content) if kind == "N" else content


def _plain_default(field: Field) -> Any:
    return None if field.default is None or field.default is ... else _plain(field.type.encode(field.default))


def _typed(value: Any) -> AttributeValue:
    match value:
        case bool():
            return {"BOOL": value}
        case int():
            return {"N": str(value)}
        case str():
            return {"S": value}
    raise ValueError(f"{value!r} has no place in a row")


def record_of(shape: Shape[Any]) -> WireType:
    """Return the type of a record inside another one."""
    return WireType(lambda record: {"M": shape.encode(record)}, lambda attribute: shape.decode(attribute["M"]))


def records_of(shape: Shape[Any]) -> WireType:
    """Return the type of several records, in their order."""
    return WireType(
        lambda records: {"L": [{"M": shape.encode(record)} for record in records]},
        lambda attribute: tuple([shape.decode(item["M"]) for item in attribute["L"]]),
    )
