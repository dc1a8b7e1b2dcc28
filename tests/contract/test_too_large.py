"""What DynamoDB has no room for: the event is parked, never refused for ever, and booked once there is room."""

import contextlib
from dataclasses import replace
from datetime import timedelta

import pytest
from pynamodb.exceptions import VerboseClientError

from bench.units import size_of
from ledger.domain.events import Event
from ledger.domain.ids import PaymentId
from ledger.domain.purchases import Purchase
from ledger.domain.receipts import ParkReason, RecordOutcome
from ledger.dynamodb import items, keys
from ledger.dynamodb.store import DynamoDBStore
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.record_event import record_event
from tools.testing.builders import ADA, IN, LATER, event_of, paid, payment, record_events, refund
from tools.testing.fakes import MAX_ITEM_BYTES

FILLER = "filler"


def fill(store: DynamoDBStore, key: keys.Key) -> None:
    """Leave an item room for a few bytes: as much is put into it as it takes."""
    for size in range(MAX_ITEM_BYTES, 0, -25):
        with contextlib.suppress(VerboseClientError):
            change(store, key, "SET #filler = :x", {":x": {"S": "x" * size}})
            return


def empty(store: DynamoDBStore, key: keys.Key) -> None:
    """Give an item its room back."""
    change(store, key, "REMOVE #filler", {})


def change(store: DynamoDBStore, key: keys.Key, expression: str, values: dict[str, object]) -> None:
    """Change the filler of an item."""
    arguments = {
        "TableName": store._table,  # noqa: SLF001 - no port of ours writes raw items
        "Key": key,
        "UpdateExpression": expression,
        "ExpressionAttributeNames": {"#filler": FILLER},
    }
    store._calls.dispatch("UpdateItem", arguments | ({"ExpressionAttributeValues": values} if values else {}))  # noqa: SLF001


def again(store: Store, event: Event) -> RecordOutcome:
    """Record an event that was parked, as the schedule does an hour later."""
    return record_event(event, store, body=b"{}", body_sha256="0" * 64, now=LATER + timedelta(hours=1)).outcome


def test_a_payment_for_an_account_without_room_is_parked_until_there_is_room(real_store: DynamoDBStore) -> None:
    """Nothing of it is booked meanwhile, and the receipt says why."""
    second = paid(payment(IN, fulfilment_key="order/ord_2"))
    record_events(real_store, paid(payment(fulfilment_key="order/ord_1")))
    fill(real_store, keys.account_key(ADA))
    for _ in range(2):
        (result,) = record_events(real_store, second)
        assert (result.outcome, result.parked_reason) == (RecordOutcome.PARKED, ParkReason.TOO_LARGE)
    (parked,) = real_store.parked_receipts()
    assert (parked.event_id, parked.body) == (second.event_id, b"{}")
    assert parked.detail == "an item of acct_ada would become larger than 400 KB"
    assert len(list(real_store.entries(ADA))) == 1
    empty(real_store, keys.account_key(ADA))
    assert again(real_store, second) is RecordOutcome.BOOKED
    assert real_store.read(Keys(accounts=frozenset({ADA}))).accounts[ADA].balance == 2000
    assert list(real_store.parked_receipts()) == []


def test_a_refund_of_a_purchase_without_room_is_parked_until_there_is_room(real_store: DynamoDBStore) -> None:
    """A purchase grows with each refund and dispute of it."""
    record_events(real_store, paid())
    fill(real_store, keys.payment_key(PaymentId("stripe:pi_1")))
    money_back = event_of(refund(1000))
    assert record_events(real_store, money_back)[0].parked_reason is ParkReason.TOO_LARGE
    assert real_store.read(Keys(accounts=frozenset({ADA}))).accounts[ADA].balance == 1000
    empty(real_store, keys.payment_key(PaymentId("stripe:pi_1")))
    assert again(real_store, money_back) is RecordOutcome.BOOKED
    assert real_store.read(Keys(accounts=frozenset({ADA}))).accounts[ADA].balance == 500


@pytest.mark.parametrize(("lines", "outcome"), [(90, RecordOutcome.BOOKED), (120, RecordOutcome.PARKED)])
def test_a_payment_of_more_lines_than_a_transaction_has_room_for_is_parked(
    lines: int, outcome: RecordOutcome, any_store: Store
) -> None:
    """Each line is an entry. What fits is booked."""
    whole = payment()
    parts = tuple(
        replace(whole.lines[0], line_id=f"li_{number}", credits=10, amount_minor=20) for number in range(lines)
    )
    event = paid(replace(whole, lines=parts, paid_minor=20 * lines))
    (result,) = record_events(any_store, event)
    assert result.outcome is outcome
    account = any_store.read(Keys(accounts=frozenset({ADA}))).accounts.get(ADA)
    assert (account.balance if account else 0) == (10 * lines if outcome is RecordOutcome.BOOKED else 0)
    if outcome is RecordOutcome.PARKED:
        assert result.parked_reason is ParkReason.TOO_LARGE
        assert [parked.event_id for parked in any_store.parked_receipts()] == [event.event_id]


def refunds(batch: int, number: int = 100) -> Event:
    """An event that reports so many refunds of one credit each, with ids as long as a provider's."""
    name = PaymentId("stripe:pi_3QxYzAbCdEfGhIjKlMnOpQrS")
    facts = (
        replace(
            refund(100, refund_id=f"re_3QxYzAbCdEfGhIjKlMn{batch:02}{one:03}", minute=10 + batch),
            charge_id="ch_3QxYzAbCdEfGhIjKlMnOpQrS",
        )
        for one in range(number)
    )
    return event_of(*facts, names=(name,))


def test_a_purchase_takes_1200_refunds_and_those_beyond_its_room_are_parked(real_store: DynamoDBStore) -> None:
    """Each takes its credit. What an item of 400 KB has no room for is parked, and nothing of it is booked."""
    event = refunds(0)
    (name,) = event.names
    record_events(real_store, paid(payment(name, paid_minor=200_000, credits_=2_000)))
    booked = 0
    for batch in range(20):
        (result,) = record_events(real_store, refunds(batch))
        stored = real_store.read(Keys(accounts=frozenset({ADA}), payments=frozenset({name})))
        if result.outcome is RecordOutcome.PARKED:
            assert result.parked_reason is ParkReason.TOO_LARGE
            break
        booked += 100
        assert stored.accounts[ADA].balance == 2_000 - booked
    assert booked >= 1_200
    purchase = stored.payments[name]
    assert isinstance(purchase, Purchase)
    assert len(purchase.facts) == booked + 1
    assert size_of(items.to_purchase(purchase)) < MAX_ITEM_BYTES < size_of(items.to_purchase(purchase)) * 1.08
    assert stored.accounts[ADA].balance == 2_000 - booked
