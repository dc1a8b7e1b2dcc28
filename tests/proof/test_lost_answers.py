"""A write whose answer was lost is no conflict: whoever asked is told the truth."""

from typing import Any

from pynamodb.exceptions import TransactWriteError, VerboseClientError

from ledger.domain.receipts import RecordOutcome
from ledger.usecases.expire_credits import expire_account
from ledger.usecases.holds import lift_hold
from tests.conftest import store_at
from tools.testing.builders import ADA, LATER, at, dispute, event_of, paid, payment, record_events


class Forgetful:
    """A connection that writes, and then says that the server failed: once for each commit."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._answered: set[str | None] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def transact_write_items(self, **arguments: Any) -> Any:
        answer = self._connection.transact_write_items(**arguments)
        if (token := arguments.get("client_request_token")) in self._answered:
            return answer
        self._answered.add(token)
        error = {"Error": {"Code": "InternalServerError"}}
        raise TransactWriteError("no answer", VerboseClientError(error, "TransactWriteItems"))


def test_a_write_whose_answer_was_lost_was_written(dynamodb_local: str) -> None:
    """It is sent again under the same token, and the engine knows it."""
    store = store_at(dynamodb_local, around=Forgetful)
    told = record_events(store, paid(payment(expires_at=at(60))), event_of(dispute()))
    assert [recorded.outcome for recorded in told] == [RecordOutcome.BOOKED, RecordOutcome.BOOKED]
    assert lift_hold("dispute:stripe:dp_1", ADA, "sam", store, why="a mistake", now=LATER)
    assert expire_account(ADA, store, now=LATER) == 1000
