"""What the attributes of an item are for, beside its record: which of them go, and which say since when it waits."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from ledger.domain.errors import UnreadableItem
from ledger.domain.facts import PaymentSettled, RefundApproved
from ledger.domain.purchases import Purchase
from ledger.domain.receipts import ParkReason
from ledger.domain.refund_cases import CaseState
from ledger.domain.unknown_fields import KeepsUnknownFields, has_unknown_fields
from ledger.dynamodb import items, keys
from ledger.dynamodb.codec import format_at
from ledger.dynamodb.schema import RECEIPT as RECEIPT_SHAPE
from ledger.dynamodb.schema import SCHEMA
from ledger.ports.commit import PaymentPointer
from ledger.ports.documents import case_key, sortable
from tests.unit.dynamodb.golden_items import ADA, AT, CASE, INTENT, PI, PURCHASE, RECEIPT, STOP, goldens
from tools.testing.builders import IN

WAITING = replace(
    PURCHASE, facts={key: fact for key, fact in PURCHASE.facts.items() if not isinstance(fact, PaymentSettled)}
)
POINTER = PaymentPointer(
    name=PI, to=IN, also_to=(PI,), account_id=ADA, fulfilment_keys=("order/o",), lot_ids=("order/o/0",)
)


@pytest.mark.parametrize("part", ["also_to", "account_id", "fulfilment_keys", "lot_ids"])
def test_a_pointer_keeps_each_of_its_parts_without_the_others(part: str) -> None:
    """A purchase without an order has a lot all the same, and one whose money went back has only its order."""
    pointer = PaymentPointer(name=PI, to=IN, **{part: getattr(POINTER, part)})
    assert items.from_payment(items.to_pointer(pointer)) == pointer


def test_events_of_one_id_from_two_providers_have_receipts_of_their_own() -> None:
    """A customer's are told apart by the customer's id; those of nobody by their provider."""
    receipts = [replace(RECEIPT, provider=name, customer_id=None) for name in ("stripe", "paddle")]
    assert len({items.to_receipt(one)["pk"]["S"] for one in receipts}) == 2


def attributes(*stored: Iterable[str]) -> set[str]:
    """Return the names of all attributes of these items, without what every item has."""
    return {name for item in stored for name in item} - {"pk", "sk", SCHEMA}


def test_what_replaces_a_purchase_by_a_pointer_knows_every_attribute_of_both() -> None:
    """One that is not named would stay on the pointer, and bring it into an index."""
    assert any(isinstance(fact, RefundApproved) for fact in PURCHASE.facts.values())
    stored = attributes(items.to_purchase(PURCHASE), items.to_purchase(WAITING), items.to_pointer(POINTER))
    assert stored == items.NAMES_OF_A_PAYMENT


def test_what_books_a_parked_receipt_knows_every_attribute_that_one_can_have() -> None:
    """One that is not named would keep it in the index of the parked."""
    parked = replace(RECEIPT, parked_reason=ParkReason.NO_ACCOUNT, body=b"{}")
    assert attributes(items.to_receipt(RECEIPT), items.to_receipt(parked)) <= items.NAMES_OF_A_RECEIPT
    assert attributes(items.to_receipt(parked)) | RECEIPT_SHAPE.names == items.NAMES_OF_A_RECEIPT


def test_a_purchase_is_in_the_index_of_the_waiting_until_it_is_paid() -> None:
    """These attributes bring it there, and no others differ but those of its payment."""
    waiting, is_paid = attributes(items.to_purchase(WAITING)), attributes(items.to_purchase(PURCHASE))
    assert waiting - is_paid == items.WAITING
    assert is_paid - waiting == {"account_id", "paid_at"}


def test_what_brings_an_item_into_an_index_has_its_shard_and_a_time_that_sorts() -> None:
    """A query goes on from a time: it is written with all its digits."""
    waiting = items.to_purchase(WAITING)
    assert WAITING.waits_since
    assert waiting["waiting_shard"] == {"S": keys.waiting_shard(keys.shard_of(waiting))}
    assert waiting["waits_since"] == {"S": sortable(WAITING.waits_since)}
    unmuted = replace(RECEIPT, parked_reason=ParkReason.NO_ACCOUNT, muted_by=None, body=b"{}", received_at=AT)
    parked = items.to_receipt(unmuted)
    assert parked["parked_shard"] == {"S": keys.parked_shard(ParkReason.NO_ACCOUNT.trigger, keys.shard_of(parked))}
    assert parked["received_at"] == {"S": sortable(AT)}
    assert sortable(AT) != format_at(AT)


def test_a_purchase_that_has_no_names_yet_has_its_own() -> None:
    """What names it leads to it."""
    assert items.to_purchase(replace(PURCHASE, names=frozenset()))["names"] == {"L": [{"S": PI}]}


def test_a_purchase_of_an_older_release_is_read_with_what_it_lacks() -> None:
    """Its own name alone, and no duplicate. What was read is known as stored: only new facts are written."""
    stored = items.to_purchase(PURCHASE)
    older = {name: content for name, content in stored.items() if name not in {"names", "is_duplicate"}}
    read = items.from_payment(older)
    assert isinstance(read, Purchase)
    assert (read.names, read.is_duplicate) == (frozenset({PI}), False)
    assert read.facts == PURCHASE.facts
    assert read.stored_facts == read.facts


@pytest.mark.parametrize("missing", ["facts", "version"])
def test_a_purchase_that_lacks_what_must_be_there_is_unreadable(missing: str) -> None:
    """The error names it."""
    item = {name: content for name, content in items.to_purchase(PURCHASE).items() if name != missing}
    with pytest.raises(UnreadableItem, match=f"^a purchase: '{missing}' is missing or has another type$"):
        items.from_payment(item)


def test_an_account_that_lacks_what_must_be_there_is_unreadable() -> None:
    """The error names it."""
    golden = goldens()["account"]
    item = {name: content for name, content in golden.item.items() if name != "version"}
    with pytest.raises(UnreadableItem, match=r"^an account: 'version' is missing or has another type$"):
        golden.read(item)


def test_the_digest_covers_bytes_of_a_newer_release_too() -> None:
    """JSON has no bytes. What this release does not know is digested all the same."""
    one, other = ({"proof": {"B": content}} for content in (b"one", b"other"))
    assert items.digest_of(one) == items.digest_of(dict(one))
    assert items.digest_of(one) != items.digest_of(other)


def test_a_case_is_in_the_index_of_the_followed_until_it_has_ended() -> None:
    """These attributes bring it there, and no others differ."""
    key = case_key(ADA, CASE.case_id)
    ended = attributes(items.to_document(key, replace(CASE, state=CaseState.DECLINED)))
    followed = attributes(items.to_document(key, replace(CASE, state=CaseState.ISSUED)))
    assert followed - ended == items.FOLLOWED
    assert ended <= followed


@pytest.mark.parametrize("name", goldens())
def test_an_item_has_nothing_that_its_own_release_does_not_know(name: str) -> None:
    """What an item has beside its record is no unknown field: it would be written again, into the record."""
    golden = goldens()[name]
    read = golden.read(golden.item)
    parts: list[object] = [read, *(read.facts.values() if isinstance(read, Purchase) else ())]
    assert not any(has_unknown_fields(part) for part in parts if isinstance(part, KeepsUnknownFields))


@pytest.mark.parametrize(
    ("item", "since"),
    [
        ({"approved_at": {"S": format_at(AT)}}, AT),
        ({"since": {"S": format_at(AT)}}, AT),
        ({"received_at": {"S": sortable(AT)}}, AT),
        ({"approved_at": {"S": "yesterday"}, "since": {"S": format_at(AT)}}, AT),
        ({"approved_at": {"N": "1"}, "received_at": {"S": sortable(AT)}}, AT),
        ({"approved_at": {"S": None}, "received_at": {"S": sortable(AT)}}, AT),
        ({"at": {"S": format_at(AT)}}, None),
        ({}, None),
    ],
)
def test_an_item_that_cannot_be_read_still_says_since_when_it_waits(
    item: dict[str, Any], since: datetime | None
) -> None:
    """By the first of its times that can be read."""
    assert items.waits_since(item) == since


def test_each_kind_that_waits_for_a_job_says_since_when() -> None:
    """An intent, a stop of renewals, a case in a queue, a parked receipt."""
    parked = items.to_receipt(replace(RECEIPT, parked_reason=ParkReason.NO_ACCOUNT, body=b"{}"))
    golden = {name: goldens()[name].item for name in ("refund_intent", "renewal_stop", "deferred_queue")}
    assert items.waits_since(parked) == RECEIPT.received_at
    assert items.waits_since(golden["refund_intent"]) == INTENT.approved_at
    assert items.waits_since(golden["renewal_stop"]) == STOP.since
    assert items.waits_since(golden["deferred_queue"]) is not None
