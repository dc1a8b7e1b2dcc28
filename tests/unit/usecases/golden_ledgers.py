"""What the ledgers store, and what each write depends on: `python -m tests.unit.usecases.golden_ledgers`.

The ledgers are those that `verify` is spoilt with, and the stories. A field without a value is left out. `#3` is the
version that was read. After a change that is meant, the difference shows whose records it reaches.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, Field, fields, is_dataclass, replace
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ledger.ports.commit import Commit, Refusal
from tools.stories import stories
from tools.testing.builders import numbered_anew
from tools.testing.fakes import FakeStore
from tools.testing.ledgers import LEDGERS, story

FILE = Path(__file__).parent / "golden" / "ledgers.txt"
KINDS = (
    *("receipts", "payments", "accounts", "fulfilment_keys", "subscriptions"),
    *("closed_lots", "runs", "stored_entries", "documents"),
)
_LONG_HASH = re.compile(r"\b([0-9a-f]{8})[0-9a-f]{56}\b")

ALL: Mapping[str, Callable[[], FakeStore]] = {
    **LEDGERS,
    **{one.name: partial(story, one.name) for one in stories()},
}
"""The ledgers, and the stories."""


def lines(name: str) -> Iterator[str]:
    """Yield the lines of a ledger."""
    with numbered_anew(), _commits() as commits:
        store = ALL[name]()
    yield from _records(store)
    yield from (f"commit: {_conditions(commit)}" for commit in commits)


def write(file: Path, names: Iterable[str], lines_of: Callable[[str], Iterable[str]]) -> None:
    """Write the lines of each ledger below its name."""
    file.parent.mkdir(exist_ok=True)
    file.write_text("".join(f"# {name}\n" + "".join(f"{line}\n" for line in lines_of(name)) for name in names), "utf-8")


def read(file: Path) -> dict[str, list[str]]:
    """Return the lines of each ledger in a file."""
    sections = (section.splitlines() for section in re.split(r"^# ", file.read_text("utf-8"), flags=re.MULTILINE)[1:])
    return {name: lines_of for name, *lines_of in sections}


def _records(store: FakeStore) -> Iterator[str]:
    """Yield each stored record with its key, in the order of kinds and keys."""
    for kind in KINDS:
        yield from sorted(f"{kind} {in_words(key)}: {in_words(record)}" for key, record in getattr(store, kind).items())


@contextmanager
def _commits() -> Iterator[list[Commit]]:
    """Note each commit that is tried."""
    tried: list[Commit] = []
    commit = FakeStore.commit

    def noted(store: FakeStore, one: Commit) -> Refusal | None:
        tried.append(one)
        return commit(store, one)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FakeStore, "commit", noted)
        yield tried


def _conditions(commit: Commit) -> str:
    """Return what a commit writes and what has to be as it was read, without the records themselves."""
    account, others = commit.account, (commit.subscription, commit.run, commit.order)
    parts = [
        *(f"{one.payment_id}#{one.version}" for one in commit.purchases),
        *map(in_words, commit.pointers),
        *map(in_words, commit.fulfilment_keys),
        *([in_words(replace(account, lots={}))] if account else []),
        *(f"{type(one).__name__}#{one.version}" for one in others if one),
        *(f"{in_words(one.key)}#{'gone' if one.document is None else one.replaces}" for one in commit.documents),
        *(one.entry_id for one in commit.entries),
    ]
    return "; ".join(parts)


def in_words(value: Any) -> str:
    """Return a value in a few words. Empty: none, no, nothing."""
    match value:
        case datetime():
            return value.isoformat().removesuffix("+00:00").removesuffix(":00")
        case date():
            return value.isoformat()
        case timedelta():
            return f"{value / timedelta(minutes=1):g}min"
        case Mapping():
            return ", ".join(f"{in_words(key)} → {in_words(one)}" for key, one in value.items())
        case set() | frozenset():
            return ",".join(sorted(map(in_words, value)))
        case tuple() | list():
            return ", ".join(map(in_words, value))
        case bytes():
            return f"{len(value)} bytes" if value else ""
        case True:
            return "yes"
        case _ if is_dataclass(value):
            compared = [field for field in fields(value) if field.compare]
            shown = {field.name: _field_in_words(field, getattr(value, field.name)) for field in compared}
            return f"({' '.join(f'{name}={one}' for name, one in shown.items() if one)})"
        case _:
            return _LONG_HASH.sub(r"\1…", str(value)) if value else ""


def _field_in_words(field: "Field[Any]", value: Any) -> str:
    """Return a field's value in words. Nothing is told from none where the one is the field's default, or could be."""
    if value is None:
        return "" if field.default in {None, MISSING} else "none"
    return in_words(value) or ("nothing" if field.default is None or str(field.type).endswith("None") else "")


if __name__ == "__main__":
    write(FILE, ALL, lines)
