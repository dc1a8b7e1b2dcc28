"""Wrongs that know this trade: the guards of exactly-once, of secrecy and of order, each dropped where it is spelt.

| guard | spelt | the wrong |
|---|---|---|
| a condition of DynamoDB | a text with `attribute_exists(` or a comparison of placeholders | it always holds |
| a part of a condition | what `AND` joins | it always holds |
| a token of idempotency | `client_request_token=`, `idempotency_key=` | always the same, or new each time |
| a part of a key or digest | a part in braces of a text without spaces | left out |
| work before its cursor, a write before its answer | the write and the statement beside it | the other way round |
| a duration that something else relies on | `timedelta(…=n)` | ten times as short, ten times as long |
| what an answer or a log may say | a text in `except … as error` | the exception's own text |

`mutations.py` has the others as syntax: a consistent read is a `True`, a version's step a `1`, a batch a list.
"""

import ast
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from proof.mutants.places import Around, Place, replaced

ALWAYS = "attribute_not_exists(nothing)"
_CONDITION = re.compile(r"attribute_(not_)?exists\(| (=|<>|<=|IN) [({\x00]")
_TOKENS = {"client_request_token", "idempotency_key"}
_WRITES = {
    *("archive", "commit", "dispatch", "follow", "put_object", "record", "record_event", "run_transaction"),
    *("send", "send_refund", "stop_renewals", "sweep", "transact_write"),
}


def guards_dropped(node: Any, place: Place, around: Around) -> Iterator[ast.AST]:
    """What stands for a node when the guard that it spells is dropped."""
    parent, field, _ = place
    match node:
        case ast.JoinedStr() | ast.Constant(value=str()) if not isinstance(parent, ast.JoinedStr):
            yield from _conditions(node)
            if around.error and _is_said(node, parent, field) and around.error not in _names_read(node):
                yield ast.Call(ast.Name("str", ast.Load()), [ast.Name(around.error, ast.Load())], [])
    match node:
        case ast.JoinedStr(values=values) if not _has_space(values) and not _CONDITION.search(_text(values)):
            for position, part in enumerate(values):
                if isinstance(part, ast.FormattedValue):
                    yield replaced(node, values=values[:position] + values[position + 1 :])
        case ast.Call(keywords=keywords):
            yield from _tokens(node, keywords)
            yield from _durations(node, keywords)
        case ast.stmt() if not isinstance(node, ast.ClassDef):
            yield from (replaced(node, body=other) for other in _reordered(getattr(node, "body", [])))


def _conditions(node: ast.Constant | ast.JoinedStr) -> Iterator[ast.AST]:
    """The condition made true, as a whole and each part that `AND` joins. It still uses all its placeholders."""
    values = node.values if isinstance(node, ast.JoinedStr) else [node]
    holes = [part for part in values if isinstance(part, ast.FormattedValue)]
    text = _text(values)
    if not _CONDITION.search(text):
        return
    parts = _split(text)
    yield _with_holes(f"({text} OR {ALWAYS})", holes)
    if len(parts) > 1:
        for position, part in enumerate(parts):
            others = [*parts[:position], f"({part} OR {ALWAYS})", *parts[position + 1 :]]
            yield _with_holes(" AND ".join(others), holes)


def _text(values: Sequence[ast.expr]) -> str:
    """A text with a NUL for each part in braces."""
    return "".join(str(part.value) if isinstance(part, ast.Constant) else "\x00" for part in values)


def _split(text: str) -> list[str]:
    """What `AND` joins outside of brackets."""
    parts, depth = [""], 0
    for word in re.split(r"( AND |\(|\))", text):
        depth += {"(": 1, ")": -1}.get(word, 0)
        if word == " AND " and depth == 0:
            parts.append("")
        else:
            parts[-1] += word
    return parts


def _with_holes(text: str, holes: list[ast.FormattedValue]) -> ast.JoinedStr:
    values: list[ast.expr] = []
    for position, constant in enumerate(text.split("\x00")):
        values += [holes[position - 1]] if position else []
        values += [ast.Constant(constant)] if constant else []
    return ast.JoinedStr(values)


def _tokens(node: ast.Call, keywords: list[ast.keyword]) -> Iterator[ast.AST]:
    for position, keyword in enumerate(keywords):
        if keyword.arg in _TOKENS:
            is_new = "uuid4" in ast.unparse(keyword.value)
            for token in ("'the same each time'", *(() if is_new else ("str(__import__('uuid').uuid4())",))):
                other = replaced(keyword, value=ast.parse(token, mode="eval").body)
                yield replaced(node, keywords=[*keywords[:position], other, *keywords[position + 1 :]])


def _durations(node: ast.Call, keywords: list[ast.keyword]) -> Iterator[ast.AST]:
    match node.func, keywords:
        case ast.Name(id="timedelta"), [ast.keyword(value=ast.Constant(value=int() | float() as number)) as keyword]:
            for other in (number / 10, number * 10):
                yield replaced(node, keywords=[replaced(keyword, value=ast.Constant(other))])


def _reordered(body: list[ast.stmt]) -> Iterator[list[ast.stmt]]:
    """The body with a statement that writes and the one beside it in the other order."""
    for position, (one, two) in enumerate(pairwise(body)):
        is_ordered = _acts(one) and _acts(two) and (_writes(one) or _writes(two))
        if is_ordered and not _names_set(one) & _names_read(two):
            yield [*body[:position], two, one, *body[position + 2 :]]


def _writes(statement: ast.stmt) -> bool:
    return any(
        isinstance(node, ast.Call)
        and str(getattr(node.func, "attr", getattr(node.func, "id", ""))).lstrip("_") in _WRITES
        for node in ast.walk(statement)
    )


def _acts(statement: ast.stmt) -> bool:
    """Whether it matters when it is done: it is no docstring, and does more than name something.

    A function acts when it is called, wherever it is defined.
    """
    if isinstance(statement, ast.Expr):
        return not isinstance(statement.value, ast.Constant)
    if isinstance(statement, ast.FunctionDef):
        return False
    return _writes(statement) or not isinstance(statement, ast.Assign | ast.AnnAssign)


def _names_set(statement: ast.stmt) -> set[str]:
    """What must be there before the statement after it: in the other order, any test tells that it is not."""
    return {node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}


def _names_read(statement: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}


def _is_said(node: ast.AST, parent: ast.AST, field: str) -> bool:
    """Whether a text is given to somebody: as an argument, or as a value of a table."""
    is_given = isinstance(parent, ast.Call | ast.keyword) or (isinstance(parent, ast.Dict) and field == "values")
    return is_given and _has_space([node])


def _has_space(values: list[Any]) -> bool:
    return any(isinstance(part, ast.Constant) and " " in str(part.value) for part in values) or any(
        isinstance(part, ast.JoinedStr) and _has_space(part.values) for part in values
    )
