"""What DynamoDB may answer on a bad day, and what a commit costs on a good one."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from pynamodb.exceptions import CancellationReason, TransactWriteError, VerboseClientError

from ledger.domain.errors import CommitTooLarge, StoreUnavailable
from ledger.domain.events import Event, Owner
from ledger.domain.facts import DisputeState
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.lots import Lot
from ledger.domain.receipts import Receipt, RecordOutcome
from ledger.domain.refund_cases import DecisionOutcome
from ledger.domain.subscriptions import Subscription, SubscriptionStatus
from ledger.dynamodb import items, keys
from ledger.dynamodb.store import DynamoDBStore
from ledger.dynamodb.writes import Writes
from ledger.ports.commit import MAX_ACTIONS, AccountChange, Commit, DocumentChange, Refusal
from ledger.ports.documents import intent_key
from ledger.usecases import plan_booking
from ledger.usecases.refund_cases.decide_case import ReviewDecision
from ledger.usecases.send_refunds import send_refund
from ledger.usecases.transaction import PATIENCE_S, PAUSE_LIMIT_S
from ledger.usecases.usage import draw_credits, fail_run
from tools.testing.builders import (
    ADA,
    IN,
    LATER,
    POLICY,
    at,
    dispute,
    event_of,
    ordered,
    paid,
    payment,
    record_events,
    refund,
    refund_claim,
    request_refund,
)
from tools.testing.fakes import FakeProvider, FakeStore
from tools.testing.unguarded import decide_case, expire_credits
from tools.testing.virtual_time import VirtualTime


class Troubled:
    """A connection that refuses its first calls."""

    def __init__(self, *troubles: Exception) -> None:
        self.troubles = list(troubles)
        self.calls: list[dict[str, Any]] = []

    def transact_write_items(self, **arguments: Any) -> None:
        self.calls.append(arguments)
        if self.troubles:
            raise self.troubles.pop(0)


def refused(code: str, *reasons: str | None) -> TransactWriteError:
    """A refusal in AWS's wire format, as PynamoDB raises it."""
    told = [CancellationReason(code=reason) if reason else None for reason in reasons]
    cause = VerboseClientError({"Error": {"Code": code}}, "TransactWriteItems", {}, cancellation_reasons=told)
    return TransactWriteError("refused", cause)


CONFLICT = refused("TransactionCanceledException", None, "TransactionConflict")
THROTTLED = refused("ProvisionedThroughputExceededException")
TIMEOUT = TransactWriteError("no answer", ReadTimeoutError(endpoint_url="http://127.0.0.1"))


def receipt(event: Event) -> Receipt:
    """The receipt of an event."""
    return Receipt(
        provider=event.provider,
        event_id=event.event_id,
        event_type=event.event_type,
        occurred_at=event.at,
        received_at=LATER,
        outcome=RecordOutcome.NOTED,
        body_sha256="0" * 64,
        correlation_id=event.correlation_id,
        customer_id=event.owner.customer_id,
        account_id=event.owner.account_id,
    )


@pytest.mark.parametrize("last_error", [CONFLICT, THROTTLED])
def test_a_conflict_or_throttling_is_tried_again(last_error: Exception) -> None:
    """On a hot account a passing refusal costs a pause, no event."""
    connection = Troubled(last_error, last_error)
    store = DynamoDBStore("ledger", connection)  # type: ignore[arg-type]
    assert record_events(store, paid())[0].outcome is RecordOutcome.BOOKED
    assert len(connection.calls) == 3


@pytest.mark.parametrize(
    "reason", ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded", "InternalServerError"]
)
def test_a_transaction_that_was_cancelled_for_a_passing_reason_is_tried_again(reason: str) -> None:
    """Whichever of DynamoDB's passing reasons it is, beside operations that had none."""
    connection = Troubled(refused("TransactionCanceledException", None, reason))
    assert record_events(DynamoDBStore("ledger", connection), paid())[0].outcome is RecordOutcome.BOOKED  # type: ignore[arg-type]
    assert len(connection.calls) == 2


