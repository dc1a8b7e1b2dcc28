"""Lists that are spread over shards: a page is complete, in order, and reads no more of a shard than it may show."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import pytest
from moto import mock_aws
from pynamodb.connection import Connection

from ledger.domain.events import Owner
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.receipts import NotBookable, ParkReason, RecordOutcome
from ledger.dynamodb import keys
from ledger.dynamodb.store import DynamoDBStore
from ledger.ports.documents import INDEX_SHARDS
from ledger.ports.reads import Page
from ledger.ports.store import Store
from ledger.providers.registry import names_of_parked
from ledger.usecases.find_records import Searched, find_payments
from ledger.usecases.index_names import index_purchases
from ledger.usecases.parked_events import list_parked
from ledger.usecases.record_event import record_event
from tests.conftest import store_at
from tools.testing.builders import at, event_of, paid, payment, record_events

pytestmark = pytest.mark.all_shards
SHARDS = 2 * keys.SHARDS
"""Of the list of parked events that need a person: they wait for a deployment, or for facts."""


@dataclass
class Read:
    """A connection that notes how many rows each query has returned."""

    connection: Connection
    rows: list[int] = field(default_factory=list)

    def dispatch(self, operation: str, arguments: dict[str, Any]) -> Any:
        """Send it on."""
        answer = self.connection.dispatch(operation, arguments)
        if operation == "Query":
            self.rows.append(len(answer["Items"]))
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self.connection, name)


@pytest.fixture
def counted() -> Iterator[tuple[DynamoDBStore, list[int]]]:
    """A store over an empty table of moto, and how many rows each of its queries returns."""
    made: list[Read] = []

    def around(connection: Connection) -> Read:
        made.append(Read(connection))
        return made[-1]

    with mock_aws():
        store = store_at(None, around=around)
        yield store, made[-1].rows


Counted = tuple[DynamoDBStore, list[int]]


def park(store: Store, number: int) -> str:
    """An event is parked: three at one time, of two reasons. Return its id."""
    reason = ParkReason.NO_ACCOUNT if number % 2 else ParkReason.UNKNOWN_PRICE
    event = event_of(names=(PaymentId(f"stripe:in_{number}"),))
    event = replace(event, event_id=f"evt_{number:02}", owner=Owner(), not_bookable=NotBookable(reason))
    result = record_event(event, store, body=b"{}", body_sha256="0" * 64, now=at(number // 3))
    assert result.outcome is RecordOutcome.PARKED
    return event.event_id


def by_pages(page_of: Callable[[str | None], Page[Any]]) -> list[Any]:
    """Return what all pages have."""
    page = page_of(None)
    found: list[Any] = []
    while True:
        found += page.items
        if page.next is None:
            return found
        page = page_of(page.next)


@pytest.mark.parametrize("limit", [1, 4, 50])
def test_the_list_of_parked_events_is_complete_and_in_order_page_by_page(any_store: Store, limit: int) -> None:
    """Whatever the size of a page: those of one time are on several."""
    parked = [park(any_store, number) for number in range(20)]
    seen = by_pages(lambda after: list_parked(limit, after, any_store))
    assert [one.event_id for one in seen] == parked


def test_a_page_of_parked_events_reads_no_more_of_a_shard_than_it_may_show(
    counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one query of each shard, though all of them are in one."""
    monkeypatch.setattr(keys, "shard_of", lambda _: 0)
    store, rows = counted
    parked = [park(store, 2 * number) for number in range(20)]
    rows.clear()
    first = list_parked(4, None, store)
    assert ([one.event_id for one in first.items], len(rows), max(rows)) == (parked[:4], SHARDS, 4 + 2)
    rows.clear()
    second = list_parked(4, first.next, store)
    assert ([one.event_id for one in second.items], len(rows)) == (parked[4:8], SHARDS)
    assert max(rows) <= 4 + 3


def test_a_search_by_day_and_amount_reads_no_more_of_a_shard_than_it_may_show(
    counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one query of each shard, though all of them are in one."""
    monkeypatch.setattr("ledger.ports.documents.index_shard", lambda _: 0)
    store, rows = counted
    bought = [PaymentId(f"stripe:pi_{number:02}") for number in range(20)]
    for number, payment_id in enumerate(bought):
        account_id = AccountId(f"acct_{number}")
        record_events(store, paid(payment(payment_id, minute=number // 3, account_id=account_id)))
        index_purchases([payment_id], store)
    searched = Searched(store, ("stripe",), lambda: "key", names_of_parked)
    day = date(2026, 11, 1)
    rows.clear()
    first = find_payments(day, 2000, "USD", searched, limit=4)
    assert ([one.found_id for one in first.items], len(rows), max(rows)) == (bought[:4], INDEX_SHARDS, 4 + 1)
    rows.clear()
    seen = by_pages(lambda after: find_payments(day, 2000, "USD", searched, limit=4, after=after))
    assert [one.found_id for one in seen] == bought
    assert len(rows) <= 5 * (INDEX_SHARDS + 1)
    assert max(rows) <= 4 + 2
