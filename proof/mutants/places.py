"""Where a node of a syntax tree stands, and what is around it."""

import ast
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

Place = tuple[ast.AST, str, int | None]
"""The parent, its field, and the position there if the field is a list."""


@dataclass(frozen=True, slots=True)
class Around:
    """What is around a node."""

    where: str = ""  # class and function; empty: the module itself
    function: str | None = None  # the outermost function whose body it is in, or which it is
    error: str | None = None  # the name of the exception that is handled here

    def inside(self, node: ast.AST, field: str, child: ast.AST) -> "Around":
        """What is around a child of this node, in this field."""
        around = self
        if isinstance(node, ast.FunctionDef) and self.where == self.function and field != "body":
            around = replace(around, function=None)  # defaults are evaluated once, at the definition
        if isinstance(child, ast.ClassDef | ast.FunctionDef):
            around = replace(around, where=f"{self.where}.{child.name}".removeprefix("."))
        if isinstance(child, ast.FunctionDef) and around.function is None:
            around = replace(around, function=around.where)
        if isinstance(node, ast.ExceptHandler) and field == "body":
            around = replace(around, error=node.name)
        return around


def replaced(node: Any, **changed: Any) -> Any:
    """A copy of a node with some fields changed."""
    other = copy(node)
    for field, value in changed.items():
        setattr(other, field, value)
    return other
