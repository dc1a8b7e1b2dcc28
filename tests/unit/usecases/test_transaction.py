"""The retry loop and the Idempotency-Key check that every use-case shares."""

from collections.abc import Callable
from dataclasses import fields, replace
from math import ceil

import pytest

from ledger.domain.errors import IdempotencyKeyReused, StoreUnavailable, TransactionInConflict
from ledger.domain.facts import RefundedItem
from ledger.domain.idempotency import IdempotencyRecord
from ledger.domain.ids import AccountId
from ledger.domain.refund_cases import DecisionOutcome
from ledger.ports.commit import Commit, Refusal
from ledger.ports.documents import idempotency_key
from ledger.ports.reads import Snapshot
from ledger.usecases.adjust_credits import Adjustment
from ledger.usecases.attribute_parked import Replay
from ledger.usecases.refund_cases.decide_case import ReviewDecision
from ledger.usecases.transaction import (
    CONFLICT,
    PATIENCE_S,
    PAUSE_LIMIT_S,
    Retry,
    commit_unread,
    result_under_key,
    run_transaction,
)
from tools.testing.builders import NOON

KEY = idempotency_key(AccountId("acct_ada"), "orders", "key-1")


def attempts_with(conflicts: int) -> Callable[[], int | Retry]:
    """Return an attempt that conflicts this many times. Then it returns how often it was called."""
    calls = 0

    def attempt() -> int | Retry:
        nonlocal calls
        calls += 1
        return CONFLICT if calls <= conflicts else calls

    return attempt


def pauses_of(conflicts: int, random_between: Callable[[float, float], float]) -> list[float]:
    """Return the pauses, in seconds, of a transaction that conflicts this many times and then succeeds."""
    pauses: list[float] = []
    run_transaction(attempts_with(conflicts), "order ord_1", sleep=pauses.append, random_between=random_between)
    return pauses


@pytest.mark.parametrize("conflicts", [0, 1, 11, 100])
def test_an_attempt_is_repeated_until_it_does_not_conflict(conflicts: int) -> None:
    """The result is that of the first attempt without a conflict, and no attempt follows it."""
    pauses: list[float] = []
    assert run_transaction(attempts_with(conflicts), "order ord_1", sleep=pauses.append) == conflicts + 1
    assert len(pauses) == conflicts, "a pause before each attempt except the first"


@pytest.mark.parametrize("result", [None, False, 0, ""])
def test_a_result_that_is_false_is_a_result(result: object) -> None:
    """Only CONFLICT repeats an attempt."""
    results = iter([CONFLICT, result])
    assert run_transaction(lambda: next(results), "order ord_1", sleep=lambda _: None) is result


