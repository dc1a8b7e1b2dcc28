"""The text of the table's keys: one module knows it, and it reads back what it writes."""

import ast
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ledger.domain.audit import (
    AuditAction,
    AuditRecord,
)
from ledger.domain.ids import (
    AccountId,
    OrderId,
    PaymentId,
    SubjectId,
)
from ledger.domain.index_rows import IndexRow, NameKind
from ledger.domain.receipts import Trigger
from ledger.domain.recent_requests import LimitedRequest
from ledger.domain.refund_cases import FollowStage
from ledger.domain.timeline import TimelineRow, TimelineRowKind
from ledger.dynamodb import keys
from ledger.dynamodb.keys import ItemKind
from ledger.ports.documents import (
    DocumentKey,
    DocumentKind,
    account_sums_key,
    actor_sums_key,
    audit_key,
    awaited_order_key,
    case_claim_key,
    case_key,
    case_pointer_key,
    checkout_key,
    contact_key,
    credit_note_key,
    credit_note_pointer_key,
    credit_note_series_key,
    declared_contract_key,
    failed_run_key,
    idempotency_key,
    incident_key,
    incident_share_key,
    index_row_key,
    intent_key,
    job_cursor_key,
    mail_intent_key,
    mail_record_key,
    mail_shard,
    mute_key,
    open_checkout_key,
    proposal_key,
    recent_requests_key,
    sortable,
    subject_act_key,
    subject_look_key,
    subject_request_key,
    timeline_row_key,
    watched_plan_key,
)
from tests.unit.dynamodb.golden_items import ENTRY

PRODUCT = sorted([*Path("functions").rglob("*.py"), *Path("layers").rglob("*.py")])
READERS = sorted(path for folder in ("cli", "tools", "proof") for path in Path(folder).rglob("*.py"))
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ODD = AccountId("acct#1 ~")
AN_ACT = AuditRecord(actor="sam", action=AuditAction.HOLD, subject="dispute:stripe:dp#1", reason="", at=NOON, step=12)


def key_texts(source: str) -> Iterator[tuple[int, str]]:
    """Yield the line and text of each string that begins like a key of the table."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
            for fixed in keys.RESERVED:
                is_key = text.startswith(fixed) if fixed.endswith("#") else text == fixed
                if is_key:
                    yield node.lineno, text


@pytest.mark.parametrize("path", [path for path in [*PRODUCT, *READERS] if path.parent.name != "dynamodb"], ids=str)
def test_no_module_outside_dynamodb_knows_the_text_of_a_key(path: Path) -> None:
    """Not even a tool: it asks `ledger.dynamodb.keys`. So the table's layout can change in one place."""
    assert list(key_texts(path.read_text("utf-8"))) == []


@pytest.mark.parametrize(
    "planted",
    [
        'store.documents(f"ACCOUNT#{account_id}", "")',
        'name.removeprefix("INTENT#")',
        'listing = Listing("REVIEW", "x")',
        'partition = "OUTBOX"',
        '"ENTRY#.+"',
        '"PAYMENT#" + payment_id',
    ],
)
def test_a_planted_key_text_is_found(planted: str) -> None:
    """In a plain string, in an f-string, as a prefix, and as a whole partition."""
    assert list(key_texts(planted))


