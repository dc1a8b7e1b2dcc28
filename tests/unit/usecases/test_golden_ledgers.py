"""Whatever a ledger stores is what it was, field by field: no other test need name each of them."""

import pytest

from tests.unit.usecases.golden_ledgers import ALL, FILE, KINDS, lines, read

GOLDEN = read(FILE)


@pytest.mark.parametrize("name", ALL)
def test_each_record_is_what_it_was(name: str) -> None:
    """If a change is meant: `python -m tests.unit.usecases.golden_ledgers` writes the file anew. Read what differs."""
    assert [*lines(name)] == GOLDEN[name]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_record_is_stored_by_some_ledger(kind: str) -> None:
    """Of a kind that none has nothing is held here."""
    assert any(line.startswith(f"{kind} ") for of_it in GOLDEN.values() for line in of_it)
