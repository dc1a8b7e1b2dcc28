"""A rolling deploy, and a rollback: two releases write the same items in turn, on real engines.

The newer release is this code with a larger schema: fields of its own at every depth, a fact kind and two states.
"""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from moto import mock_aws

from ledger.domain.errors import StoreUnavailable, UnreadableItem
from ledger.domain.facts import RefundChanged, RefundSent, RefundState
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.lots import Lot
from ledger.domain.purchases import Purchase
from ledger.domain.receipts import RecordOutcome
from ledger.domain.refund_cases import CaseState, RefundCase, RefundReason
from ledger.domain.refund_intents import RefundIntent
from ledger.domain.subscriptions import Subscription, SubscriptionStatus
from ledger.dynamodb import items, keys, schema, writes
from ledger.dynamodb.codec import Shape
from ledger.dynamodb.store import DynamoDBStore
from ledger.ports.commit import AccountChange, Commit, DocumentChange
from ledger.ports.documents import case_key, intent_key
from ledger.ports.reads import Keys
from ledger.usecases.usage import draw_credits
from tests.conftest import store_at
from tools.testing.builders import (
    ADA,
    CH,
    LATER,
    NOON,
    PI,
    at,
    dispute,
    event_of,
    ordered,
    paid,
    payment,
    record_events,
    refund,
)
from tools.testing.stored_items import unpacked_lot
from tools.testing.unguarded import expire_credits

ADDED = {"added_later": {"M": {"by": {"S": "the newer release"}}}}
"""A field of the newer release, of a type that the older one does not use."""


@pytest.fixture(
    params=[
        pytest.param("moto", marks=pytest.mark.moto),
        pytest.param("ministack", marks=pytest.mark.ministack),
        "dynamodb-local",
    ]
)
def store(request: pytest.FixtureRequest) -> Iterator[DynamoDBStore]:
    """A store on moto, which a mutant is tried against, and on real engines."""
    if request.param == "moto":
        with mock_aws():
            yield store_at(None)
    else:
        yield store_at(request.getfixturevalue(request.param.replace("-", "_")))


