"""Any number of lots, on the engine that enforces DynamoDB's limits: no call writes over a hundred items."""

import bisect
import contextlib

import pytest
from pynamodb.exceptions import VerboseClientError

from ledger.domain.errors import CommitTooLarge
from ledger.domain.ids import PaymentId
from ledger.domain.receipts import RecordOutcome
from ledger.dynamodb import keys
from ledger.dynamodb.store import DynamoDBStore
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.expire_credits import expire_account
from ledger.usecases.usage import draw_credits, fail_run
from tests.contract.test_too_large import change
from tests.unit.usecases.test_many_lots import CREDITS, OVER, many_lots
from tools.testing.builders import ADA, at, dispute, event_of, paid, record_events, refund
from tools.testing.fakes import MAX_ITEM_BYTES, FakeStore


@pytest.fixture(params=["fake", "dynamodb-local"])
def store(request: pytest.FixtureRequest) -> Store:
    """The fake, and the engine that enforces the limits."""
    return FakeStore() if request.param == "fake" else request.getfixturevalue("real_store")


def lots(store: Store) -> tuple[int, int]:
    """The balance of the account, and how many lots are open on it."""
    account = store.read(Keys(accounts=frozenset({ADA}))).accounts[ADA]
    return account.balance, len(account.lots)


def booked(store: Store) -> int:
    """The sum of all entries."""
    return sum(entry.credits for entry in store.entries(ADA))


def test_250_lots_are_drawn_returned_expired_and_taken_back(store: Store) -> None:
    """Each call is whole when it returns, and is the same once more."""
    many_lots(store)
    assert lots(store) == (CREDITS, 250)
    for _ in range(2):
        assert draw_credits(ADA, "run_1", CREDITS, store, now=at(10)).credits == CREDITS
        assert (lots(store), booked(store)) == ((0, 130), 0)
    for _ in range(2):
        assert len(fail_run(ADA, "run_1", store, now=at(20)).returned) == 250
        assert (lots(store), booked(store)) == ((CREDITS, 250), CREDITS)
    money_back = event_of(refund(1200), names=(PaymentId("stripe:pi_3"),))
    assert record_events(store, money_back)[0].outcome is RecordOutcome.BOOKED
    assert (lots(store)[0], booked(store)) == (CREDITS - 600, CREDITS - 600)
    assert expire_account(ADA, store, now=OVER) == 1300
    assert expire_account(ADA, store, now=OVER) == 0
    assert (lots(store), booked(store)) == ((600, 60), 600)
    frozen = event_of(dispute(amount_minor=1200), names=(PaymentId("stripe:pi_1"),))
    assert record_events(store, frozen, now=OVER)[0].outcome is RecordOutcome.BOOKED


def fill_whole(store: DynamoDBStore, key: keys.Key) -> None:
    """Leave an item no room for a single byte."""

    def takes(size: int) -> bool:
        with contextlib.suppress(VerboseClientError):
            change(store, key, "SET #filler = :x", {":x": {"S": "x" * size}})
            return True
        return False

    assert takes(bisect.bisect_left(range(MAX_ITEM_BYTES), x=True, key=lambda size: not takes(size)) - 1)


def test_a_full_account_still_draws_what_makes_it_no_larger(real_store: DynamoDBStore) -> None:
    """A draw that has no room is refused, and says whose account it is; one that empties a lot makes room."""
    record_events(real_store, paid())
    fill_whole(real_store, keys.account_key(ADA))
    with pytest.raises(CommitTooLarge, match=ADA):
        draw_credits(ADA, "run_1", 998, real_store, now=at(12))
    assert lots(real_store) == (1000, 1)
    assert draw_credits(ADA, "run_1", 1000, real_store, now=at(12)).credits == 1000
    assert lots(real_store) == (0, 0)
