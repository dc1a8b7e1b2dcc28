"""Each figure of a letter is the field that is meant, and not another one of its type."""

import json

import pytest

from tests.unit.mails.filled_letters import FILE, golden, makers

GOLDEN = json.loads(FILE.read_text("utf-8")) if FILE.exists() else {}


@pytest.mark.parametrize("name", makers())
def test_each_figure_is_its_own_field(name: str) -> None:
    """Of records in which no two fields have one value. After a change that is meant: write the golden file anew."""
    assert golden(makers()[name]) == GOLDEN[name]


def test_every_letter_is_held() -> None:
    """None is golden that is no more."""
    assert GOLDEN.keys() == makers().keys()
