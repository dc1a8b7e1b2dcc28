"""Small wrongs that can be done to a module, one at a time: each a node of its syntax tree that stands for another.

What can't change what the code does is left alone: docstrings, annotations, decorators, and prose, which is any text
with a space in it. `guards.py` has the wrongs that know this trade, `fields.py` the fields that are alike.
"""

import ast
from collections import Counter
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, Literal

from proof.mutants.fields import other_fields
from proof.mutants.guards import guards_dropped
from proof.mutants.places import Around, Place, replaced
from proof.mutants.planting import OURS, Planted, give

Sort = Literal["syntax", "guard", "field"]
"""What a wrong is: one of syntax, a guard of this trade that is dropped, or the wrong one of two fields."""

_COMPARED = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_RECKONED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
_NAMED = {
    "min": "max",
    "max": "min",
    "any": "all",
    "all": "any",
    "sorted": "list",
    "startswith": "endswith",
    "endswith": "startswith",
    "partition": "rpartition",
    "rpartition": "partition",
    "union": "intersection",
}
_TELLING = (ast.Constant, ast.Compare, ast.BoolOp, ast.BinOp, ast.IfExp)
"""Where one of these is returned, what is done to it says more than to return nothing."""


@dataclass(frozen=True)
class Mutant:
    """One wrong: where it is, what stands for what, and the place in the tree."""

    module: str
    where: str  # the class and function around it; empty: the module itself
    line: int
    mutation: str  # `before → after`, as code; with ` #2` the second of these words in this place
    path: Path
    tree: ast.Module
    place: Place
    instead: ast.AST
    function: tuple[str, str] | None  # the outermost function that has it in its body: file, class and name
    sort: Sort

    @property
    def name(self) -> str:
        """Names it, whatever its line is."""
        return f"{self.module} {self.where}: {self.mutation}"

    @property
    def kind(self) -> str:
        """What is done to which sort of place in the module."""
        parent, field, _ = self.place
        return f"{self.module} {type(parent).__name__}.{field}: {type(self.instead).__name__}"

    @cached_property
    def code(self) -> CodeType:
        """The module with this wrong in it. It changes the tree that all mutants of the module share: ask for it in a
        process of its own.
        """
        parent, field, position = self.place
        if position is None:
            setattr(parent, field, self.instead)
        else:
            getattr(parent, field)[position] = self.instead
        return compile(ast.fix_missing_locations(self.tree), self.path, "exec")

    @property
    def readers(self) -> frozenset[str]:
        """All of our code may import the module."""
        return OURS

    def plant_in(self, functions: Sequence[FunctionType]) -> bool:
        """Give these functions the code that has the wrong. Return whether they can have it."""
        return give(functions, self.code)

    def plant_anew(self) -> None:
        """Have the module imported with the wrong in it."""
        Planted(self.module, str(self.path), self.code)

    def __str__(self) -> str:
        return f"{self.module}:{self.line} {self.where}: {self.mutation}"


def mutants_of(module: str, path: Path) -> list[Mutant]:
    """All of a module, in the order of its lines. One that stands twice in one place has its number from 2 on."""
    tree = ast.parse(path.read_text("utf-8"))
    found, seen = [], Counter[tuple[str, str]]()
    for around, place, node in _walk(tree, Around()):
        wrongs: list[tuple[Sort, ast.AST]] = [
            *(("syntax", instead) for instead in _instead_of(node, place)),
            *(("guard", instead) for instead in guards_dropped(node, place, around)),
            *(("field", instead) for instead in _other_fields(node)),
        ]
        for sort, instead in wrongs:
            located = ast.copy_location(copy(instead), node)  # it may be a part of the tree, which stays where it is
            if mutation := _said(node, located, place):
                seen[around.where, mutation] += 1
                number = seen[around.where, mutation]
                numbered = mutation if number == 1 else f"{mutation} #{number}"
                function = (str(path), around.function) if around.function else None
                found.append(
                    Mutant(module, around.where, node.lineno, numbered, path, tree, place, located, function, sort)
                )
    return found


