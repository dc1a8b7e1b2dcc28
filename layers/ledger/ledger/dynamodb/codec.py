"""How one record becomes a map of DynamoDB attributes, and back, by a table of its fields.

The tables stand in `ledger.dynamodb.schema`. Whole numbers only; times in UTC. Every field is written but None, also
one that equals its default. On reading, a missing attribute is the default that the table states, and an attribute that
the table does not know is kept where the record can keep it (`KeepsUnknownFields`).
"""

from collections.abc import Callable, Mapping
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


def record_of(shape: Shape[Any]) -> WireType:
    """Return the type of a record inside another one."""
    return WireType(lambda record: {"M": shape.encode(record)}, lambda attribute: shape.decode(attribute["M"]))


def records_of(shape: Shape[Any]) -> WireType:
    """Return the type of several records, in their order."""
    return WireType(
        lambda records: {"L": [{"M": shape.encode(record)} for record in records]},
        lambda attribute: tuple([shape.decode(item["M"]) for item in attribute["L"]]),
    )
