"""Callers that run at one moment, and what must hold after them."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from ledger.domain.errors import BillingError, StoreUnavailable
from ledger.dynamodb.store import DynamoDBStore
from tools.ledger import read_world
from tools.verify import World, check


def at_once(calls: list[Callable[[], Any]]) -> list[Any]:
    """Run these together: all wait at one line, then start."""
    line = Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        line.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def patiently(call: Callable[[], Any]) -> Callable[[], Any]:
    """Return the result of a call, which is repeated while the ledger can't be written. A refusal is a result too."""

    def made() -> Any:
        for _ in range(50):
            try:
                return call()
            except StoreUnavailable:
                continue
            except BillingError as refusal:
                return refusal
        raise AssertionError("fifty tries were not enough")

    return made


def assert_sound(store: DynamoDBStore) -> None:
    """Every invariant holds over the whole table."""
    world = World()
    read_world(store, world)
    assert not [finding for finding in check(world) if finding.broken]
