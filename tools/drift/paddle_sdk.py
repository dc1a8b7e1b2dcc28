"""The vocabulary of paddle-python-sdk: a dataclass for each entity and each part of one, one class a file.

@dataclass
class TransactionDetails:
    totals: TransactionTotals                a part
    lineItems: list[TransactionLineItem]     named `line_items` in JSON: `from_dict` says so
    adjusted_totals: … | None

Notifications and the API have classes of their own for one entity. Both are read: each knows words that the other lacks
(the action `chargeback_warning_reverse` is only in the API's).
"""

import ast
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tools.drift.vocabulary import Vocabulary, Word, arguments, attributes, classes, head, imports, parsed, unquoted

PACKAGE = "paddle_billing"

OBJECTS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "event": (("Entities/Notifications/NotificationEvent.py", "NotificationEvent"), ("Entities/Event.py", "Event")),
    "transaction": (
        ("Notifications/Entities/Transaction.py", "Transaction"),
        ("Entities/Transaction.py", "Transaction"),
    ),
    "price": (
        ("Notifications/Entities/Price.py", "Price"),
        ("Notifications/Entities/Subscriptions/SubscriptionPrice.py", "SubscriptionPrice"),
        ("Entities/Price.py", "Price"),
    ),
    "adjustment": (
        ("Notifications/Entities/Adjustment.py", "Adjustment"),
        ("Entities/Adjustment.py", "Adjustment"),
    ),
    "subscription": (
        ("Notifications/Entities/Subscription.py", "Subscription"),
        ("Notifications/Entities/SubscriptionCreated.py", "SubscriptionCreated"),
        ("Entities/Subscription.py", "Subscription"),
    ),
}
"""The objects of the vocabulary: the files and classes of each, those of notifications first."""

EVENT_TYPES = ("event", "event_type")

_NAMES = {class_name: name for name, places in OBJECTS.items() for _, class_name in places}

_Place = tuple[Path, ast.ClassDef]
_Fields = Iterator[tuple[str, Word]]


def vocabulary(package_dir: Path) -> Vocabulary:
    """Return the vocabulary of the package `paddle_billing` in a directory. Raise UnreadableSdk.

    An object none of whose classes is there is left out: `drift` reports it.
    """
    words: dict[str, dict[str, Word]] = {}
    sdk = _Sdk(package_dir)
    for name, places in OBJECTS.items():
        found = [(package_dir / file, class_name) for file, class_name in places if (package_dir / file).exists()]
        for file, class_name in found:
            if (node := classes(parsed(file).body).get(class_name)) is not None:
                merged = words.setdefault(name, {})
                for path, word in sdk.fields((file, node)):
                    known = merged.get(path, Word())
                    merged[path] = Word(known.values | word.values, known.refers_to or word.refers_to)
    return words


class _Sdk:
    """The sources of the SDK, during reading."""

    def __init__(self, package_dir: Path) -> None:
        self.package_dir = package_dir

    def fields(self, place: _Place, prefix: str = "", around: Sequence[ast.ClassDef] = ()) -> _Fields:
        """Yield the path and the word of each field of a dataclass and of its parts. `around`: the classes above it."""
        file, node = place
        names = _wire_names(node)
        for base in node.bases:
            if isinstance(base, ast.Name) and (inherited := self._class(file, base.id)) and _is_dataclass(inherited[1]):
                yield from self.fields(inherited, prefix, (*around, node))
        for attribute in attributes(node):
            path = f"{prefix}{names.get(attribute.name, attribute.name)}"
            yield from self._field(path, attribute.annotation, file, (*around, node))

    def _field(self, path: str, annotation: ast.expr, file: Path, around: Sequence[ast.ClassDef]) -> _Fields:
        values: frozenset[str] = frozenset()
        referred: str | None = None
        parts: list[tuple[str, Word]] = []
        for kind, is_listed in _alternatives(annotation):
            place = self._class(file, kind)
            if place is None:
                continue
            if _is_enum(place[1]):
                values |= _enum_values(place[1])
            elif kind in _NAMES:
                referred = _NAMES[kind]
            elif _is_dataclass(place[1]) and kind != "CustomData" and place[1] not in around:
                parts += self.fields(place, f"{path}{'[]' if is_listed else ''}.", around)
        yield path, Word(values, referred)
        yield from parts

    def _class(self, file: Path, name: str) -> _Place | None:
        """Return the class of the SDK that a name in a file is. None for a class that is not the SDK's.

        A package re-exports its classes: its `__init__.py` is followed.
        """
        if (node := classes(parsed(file).body).get(name)) is not None:
            return file, node
        module = imports(file).get(name)
        if module is None or module.partition(".")[0] != PACKAGE:
            return None
        target = self.package_dir.joinpath(*module.split(".")[1:])
        return self._class(target / "__init__.py" if target.is_dir() else target.with_suffix(".py"), name)


def _alternatives(annotation: ast.expr, *, is_listed: bool = False) -> Iterator[tuple[str, bool]]:
    """Yield each name of which a value can be, and whether it is within a list."""
    annotation = unquoted(annotation)
    if isinstance(annotation, ast.BinOp) and isinstance(annotation.op, ast.BitOr):
        yield from _alternatives(annotation.left, is_listed=is_listed)
        yield from _alternatives(annotation.right, is_listed=is_listed)
    elif isinstance(annotation, ast.Subscript) and head(annotation) in {"list", "List", "Optional", "Union"}:
        for item in arguments(annotation):
            yield from _alternatives(item, is_listed=is_listed or head(annotation) in {"list", "List"})
    elif isinstance(annotation, ast.Name):
        yield annotation.id, is_listed


def _is_dataclass(node: ast.ClassDef) -> bool:
    return any(head(item.func if isinstance(item, ast.Call) else item) == "dataclass" for item in node.decorator_list)


def _is_enum(node: ast.ClassDef) -> bool:
    return any("Enum" in head(base) for base in node.bases)


def _enum_values(node: ast.ClassDef) -> frozenset[str]:
    return frozenset(
        item.value.value
        for item in node.body
        if isinstance(item, ast.Assign | ast.AnnAssign)
        and isinstance(item.value, ast.Constant)
        and isinstance(item.value.value, str)
    )


def _wire_names(node: ast.ClassDef) -> dict[str, str]:
    """Return the name in JSON of each attribute whose argument in `from_dict` reads exactly one key of `data`."""
    names = {}
    reader = next((item for item in node.body if isinstance(item, ast.FunctionDef) and item.name == "from_dict"), None)
    for call in ast.walk(reader) if reader is not None else ():
        if isinstance(call, ast.Call):
            for argument in call.keywords:
                keys = set(_keys(argument.value))
                if argument.arg is not None and len(keys) == 1:
                    names[argument.arg] = keys.pop()
    return names


def _keys(expression: ast.expr) -> Iterator[str]:
    """Yield the keys of `data` that an expression reads, as `data["key"]` or `data.get("key")`."""
    for node in ast.walk(expression):
        match node:
            case ast.Subscript(value=ast.Name(id="data"), slice=ast.Constant(value=str(key))):
                yield key
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="data"), attr="get"), args=[ast.Constant(value=str(key)), *_]
            ):
                yield key
