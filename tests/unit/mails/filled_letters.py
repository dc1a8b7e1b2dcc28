"""Golden letters of records whose fields all differ: `python -m tests.unit.mails.filled_letters` writes them anew.

A letter that reads the wrong one of two fields, of whatever record, says something else than is written here.
"""

import inspect
import json
import typing
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from datetime import timedelta
from difflib import ndiff
from functools import partial
from pathlib import Path
from typing import Any

from ledger.domain.refund_cases import RefundCase
from ledger.mails import cases, confirmation, notices, plans, receipts
from ledger.mails.letters import House, Letter
from ledger.mails.rendering import as_text
from ledger.mails.writing import Writer
from tests.unit.api.filled_records import filled

FILE = Path(__file__).parent / "golden" / "filled_letters.json"
VARIANTS = range(4)
STEPS = ("received", "approved", "declined", "replaced", "refunded", "failed")
HOUSE = filled(House)
APART = timedelta(days=1, minutes=1)
"""Most letters tell the day alone."""


def makers() -> dict[str, Callable[..., Letter]]:
    """Return what writes a letter, by its name. That of a case's step writes one for each sort of step."""
    modules = (cases, confirmation, notices, plans, receipts)
    made = {
        name: function
        for module in modules
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and typing.get_type_hints(function)["return"] is Letter
    }
    update = made.pop("case_update")
    return made | {f"case_update.{name}": partial(update, name=name, step=1) for name in STEPS}


def letter(make: Callable[..., Letter], variant: int, *, is_bare: bool = False) -> list[str]:
    """Return the lines of a letter about records with a value of its own in each field; bare: without what may lack."""
    hints = typing.get_type_hints(make.func if isinstance(make, partial) else make)
    given: dict[str, Any] = {
        name: filled(hints[name], variant=variant, apart=APART)
        for name, parameter in inspect.signature(make).parameters.items()
        if name not in {"writer", "step", "name"}
    }
    if "reported" in given:
        given["reported"] = replace(given["reported"], case=_rendered(given["reported"].case))
    if is_bare:
        given = {name: _bare(value) for name, value in given.items()}
    written = make(**given, writer=Writer("en", HOUSE))
    return [written.subject, *as_text(written).splitlines()]


def _bare(value: Any) -> Any:
    """A record without all that may be None. Other values are as they are."""
    if not is_dataclass(value):
        return value
    hints = typing.get_type_hints(type(value))
    may_lack = {one.name: None for one in fields(value) if one.init and type(None) in typing.get_args(hints[one.name])}
    return replace(value, **may_lack)  # type: ignore[type-var]


def _rendered(case: RefundCase) -> RefundCase:
    """A case whose decision has no reasons: those are texts of the policy."""
    return replace(case, decision=replace(case.decision, reasons=())) if case.decision else case


def golden(make: Callable[..., Letter]) -> list[list[str]]:
    """Return the letter of the first variant, and what is otherwise in each that differs from it."""
    first, *others = (letter(make, variant) for variant in VARIANTS)
    others.append(letter(make, 0, is_bare=True))
    return [first, *([one for one in ndiff(first, other) if one[0] in "+-"] for other in others if other != first)]


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps({name: golden(make) for name, make in makers().items()}, indent=1) + "\n", "utf-8")
