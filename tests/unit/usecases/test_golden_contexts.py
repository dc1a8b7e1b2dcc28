"""Whatever the policy is given about a purchase is what it was: no other test need name each field."""

from dataclasses import fields

import pytest

from ledger.policy.context import PolicyContext
from tests.unit.usecases.golden_contexts import ALL, ELSEWHERE, FILE, lines
from tests.unit.usecases.golden_ledgers import read

GOLDEN = read(FILE)


@pytest.mark.parametrize("name", ALL)
def test_each_context_is_what_it_was(name: str) -> None:
    """If a change is meant: `python -m tests.unit.usecases.golden_contexts` writes the file anew. Read what differs."""
    assert [*lines(name)] == GOLDEN[name]


@pytest.mark.parametrize("field", sorted({field.name for field in fields(PolicyContext)} - ELSEWHERE))
def test_each_field_is_given_by_some_purchase(field: str) -> None:
    """Of a field that has no value anywhere nothing is held here."""
    assert any(f" {field}=" in line for of_it in GOLDEN.values() for line in of_it)
