"""Finders for the architecture rules that import-linter can't check: which words may occur in which folder.

They parse the code, so comments and docstrings are never found.
"""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Word:
    """A string literal, an identifier or an imported module in a file."""

    line: int
    text: str


def literals(source: str) -> Iterator[Word]:
    """Yield each string and bytes literal, and the literal parts of f-strings. Docstrings are left out."""
    tree = ast.parse(source)
    docstrings = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in docstrings and isinstance(node.value, str | bytes):
            text = node.value if isinstance(node.value, str) else node.value.decode("latin-1")
            yield Word(node.lineno, text)


def identifiers(source: str) -> Iterator[Word]:
    """Yield each name that is defined, used, passed as a keyword or imported, and each module of an import."""
    for node in ast.walk(ast.parse(source)):
        line = getattr(node, "lineno", 0)
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name) | ast.keyword(arg=str(name)):
                yield Word(line, name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield Word(line, name)
            case ast.alias(name=name, asname=asname):
                yield Word(line, f"{name} {asname or ''}".strip())
            case ast.ImportFrom(module=str(module)):
                yield Word(line, module)


def imported_modules(source: str) -> Iterator[Word]:
    """Yield the full name of each module or member that is imported, wherever the import stands."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (Word(node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (Word(node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def breaches(folder: Path, find: Callable[[str], Iterator[Word]], *, outside: Path) -> list[str]:
    """Return `file:line: word` for each word that `find` yields in the Python files of a folder, except in `outside`.

    The files are named relative to `folder`.
    """
    return [
        f"{file.relative_to(folder)}:{word.line}: {word.text}"
        for file in sorted(folder.rglob("*.py"))
        if outside not in file.parents
        for word in find(file.read_text("utf-8"))
    ]
