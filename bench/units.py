"""Sizes of items and units of reads, by DynamoDB's published rules."""

from base64 import b64decode
from collections.abc import Iterable, Mapping
from math import ceil
from typing import Any

Attribute = Mapping[str, Any]
_READ_UNIT = 4096


def size_of(item: Mapping[str, Attribute]) -> int:
    """Return the size of an item in bytes: of the names and of the values. Without what storage adds for indexes."""
    return sum(len(name.encode()) + _size(value) for name, value in item.items())


def read_units(operation: str, arguments: Mapping[str, Any], response: Mapping[str, Any]) -> float:
    """Return the read units of one call. What is not a read takes none."""
    match operation:
        case "GetItem":
            return _units([response["Item"]] if "Item" in response else [], arguments.get("ConsistentRead"))
        case "Query" | "Scan":
            return _units(response["Items"], arguments.get("ConsistentRead"))
        case "BatchGetItem":
            return sum(map(_units_of_batch, arguments["RequestItems"].values(), response["Responses"].values()))
    return 0


def items_read(operation: str, response: Mapping[str, Any]) -> list[Mapping[str, Attribute]]:
    """Return the items, or rows of an index, that one call has read."""
    match operation:
        case "GetItem":
            return [response["Item"]] if "Item" in response else []
        case "Query" | "Scan":
            return list(response["Items"])
        case "BatchGetItem":
            return [item for found in response["Responses"].values() for item in found]
    return []


def _units_of_batch(requested: Mapping[str, Any], found: Iterable[Mapping[str, Attribute]]) -> float:
    """Each item is rounded up by itself. One that is not there takes as much as the smallest."""
    items = list(found)
    is_consistent = requested.get("ConsistentRead")
    missing = len(requested["Keys"]) - len(items)
    return sum(_units([item], is_consistent) for item in items) + missing * _units([], is_consistent)


def _units(items: Iterable[Mapping[str, Attribute]], is_consistent: bool | None) -> float:
    units = max(1, ceil(sum(map(size_of, items)) / _READ_UNIT))
    return units if is_consistent else units / 2


def _size(value: Attribute) -> int:
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return len(str(content).encode())
        case "N":
            number = str(content)
            digits = sum(map(str.isdigit, number.strip("-0.")))
            return ceil(digits / 2) + 1 + number.startswith("-")
        case "B":
            return len(b64decode(content) if isinstance(content, str) else bytes(content))  # as sent, or as read
        case "M":
            return 3 + len(content) + size_of(content)
        case "L":
            return 3 + len(content) + sum(map(_size, content))
    return 1  # a boolean, or null
