"""What the readers of the SDKs share: the words of a vocabulary, and the access to sources that are never imported."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import zip_longest
from pathlib import Path


class UnreadableSdk(Exception):
    """The sources of an SDK have another form than `vocabulary` knows. The message names the place."""


@dataclass(frozen=True, slots=True)
class Word:
    """What an SDK says about one field."""

    values: frozenset[str] = frozenset()
    """The values of the field's enum. Empty if it is not an enum."""

    refers_to: str | None = None
    """The object that the field, or each element of its list, is: an object's name, or else the name of a class."""


Vocabulary = Mapping[str, Mapping[str, Word]]
"""The words by the object's name and the field's path.

In a path, `.` leads into a part and `[]` into the elements of a list: `payment_method_details.card.case_type`,
`discount_amounts[].amount`. A part that is an object of the vocabulary itself ends the path: see `Word.refers_to`.
"""


@dataclass(frozen=True, slots=True)
class Attribute:
    """What a class says about one of its attributes."""

    name: str
    annotation: ast.expr
    description: str = ""  # the text below it


_TREES: dict[tuple[int, int, int], ast.Module] = {}  # each file is parsed once, under whatever path


def ancestors(path: str) -> Iterator[str]:
    """Yield the paths of the parts that contain a field, the innermost first: `a.b[].c` → `a.b`, `a`."""
    while "." in path:
        path = path.rpartition(".")[0].removesuffix("[]")
        yield path


def parsed(file: Path) -> ast.Module:
    """Return the syntax tree of a source file. Raise UnreadableSdk if there is no such file, or it is not Python."""
    try:
        status = file.stat()
        version = (status.st_dev, status.st_ino, status.st_mtime_ns)
        if version not in _TREES:
            _TREES[version] = ast.parse(file.read_text("utf-8"))
    except (OSError, SyntaxError, ValueError) as error:
        raise UnreadableSdk(f"{file} is not readable: {type(error).__name__}.") from error
    return _TREES[version]


def classes(body: list[ast.stmt]) -> dict[str, ast.ClassDef]:
    """Return the classes that are defined directly in a body, by name."""
    return {node.name: node for node in body if isinstance(node, ast.ClassDef)}


def attributes(node: ast.ClassDef) -> Iterator[Attribute]:
    """Yield each public attribute that a class declares with its type. Class variables are left out."""
    for statement, following in zip_longest(node.body, node.body[1:]):
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
            continue
        name, annotation = statement.target.id, unquoted(statement.annotation)
        if name.startswith("_") or head(annotation) == "ClassVar":
            continue
        match following:
            case ast.Expr(value=ast.Constant(value=str(description))):
                yield Attribute(name, annotation, description)
            case _:
                yield Attribute(name, annotation)


def imports(file: Path) -> Mapping[str, str]:
    """Return the module of each name that a source file imports with `from`, wherever the import stands."""
    return _imports(parsed(file))


@cache
def _imports(tree: ast.Module) -> Mapping[str, str]:
    return {
        alias.asname or alias.name: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and not node.level
        for alias in node.names
    }


def unquoted(annotation: ast.expr) -> ast.expr:
    """Return a type that may be written as text, as a syntax tree. Raise UnreadableSdk if the text is no type."""
    if not (isinstance(annotation, ast.Constant) and isinstance(annotation.value, str)):
        return annotation
    try:
        return ast.parse(annotation.value, mode="eval").body
    except SyntaxError as error:
        raise UnreadableSdk(f"{annotation.value!r} is no type.") from error


def head(annotation: ast.expr) -> str:
    """Return the name that a type begins with: `Optional[str]` → `Optional`."""
    if isinstance(annotation, ast.Subscript):
        annotation = annotation.value
    return ast.unparse(annotation)


def arguments(annotation: ast.Subscript) -> list[ast.expr]:
    """Return the arguments of a generic type: `Union[A, B]` → A, B."""
    inner = annotation.slice
    return [unquoted(item) for item in (inner.elts if isinstance(inner, ast.Tuple) else [inner])]
