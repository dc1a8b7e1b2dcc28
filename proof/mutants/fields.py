"""The wrong one of two fields: what a record has beside a field, of the same type.

A test whose two fields have one value can't tell which of them was read.
"""

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cache

from tools.engines import ROOT

_RECORDS = {"record", "dataclass"}


def other_fields(name: str) -> tuple[str, ...]:
    """Return what may be read instead of a field: the one declared before it and the one after it of its type.

    A name that several records have is read in any of them: a mutant that asks a record for what it has not is told by
    whatever test comes by.
    """
    return _neighbours().get(name, ())


@cache
def _neighbours() -> Mapping[str, tuple[str, ...]]:
    """Each field of a record with its neighbours of the same type, the most frequent first, two at most."""
    counted: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for path in sorted((ROOT / "layers/ledger/ledger").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef) and any(_name(one) in _RECORDS for one in node.decorator_list):
                for fields in _by_type(node):
                    for position, name in enumerate(fields):
                        for other in fields[max(0, position - 1) : position] + fields[position + 1 : position + 2]:
                            counted[name][other] += 1
    return {name: tuple(_most_frequent(others)) for name, others in counted.items()}


def _by_type(node: ast.ClassDef) -> Iterable[list[str]]:
    """The fields of a record by their type, as they are declared. What may be None is of the type that it has else."""
    by_type: dict[str, list[str]] = defaultdict(list)
    for statement in node.body:
        match statement:
            case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation):
                by_type[ast.unparse(annotation).removesuffix(" | None")].append(name)
    return by_type.values()


def _most_frequent(others: Mapping[str, int]) -> Iterator[str]:
    yield from sorted(others, key=lambda name: (-others[name], name))[:2]


def _name(decorator: ast.expr) -> str:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return getattr(called, "id", getattr(called, "attr", ""))
