"""What may befall a write: held by the fake, and by AWS's own engine behind DynamoDB's refusals in its wire format.

No local engine cancels a transaction for a conflict or for want of capacity.
"""

from dataclasses import dataclass

import pytest
from pynamodb.connection import Connection

from ledger.domain.errors import StoreUnavailable, TransactionInConflict
from ledger.domain.receipts import RecordOutcome
from ledger.dynamodb.calls import MAX_CALLS
from ledger.dynamodb.store import DynamoDBStore
from ledger.ports import backoff
from ledger.ports.commit import Commit, DocumentChange
from ledger.ports.documents import idempotency_key
from ledger.ports.store import Store
from ledger.usecases.usage import draw_credits
from tests.conftest import REGION, store_at
from tests.contract.test_limits import answered, stored
from tests.contract.test_store import account, parked
from tools.testing.aws import Cancellations
from tools.testing.builders import ADA, at, event_of, paid, record_events, refund
from tools.testing.fakes import FakeStore, Trouble

REFUSALS = [trouble for trouble in Trouble if trouble is not Trouble.LOST]


@dataclass(frozen=True, slots=True)
class Troubled:
    """A store, and the troubles that its next writes meet."""

    store: Store
    troubles: list[Trouble]


@pytest.fixture(params=["fake", "dynamodb-local"])
def troubled(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Troubled:
    """A store that meets troubles, without pauses between its tries."""
    monkeypatch.setattr(backoff, "FIRST_LIMIT_S", 0)
    if request.param == "fake":
        fake = FakeStore()
        return Troubled(fake, fake.troubles)
    engine = request.getfixturevalue("dynamodb_local")
    between = Cancellations(Connection(region=REGION, host=engine, max_retry_attempts=1), engine)
    table = store_at(engine)._table  # noqa: SLF001 - made here
    return Troubled(DynamoDBStore(table, between), between.troubles)  # type: ignore[arg-type]


@pytest.mark.parametrize("trouble", REFUSALS)
def test_a_write_that_is_refused_for_a_passing_reason_is_made_all_the_same(
    troubled: Troubled, trouble: Trouble
) -> None:
    """Once, by the last of its tries."""
    troubled.troubles.extend([trouble] * (MAX_CALLS - 1))
    assert record_events(troubled.store, paid())[0].outcome is RecordOutcome.BOOKED
    assert troubled.troubles == []
    assert account(troubled.store).balance == 1000


@pytest.mark.parametrize("trouble", [trouble for trouble in REFUSALS if trouble is not Trouble.CONFLICT])
def test_a_write_that_is_always_refused_is_not_made_at_all(troubled: Troubled, trouble: Trouble) -> None:
    """Whoever asked is told; later the same is written."""
    changes = [answered(number) for number in range(3)]
    troubled.troubles.extend([trouble] * MAX_CALLS)
    with pytest.raises(StoreUnavailable):
        troubled.store.commit(Commit(documents=tuple(changes)))
    assert stored(troubled.store, changes) == 0
    assert troubled.store.commit(Commit(documents=tuple(changes))) is None
    assert stored(troubled.store, changes) == 3


def test_a_write_in_conflict_is_told_at_once_and_not_made(troubled: Troubled) -> None:
    """What it read may be out of date: who asked reads again."""
    troubled.troubles.append(Trouble.CONFLICT)
    with pytest.raises(TransactionInConflict):
        troubled.store.commit(Commit(documents=(answered(1),)))
    assert stored(troubled.store, [answered(1)]) == 0
    assert troubled.store.commit(Commit(documents=(answered(1),))) is None


def test_a_write_whose_answer_is_lost_is_made_and_looks_like_one_that_was_not(troubled: Troubled) -> None:
    """Who asks again finds their own write in the way, and what it wrote."""
    troubled.troubles.append(Trouble.LOST)
    with pytest.raises(StoreUnavailable):
        troubled.store.commit(Commit(receipt=parked()))
    refusal = troubled.store.commit(Commit(receipt=parked()))
    assert refusal is not None
    assert refusal.receipt == parked()


def test_a_refused_write_whose_answer_is_lost_stays_refused(troubled: Troubled) -> None:
    """Nothing of it is written."""
    change = answered(1)
    assert troubled.store.commit(Commit(documents=(change,))) is None
    again = DocumentChange(idempotency_key(ADA, "refund-requests", "key_1"), change.document, 0)
    troubled.troubles.append(Trouble.LOST)
    with pytest.raises(StoreUnavailable):
        troubled.store.commit(Commit(documents=(again, answered(2))))
    assert stored(troubled.store, [answered(2)]) == 0


def test_what_is_delivered_again_after_a_lost_answer_is_booked_once(troubled: Troubled) -> None:
    """A payment, a refund of it, and a run: each is answered as done, each counts once."""
    for event in (paid(), event_of(refund(1000))):
        troubled.troubles.append(Trouble.LOST)
        with pytest.raises(StoreUnavailable):
            record_events(troubled.store, event)
        assert record_events(troubled.store, event)[0].outcome is RecordOutcome.ALREADY_BOOKED
    troubled.troubles.extend([Trouble.CONFLICT, Trouble.LOST])
    with pytest.raises(StoreUnavailable):
        draw_credits(ADA, "run_1", 100, troubled.store, now=at(30))
    assert sum(draw_credits(ADA, "run_1", 100, troubled.store, now=at(31)).drawn.values()) == 100
    assert account(troubled.store).balance == 400
