"""One operation, sent again while DynamoDB's refusal is temporary, and never after that."""

import uuid
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError
from pynamodb.exceptions import CancellationReason, TransactWriteError, VerboseClientError

from ledger.domain.errors import StoreUnavailable, TransactionInConflict
from ledger.dynamodb import calls
from ledger.dynamodb.calls import MAX_CALLS, PATIENCE_S, Calls

EMPTY: dict[str, Any] = {"checks": [], "puts": [], "updates": [], "deletes": []}


class Connection:
    """Answers each call with the next of these: an error is raised, anything else returned."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.sent: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def dispatch(self, *arguments: Any, **named: Any) -> Any:
        self.sent.append((arguments, named))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def transact_write_items(self, **named: Any) -> Any:
        return self.dispatch(**named)

    @property
    def tokens(self) -> list[str]:
        return [named["client_request_token"] for _, named in self.sent]


class Clock:
    """Stands at `now`. Each pause is noted, and moves it on by a second."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.pauses: list[int] = []
        monkeypatch.setattr("time.monotonic", lambda: self.now)
        monkeypatch.setattr(calls, "pause_before", self._pause)

    def _pause(self, attempt: int) -> None:
        self.pauses.append(attempt)
        self.now += 1 if attempt else 0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that only pauses move."""
    return Clock(monkeypatch)


def refusal(code: str, *reasons: str | None) -> VerboseClientError:
    """A refusal as botocore reports it, with the reason of each operation of a transaction."""
    told = [CancellationReason(code=reason) if reason else None for reason in reasons]
    return VerboseClientError({"Error": {"Code": code}}, "Any", {}, cancellation_reasons=told)


def of(connection: Connection, patience_s: float = PATIENCE_S) -> Calls:
    """Return the calls over this connection."""
    return Calls(connection, patience_s)  # type: ignore[arg-type]


THROTTLED = refusal("ThrottlingException")
CANCELLED = refusal("TransactionCanceledException", None, "ThrottlingError")
CONFLICT = refusal("TransactionCanceledException", None, "TransactionConflict")
EACH_REASON = refusal(
    "TransactionCanceledException",
    *("TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded", "InternalServerError"),
)


def test_an_operation_is_sent_with_its_arguments_and_its_response_returned(clock: Clock) -> None:
    """Once, if nothing refuses it."""
    connection = Connection({"Item": {}})
    assert of(connection).dispatch("GetItem", {"Key": {}}) == {"Item": {}}
    assert connection.sent == [(("GetItem", {"Key": {}}), {})]
    assert clock.pauses == [0]


def test_a_transaction_is_sent_with_each_kind_of_its_operations() -> None:
    """Under the names of the connection, with a token."""
    connection = Connection(None)
    of(connection).transact_write(checks=[{"a": 1}], puts=[{"b": 2}], updates=[{"c": 3}], deletes=[{"d": 4}])
    ((arguments, named),) = connection.sent
    assert uuid.UUID(named.pop("client_request_token")).version == 4
    assert (arguments, named) == (
        (),
        {
            "condition_check_items": [{"a": 1}],
            "put_items": [{"b": 2}],
            "update_items": [{"c": 3}],
            "delete_items": [{"d": 4}],
        },
    )


@pytest.mark.parametrize("error", [THROTTLED, TransactWriteError("refused", THROTTLED), CANCELLED, EACH_REASON])
def test_a_temporary_refusal_is_followed_by_a_longer_pause_each_time(error: Exception, clock: Clock) -> None:
    """The pauses have the numbers of the attempts; then the response counts."""
    connection = Connection(error, error, "response")
    assert of(connection).dispatch("Query", {}) == "response"
    assert clock.pauses == [0, 1, 2]


@pytest.mark.parametrize("error", [THROTTLED, CANCELLED])
def test_a_call_without_a_token_is_repeated_without_one(error: Exception, clock: Clock) -> None:
    """A read has no token, whatever cancelled it."""
    connection = Connection(error, "response")
    of(connection).dispatch("TransactGetItems", {"TransactItems": []})
    assert clock.pauses == [0, 1]
    assert connection.sent == [(("TransactGetItems", {"TransactItems": []}), {})] * 2


@pytest.mark.usefixtures("clock")
def test_only_a_cancelled_transaction_gets_a_new_token() -> None:
    """While its result is unknown it keeps its own: a lost response must not become a second write."""
    connection = Connection(
        *(TransactWriteError("refused", error) for error in (THROTTLED, CANCELLED, CANCELLED)), None
    )
    of(connection).transact_write(**EMPTY)
    first, again, second, third = connection.tokens
    assert first == again
    assert len({first, second, third}) == 3
    assert {uuid.UUID(token).version for token in connection.tokens} == {4}


@pytest.mark.parametrize("error", [CONFLICT, TransactWriteError("refused", CONFLICT)])
def test_a_conflict_is_told_at_once(error: Exception, clock: Clock) -> None:
    """Nothing was written. The caller knows whether it must read again."""
    connection = Connection(error, "never sent")
    with pytest.raises(
        TransactionInConflict, match=r"^Another transaction on the same items was in progress\.$"
    ) as raised:
        of(connection).dispatch("TransactWriteItems", {})
    assert raised.value.__cause__ is error
    assert clock.pauses == [0]


def test_a_call_is_sent_so_often_and_the_error_says_how_often(clock: Clock) -> None:
    """StoreUnavailable says the number of calls, and the last reason."""
    connection = Connection(*[THROTTLED] * 20)
    with pytest.raises(StoreUnavailable, match=rf"DynamoDB refused {MAX_CALLS} times: .*ThrottlingException"):
        of(connection, patience_s=3600).dispatch("Query", {})
    assert clock.pauses == list(range(MAX_CALLS))


@pytest.mark.parametrize(("patience_s", "sent"), [(0, 1), (1, 2), (1.5, 3), (2, 3)])
def test_a_call_is_not_sent_again_at_the_end_of_the_patience(patience_s: float, sent: int, clock: Clock) -> None:
    """Each pause takes a second here. At the very end of the patience it is over."""
    connection = Connection(*[THROTTLED] * 20)
    with pytest.raises(StoreUnavailable, match=f"refused {sent} times"):
        of(connection, patience_s).dispatch("Query", {})
    assert len(connection.sent) == sent
    assert len(clock.pauses) == sent


@pytest.mark.parametrize(
    "error",
    [
        ReadTimeoutError(endpoint_url="http://127.0.0.1"),
        EndpointConnectionError(endpoint_url="http://127.0.0.1"),
        TransactWriteError("no response", ReadTimeoutError(endpoint_url="http://127.0.0.1")),
    ],
)
def test_no_response_is_not_waited_for_twice(error: Exception, clock: Clock) -> None:
    """botocore has tried again by itself: the caller is told at once, with the cause."""
    connection = Connection(error, "never sent")
    with pytest.raises(StoreUnavailable, match=r"DynamoDB did not respond: .*127\.0\.0\.1") as raised:
        of(connection).dispatch("Query", {})
    assert raised.value.__cause__ is error
    assert clock.pauses == [0]


@pytest.mark.parametrize(
    "error",
    [
        refusal("TransactionCanceledException", "ConditionalCheckFailed"),
        refusal("TransactionCanceledException", "ConditionalCheckFailed", "TransactionConflict"),
        refusal("TransactionCanceledException", "ValidationError", None),
        refusal("TransactionCanceledException", "ValidationError", "ThrottlingError"),
        refusal("ValidationException"),
        refusal("AccessDeniedException"),
        TransactWriteError("refused", refusal("ConditionalCheckFailedException")),
        TransactWriteError("of unknown cause"),
        TransactWriteError("of another cause", ValueError("a fault of ours")),
    ],
)
def test_what_is_not_temporary_is_raised_as_it_is(error: Exception, clock: Clock) -> None:
    """A failed condition is a result, and a fault of ours must alarm. A conflict beside it changes neither."""
    connection = Connection(error, "never sent")
    with pytest.raises(type(error)) as raised:
        of(connection).dispatch("Query", {})
    assert raised.value is error
    assert clock.pauses == [0]
