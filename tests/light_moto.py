"""Moto without the work that it repeats. What it answers and stores is the same; it took half of the tests' time.

Moto 5 copies a whole table, with all records of its stream, once for each operation of a transaction, and looks for
each of the ten members of each attribute's value under five names. Each request is matched with the addresses of all
services, becomes a request of a web framework, and is read attribute by attribute. An expression is parsed three times,
and each of its nodes asked ten times for what it is. A query sorts the table by keys that are cast for each comparison.
Each look at a map makes all values in it anew, at each depth once more. An item is measured anew at each attribute that
it gets, also in a copy of it. At each start 1,300 addresses are registered.
"""

import base64
import copy
import functools
import json
import re
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from moto.core.botocore_stubber import BotocoreStubber
from moto.core.exceptions import ServiceException
from moto.core.models import DEFAULT_ACCOUNT_ID, MockAWS, botocore_stubber, responses_mock
from moto.core.serialize import ResponseSerializer
from moto.core.utils import get_service_model
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType, Item, LimitedSizeDict
from moto.dynamodb.models.table import Table
from moto.dynamodb.models.utilities import bytesize
from moto.dynamodb.parsing import ast_nodes as _ast_nodes
from moto.dynamodb.parsing import expressions as _expressions
from moto.dynamodb.responses import DynamoHandler
from werkzeug.exceptions import HTTPException

_OPERATIONS = {
    f"DynamoDB_20120810.{operation}".encode(): (operation, method)
    for operation, method in (
        ("GetItem", DynamoHandler.get_item),
        ("BatchGetItem", DynamoHandler.batch_get_item),
        ("Query", DynamoHandler.query),
        ("Scan", DynamoHandler.scan),
        ("PutItem", DynamoHandler.put_item),
        ("UpdateItem", DynamoHandler.update_item),
        ("DeleteItem", DynamoHandler.delete_item),
        ("BatchWriteItem", DynamoHandler.batch_write_item),
        ("TransactWriteItems", DynamoHandler.transact_write_items),
    )
}
_HOST = re.compile(r"https?://dynamodb\.([a-z0-9-]+)\.amazonaws\.com/")
_BINARY = re.compile(rb'"BS?"\s*:')

_nodes: Any = _ast_nodes  # whose classes have no types
_Parser: Any = _expressions.UpdateExpressionParser  # type: ignore[attr-defined]
_size_of, _cast_value_of = DynamoType.size, DynamoType.cast_value.fget  # type: ignore[attr-defined]
_process_request = BotocoreStubber.process_request
_update_item = DynamoDBBackend.update_item
_set_item, _enable_patching = LimitedSizeDict.__setitem__, MockAWS._enable_patching  # noqa: SLF001 - moto has no other
_REGISTERED: list[Any] = []
_NEAR_THE_LIMIT = 200_000
_serialize_structure = ResponseSerializer._serialize_type_structure  # noqa: SLF001 - moto has no other place for it


def lighten() -> None:
    """Replace moto's methods by those of this module."""
    for (owner, name), (_, method) in REPLACED.items():
        setattr(owner, name, method)


def create_table(definition: dict[str, Any], region: str) -> None:
    """Create a table in moto's memory, without a request: each of some thousand tests has a table of its own."""
    _handler(region, definition).create_table()


def _handler(region: str, body: dict[str, Any]) -> DynamoHandler:
    handler = DynamoHandler()
    handler.region, handler.current_account, handler.body = region, DEFAULT_ACCOUNT_ID, body
    return handler


def _copy_of_table(table: Table, _: dict[int, Any]) -> Table:
    """Return what a transaction that fails puts back. It shares the items: no item changes once it is stored."""
    copied = copy.copy(table)
    copied.items = defaultdict(dict, {key: dict(collection) for key, collection in table.items.items()})
    return copied


def _copy_of_item(item: Item, memo: dict[int, Any]) -> Item:
    """Return a copy, whose size is known."""
    copied = copy.copy(item)
    copied.attrs = LimitedSizeDict()
    dict.update(copied.attrs, copy.deepcopy(dict(item.attrs), memo))
    vars(copied.attrs).update(vars(item.attrs))
    return copied


def _set_attribute(attributes: LimitedSizeDict, name: str, value: Any) -> None:
    """Measure the whole item only when the sum of all that was ever set comes near the limit."""
    size = bytesize(name) + (value.size() if type(value) is DynamoType else bytesize(str(value)))
    known = vars(attributes).get("at_most", 0) + size
    if known > _NEAR_THE_LIMIT:
        _set_item(attributes, name, value)
    else:
        dict.__setitem__(attributes, name, value)
    attributes.at_most = known  # type: ignore[attr-defined]


def _enable(mock: Any, *, reset: bool = True) -> None:
    """Answer what AWS is asked. The answers are registered once, and used by each start."""
    if not _REGISTERED:
        _enable_patching(mock, reset=reset)
        _REGISTERED.extend(responses_mock.registered())
        return
    botocore_stubber.enabled = True
    if reset:
        mock.reset()
    responses_mock.start()
    for one in _REGISTERED:
        responses_mock.add(one)


