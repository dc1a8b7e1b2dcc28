"""Whatever *why* and *find* say of the ledgers is what it was, word for word."""

import pytest

from ledger.usecases.found import FoundKind
from ledger.usecases.timeline import LineKind
from tests.unit.usecases.golden_chains import ALL, FILE, lines
from tests.unit.usecases.golden_ledgers import read

GOLDEN = read(FILE)


@pytest.mark.parametrize("name", ALL)
def test_each_line_is_what_it_was(name: str) -> None:
    """If a change is meant: `python -m tests.unit.usecases.golden_chains` writes the file anew. Read what differs."""
    assert [*lines(name)] == GOLDEN[name]


@pytest.mark.parametrize("kind", LineKind)
def test_each_kind_of_line_is_in_some_timeline(kind: LineKind) -> None:
    """Of a kind that is in none nothing is held here."""
    assert any(line.startswith(f"  timeline: {kind} ") for of_it in GOLDEN.values() for line in of_it)


@pytest.mark.parametrize("kind", FoundKind)
def test_each_kind_of_thing_is_found(kind: FoundKind) -> None:
    """By some name."""
    found = [line for of_it in GOLDEN.values() for line in of_it if line.strip().startswith("find ")]
    assert any(f"(kind={kind} " in line for line in found)