@pytest.mark.parametrize(
    "code",
    [
        "InternalServerError",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "ThrottlingException",
        "TransactionInProgressException",
        "TransactionConflictException",
    ],
)
def test_a_call_that_is_refused_for_a_passing_reason_is_made_again(code: str) -> None:
    """Whichever of DynamoDB's passing errors it is."""
    connection = Troubled(refused(code))
    assert record_events(DynamoDBStore("ledger", connection), paid())[0].outcome is RecordOutcome.BOOKED  # type: ignore[arg-type]
    assert len(connection.calls) == 2


def test_each_commit_has_a_token_of_its_own() -> None:
    """DynamoDB answers a token that it knows as it did before, and writes nothing."""
    connection = Troubled()
    record_events(DynamoDBStore("ledger", connection), paid(), paid())  # type: ignore[arg-type]
    first, second = (call["client_request_token"] for call in connection.calls)
    assert first != second


@pytest.mark.parametrize(("last_error", "is_kept"), [(CONFLICT, False), (THROTTLED, True)])
def test_a_transaction_keeps_its_token_while_it_is_unclear_what_became_of_it(
    last_error: Exception, *, is_kept: bool
) -> None:
    """So a write whose answer was lost is not taken for somebody else's; a cancelled one is tried anew."""
    connection = Troubled(last_error)
    record_events(DynamoDBStore("ledger", connection), paid())  # type: ignore[arg-type]
    first, second = (call["client_request_token"] for call in connection.calls)
    assert (first == second) is is_kept


@pytest.mark.parametrize(("last_error", "calls"), [(THROTTLED, 6), (TIMEOUT, 1)])
def test_what_does_not_pass_is_told_to_the_provider_and_never_dropped(last_error: Exception, calls: int) -> None:
    """After the last try the event is not stored, and its caller knows: 503, so that it is delivered again."""
    connection = Troubled(*[last_error] * 20)
    with pytest.raises(StoreUnavailable):
        record_events(DynamoDBStore("ledger", connection), paid())  # type: ignore[arg-type]
    assert len(connection.calls) == calls


_NEW = {"Code": "ValidationException", "Message": "Item size has exceeded the maximum allowed size"}
_STORED = CancellationReason(
    code="ValidationError", message="Item size to update has exceeded the maximum allowed size"
)
NO_ROOM = {
    "a new item": VerboseClientError({"Error": _NEW}, "TransactWriteItems", {}),
    "a stored item": VerboseClientError(
        {"Error": {"Code": "TransactionCanceledException", "Message": "Transaction cancelled"}},
        "TransactWriteItems",
        {},
        cancellation_reasons=[None, _STORED],
    ),
}


@pytest.mark.parametrize("item", NO_ROOM)
def test_an_item_without_room_is_told_as_such_with_its_account(item: str) -> None:
    """DynamoDB has two ways to say it. The caller parks the event: it is no trouble that passes."""
    connection = Troubled(TransactWriteError("refused", NO_ROOM[item]))
    store = DynamoDBStore("ledger", connection)  # type: ignore[arg-type]
    commit = Commit(account=AccountChange(account_id=ADA, version=1))
    with pytest.raises(CommitTooLarge, match=f"an item of {ADA} would become larger than 400 KB"):
        store.commit(commit)
    assert len(connection.calls) == 1


@pytest.mark.parametrize(("documents", "is_sent"), [(MAX_ACTIONS, True), (MAX_ACTIONS + 1, False)])
def test_a_commit_of_more_than_a_transaction_holds_is_never_sent(documents: int, *, is_sent: bool) -> None:
    """Each of its puts, updates, deletes and checks counts."""
    connection = Troubled()
    store = DynamoDBStore("ledger", connection)  # type: ignore[arg-type]
    gone = tuple(DocumentChange(intent_key(f"case_1-{number}"), None) for number in range(documents - 1))
    commit = Commit(documents=gone, account=AccountChange(account_id=ADA, version=1))
    with nullcontext() if is_sent else pytest.raises(CommitTooLarge, match=f"at most {MAX_ACTIONS} items"):
        store.commit(commit)
    assert len(connection.calls) == is_sent