DOCUMENTS = [
    case_key(ODD, "case_1"),
    case_pointer_key("case_1"),
    intent_key("case_1-2"),
    failed_run_key(ODD, NOON, "run#1"),
    audit_key(ODD, AN_ACT),
    idempotency_key(ODD, "refund-requests", "a#key#with#marks"),
    job_cursor_key("expire_credits"),
    checkout_key("stripe", "cs#1"),
    DocumentKey(DocumentKind.REVIEW_QUEUE, ("2026-11-20T12:00:00.000000Z", "case_1")),
    DocumentKey(DocumentKind.DEFERRED_QUEUE, ("case_1",)),
    open_checkout_key(ODD, "creator_monthly"),
    DocumentKey(DocumentKind.RENEWAL_STOP, ("2026-11-20T12:00:00.000000Z", "stripe:in#1")),
    DocumentKey(DocumentKind.DECLARATION, ("W-7K3F-9Q2M-4XNP",)),
    DocumentKey(DocumentKind.LISTED_DECLARATION, ("matched", "2026-11-20T12:00:00.000000Z", "W-7K3F-9Q2M-4XNP")),
    declared_contract_key("stripe:sub#1"),
    contact_key(ODD),
    mail_intent_key("mail_1"),
    mail_record_key("mail_1"),
    awaited_order_key(NOON, OrderId("ord_1")),
    credit_note_key(ODD, "2026-000007"),
    credit_note_series_key("Shop & Co. #1", 2026),
    credit_note_pointer_key("stripe:re#1/correction"),
    watched_plan_key(NOON, OrderId("ord_1")),
    incident_key("inc_1"),
    incident_share_key("inc_1", ODD),
    mute_key("mute_1"),
    DocumentKey(DocumentKind.LISTED_INCIDENT, ("2026-11-20T12:00:00.000000Z", "inc_1")),
    DocumentKey(DocumentKind.RUNNING_INCIDENT, ("2026-11-20T12:00:00.000000Z", "inc_1")),
    DocumentKey(DocumentKind.PROPOSAL_QUEUE, ("2026-11-20T12:00:00.000000Z", "prop_1")),
    proposal_key(ODD, "prop_1"),
    actor_sums_key("auth0|sam#1", "2026-11"),
    account_sums_key(ODD, "2026-11"),
    recent_requests_key(ODD, LimitedRequest.ORDERS),
    case_claim_key(ODD, "case_1"),
    subject_act_key(
        SubjectId("event:a#~b#1"),
        AuditRecord(actor="auth0|sam#1", action=AuditAction.REPLAY, subject="a#b", reason="", at=NOON, step=0),
    ),
    subject_look_key(
        SubjectId("event:a#~b#1"),
        TimelineRow(kind=TimelineRowKind.LOOK, subject="why#1", at=NOON, actor="auth0|sam#1"),
    ),
    subject_request_key(SubjectId("event:a#~b#1"), "replays", "key#1"),
    timeline_row_key(ODD, TimelineRow(kind=TimelineRowKind.LOOK, subject="why#1", at=NOON, actor="auth0|sam#1")),
    index_row_key(IndexRow(kind=NameKind.INVOICE, name="INV/1", subject="stripe:in#1")),
    index_row_key(IndexRow(kind=NameKind.AMOUNT, name="", subject="stripe:in#1", at=NOON, amount=1999, currency="EUR")),
    index_row_key(IndexRow(kind=NameKind.RUN, name="", subject="run#1", account_id=ODD, at=NOON, amount=5)),
]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.kind)
def test_a_document_key_is_read_back_from_its_item(document: DocumentKey) -> None:
    """Whatever characters a customer's ids and keys contain."""
    item = keys.document_key(document)
    assert (keys.kind_of(item), keys.document_key_of(item)) == (document.kind, document)
    assert {one.kind for one in DOCUMENTS} == set(DocumentKind), "one of each kind"


def test_every_kind_of_item_is_told_from_its_key() -> None:
    """No two kinds share the text of their keys."""
    made = {
        ItemKind.RECEIPT: keys.receipt_key("stripe", "evt_1", None),
        ItemKind.PAYMENT: keys.payment_key(PaymentId("stripe:pi#1")),
        ItemKind.FULFILMENT_KEY: keys.fulfilment_item_key("order/ord_1"),
        ItemKind.SUBSCRIPTION: keys.subscription_key("stripe:sub_1"),
        ItemKind.ACCOUNT: keys.account_key(ODD),
        ItemKind.ENTRY: keys.entry_key(ENTRY),
        ItemKind.LOT: keys.lot_key(ODD, "order/ord_1/0"),
        ItemKind.RUN: keys.run_key(ODD, "run#1"),
    }
    assert {kind: keys.kind_of(item) for kind, item in made.items()} == {kind: kind for kind in ItemKind}
    assert keys.payment_id_of(made[ItemKind.PAYMENT]) == "stripe:pi#1"
    assert keys.account_id_of(made[ItemKind.LOT]) == ODD
    assert keys.lot_id_of(made[ItemKind.LOT]) == "order/ord_1/0"
    with pytest.raises(ValueError, match="no item has the key"):
        keys.kind_of(keys.key("ACCOUNT#acct_1", "NOTHING#"))


def test_a_shard_follows_from_the_key_alone_and_spreads_evenly() -> None:
    """A stored row must be found again by every later version: these shards are what was written."""
    made = [keys.receipt_key("stripe", f"evt_{number}", None) for number in range(2000)]
    assert [keys.shard_of(key) for key in made[:6]] == [20, 6, 17, 11, 22, 4]
    spread = Counter(keys.shard_of(key) for key in made)
    assert spread.keys() == set(range(keys.SHARDS))
    assert max(spread.values()) < 2 * min(spread.values())


EARLIER, LATER = NOON - timedelta(seconds=1), NOON + timedelta(seconds=1)
OTHER_ACCOUNT = AccountId("acct#1")


def _declaration(state: str, at: datetime) -> DocumentKey:
    return DocumentKey(DocumentKind.LISTED_DECLARATION, (state, sortable(at), "W-7K3F-9Q2M-4XNP"))


def _amount(minor: int, at: datetime) -> DocumentKey:
    row = IndexRow(kind=NameKind.AMOUNT, name="", subject="stripe:in#1", at=at, amount=minor, currency="EUR")
    return index_row_key(row)


def _failure(at: datetime, account_id: AccountId = ODD) -> DocumentKey:
    return index_row_key(IndexRow(kind=NameKind.RUN, name="", subject="run#1", account_id=account_id, at=at, amount=5))


