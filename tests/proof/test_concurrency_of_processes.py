"""The part of the proof that plays races between processes: it runs, and it finds what it is there to find."""

import io

import pytest

from ledger.dynamodb import DynamoDBStore
from proof.concurrency import run
from proof.concurrency.pool import OpenStore
from proof.work import Work
from tests.careless import LosesUpdates, SpendsBlindly
from tools.engines import unavailable

pytestmark = pytest.mark.skipif(bool(unavailable("dynamodb-local")), reason="only AWS's own engine proves this")


class UntilFound(Work):
    """Work that ends with the first thing that is found."""

    @property
    def is_over(self) -> bool:
        return bool(self.found) or super().is_over


def worked(open_store: OpenStore, seconds: float) -> Work:
    """What came of so many seconds."""
    work = UntilFound("concurrency", 7, seconds, out=io.StringIO())
    run(work, open_store, processes=8)
    return work


def test_every_history_has_a_serial_order() -> None:
    """A handful of cases."""
    work = worked(DynamoDBStore, 8)
    assert work.found == []
    assert work.counts["serial orders found"] == work.counts["histories"] >= 3
    assert work.counts["tables verified"]


@pytest.mark.parametrize("careless", [LosesUpdates, SpendsBlindly])
def test_a_careless_store_is_found(careless: OpenStore) -> None:
    """The history that shows it is told."""
    found = worked(careless, 60).found
    assert any("no serial order explains what was answered" in what for what in found)
