"""How the table is read: consistently, whole, by the names that were given, and no page is left out."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from ledger.domain.declarations import DeclarationState
from ledger.domain.disputes import Awaits
from ledger.domain.errors import StoreUnavailable, UnreadableItem
from ledger.domain.facts import EvidenceState, Fact, merge
from ledger.domain.ids import (
    AccountId,
    PaymentId,
    SubjectId,
)
from ledger.domain.purchases import Purchase
from ledger.domain.receipts import Receipt, RecordOutcome, Trigger
from ledger.domain.refund_cases import CaseState, DecidedList, FollowStage
from ledger.domain.timeline import TimelineRowKind
from ledger.dynamodb import keys
from ledger.dynamodb.items import Item, to_document, to_purchase, to_receipt
from ledger.dynamodb.store import DynamoDBStore
from ledger.ports.documents import (
    INDEX_SHARDS,
    MAIL_SHARDS,
    DocumentKey,
    DocumentKind,
    case_key,
    intent_key,
    job_cursor_key,
    position_of,
    renewal_stop_key_of,
    sortable,
)
from ledger.ports.reads import Keys, Page, ParkedName
from ledger.ports.store import Store
from tests.unit.dynamodb.golden_items import CASE
from tools.testing.builders import ADA, CH, IN, LATER, NOON, PI, dispute, payment

_EMPTY: dict[str, dict[str, Any]] = {
    "GetItem": {},
    "BatchGetItem": {"Responses": {}},
    "Query": {"Items": []},
    "Scan": {"Items": []},
}


class Watched:
    """A connection that notes each operation, and answers as it is told, else that there is nothing."""

    def __init__(self, *responses: dict[str, Any]) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.responses = list(responses)

    def dispatch(self, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        self.calls.append((operation, arguments))
        return self.responses.pop(0) if self.responses else _EMPTY[operation]


def store_over(*responses: dict[str, Any]) -> tuple[DynamoDBStore, Watched]:
    """A store, and the connection that it reads by."""
    connection = Watched(*responses)
    return DynamoDBStore("ledger", connection), connection  # type: ignore[arg-type]


READS: dict[str, Callable[[DynamoDBStore], object]] = {
    "one name": lambda store: store.read(Keys(accounts=frozenset({ADA}))),
    "some names": lambda store: store.read(Keys(payments=frozenset({PI, CH}), accounts=frozenset({ADA}))),
    "customer_receipts": lambda store: store.customer_receipts("stripe:cus_1"),
    "latest_closed_lot": lambda store: [store.latest_closed_lot(ADA, "lot_1", "lot_2")],
    "parked_receipts": lambda store: store.parked_receipts(
        [ParkedName("stripe:cus_1", f"evt_{number}", NOON) for number in range(2)]
    ),
    "entries": lambda store: store.entries(ADA),
    "entries since": lambda store: store.entries(ADA, NOON),
    "statement_page": lambda store: [store.statement_page(ADA, 5)],
    "cases_of": lambda store: [store.cases_of(ADA, 5)],
    "review_queue": lambda store: [store.review_queue(5)],
    "proposals": lambda store: [store.proposals(5)],
    "deferred_cases": lambda store: store.deferred_cases(),
    "outbox": lambda store: store.outbox(),
    "renewal_stops": lambda store: store.renewal_stops(),
    "declarations": lambda store: store.declarations(DeclarationState.MATCHED),
    "declarations since": lambda store: store.declarations(DeclarationState.MATCHED, NOON),
    "mail_intents": lambda store: store.mail_intents(),
    "awaited_orders": lambda store: store.awaited_orders(),
    "credit_notes": lambda store: store.credit_notes(ADA),
    "watched_plans": lambda store: store.watched_plans(NOON),
    "awaited_orders since": lambda store: store.awaited_orders(NOON, turn=3),
    "incidents": lambda store: [store.incidents(5)],
    "running_incidents": lambda store: store.running_incidents(),
    "mutes": lambda store: store.mutes(),
    "incident_shares": lambda store: [store.incident_shares("inc_1", 5)],
    "failed_runs": lambda store: store.failed_runs(ADA, NOON),
    "audit_records": lambda store: store.audit_records(ADA),
    "scan": lambda store: store.scan(),
    "named": lambda store: store.named("INV-1"),
    "acts_page": lambda store: [store.acts_page(ADA, 5)],
    "subject_acts": lambda store: [store.subject_acts(SubjectId("event:a~b"), 5)],
    "subject_looks": lambda store: [store.subject_looks(SubjectId("event:a~b"), 5)],
    "timeline_rows": lambda store: [store.timeline_rows(ADA, TimelineRowKind.LOOK, 5)],
    "proposals_of": lambda store: store.proposals_of(ADA),
    "paid_between": lambda store: store.paid_between("EUR", 1999, NOON, NOON),
    "failed_between": lambda store: store.failed_between(NOON, NOON),
    "receipts_page": lambda store: [store.receipts_page("stripe:cus_1", 5)],
}


def read(name: str, store: DynamoDBStore) -> list[object]:
    """Everything that a read yields."""
    found = READS[name](store)
    return list(found) if isinstance(found, Iterable) else [found]


@pytest.mark.parametrize("name", READS)
def test_the_table_is_always_read_consistently(name: str) -> None:
    """What was just written is never missed: a decision that rests on an older state could pay twice."""
    store, connection = store_over()
    read(name, store)
    assert connection.calls
    for _, arguments in connection.calls:
        requests = arguments.get("RequestItems", {"ledger": arguments})
        assert requests.keys() == {"ledger"}
        assert requests["ledger"]["ConsistentRead"] is True
        assert arguments.get("TableName", "ledger") == "ledger"


INDEXED: dict[str, tuple[str, int, Callable[[DynamoDBStore], Iterable[object]]]] = {
    "parked_names": (keys.PARKED_INDEX, keys.SHARDS, lambda store: store.parked_names(Trigger.FACTS)),
    "parked since": (keys.PARKED_INDEX, keys.SHARDS, lambda store: store.parked_names(Trigger.FACTS, NOON)),
    "parked_of_customer": (
        keys.PARKED_OF_CUSTOMER_INDEX,
        1,
        lambda store: store.parked_of_customer("stripe:cus_1"),
    ),
    "waiting_payments": (keys.WAITING_INDEX, keys.SHARDS, lambda store: store.waiting_payments(LATER)),
    "open_disputes": (keys.LISTED_INDEX, 1, lambda store: store.open_disputes(Awaits.BANK, 5).items),
    "suspended_accounts": (keys.LISTED_INDEX, 1, lambda store: store.suspended_accounts(5).items),
    "decided_cases": (keys.LISTED_INDEX, 1, lambda store: store.decided_cases(DecidedList.OTHERS, 5).items),
    "followed_cases": (keys.FOLLOWED_INDEX, keys.SHARDS, lambda store: store.followed_cases(FollowStage.ENDED)),
    "expiring": (keys.EXPIRING_INDEX, keys.SHARDS, lambda store: store.expiring(sortable(NOON), NOON)),
    "purchases_of": (keys.PURCHASES_INDEX, 1, lambda store: store.purchases_of(ADA, 5).items),
}


def test_every_read_of_the_store_is_among_these() -> None:
    """A read that is added is held to the same."""
    of_the_port = {name for name in vars(Store) if not name.startswith("_")} - {"commit", "put_index_rows"}
    words = {name.partition(" ")[0] for name in (*READS, *INDEXED)} - {"one", "some", "parked", "scan"}
    assert words | {"read", "first_expiry"} == of_the_port


def test_the_first_expiry_is_the_least_of_every_page_of_its_index() -> None:
    """A Scan lists a global index in no order."""

    def page(*days: int, **more: Any) -> dict[str, Any]:
        due = [position_of(NOON + timedelta(days=day), ADA) for day in days]
        return {"Items": [{"expiry_due": {"S": one}} for one in due], **more}

    last = {"pk": {"S": "p"}, "sk": {"S": "s"}}
    store, connection = store_over(page(9, 5, LastEvaluatedKey=last), page(3, 7))
    assert store.first_expiry() == NOON + timedelta(days=3)
    asked = {"TableName": "ledger", "IndexName": keys.EXPIRING_INDEX}
    assert connection.calls == [("Scan", asked), ("Scan", {**asked, "ExclusiveStartKey": last})]
    assert store_over()[0].first_expiry() is None


@pytest.mark.parametrize("name", INDEXED)
def test_every_shard_of_an_index_is_read_and_no_index_is_asked_for_a_consistent_read(name: str) -> None:
    """DynamoDB refuses that of a global index."""
    index, shards, method = INDEXED[name]
    store, connection = store_over()
    assert list(method(store)) == []
    partitions = {str(arguments["ExpressionAttributeValues"]) for _, arguments in connection.calls}
    assert len(connection.calls) == len(partitions) == shards
    assert {arguments["IndexName"] for _, arguments in connection.calls} == {index}
    assert not any("ConsistentRead" in arguments for _, arguments in connection.calls)


def test_a_read_asks_for_every_name_that_it_was_given_and_for_nothing_else() -> None:
    """Of each kind. A name that is left out of the batch would look like one that is not stored."""
    names = Keys(
        payments=frozenset({PI, CH}),
        accounts=frozenset({ADA}),
        fulfilment_keys=frozenset({"order/ord_1"}),
        subscriptions=frozenset({"stripe:sub_1"}),
        closed_lots=frozenset({(ADA, "lot_1")}),
        runs=frozenset({(ADA, "run_1")}),
        documents=frozenset({intent_key("case_1-1"), job_cursor_key("expire_credits")}),
    )
    store, connection = store_over()
    store.read(names)
    ((operation, arguments),) = connection.calls
    assert operation == "BatchGetItem"
    wanted = [
        *(keys.payment_key(PI), keys.payment_key(CH), keys.account_key(ADA), keys.fulfilment_item_key("order/ord_1")),
        *(keys.subscription_key("stripe:sub_1"), keys.lot_key(ADA, "lot_1"), keys.run_key(ADA, "run_1")),
        *(keys.document_key(intent_key("case_1-1")), keys.document_key(job_cursor_key("expire_credits"))),
    ]
    assert Counter(map(str, arguments["RequestItems"]["ledger"]["Keys"])) == Counter(map(str, wanted))


def test_nothing_is_asked_when_no_name_is_given() -> None:
    """DynamoDB refuses an empty batch."""
    store, connection = store_over()
    assert not store.read(Keys()).payments
    assert connection.calls == []


@pytest.mark.parametrize("number", [99, 100, 101, 200, 201])
def test_a_batch_has_at_most_a_hundred_keys_and_none_is_left_out(number: int) -> None:
    """That is DynamoDB's limit."""
    accounts = frozenset(AccountId(f"acct_{one}") for one in range(number))
    store, connection = store_over()
    store.read(Keys(accounts=accounts))
    batches = [arguments["RequestItems"]["ledger"]["Keys"] for _, arguments in connection.calls]
    assert max(map(len, batches)) <= 100
    assert len(batches) == -(-number // 100)
    assert {keys.account_id_of(key) for batch in batches for key in batch} == accounts


def left_unread(*payments: PaymentId) -> dict[str, Any]:
    """A batch of which DynamoDB left these keys unread."""
    return {
        "Responses": {},
        "UnprocessedKeys": {"ledger": {"Keys": [keys.payment_key(name) for name in payments], "ConsistentRead": True}},
    }


def test_keys_that_dynamodb_left_unread_are_asked_for_again_and_only_they() -> None:
    """As it returned them; what it had read is kept."""
    first, second = ({"ledger": [keys.payment_key(name) | {"points_to": {"S": IN}}]} for name in (CH, PI))
    store, connection = store_over(left_unread(PI) | {"Responses": first}, {"Responses": second, "UnprocessedKeys": {}})
    assert set(store.read(Keys(payments=frozenset({PI, CH}))).payments) == {PI, CH}
    assert len(connection.calls) == 2
    assert connection.calls[1][1] == {"RequestItems": left_unread(PI)["UnprocessedKeys"]}


def test_keys_that_stay_unread_are_no_keys_that_are_not_stored() -> None:
    """After six calls the store is unavailable: what it did not say is never taken for nothing."""
    store, connection = store_over(*[left_unread(PI)] * 20)
    with pytest.raises(StoreUnavailable):
        store.read(Keys(payments=frozenset({PI, CH})))
    assert len(connection.calls) == 6


BY_PAGE = {
    "statement_page",
    "cases_of",
    "review_queue",
    "proposals",
    "purchases_of",
    "receipts_page",
    "acts_page",
    "timeline_rows",
    "subject_acts",
    "subject_looks",
    "incidents",
    "incident_shares",
    "open_disputes",
    "suspended_accounts",
    "decided_cases",
}
"""The reads of which a caller asks for the next page."""
BY_NAME = {"one name", "some names", "parked_receipts"}
SHARDED = {
    "mail_intents": MAIL_SHARDS,
    "awaited_orders": MAIL_SHARDS,
    "watched_plans": MAIL_SHARDS,
    "paid_between": INDEX_SHARDS,
    "failed_between": INDEX_SHARDS,
}
"""The lists that are spread over several partitions of the table."""
RANGES = [name for name in (*READS, *INDEXED) if name not in BY_PAGE | BY_NAME]


@pytest.mark.parametrize("name", RANGES)
def test_every_page_of_a_range_is_read(name: str) -> None:
    """From where the last one ended, also over a page that is empty; everything else is asked as before."""
    more = {"Items": [], "LastEvaluatedKey": {"pk": {"S": "p"}, "sk": {"S": "s"}}}
    store, connection = store_over(more, more)
    if name in READS:
        read(name, store)
    else:
        assert list(INDEXED[name][2](store)) == []
    shards = INDEXED[name][1] if name in INDEXED else SHARDED.get(name, 1)
    assert len(connection.calls) == shards + 2
    first, second, third = (arguments for _, arguments in connection.calls[:3])
    assert "ExclusiveStartKey" not in first
    assert second == third == {**first, "ExclusiveStartKey": more["LastEvaluatedKey"]}


LISTS: dict[str, tuple[keys.Key, Callable[[DynamoDBStore, str | None], Page[Any]]]] = {
    "bank": (keys.payment_key(PI), lambda store, after: store.open_disputes(Awaits.BANK, 5, after)),
    keys.SUSPENDED: (keys.account_key(ADA), lambda store, after: store.suspended_accounts(5, after)),
    DecidedList.OTHERS: (
        keys.document_key(case_key(AccountId("acct#1"), "case_1")),
        lambda store, after: store.decided_cases(DecidedList.OTHERS, 5, after),
    ),
}


@pytest.mark.parametrize("name", LISTS)
def test_a_list_of_support_goes_on_exactly_where_the_last_page_ended(name: str) -> None:
    """The position names time and item: two of one instant are both listed."""
    item, read_page = LISTS[name]
    last = item | {"listed_in": {"S": name}, "listed_at": {"S": "2026-11-01T12:00:00.000000Z"}}
    store, connection = store_over({"Items": [], "LastEvaluatedKey": last})
    first = read_page(store, None)
    assert first.next
    assert first.next.startswith(f"2026-11-01T12:00:00.000000Z#{keys.owner_of(last)}")
    assert read_page(store, first.next).next is None
    (_, begun), (_, went_on) = connection.calls
    assert went_on == {**begun, "ExclusiveStartKey": last}
    assert begun["ExpressionAttributeValues"] == {":name": {"S": name}}
    assert begun["ScanIndexForward"] is False


_LISTED_AT = {"listed_at": {"S": sortable(NOON)}}
_ASKED = replace(dispute(), evidence_due_at=LATER)
_ANSWERED = replace(_ASKED, evidence=EvidenceState.SUBMITTED)


def _disputed(*facts: Fact) -> Item:
    settled = payment()
    return to_purchase(Purchase(payment_id=PI, names=frozenset({PI}), facts=merge({}, (settled, *facts)), version=1))


_OTHERS = to_purchase(
    Purchase(payment_id=PI, names=frozenset({PI}), facts=merge({}, [payment(account_id=AccountId("b"))]), version=1)
)
_FREE = keys.account_key(ADA) | {"version": {"N": "1"}, "schema_version": {"N": "1"}}
STALE: dict[str, tuple[Item, Callable[[DynamoDBStore], Iterable[object]]]] = {
    "a dispute that was answered": (_disputed(_ANSWERED), lambda store: store.open_disputes(Awaits.EVIDENCE, 5).items),
    "one that asks again": (_disputed(_ASKED), lambda store: store.open_disputes(Awaits.BANK, 5).items),
    "a payment without a dispute": (_disputed(), lambda store: store.open_disputes(Awaits.EVIDENCE, 5).items),
    "an account without a hold": (_FREE, lambda store: store.suspended_accounts(5).items),
    "a case that was overturned": (
        to_document(case_key(ADA, "case_1"), replace(CASE, state=CaseState.APPROVED, decided_by="sam")),
        lambda store: store.decided_cases(DecidedList.DECLINED_BY_POLICY, 5).items,
    ),
    "a case whose refund failed": (
        to_document(case_key(ADA, "case_1"), CASE),
        lambda store: store.decided_cases(DecidedList.OTHERS, 5).items,
    ),
    "another's payment": (_OTHERS, lambda store: store.purchases_of(ADA, 5).items),
    "a receipt that was booked": (
        to_receipt(
            Receipt(
                provider="stripe",
                event_id="evt_1",
                event_type="invoice.paid",
                occurred_at=NOON,
                received_at=NOON,
                outcome=RecordOutcome.BOOKED,
                body_sha256="0" * 64,
                correlation_id="stripe:evt_1",
                customer_id="stripe:cus_1",
            )
        ),
        lambda store: store.parked_of_customer("stripe:cus_1"),
    ),
}


@pytest.mark.parametrize("name", STALE)
def test_what_an_index_still_lists_is_shown_as_it_is_stored_or_not_at_all(name: str) -> None:
    """An index lags: the item that its row names is read by key, and counts."""
    item, read_list = STALE[name]
    row = {"pk": item["pk"], "sk": item["sk"]} | _LISTED_AT
    store, connection = store_over({"Items": [row]}, {"Item": item})
    assert list(read_list(store)) == []
    assert [operation for operation, _ in connection.calls] == ["Query", "GetItem"]


def test_a_page_of_purchases_goes_on_exactly_where_the_last_one_ended() -> None:
    """The position names time and payment: two that were paid at one instant are both listed."""
    last = keys.payment_key(PI) | {"account_id": {"S": ADA}, "paid_at": {"S": "2026-11-01T12:00:00.000000Z"}}
    store, connection = store_over({"Items": [], "LastEvaluatedKey": last})
    first = store.purchases_of(ADA, 5)
    assert (first.items, first.next) == ((), f"2026-11-01T12:00:00.000000Z#{PI}")
    assert store.purchases_of(ADA, 5, first.next).next is None
    (_, begun), (_, went_on) = connection.calls
    assert "ExclusiveStartKey" not in begun
    assert went_on == {**begun, "ExclusiveStartKey": last}
    assert (begun["Limit"], begun["ScanIndexForward"], begun["IndexName"]) == (5, False, keys.PURCHASES_INDEX)
    assert begun["ExpressionAttributeValues"] == {":account": {"S": ADA}}


def test_what_can_not_be_read_is_logged_by_kind_and_field_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    """The message is always the same, so that an alarm can look for it."""
    spoilt = keys.document_key(intent_key("case_1-1")) | {"tag": {"S": "case_1-1"}}
    store, _ = store_over({"Items": [spoilt]})
    with pytest.raises(UnreadableItem, match="1 items can't be read"):
        list(store.outbox())
    (record,) = caplog.records
    assert (record.levelname, record.message) == ("ERROR", "item left out")
    assert record.__dict__["kind"] is DocumentKind.REFUND_INTENT
    assert record.__dict__["reason"]


WORK: dict[str, tuple[DocumentKey, Callable[[Store], Iterable[object]]]] = {
    "outbox": (intent_key("case_1-1"), lambda store: store.outbox()),
    "renewal_stops": (renewal_stop_key_of(NOON, PI), lambda store: store.renewal_stops()),
    "declarations": (
        DocumentKey(DocumentKind.LISTED_DECLARATION, ("matched", sortable(NOON), "W-7K3F-9Q2M-4XNP")),
        lambda store: store.declarations(DeclarationState.MATCHED),
    ),
    "deferred_cases": (DocumentKey(DocumentKind.DEFERRED_QUEUE, ("case_1",)), lambda store: store.deferred_cases()),
}
"""The lists of what a job must do: an item of each, and the read."""


@pytest.mark.parametrize("name", WORK)
def test_no_job_takes_a_list_for_whole_of_which_an_item_can_not_be_read(name: str) -> None:
    """The others come first. A page for people leaves it out, but work that no job does must raise the alarm."""
    key, method = WORK[name]
    unreadable = keys.document_key(key) | {"schema_version": {"N": "99"}}
    store, _ = store_over({"Items": [unreadable, unreadable]})
    with pytest.raises(UnreadableItem, match="2 items can't be read"):
        list(method(store))


@pytest.mark.parametrize("times", list(permutations([NOON, NOON + timedelta(hours=1), None])))
@pytest.mark.parametrize("name", WORK)
def test_what_can_not_be_read_waits_since_its_oldest_item(name: str, times: tuple[datetime | None, ...]) -> None:
    """In whatever order they are found. One that doesn't say since when it waits makes it no younger."""
    key, method = WORK[name]
    wire = "approved_at" if name == "outbox" else "since"
    unreadable = keys.document_key(key) | {"schema_version": {"N": "99"}}
    found = [unreadable | ({wire: {"S": sortable(time)}} if time else {}) for time in times]
    store, _ = store_over({"Items": found})
    with pytest.raises(UnreadableItem) as told:
        list(method(store))
    assert told.value.since == NOON
