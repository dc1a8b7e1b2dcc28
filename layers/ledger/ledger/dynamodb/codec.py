"""Dataclasses to DynamoDB's attribute values and back. Whole numbers only, times in UTC, defaults left out."""

import dataclasses
import functools
import types
import typing
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from enum import Enum
from typing import Any, TypeVar

AttributeValue = Mapping[str, Any]
_T = TypeVar("_T")


def format_at(at: datetime) -> str:
    """A time as it is stored: UTC, as short as it can be without losing a microsecond."""
    return at.astimezone(UTC).isoformat(timespec="microseconds" if at.microsecond else "seconds")[:-6] + "Z"


def parse_at(text: str) -> datetime:
    """The inverse, also of `ledger.ports.documents.sortable`."""
    return datetime.fromisoformat(text)


def value(plain: object) -> AttributeValue:
    """One attribute value. Raises TypeError for what a ledger must not hold, such as a float."""
    match plain:
        case bool():
            return {"BOOL": plain}
        case str():
            return {"S": str(plain.value) if isinstance(plain, Enum) else plain}
        case int():
            return {"N": str(plain)}
        case datetime():
            return {"S": format_at(plain)}
        case date():
            return {"S": plain.isoformat()}
        case bytes():
            return {"B": plain}
        case Mapping():
            return {"M": {key: value(item) for key, item in plain.items()}}
        case tuple() | list():
            return {"L": [value(item) for item in plain]}
        case frozenset():
            return {"L": [value(item) for item in sorted(plain)]}
    if dataclasses.is_dataclass(plain) and not isinstance(plain, type):
        return {"M": attributes(plain)}
    raise TypeError(f"{type(plain).__name__} has no place in the ledger: {plain!r}")


def attributes(record: object) -> dict[str, AttributeValue]:
    """A dataclass's fields as attributes. None, and what equals its field's default, is left out."""
    cls: Any = type(record)
    return {
        name: value(content)
        for name, default in _defaults(cls).items()
        if (content := getattr(record, name)) is not None and content != default
    }


def plain(attribute: AttributeValue) -> Any:
    """An attribute value as Python's own types."""
    ((tag, content),) = attribute.items()
    match tag:
        case "N":
            return int(content)
        case "M":
            return {key: plain(item) for key, item in content.items()}
        case "L":
            return [plain(item) for item in content]
        case "B":
            return bytes(content)
    return content


def record(cls: type[_T], fields: Mapping[str, Any], **more: Any) -> _T:
    """A dataclass from what `plain` made of its attributes. Other attributes are passed over, missing ones are None."""
    kind: Any = cls
    converters = _converters(kind)
    found = {name: converters[name](content) for name, content in fields.items() if name in converters}
    return cls(**{**_left_out(kind), **found, **more})


@functools.cache
def _defaults(cls: Any) -> dict[str, object]:
    missing = dataclasses.MISSING
    return {
        field.name: field.default_factory() if field.default_factory is not missing else field.default
        for field in dataclasses.fields(cls)
    }


@functools.cache
def _left_out(cls: Any) -> dict[str, None]:
    """The fields without a default that may be None: they were left out when they were."""
    hints = typing.get_type_hints(cls)
    required = [name for name, default in _defaults(cls).items() if default is dataclasses.MISSING]
    return {name: None for name in required if types.NoneType in typing.get_args(hints[name])}


@functools.cache
def _converters(cls: Any) -> dict[str, Callable[[Any], Any]]:
    hints = typing.get_type_hints(cls)
    return {field.name: _converter(hints[field.name]) for field in dataclasses.fields(cls)}


def _converter(hint: Any) -> Callable[[Any], Any]:
    if isinstance(hint, types.UnionType):
        (hint,) = (option for option in typing.get_args(hint) if option is not types.NoneType)
    hint = getattr(hint, "__supertype__", hint)
    if typing.get_origin(hint) is tuple:
        one = _converter(typing.get_args(hint)[0])
        return lambda items: tuple(one(item) for item in items)
    if typing.get_origin(hint) is frozenset:
        return frozenset
    if hint is datetime:
        return parse_at
    if hint is date:
        return date.fromisoformat
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return functools.partial(record, hint)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint
    return _unchanged


def _unchanged(content: Any) -> Any:
    return content
