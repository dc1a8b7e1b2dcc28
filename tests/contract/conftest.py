"""What all contracts of the store have in common."""

import pytest


@pytest.fixture(scope="module", autouse=True)
def _shards(few_shards: None) -> None:
    """Spread the rows of an index over few shards."""
