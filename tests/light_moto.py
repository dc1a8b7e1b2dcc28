"""Moto without the work that it repeats. What it answers and stores is the same; it took half of the tests' time.

Moto 5 copies a whole table, with all records of its stream, once for each operation of a transaction, and looks for
each of the ten members of each attribute's value under five names.
"""

import copy
from collections import defaultdict
from typing import Any

from moto.core.serialize import ResponseSerializer
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.table import Table

_update_item = DynamoDBBackend.update_item
_serialize_structure = ResponseSerializer._serialize_type_structure  # noqa: SLF001 - moto has no other place for it


def lighten() -> None:
    """Replace moto's methods by those of this module."""
    for owner, name, method in (
        (Table, "__deepcopy__", _copy_of_table),
        (DynamoDBBackend, "update_item", _update_a_copy),
        (ResponseSerializer, "_serialize_type_structure", _serialize_what_is_there),
    ):
        setattr(owner, name, method)


def _copy_of_table(table: Table, _: dict[int, Any]) -> Table:
    """Return what a transaction that fails puts back. It shares the items: no item changes once it is stored."""
    copied = copy.copy(table)
    copied.items = defaultdict(dict, {key: dict(collection) for key, collection in table.items.items()})
    return copied


def _update_a_copy(backend: DynamoDBBackend, table_name: str, key: dict[str, Any], *given: Any, **named: Any) -> Any:
    """Update a copy of the item: moto would change the item that a copy of its table shares."""
    table = backend.get_table(table_name)
    partition, sort = backend.get_keys_value(table, key)
    if (item := table.get_item(partition, sort)) is not None:
        table.items[partition][sort] = copy.deepcopy(item)
    return _update_item(backend, table_name, key, *given, **named)


def _serialize_what_is_there(serializer: Any, serialized: Any, value: Any, shape: Any, key: str) -> None:
    """Serialize the member that an attribute's value has, and look for no other."""
    if shape.name != "AttributeValue":
        _serialize_structure(serializer, serialized, value, shape, key)
        return
    wrapper: dict[str, Any] = {}
    for member, held in value.items():
        serializer._serialize(wrapper, held, shape.members[member], member)  # noqa: SLF001 - as above
    serialized[serializer.get_serialized_name(shape, key)] = wrapper
