"""Each property of a record, and each key, is of the field that is meant, and not of another one of its type."""

import json

import pytest

from tests.unit.domain.filled_properties import FILE, golden, makers

GOLDEN = json.loads(FILE.read_text("utf-8")) if FILE.exists() else {}
MAKERS = makers()


@pytest.mark.parametrize("name", GOLDEN)
def test_each_is_of_its_own_field(name: str) -> None:
    """Of records in which no two fields have one value. After a change that is meant: write the golden file anew."""
    assert golden(MAKERS[name]) == GOLDEN[name]


def test_every_property_and_key_is_held() -> None:
    """A new one too."""
    assert MAKERS.keys() == GOLDEN.keys()