def _sorted_items(table: Table) -> list[Item]:
    """Return the items in the order of their keys."""
    items = [item for collection in table.items.values() for item in collection.values()]
    return sorted(items, key=lambda item: (_sortable(item.hash_key), item.range_key and _sortable(item.range_key)))


def _sortable(key: DynamoType) -> Any:
    return key.value if key.type == "S" else key.cast_value


def _size(one: DynamoType) -> int:
    """Return the bytes of a value. What is in a map is a value already."""
    if one.type == "M":
        return sum(bytesize(name) + _value(part).size() for name, part in one.value.items())
    return _size_of(one)


def _cast_value(one: DynamoType) -> Any:
    """Return a value as Python's."""
    match one.type:
        case "S":
            return one.value
        case "L":
            return [_value(part).cast_value for part in one.value]
        case "M":
            return {name: _value(part).cast_value for name, part in one.value.items()}
    return _cast_value_of(one)


def _value(part: Any) -> DynamoType:
    return part if type(part) is DynamoType else DynamoType(part)


def _copy_of_value(one: DynamoType, memo: dict[int, Any]) -> DynamoType:
    """Return a copy. Texts and numbers are never changed."""
    copied = object.__new__(DynamoType)
    copied.type = one.type
    copied.value = one.value if isinstance(one.value, str) else copy.deepcopy(one.value, memo)
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


def _process_operation(stubber: BotocoreStubber, request: Any) -> Any:
    """Answer an operation on items. Whatever else it is moto answers: other requests, binary attributes, refusals."""
    operation, method = _OPERATIONS.get(request.headers.get("X-Amz-Target"), ("", None))
    host = _HOST.match(request.url)
    if method and host and not _BINARY.search(request.body):
        handler = _handler(host[1], json.loads(request.body))
        try:
            result: Any = method(handler).result
        except (HTTPException, ServiceException):
            pass  # moto refuses it again, and writes the answer
        else:
            return 200, {}, _encode({name: result[name] for name in _members(operation) & result.keys()})
    return _process_request(stubber, request)


def _traverse(traverser: Any, node: Any, child_id: int = -1) -> Any:
    """Process the nodes of an expression, children first. What a node is, is asked once for all nodes of its class."""
    kind: Any = type(node)
    if not _is_a(kind, _nodes.Node):
        return node
    parent = node.parent
    for position, child in enumerate(node.children or ()):
        traverser.pre_processing_of_child(node, position)
        _traverse(traverser, child, position)
    if _is_processed(type(traverser), kind, traverser.nodes_to_be_processed):
        node = traverser.process(node)
        node.parent = parent
        if parent:
            parent.children[child_id] = node
    return node


def _find_clauses(node: Any, kinds: list[type]) -> list[Any]:
    """Return the clauses of these classes below a node."""
    found: list[Any] = []
    for child in node.children or ():
        kind: Any = type(child)
        if kind in kinds:
            found.append(child)
        elif _is_a(kind, _nodes.Expression) or _is_a(kind, _nodes.UpdateExpressionFunction):
            found += _find_clauses(child, kinds)
    return found


@functools.cache
def _is_a(kind: Any, of: Any) -> bool:
    return issubclass(kind, of)


_PROCESSED: dict[tuple[type, type], bool] = {}


def _is_processed(traverser: type, node: type, classes: Callable[[], tuple[type, ...]]) -> bool:
    if (traverser, node) not in _PROCESSED:
        _PROCESSED[traverser, node] = issubclass(node, classes())
    return _PROCESSED[traverser, node]


@functools.cache
def _members(operation: str) -> frozenset[str]:
    """Return the names that the answer of an operation may have."""
    return frozenset(get_service_model("dynamodb").operation_model(operation).output_shape.members)


def _in_base64(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


_encode = json.JSONEncoder(default=_in_base64).encode


_REPLACEMENTS: dict[tuple[Any, str], Any] = {
    (Table, "__deepcopy__"): _copy_of_table,
    (Table, "all_items"): _sorted_items,
    (DynamoType, "size"): _size,
    (DynamoType, "cast_value"): property(_cast_value),
    (DynamoType, "__deepcopy__"): _copy_of_value,
    (DynamoDBBackend, "update_item"): _update_a_copy,
    (Item, "__deepcopy__"): _copy_of_item,
    (LimitedSizeDict, "__setitem__"): _set_attribute,
    (MockAWS, "_enable_patching"): _enable,
    (_Parser, "make"): functools.cache(_Parser.make),  # who changes an expression takes a copy
    (_nodes.DepthFirstTraverser, "traverse_node_recursively"): _traverse,
    (_nodes.Node, "find_clauses"): _find_clauses,
    (BotocoreStubber, "process_request"): _process_operation,
    (ResponseSerializer, "_serialize_type_structure"): _serialize_what_is_there,
}
REPLACED = {(owner, name): (vars(owner).get(name), method) for (owner, name), method in _REPLACEMENTS.items()}
"""What moto has by each name, if anything, and what replaces it."""
