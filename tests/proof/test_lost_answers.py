"""A write whose answer was lost is no conflict: whoever asked is told the truth."""

from collections import Counter
from typing import Any

from pynamodb.exceptions import TransactWriteError, VerboseClientError

from ledger.domain.receipts import RecordOutcome
from ledger.usecases.expire_credits import expire_account
from tests.conftest import store_at
from tools.testing.builders import ADA, LATER, at, dispute, event_of, paid, payment, record_events
from tools.testing.unguarded import lift_hold


class Forgetful:
    """A connection that writes, and then says that the server failed: once for each commit."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._answered: set[str | None] = set()
        self.tokens: list[str | None] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def transact_write_items(self, **arguments: Any) -> Any:
        answer = self._connection.transact_write_items(**arguments)
        self.tokens.append(token := arguments.get("client_request_token"))
        if token in self._answered:
            return answer
        self._answered.add(token)
        error = {"Error": {"Code": "InternalServerError"}}
        raise TransactWriteError("no answer", VerboseClientError(error, "TransactWriteItems"))


def test_a_write_whose_answer_was_lost_was_written(dynamodb_local: str) -> None:
    """It is sent again under the same token, and the engine knows it."""
    made: list[Forgetful] = []

    def forgetful(connection: Any) -> Forgetful:
        made.append(Forgetful(connection))
        return made[0]

    store = store_at(dynamodb_local, around=forgetful)
    told = record_events(store, paid(payment(expires_at=at(60))), event_of(dispute()))
    assert [recorded.outcome for recorded in told] == [RecordOutcome.BOOKED, RecordOutcome.BOOKED]
    assert lift_hold("dispute:stripe:dp_1", ADA, "sam", store, why="a mistake", now=LATER)
    assert expire_account(ADA, store, now=LATER) == 1000
    assert len(made[0].tokens) == 2 * 4, "each of the four commits lost its answer once"
    assert set(Counter(made[0].tokens).values()) == {2}