def test_a_conflict_is_waited_for_as_long_as_a_provider_waits() -> None:
    """Then it is told like any other trouble."""
    connection, clock = Troubled(*[CONFLICT] * 1000), VirtualTime()
    with clock.as_the_clock():
        (ended,) = clock.at_once([lambda: record_events(DynamoDBStore("ledger", connection), paid())])  # type: ignore[arg-type]
    assert isinstance(ended.error, StoreUnavailable)
    assert PATIENCE_S <= ended.after_s <= PATIENCE_S + PAUSE_LIMIT_S
    assert len(connection.calls) > 12


def test_trying_again_ends_in_time_for_an_answer() -> None:
    """The client's own tries take long: the provider is told before it, or Lambda, gives up."""
    connection = Troubled(*[THROTTLED] * 20)
    with pytest.raises(StoreUnavailable):
        record_events(DynamoDBStore("ledger", connection, patience_s=0), paid())  # type: ignore[arg-type]
    assert len(connection.calls) == 1


def test_a_bug_of_ours_is_not_taken_for_a_bad_day() -> None:
    """A validation error is raised as it is: it must alarm, not be retried."""
    store = DynamoDBStore("ledger", Troubled(refused("ValidationException")))  # type: ignore[arg-type]
    with pytest.raises(TransactWriteError):
        record_events(store, paid())


def test_every_write_of_a_first_grant_stands_under_a_condition() -> None:
    """It is written without a read: what it must not meet, its conditions say."""
    connection = Troubled()
    store = DynamoDBStore("ledger", connection)  # type: ignore[arg-type]
    store.commit(
        plan_booking.plan_first_grant(paid(payment(fulfilment_key="order/ord_1")), receipt(paid()), is_claimed=False)
    )
    (call,) = connection.calls
    operations = [*call["put_items"], *call["update_items"]]
    assert len(operations) == 5
    assert all("ConditionExpression" in operation for operation in operations)


class Noting(FakeStore):
    """A store that notes what it is asked to write."""

    def __init__(self) -> None:
        super().__init__()
        self.commits: list[Commit] = []

    def commit(self, commit: Commit) -> Refusal | None:
        self.commits.append(commit)
        return super().commit(commit)


def test_every_kind_of_write_stands_under_a_condition() -> None:
    """But for a closed lot, which the account's version guards, and a document that is written over any other."""
    store, provider = Noting(), FakeProvider()
    of_order = ordered(store)
    running = Subscription(
        subscription_id="stripe:sub_1", status=SubscriptionStatus.ACTIVE, at=at(0), cause="stripe:evt_0", account_id=ADA
    )
    past_due = replace(running, status=SubscriptionStatus.PAST_DUE, cause="stripe:evt_1", at=at(1))
    record_events(store, paid(of_order), event_of(names=(IN, PaymentId("stripe:pi_1"))), paid(payment(IN, minute=1)))
    told = replace(event_of(names=()), owner=Owner(account_id=ADA))
    record_events(store, *(replace(told, event_id=one.cause, subscription=one) for one in (running, past_due)))
    draw_credits(ADA, "run_1", 1000, store, now=LATER)
    fail_run(ADA, "run_1", store, now=LATER)
    half = ReviewDecision(outcome=DecisionOutcome.APPROVE, words=("Half.",), clause="6", money_minor=1000)
    case = decide_case(request_refund(store, refund_claim()).case_id, half, "sam", store, POLICY, now=at(70))
    send_refund(case.tag, store, lambda _: provider, clock=lambda: at(71))
    expire_credits(store, now=LATER)
    writes, bare, kinds = Writes("ledger"), set(), set()
    for commit in store.commits:
        over_any = {f"document {change.key}" for change in commit.documents if change.replaces is None}
        for name, operation in (*writes.puts(commit), *writes.updates(commit)):
            kinds.add(name.split()[0])
            if "ConditionExpression" not in operation and name not in over_any:
                bare.add(name.split()[0])
    assert kinds == {
        *("receipt", "purchase", "pointer", "entry", "account", "lot", "run"),
        *("fulfilment", "order", "subscription", "document"),
    }
    assert bare == {"lot"}


def by_customer() -> Event:
    """A payment that only its customer leads to an account."""
    event = paid(payment(IN, account_id=AccountId("")))
    return replace(event, owner=Owner(customer_id="stripe:cus_1"))