ORDERS = [OrderId(f"ord_{number}") for number in range(200)]
SHARD = mail_shard(ORDERS[0])
OF_ANOTHER_SHARD = next(one for one in ORDERS if mail_shard(one) != SHARD)
Bounds = Callable[[], tuple[str, str, str]]
RANGES: dict[str, tuple[Bounds, list[DocumentKey], list[DocumentKey]]] = {
    "declarations in a state": (
        lambda: keys.declarations_since("matched", None),
        [_declaration("matched", EARLIER), _declaration("matched", LATER)],
        [_declaration(other, NOON) for other in ("confirmed", "in_review", "approved", "one_of_tomorrow")],
    ),
    "declarations since a time": (
        lambda: keys.declarations_since("matched", NOON),
        [_declaration("matched", NOON), _declaration("matched", LATER)],
        [_declaration("matched", EARLIER), _declaration("in_review", LATER)],
    ),
    "awaited orders of a shard": (
        lambda: keys.awaited_orders_since(SHARD, None),
        [awaited_order_key(EARLIER, ORDERS[0])],
        [awaited_order_key(NOON, OF_ANOTHER_SHARD)],
    ),
    "awaited orders since a time": (
        lambda: keys.awaited_orders_since(SHARD, NOON),
        [awaited_order_key(NOON, ORDERS[0]), awaited_order_key(LATER, ORDERS[0])],
        [awaited_order_key(EARLIER, ORDERS[0]), awaited_order_key(LATER, OF_ANOTHER_SHARD)],
    ),
    "plans that are due": (
        lambda: keys.watched_plans_until(SHARD, NOON),
        [watched_plan_key(EARLIER, ORDERS[0]), watched_plan_key(NOON, ORDERS[0])],
        [watched_plan_key(LATER, ORDERS[0]), watched_plan_key(EARLIER, OF_ANOTHER_SHARD)],
    ),
    "payments of an amount between two times": (
        lambda: keys.indexed_between(DocumentKind.INDEXED_AMOUNT, _amount(5, NOON).parts[0], NOON, LATER),
        [_amount(5, NOON), _amount(5, LATER)],
        [_amount(5, EARLIER), _amount(5, LATER + timedelta(seconds=1)), _amount(50, NOON)],
    ),
    "runs that failed until a time": (
        lambda: keys.indexed_between(DocumentKind.INDEXED_FAILURE, _failure(NOON).parts[0], None, NOON),
        [_failure(EARLIER), _failure(NOON), _failure(NOON, OTHER_ACCOUNT)],
        [_failure(LATER), _failure(NOON - timedelta(days=1))],
    ),
    "failed runs of an account": (
        lambda: keys.failed_runs_since(ODD, NOON),
        [failed_run_key(ODD, NOON, "run#1"), failed_run_key(ODD, LATER, "run#1")],
        [failed_run_key(ODD, EARLIER, "run#1"), failed_run_key(OTHER_ACCOUNT, LATER, "run#1")],
    ),
}


@pytest.mark.parametrize("name", RANGES)
def test_a_range_has_its_items_and_no_others(name: str) -> None:
    """A job that reads too little leaves work undone; one that reads too much does what is not due."""
    bounds, inside, outside = RANGES[name]
    pk, lowest, highest = bounds()

    def is_read(key: DocumentKey) -> bool:
        stored = keys.document_key(key)
        return bool(stored["pk"]["S"] == pk and lowest <= stored["sk"]["S"] <= highest)

    assert [is_read(key) for key in inside] == [True] * len(inside)
    assert [is_read(key) for key in outside] == [False] * len(outside)


def test_a_partition_of_an_index_is_of_one_day_state_or_trigger_and_of_one_shard() -> None:
    """Two that share one are read as each other's; one that is not read is never done."""
    shards = range(keys.SHARDS)
    days = [NOON.date(), NOON.date() + timedelta(days=1)]
    assert len({keys.expires_on(day, shard) for day in days for shard in shards}) == 2 * keys.SHARDS
    parked = {keys.parked_shard(trigger, shard) for trigger in Trigger for shard in shards}
    assert len(parked) == len(Trigger) * keys.SHARDS
    followed = {keys.followed_shard(stage, shard) for stage in FollowStage for shard in shards}
    assert len(followed) == len(FollowStage) * keys.SHARDS
    for trigger in Trigger:
        where = keys.parked_of_customer("stripe:cus_1", trigger)
        assert where.pk == keys.receipt_key("stripe", "evt_1", "stripe:cus_1")["pk"]["S"]
        assert all(
            keys.parked_shard(other, shard).startswith(where.prefix) is (other is trigger)
            for other in Trigger
            for shard in shards
        )


@pytest.mark.parametrize(
    ("name", "item"), [(keys.SUSPENDED, keys.account_key(ODD)), ("bank", keys.payment_key(PaymentId("stripe:pi#1")))]
)
def test_a_position_in_a_list_of_support_leads_back_to_its_row(name: str, item: keys.Key) -> None:
    """By its time and its owner: two of one instant have two positions."""
    row = item | {"listed_in": {"S": name}, "listed_at": {"S": sortable(NOON)}}
    position = keys.listed_position(row)
    assert position == f"{sortable(NOON)}#{keys.owner_of(item)}"
    assert keys.listed_key(name, position) == row