def _other_fields(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.Attribute(attr=name, ctx=ast.Load()):
            yield from (replaced(node, attr=other) for other in other_fields(name))


def _walk(node: ast.AST, around: Around) -> Iterator[tuple[Around, Place, Any]]:
    """Every node that may be changed, with what is around it and the place that it has in its parent."""
    for field, value in ast.iter_fields(node):
        for position, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(child, ast.AST) or _is_left_alone(node, field, child):
                continue
            inside = around.inside(node, field, child)
            if isinstance(child, ast.stmt | ast.expr | ast.comprehension) and hasattr(child, "lineno"):
                yield inside, (node, field, position), child
            yield from _walk(child, inside)


def _is_left_alone(parent: ast.AST, field: str, child: ast.AST) -> bool:
    match child:
        case ast.Import() | ast.ImportFrom() | ast.arg() | ast.Expr(value=ast.Constant()):
            return True
        case ast.Assign(targets=[ast.Name(id="__all__")]) | ast.Call(func=ast.Name(id="NewType" | "TypeVar")):
            return True
        case ast.Tuple() if isinstance(parent, ast.Subscript):  # of types: `dict[str, int]`
            return True
    return field in {"annotation", "returns", "decorator_list", "bases", "ctx", "targets", "target"}


def _instead_of(node: ast.AST, place: Place) -> Iterator[ast.AST]:
    match node:
        case ast.stmt():
            yield from _statements(node)
        case ast.expr():
            yield from _expressions(node, place)


def _statements(node: ast.stmt) -> Iterator[ast.AST]:
    match node:
        case ast.Expr() | ast.Raise() | ast.Continue() | ast.Break() | ast.Delete():
            yield ast.Pass()
        case ast.Return(value=ast.expr() as value) if not isinstance(value, _TELLING):
            yield replaced(node, value=ast.Constant(None))
        case ast.AugAssign():
            yield ast.Pass()
            yield replaced(node, op=_RECKONED[type(node.op)]())
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield ast.Pass()
        case ast.ClassDef(bases=[ast.Name(id="_RankedState")]):
            yield from (replaced(node, body=body) for body in _swapped(node.body, ast.Assign))


def _expressions(node: ast.expr, place: Place) -> Iterator[ast.AST]:
    parent, field, _ = place
    is_test = field == "test" or (isinstance(parent, ast.comprehension) and field == "ifs")
    if is_test:
        yield ast.Constant(True)
        yield ast.Constant(False)
    match node:
        case ast.Compare():
            for position, operator in enumerate(node.ops):
                for other in _COMPARED[type(operator)]:
                    # A test that is always true or never says as much as its contrary.
                    if is_test and len(node.ops) == 1 and len(_COMPARED[type(operator)]) == 1:
                        continue
                    yield replaced(node, ops=[*node.ops[:position], other(), *node.ops[position + 1 :]])
        case ast.BoolOp():
            yield replaced(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
            for rest in _less(node.values):
                yield replaced(node, values=rest) if len(rest) > 1 else rest[0]
        case ast.UnaryOp(op=ast.Not() | ast.USub()) if not is_test:
            yield node.operand
        case ast.BinOp() if type(node.op) in _RECKONED:
            yield replaced(node, op=_RECKONED[type(node.op)]())
        case ast.IfExp():
            yield node.body
            yield node.orelse
        case ast.Constant(value=".") if isinstance(parent, ast.JoinedStr):
            return  # it ends a sentence
        case ast.Constant() if not (isinstance(parent, ast.Dict) and field == "keys"):  # without it says as much
            yield from _constants(node.value)
        case ast.Call():
            yield from _calls(node)
        case ast.Dict():
            pairs = list(zip(node.keys, node.values, strict=True))
            for rest in _less(pairs):
                yield replaced(node, keys=[key for key, _ in rest], values=[value for _, value in rest])
        case ast.Set(elts=elements) if len(elements) > 1:
            yield from (replaced(node, elts=rest) for rest in _less(elements))
        case ast.List(elts=elements, ctx=ast.Load()):
            yield from (replaced(node, elts=rest) for rest in _less(elements))
        case ast.Tuple(elts=elements, ctx=ast.Load()):
            yield from (replaced(node, elts=rest) for rest in _less(elements))
            if not isinstance(parent, ast.ExceptHandler):
                yield from (replaced(node, elts=other) for other in _swapped(elements, ast.expr))


def _constants(value: object) -> Iterator[ast.AST]:
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int):
        yield ast.Constant(value + 1)
        yield ast.Constant(value - 1)
    elif isinstance(value, bytes):
        yield ast.Constant(value + b"X")
    elif isinstance(value, str) and " " not in value:
        yield ast.Constant(value + "X")


def _calls(node: ast.Call) -> Iterator[ast.AST]:
    for rest in _less(node.keywords):
        yield replaced(node, keywords=rest)
    if len(node.args) > 1:
        yield replaced(node, args=node.args[:-1])
    match node.func:
        case ast.Name(id="min" | "max") if len(node.args) > 1:
            yield from node.args
        case ast.Name(id="abs"):
            yield node.args[0]
        case ast.Attribute() if not node.args and not node.keywords:
            yield node.func.value
    match node.func:
        case ast.Name(id=name) if name in _NAMED:
            yield replaced(node, func=ast.Name(_NAMED[name], ast.Load()))
        case ast.Attribute(attr=name) if name in _NAMED:
            yield replaced(node, func=replaced(node.func, attr=_NAMED[name]))
        case ast.Attribute(attr="removeprefix" | "removesuffix", value=receiver):
            yield receiver


def _less(parts: list[Any]) -> Iterator[list[Any]]:
    """The list without each of its parts."""
    for position in range(len(parts)):
        yield parts[:position] + parts[position + 1 :]


def _swapped(parts: list[Any], kind: type[ast.AST]) -> Iterator[list[Any]]:
    """The list with each two neighbours of a kind in the other order; of constants alone it is a set's in disguise."""
    for position, (one, two) in enumerate(pairwise(parts)):
        is_set = all(isinstance(part, ast.Constant) for part in parts)
        if isinstance(one, kind) and isinstance(two, kind) and not is_set:
            yield [*parts[:position], two, one, *parts[position + 2 :]]


def _said(node: Any, instead: Any, place: Place) -> str:
    """What stands for what, as one line of code; of a longer list only what is missing, or changed its place."""
    before, after = (_parts(side) for side in (node, instead))
    if isinstance(node, ast.stmt) and hasattr(node, "body") and not isinstance(node, ast.ClassDef):
        return _said_of_bodies(node, instead)
    if type(node) is type(instead) and len(before) > 2 and before != after:
        missing = [part for part in before if part not in after]
        if missing and len(after) < len(before):
            return f"without {', '.join(missing)}"
        changed = [(one, other) for one, other in zip(before, after, strict=False) if one != other]
        if len(after) == len(before) and (len(changed) == 1 or not missing):
            return f"{changed[0][0]} {'→' if missing else '⇄'} {changed[0][1]}"
    parent = place[0]
    named = f"{parent.arg}=" if isinstance(parent, ast.keyword) else ""
    before_, after_ = (" ".join(ast.unparse(ast.fix_missing_locations(side)).split()) for side in (node, instead))
    return f"{named}{before_} → {named}{after_}" if before_ != after_ else ""


def _said_of_bodies(node: Any, instead: Any) -> str:
    """Which two statements of a body have changed places."""
    moved = (one for one, other in zip(node.body, instead.body, strict=True) if one is not other)
    return " ⇄ ".join(ast.unparse(statement).partition("\n")[0][:60] for statement in moved)


def _parts(node: ast.AST) -> list[str]:
    """What a list, a table, a call or a class of states is made of, as code."""
    match node:
        case ast.Tuple(elts=elements) | ast.List(elts=elements) | ast.Set(elts=elements):
            return [ast.unparse(part) for part in elements]
        case ast.Dict(keys=keys, values=values):
            return [ast.unparse(key or value) for key, value in zip(keys, values, strict=True)]
        case ast.Call(args=args, keywords=keywords):
            return [ast.unparse(part) for part in (*args, *keywords)]
        case ast.ClassDef(body=body):
            return [ast.unparse(part.targets[0]) for part in body if isinstance(part, ast.Assign)]
    return []