@pytest.mark.parametrize("pause_s", [0.5, 1.0, 5.0])
def test_conflicts_end_with_the_patience_and_the_error_names_the_subject(
    pause_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The attempt at whose end the patience is over is the last: one more would have succeeded."""
    now_s = 1000.0

    def sleep(_: float) -> None:
        nonlocal now_s
        now_s += pause_s

    monkeypatch.setattr("time.monotonic", lambda: now_s)
    attempts = 1 + ceil(PATIENCE_S / pause_s)
    with pytest.raises(StoreUnavailable, match=f"^order ord_1: {attempts} attempts conflicted"):
        run_transaction(attempts_with(attempts), "order ord_1", sleep=sleep)
    assert run_transaction(attempts_with(attempts - 1), "order ord_1", sleep=sleep) == attempts


def test_a_store_in_conflict_is_attempted_again() -> None:
    """As if the commit's condition had failed: the attempt may have to read again."""
    results = iter([TransactionInConflict("in progress"), CONFLICT, TransactionInConflict("in progress"), "result"])

    def attempt() -> str | Retry:
        result = next(results)
        if isinstance(result, Exception):
            raise result
        return result  # type: ignore[return-value]

    pauses: list[float] = []
    assert run_transaction(attempt, "order ord_1", sleep=pauses.append) == "result"
    assert len(pauses) == 3


@pytest.mark.parametrize("refusal", [None, Refusal()])
def test_what_no_read_stands_behind_is_committed_once_nothing_is_in_its_way(
    refusal: Refusal | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What refuses it then is the caller's to look at."""
    monkeypatch.setattr("time.sleep", lambda _: None)
    store, commit = Busy(refusal, conflicts=3), Commit()
    assert commit_unread(commit, store, "order ord_1") is refusal  # type: ignore[arg-type]
    assert store.commits == [commit] * 4


class Busy:
    """A store whose first commits conflict."""

    def __init__(self, refusal: Refusal | None, conflicts: int) -> None:
        self.commits: list[Commit] = []
        self._refusal = refusal
        self._conflicts = conflicts

    def commit(self, commit: Commit) -> Refusal | None:
        self.commits.append(commit)
        if len(self.commits) <= self._conflicts:
            raise TransactionInConflict("in progress")
        return self._refusal


def test_an_error_of_an_attempt_is_not_retried() -> None:
    """A use-case that must stop, such as one that finds nothing under an id, stops at once."""
    results = iter([CONFLICT])
    with pytest.raises(StopIteration):
        run_transaction(lambda: next(results), "order ord_1", sleep=lambda _: None)


def test_a_pause_is_random_between_nothing_and_a_limit_that_doubles() -> None:
    """Full jitter: competing callers spread over the whole interval, and none waits longer than the limit."""
    longest = pauses_of(11, lambda _, limit: limit)
    assert longest[:5] == [0.02, 0.04, 0.08, 0.16, 0.32]
    assert set(longest[5:]) == {PAUSE_LIMIT_S}
    assert set(pauses_of(11, lambda least, _: least)) == {0}


def test_the_default_pauses_are_random_and_within_their_limits() -> None:
    """The default source of randomness keeps the same bounds, and does not repeat itself."""
    pauses: list[float] = []
    run_transaction(attempts_with(11), "order ord_1", sleep=pauses.append)
    limits = pauses_of(11, lambda _, limit: limit)
    assert all(0 <= pause <= limit for pause, limit in zip(pauses, limits, strict=True))
    assert len(set(pauses)) == len(pauses)


def test_a_request_that_was_carried_out_under_its_key_returns_its_result() -> None:
    """The same body under the same key: the id of what was created then."""
    record = IdempotencyRecord(fingerprint="sha256-of-body", subject="ord_1", at=NOON)
    assert result_under_key(Snapshot(documents={KEY: record}), KEY, "sha256-of-body") == "ord_1"


def test_a_key_without_a_record_returns_nothing() -> None:
    """Another key's record does not count: a key counts for its account and route only."""
    record = IdempotencyRecord(fingerprint="sha256-of-body", subject="ord_1", at=NOON)
    others = [
        idempotency_key(AccountId("acct_ben"), "orders", "key-1"),
        idempotency_key(AccountId("acct_ada"), "refund-requests", "key-1"),
        idempotency_key(AccountId("acct_ada"), "orders", "key-2"),
    ]
    assert result_under_key(Snapshot(documents=dict.fromkeys(others, record)), KEY, "sha256-of-body") is None


def test_a_key_of_another_request_raises() -> None:
    """A key can't be used for a second request: its caller would get a result that it did not request."""
    record = IdempotencyRecord(fingerprint="sha256-of-body", subject="ord_1", at=NOON)
    with pytest.raises(IdempotencyKeyReused, match="belongs to another request"):
        result_under_key(Snapshot(documents={KEY: record}), KEY, "sha256-of-another-body")


ADJUSTMENT = Adjustment(account_id=AccountId("acct_ada"), credits=5, reason="It stood still.", actor="sam", key="key-1")
REPLAY = Replay(name=("stripe:cus_1", "evt_1"), actor="sam", reason="The price is there.", key="key-1")
DECISION = ReviewDecision(outcome=DecisionOutcome.APPROVE, words=("You are right.",), clause="5", money_minor=500)
OTHERS: list[tuple[Adjustment | Replay | ReviewDecision, dict[str, object]]] = [
    (ADJUSTMENT, {"account_id": "acct_ben", "credits": 6, "reason": "Another one.", "actor": "kim"}),
    (REPLAY, {"name": ("stripe:cus_1", "evt_2"), "reason": "Another one.", "actor": "kim"}),
    (
        DECISION,
        {
            "outcome": DecisionOutcome.REPLACE,
            "words": ("You are right. ",),
            "clause": "6",
            "money_minor": None,
            "credits": 1,
            "takes_credits": False,
            "ends_subscription": True,
            "items": (RefundedItem(line_id="il_1", amount_minor=500),),
            "agreement": "By mail.",
        },
    ),
]


@pytest.mark.parametrize(
    ("request_", "name", "other"),
    [(one, name, other) for one, others in OTHERS for name, other in others.items()],
    ids=lambda part: type(part).__name__ if isinstance(part, Adjustment | Replay | ReviewDecision) else None,
)
def test_each_field_of_a_persons_act_makes_it_another_request(
    request_: Adjustment | Replay | ReviewDecision, name: str, other: object
) -> None:
    """Else an act with another reason, amount or person would be answered as done, and would not be on record."""

    def fingerprint(one: Adjustment | Replay | ReviewDecision) -> str:
        return one.fingerprint("case_1", "sam") if isinstance(one, ReviewDecision) else one.fingerprint

    assert fingerprint(replace(request_, **{name: other})) != fingerprint(request_)  # type: ignore[arg-type]


def test_no_field_of_an_act_is_left_out() -> None:
    """Nor whose case is decided, and by whom. The key itself names the request."""
    for one, others in OTHERS:
        assert {*others} | {"key"} >= {field.name for field in fields(one)}
    decided = {DECISION.fingerprint(*names) for names in (("case_1", "sam"), ("case_2", "sam"), ("case_1", "kim"))}
    assert len(decided) == 3
