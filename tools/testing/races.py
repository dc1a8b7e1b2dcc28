"""Run calls concurrently, and check the ledger afterwards."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from ledger.domain.errors import BillingError, StoreUnavailable
from ledger.dynamodb.store import DynamoDBStore
from tools.ledger import read_world
from tools.verify import World, check


def at_once(calls: list[Callable[[], Any]]) -> list[Any]:
    """Run these calls together: all wait at a barrier, then start. Return their results."""
    barrier = Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        barrier.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def retrying(call: Callable[[], Any]) -> Callable[[], Any]:
    """Return a call that retries while the store is unavailable. It returns a refusal like any result."""

    def retried() -> Any:
        for _ in range(50):
            try:
                return call()
            except StoreUnavailable:
                continue
            except BillingError as refusal:
                return refusal
        raise AssertionError("fifty attempts were not enough")

    return retried


def assert_sound(store: DynamoDBStore) -> None:
    """Raise AssertionError if an invariant of the whole table is broken."""
    world = World()
    read_world(store, world)
    assert not [finding for finding in check(world) if finding.broken]
