"""Golden properties and keys of records whose fields all differ: `python -m tests.unit.domain.filled_properties`.

A property, a key or a row of an index that reads the wrong one of two fields is another one than is written here.
"""

import dataclasses
import importlib
import inspect
import json
import pkgutil
import typing
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from ledger import domain
from ledger.domain import index_rows
from ledger.ports import documents
from tests.unit.api.filled_records import filled

FILE = Path(__file__).parent / "golden" / "filled_properties.json"
VARIANTS = range(4)
MOST = 1_000


def makers() -> dict[str, Callable[[int], str]]:
    """Return what makes a text of a variant, by its name: of each property of a record, and of each key and row."""
    modules = [
        importlib.import_module(f"{domain.__name__}.{one.name}") for one in pkgutil.iter_modules(domain.__path__)
    ]
    made = {
        f"{kind.__name__}.{name}": partial(_property, kind, name)
        for module in modules
        for kind in vars(module).values()
        if dataclasses.is_dataclass(kind) and isinstance(kind, type) and kind.__module__ == module.__name__
        for name in _properties(kind)
    }
    functions = [one for module in (index_rows, documents) for one in _functions(module)]
    made |= {f"{one.__module__}.{one.__name__}": partial(_result, one) for one in functions}
    return {name: make for name, make in sorted(made.items()) if _is_made(make)}


def golden(make: Callable[[int], str]) -> list[str]:
    """Return the texts of all variants, each once."""
    return list(dict.fromkeys(map(make, VARIANTS)))


def _properties(kind: type) -> Iterator[str]:
    yield from (name for name, one in vars(kind).items() if isinstance(one, property | cached_property))


def _functions(module: Any) -> Iterator[Callable[..., Any]]:
    for name, one in vars(module).items():
        if inspect.isfunction(one) and one.__module__ == module.__name__ and not name.startswith("_"):
            yield one


def _property(kind: type, name: str, variant: int) -> str:
    return _text(getattr(filled(kind, variant=variant), name))


def _result(function: Callable[..., Any], variant: int) -> str:
    hints = typing.get_type_hints(function)
    found = function(**{name: filled(hints[name], variant=variant) for name in inspect.signature(function).parameters})
    return _text(list(found) if isinstance(found, Iterator) else found)


def _is_made(make: Callable[[int], str]) -> bool:
    """Whether records of such values have it: some have to make sense as a whole. What is a long text has its tests."""
    try:
        return all(len(text) < MOST and " at 0x" not in text for text in map(make, VARIANTS))
    except Exception:  # noqa: BLE001 - whatever such values cause
        return False


def _text(value: Any) -> str:
    """A value as a text that does not depend on the order of a set."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        parts = [f"{one.name}={_text(getattr(value, one.name))}" for one in dataclasses.fields(value) if one.init]
        return f"{type(value).__name__}({', '.join(parts)})"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_text(name)}: {_text(one)}' for name, one in value.items())}}}"
    if isinstance(value, list | tuple | set | frozenset):
        texts = [_text(one) for one in value]
        return f"[{', '.join(sorted(texts) if isinstance(value, set | frozenset) else texts)}]"
    return str(value)


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps({name: golden(make) for name, make in makers().items()}, indent=1) + "\n", "utf-8")