@contextlib.contextmanager
def newer_release(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Write and read as the newer release does: every record has one field more, in every item and inside it."""
    encode, item = Shape.encode, items._item  # noqa: SLF001 - the one place where an item is made
    with monkeypatch.context() as patch:
        patch.setattr(Shape, "encode", lambda self, record: encode(self, record) | ADDED)
        patch.setattr(items, "_item", lambda key, attributes: item(key, attributes | ADDED))
        yield


def put_field(store: DynamoDBStore, key: Mapping[str, Any]) -> None:
    """Put the newer release's field on an item that is written attribute by attribute."""
    store._calls.dispatch(  # noqa: SLF001 - what a newer release would have stored
        "UpdateItem",
        {
            "TableName": store._table,  # noqa: SLF001
            "Key": key,
            "UpdateExpression": "SET added_later = :0",
            "ExpressionAttributeValues": {":0": ADDED["added_later"]},
        },
    )


def raw(store: DynamoDBStore, key: Mapping[str, Any]) -> dict[str, Any]:
    """An item as it is stored."""
    (found,) = [item for item in store.scan() if keys.primary_key(item) == key]
    return found


def test_the_older_release_rewrites_a_purchase_and_an_account_and_loses_nothing(
    store: DynamoDBStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fields of the newer release survive in the purchase, its facts and lines, the account and its lots."""
    with newer_release(monkeypatch):
        record_events(
            store, paid(payment(fulfilment_key="order/ord_1")), event_of(refund(100, state=RefundState.PENDING))
        )
    put_field(store, keys.account_key(ADA))
    record_events(store, event_of(refund(500, minute=11)), event_of(dispute(minute=30)))
    assert store.read(Keys(accounts=frozenset({ADA}))).accounts[ADA].status == "suspended"

    purchase = raw(store, keys.payment_key(PI))
    assert purchase["added_later"] == ADDED["added_later"]
    facts = purchase["facts"]["M"]
    assert facts["payment"]["M"]["added_later"] == ADDED["added_later"]
    assert facts["payment"]["M"]["lines"]["L"][0]["M"]["added_later"] == ADDED["added_later"]
    assert facts["refund:re_1"]["M"]["added_later"] == ADDED["added_later"], "the older release stored its next state"
    assert facts["refund:re_1"]["M"]["state"] == {"S": "succeeded"}
    assert "added_later" not in facts["dispute:dp_1"]["M"], "only the older release knows of it"
    account = raw(store, keys.account_key(ADA))
    assert account["added_later"] == ADDED["added_later"]
    lot = unpacked_lot(account["lot:order/ord_1/0"], "order/ord_1/0")["M"]
    assert lot["added_later"] == ADDED["added_later"]
    assert (lot["refunded"], lot["is_frozen"]) == ({"N": "250"}, {"BOOL": True})

    with newer_release(monkeypatch):
        record_events(store, event_of(refund(2000, minute=40)))
    merged = store.read(Keys(frozenset({PI}))).payments[PI]
    assert isinstance(merged, Purchase)
    assert merged.facts.keys() == {"payment", "refund:re_1", "dispute:dp_1"}


def test_a_lot_keeps_its_unknown_fields_when_it_closes_and_when_it_opens_again(
    store: DynamoDBStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It moves from the account into an item of its own, and back."""
    with newer_release(monkeypatch):
        record_events(store, paid())
    record_events(store, event_of(refund(2000)))
    assert raw(store, keys.lot_key(ADA, f"{PI}/0"))["added_later"] == ADDED["added_later"]
    record_events(store, event_of(refund(2000, state=RefundState.FAILED, minute=30)))
    lot = unpacked_lot(raw(store, keys.account_key(ADA))[f"lot:{PI}/0"], f"{PI}/0")["M"]
    assert lot["added_later"] == ADDED["added_later"]


def test_facts_that_waited_keep_their_unknown_fields_when_their_payment_absorbs_them(
    store: DynamoDBStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The waiting purchase becomes a pointer; its facts move, with what the newer release stored in them."""
    with newer_release(monkeypatch):
        record_events(store, event_of(refund(500), names=(CH,)))
    record_events(store, paid(), replace(paid(), names=(PI, CH)))
    facts = raw(store, keys.payment_key(PI))["facts"]["M"]
    assert facts["refund:re_1"]["M"]["added_later"] == ADDED["added_later"]
    pointer = raw(store, keys.payment_key(CH))
    assert pointer["points_to"] == {"S": PI}
    assert "facts" not in pointer
    assert pointer["added_later"] == ADDED["added_later"]


def subscription(minute: float, status: SubscriptionStatus) -> Subscription:
    """A subscription's state."""
    return Subscription(subscription_id="stripe:sub_1", status=status, at=at(minute), cause=f"stripe:{minute}")


def test_the_older_release_rewrites_a_subscription_and_a_run_and_loses_nothing(
    store: DynamoDBStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The subscription's own item and its summary on the account keep the newer release's fields."""
    event = replace(paid(), payment=None, names=(), facts=())
    with newer_release(monkeypatch):
        record_events(store, paid())
        record_events(store, replace(event, subscription=subscription(1, SubscriptionStatus.ACTIVE)))
        draw_credits(ADA, "run_1", 10, store, now=LATER)
    record_events(
        store, replace(event, event_id="evt_later", subscription=subscription(2, SubscriptionStatus.PAST_DUE))
    )
    stored = raw(store, keys.subscription_key("stripe:sub_1"))
    assert (stored["status"], stored["added_later"]) == ({"S": "past_due"}, ADDED["added_later"])
    summary = raw(store, keys.account_key(ADA))["subscription:stripe:sub_1"]["M"]
    assert (summary["status"], summary["added_later"]) == ({"S": "past_due"}, ADDED["added_later"])
    run = store.read(Keys(runs=frozenset({(ADA, "run_1")}))).runs[ADA, "run_1"]
    assert store.commit(Commit(run=replace(run, failed_at=LATER, returned=run.drawn))) is None
    assert raw(store, keys.run_key(ADA, "run_1"))["added_later"] == ADDED["added_later"]


def test_the_older_release_rewrites_a_case_and_loses_nothing(
    store: DynamoDBStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also inside the submitted evidence; and a field that is None again is removed."""
    case = RefundCase(
        case_id="case_1",
        account_id=ADA,
        payment_id=PI,
        reason=RefundReason.WITHDRAWAL,
        state=CaseState.REQUESTED,
        opened_at=NOON,
        opened_by=ADA,
        correlation_id="req_1",
        deferred_until=LATER,
    )
    key = case_key(ADA, "case_1")
    with newer_release(monkeypatch):
        assert store.commit(Commit(documents=(DocumentChange(key, case, 0),))) is None
    read = store.read(Keys(documents=frozenset({key}))).document(key, RefundCase)
    assert read == replace(case, version=1)
    moved = replace(read, state=CaseState.IN_REVIEW, deferred_until=None)
    assert store.commit(Commit(documents=(DocumentChange(key, moved, 1),))) is None
    assert store.commit(Commit(documents=(DocumentChange(key, moved, 1),))) is not None, "its version has moved on"
    item = raw(store, keys.document_key(key))
    assert item["added_later"] == ADDED["added_later"]
    assert item["submitted_evidence"]["M"]["added_later"] == ADDED["added_later"]
    assert "deferred_until" not in item
    assert store.read(Keys(documents=frozenset({key}))).document(key, RefundCase) == replace(moved, version=2)


@contextlib.contextmanager
def with_more(monkeypatch: pytest.MonkeyPatch, what: str) -> Iterator[Any]:
    """A newer release with one fact kind, one state, or one incompatible version more. Yields the fact it stores."""
    sent = RefundSent(tag="t", refund_id="re_1", at=NOON, cause="case:1")
    with monkeypatch.context() as patch:
        match what:
            case "a fact":
                kinds = {**items._KIND_OF_FACT, RefundSent: ({"S": "refund_posted"}, schema.FACTS["refund_sent"])}  # noqa: SLF001
                patch.setattr(items, "_KIND_OF_FACT", kinds)
                patch.setattr(items, "FACTS", {**schema.FACTS, "refund_posted": schema.FACTS["refund_sent"]})
                yield sent
            case "a state":
                patch.setattr(
                    items,
                    "_KIND_OF_FACT",
                    {**items._KIND_OF_FACT, RefundChanged: ({"S": "refund_changed"}, _WITH_REVERSED)},  # noqa: SLF001
                )
                patch.setattr(items, "FACTS", {**schema.FACTS, "refund_changed": _WITH_REVERSED})
                yield refund(500)
            case _:
                patch.setattr(items, "_VERSION", {"N": "2"})
                patch.setattr(writes, "VERSION", 2)
                patch.setattr(items, "VERSION", 2)
                yield refund(500)


_STATE = schema.FACTS["refund_changed"].fields["state"]
_REVERSED = _STATE._replace(
    type=_STATE.type._replace(encode=lambda _: {"S": "reversed"}, decode=lambda _: RefundState.SUCCEEDED)
)
_WITH_REVERSED: Shape[RefundChanged] = Shape(
    "a refund", RefundChanged, {**schema.FACTS["refund_changed"].fields, "state": _REVERSED}
)


@pytest.mark.parametrize("what", ["a fact", "a state", "a version"])
def test_what_the_older_release_cannot_read_is_not_stored_over_and_is_read_after_its_upgrade(
    store: DynamoDBStore, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """StoreUnavailable, so 503, however the event comes; nothing is lost; the upgraded release books the redelivery."""
    record_events(store, paid())
    with with_more(monkeypatch, what) as fact:
        record_events(store, event_of(fact))
    before = sorted(map(str, store.scan()))
    late = event_of(refund(700, refund_id="re_2", minute=50))
    for event in (late, paid(), replace(paid(), names=(PI, CH))):
        with pytest.raises(StoreUnavailable):
            record_events(store, event)
    with pytest.raises(UnreadableItem):
        store.read(Keys(payments=frozenset({PI})))
    assert sorted(map(str, store.scan())) == before, "the older release wrote nothing"
    with with_more(monkeypatch, what):
        assert record_events(store, late)[0].outcome is RecordOutcome.BOOKED
        purchase = store.read(Keys(payments=frozenset({PI}))).payments[PI]
        assert isinstance(purchase, Purchase)
        assert purchase.facts.keys() == {"payment", fact.key, "refund:re_2"}


def test_a_grant_without_a_read_does_not_write_to_an_account_of_a_newer_format(store: DynamoDBStore) -> None:
    """Its account would be read first by any other event; this one has a condition instead."""
    record_events(store, paid())
    make_newer(store, keys.account_key(ADA))
    before = sorted(map(str, store.scan()))
    other = replace(payment(), payment_id="stripe:pi_2", cause="stripe:evt_other")  # type: ignore[arg-type]
    with pytest.raises(StoreUnavailable):
        record_events(store, paid(other))
    assert sorted(map(str, store.scan())) == before


def test_a_grant_without_a_read_does_not_write_to_an_order_of_a_newer_format(store: DynamoDBStore) -> None:
    """What the newer release has stored with the order may be a condition of its payment."""
    settled = ordered(store)
    make_newer(store, keys.fulfilment_item_key("order/ord_1"))
    before = sorted(map(str, store.scan()))
    with pytest.raises(StoreUnavailable):
        record_events(store, paid(settled))
    assert sorted(map(str, store.scan())) == before


def make_newer(store: DynamoDBStore, key: keys.Key) -> None:
    """The item is of a format that this release does not know."""
    store._calls.dispatch(  # noqa: SLF001 - what a newer release would have stored
        "UpdateItem",
        {
            "TableName": store._table,  # noqa: SLF001
            "Key": key,
            "UpdateExpression": "SET #0 = :0",
            "ExpressionAttributeNames": {"#0": schema.SCHEMA},
            "ExpressionAttributeValues": {":0": {"N": "2"}},
        },
    )


def test_a_closed_lot_without_a_digest_is_changed_only_while_it_has_none(store: DynamoDBStore) -> None:
    """Who stored it keeps no digests; who changes it meanwhile does, and that must not be written over."""

    def closes(version: int, after: Lot, **before: Lot) -> Commit:
        change = AccountChange(
            account_id=ADA, version=version, lots={"a": after}, closed=frozenset({"a"}), closed_before=before
        )
        return Commit(account=change)

    def without_digest() -> Lot:
        call = {"TableName": store._table, "Key": keys.lot_key(ADA, "a"), "UpdateExpression": "REMOVE digest"}  # noqa: SLF001
        store._calls.dispatch("UpdateItem", call)  # noqa: SLF001
        return store.read(Keys(closed_lots=frozenset({(ADA, "a")}))).closed_lots[ADA, "a"]

    lot = Lot(lot_id="a", granted=10)
    assert store.commit(closes(0, lot)) is None
    read = without_digest()
    assert store.commit(closes(1, replace(lot, drawn=10))) is None
    assert store.commit(closes(2, replace(lot, drawn=5), a=read)) is not None
    assert store.commit(closes(2, replace(lot, drawn=5), a=without_digest())) is None


def test_a_lot_is_equal_with_and_without_unknown_fields() -> None:
    """No rule may follow from what this release does not know."""
    assert Lot(lot_id="a", granted=1, unknown_fields=ADDED) == Lot(lot_id="a", granted=1)


def test_an_unreadable_item_of_a_queue_blocks_no_other(
    store: DynamoDBStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The outbox's job sends what it can read; what it can't is in the log, and still in the outbox."""

    def intent(tag: str) -> Commit:
        made = RefundIntent(tag=tag, account_id=ADA, payment_id=PI, approved_at=NOON)
        return Commit(documents=(DocumentChange(intent_key(tag), made, 0),))

    with with_more(monkeypatch, "a version"):
        store.commit(intent("case_1-1"))
    store.commit(intent("case_2-1"))
    found: list[RefundIntent] = []
    with pytest.raises(UnreadableItem) as unreadable:
        found.extend(store.outbox())
    assert unreadable.value.since == NOON, "it counts in the age of what waits"
    assert [intent.tag for intent in found] == ["case_2-1"]
    assert [record.message for record in caplog.records if record.name == "ledger.dynamodb.reads"] == ["item left out"]
    with with_more(monkeypatch, "a version"):
        assert {found.tag for found in store.outbox()} == {"case_1-1", "case_2-1"}


def test_one_unreadable_account_delays_no_expiry_of_another(
    store: DynamoDBStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others' credits expire; the job fails, keeps its cursor, and books the rest once it can read it."""
    bob, cleo = AccountId("acct_bob"), AccountId("acct_cleo")
    for number, account_id in enumerate((ADA, bob, cleo)):
        settled = payment(PaymentId(f"stripe:pi_{number}"), account_id=account_id, expires_at=at(60))
        record_events(store, paid(settled), now=at(1))
    with with_more(monkeypatch, "a version"):
        record_events(store, event_of(dispute(), names=(PaymentId("stripe:pi_1"),)), now=at(30))
    with pytest.raises(UnreadableItem):
        expire_credits(store, now=LATER)
    accounts = store.read(Keys(accounts=frozenset({ADA, cleo}))).accounts
    assert {account_id: account.balance for account_id, account in accounts.items()} == {ADA: 0, cleo: 0}
    with with_more(monkeypatch, "a version"):
        assert expire_credits(store, now=LATER) == {bob: 1000}
