"""A guard has no default: who forgets to pass it is refused by the type checker (decision 0071)."""

import ast
from collections.abc import Iterator

import pytest

from tools.engines import ROOT

GUARDING_TYPES = {"Authority", "Limits", "PlanNeeds", "Watch", "Stake"}
GUARDS = {
    *("authority", "stake", "limits", "needs", "lock_days", "locked_until", "about", "is_claimed", "written_at"),
    *("has_time", "is_paused", "is_disputed", "is_similar_disputed", "declined_before"),
}
"""Parameters and fields without which something is not limited, asked, locked, checked or stopped."""
ON = {"is_debt_withheld": "True", "is_refused_in_debt": "True", "may_overturn": "False"}
"""Guards with a default, which is the strict side."""
HARMLESS = {
    ("Line", "about"): "of a chain: the ids that a line names",
    ("Lot", "locked_until"): "what is given instead of money has no lock; a sale's comes from its target",
    ("Product", "lock_days"): "no product of the catalogue has a lock: the terms of an order say it",
    ("settle_mute", "has_time"): "its other callers say how many events it looks at",
    ("PolicyParameters", "is_paused"): "the file does not say it: the runtime does",
}


def defaults(source: str) -> Iterator[tuple[str, str, str, str]]:
    """Yield the owner, the name, the annotation and the default of each parameter and field that has one."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.FunctionDef(name=owner, args=given):
                places = [*given.posonlyargs, *given.args]
                begin = len(places) - len(given.defaults)
                found = [*zip(places[begin:], given.defaults, strict=True)]
                found += [(one, value) for one, value in zip(given.kwonlyargs, given.kw_defaults, strict=True) if value]
                for one, value in found:
                    annotation = ast.unparse(one.annotation) if one.annotation else ""
                    yield owner, one.arg, annotation, ast.unparse(value)
            case ast.ClassDef(name=owner, body=body):
                for field in body:
                    match field:
                        case ast.AnnAssign(target=ast.Name(id=name), annotation=kind, value=ast.expr() as value):
                            yield owner, name, ast.unparse(kind), ast.unparse(value)


def open_guards(source: str) -> list[tuple[str, str]]:
    """Return the guards of a module with a default that is not the strict side: owner and name."""
    return [
        (owner, name)
        for owner, name, annotation, default in defaults(source)
        if (name in GUARDS or GUARDING_TYPES & {*annotation.replace("|", " ").split()} or name in ON)
        and ON.get(name) != default
        and not default.startswith("Field(")  # of a response: pydantic's, and nothing decides by it
    ]


def test_no_guard_of_the_layer_or_of_a_function_has_a_default() -> None:
    """Else a new route or job that forgets it has no limit, no consent or no lock, and nothing fails."""
    found = set()
    for folder in ("layers/ledger/ledger", "functions"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            found |= {*open_guards(file.read_text("utf-8"))}
    assert found == HARMLESS.keys()


@pytest.mark.parametrize(
    ("source", "guard"),
    [
        ("def lift(hold: str, authority: Authority = UNLIMITED) -> None: ...", ("lift", "authority")),
        ("def lift(*, how_far: Authority | None = None) -> None: ...", ("lift", "how_far")),
        ("def order(*, lock_days: int | None = None) -> None: ...", ("order", "lock_days")),
        ("class Act:\n    stake: Stake | None = None", ("Act", "stake")),
        ("def draw(*, is_debt_withheld: bool = False) -> None: ...", ("draw", "is_debt_withheld")),
    ],
)
def test_a_guard_with_a_default_is_found(source: str, guard: tuple[str, str]) -> None:
    """By its name, by its type, and by a default that is not the strict side."""
    assert open_guards(source) == [guard]


def test_a_guard_without_a_default_and_one_that_is_on_are_right() -> None:
    """So is a default of anything else."""
    right = "def draw(store: Store, authority: Authority, *, is_debt_withheld: bool = True, low: int = 0) -> None: ..."
    assert open_guards(right) == []