@pytest.mark.parametrize(
    ("history", "last", "round_trips"),
    [
        ([], lambda: paid(payment(fulfilment_key="order/ord_1")), 1),
        ([], lambda: paid(), 1),
        ([lambda: paid(event_id="evt_same")], lambda: paid(event_id="evt_same"), 1),
        ([lambda: paid()], lambda: paid(), 2),
        ([lambda: event_of(refund())], lambda: paid(), 3),
        ([lambda: paid()], lambda: by_customer(), 3),
        ([lambda: paid()], lambda: event_of(refund()), 3),
        ([lambda: paid()], lambda: event_of(dispute(DisputeState.OPEN)), 3),
        (
            [lambda: paid(payment(IN)), lambda: event_of(names=(IN, PaymentId("stripe:pi_1")))],
            lambda: event_of(refund()),
            3,
        ),
        (
            [lambda: event_of(names=(IN, PaymentId("stripe:pi_1"))), lambda: paid(payment(IN))],
            lambda: event_of(refund()),
            3,
        ),
    ],
)
def test_round_trips_stay_within_the_budget(
    history: list[Callable[[], Event]], last: Callable[[], Event], round_trips: int
) -> None:
    """A grant is one, the same event one, another event of its payment two, what reads first three."""
    store = FakeStore()
    record_events(store, *(event() for event in history))
    store.round_trips = 0
    assert record_events(store, last())[0].outcome is not RecordOutcome.PARKED
    assert store.round_trips <= round_trips


def size(item: items.Item) -> int:
    """An item's size as DynamoDB counts it."""

    def of(attribute: Any) -> int:
        ((tag, content),) = attribute.items()
        if tag in {"S", "B"}:
            return len(content.encode() if isinstance(content, str) else content)
        if tag == "N":
            return len(content.lstrip("-")) // 2 + 2
        if tag == "M":
            return 3 + sum(len(name.encode()) + of(inner) + 1 for name, inner in content.items())
        return 3 + sum(of(inner) + 1 for inner in content) if tag == "L" else 1

    return sum(len(name.encode()) + of(attribute) for name, attribute in item.items())


def test_a_first_grant_writes_at_most_ten_units() -> None:
    """Receipt, purchase, entry, account, order claim: each below 1 KB, the account with ten open lots too."""
    pi = "stripe:pi_3QxYzAbCdEfGhIjKlMnOpQrS"
    ours = AccountId("acct_01k9zq3v7m8n5p2r4s6t8w0x1y")
    settled = payment(PaymentId(pi), fulfilment_key="order/ord_01k9zq3v7m8n5p2r4s6t8w0x1y", account_id=ours)
    event = paid(settled, event_id="evt_1QxYzAbCdEfGhIjKlMnOpQrS", customer="cus_QxYzAbCdEfGhIj")
    connection = Troubled()
    granted = plan_booking.plan_first_grant(event, receipt(event), is_claimed=False)
    assert granted.receipt
    DynamoDBStore("ledger", connection).commit(granted)  # type: ignore[arg-type]
    (call,) = connection.calls
    (written,) = [operation for operation in call["update_items"] if "correlation_id" in str(operation)]
    sizes = [size(operation["Item"]) for operation in call["put_items"]]
    sizes.append(size(written["Key"] | items.to_receipt(granted.receipt)))
    lots = {
        f"lot:{lot.lot_id}": items.to_lot(lot)
        for lot in (
            Lot(lot_id=f"order/ord_01k9zq3v7m8n5p2r4s6t8w0x{n:02}/0", granted=2500, drawn=1234) for n in range(10)
        )
    }
    account = keys.account_key(ours) | {"version": {"N": "12345"}} | lots
    assert len(sizes) == 3
    assert max(*sizes, size(account)) < 1024, (sizes, size(account))


def test_the_entries_of_a_commit_name_their_effect_and_not_their_event() -> None:
    """The same effect has the same id whoever tells it: it can't be booked twice."""
    first, second = (
        plan_booking.plan_first_grant(event, receipt(event), is_claimed=False) for event in (paid(), paid())
    )
    assert isinstance(first, Commit)
    assert [entry.entry_id for entry in first.entries] == [entry.entry_id for entry in second.entries]
    assert first.entries[0].account_id == ADA
