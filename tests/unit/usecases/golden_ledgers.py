"""What the ledgers store, record by record: `python -m tests.unit.usecases.golden_ledgers`.

The ledgers are those that `verify` is spoilt with, and the stories. A field without a value is left out. After a change
that is meant, the difference shows whose records it reaches.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

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


def lines() -> Iterator[str]:
    """Yield the lines of the file."""
    told = {one.name: partial(story, one.name) for one in stories()}
    for name, ledger in (LEDGERS | told).items():
        with numbered_anew():
            store = ledger()
        yield name
        yield from (f"  {record}" for record in _records(store))


def _records(store: FakeStore) -> Iterator[str]:
    """Yield each stored record with its key, in the order of kinds and keys."""
    for kind in KINDS:
        yield from sorted(f"{kind} {in_words(key)}: {in_words(record)}" for key, record in getattr(store, kind).items())


def in_words(value: Any) -> str:
    """Return a value in a few words. Empty: none, no, nothing."""
    match value:
        case datetime():
            return f"{value:%m-%dT%H:%M:%S}".removesuffix(":00")
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
            shown = {field.name: in_words(getattr(value, field.name)) for field in fields(value)}
            return f"({' '.join(f'{name}={one}' for name, one in shown.items() if one)})"
        case _:
            return _LONG_HASH.sub(r"\1…", str(value)) if value else ""


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text("".join(f"{line}\n" for line in lines()), "utf-8")
