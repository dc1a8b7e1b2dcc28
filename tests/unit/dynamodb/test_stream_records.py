"""What the records of the table's stream are about."""

import pytest

from ledger.domain.ids import PaymentId
from ledger.dynamodb import keys, stream
from ledger.ports.documents import DocumentKey, intent_key, renewal_stop_key
from tests.unit.dynamodb.golden_items import STOP


def record(key: keys.Key) -> stream.Record:
    """A change of the item with this key."""
    return {"eventName": "MODIFY", "dynamodb": {"Keys": key, "SequenceNumber": "1"}}


def test_each_changed_payment_is_named_once() -> None:
    """A batch may contain several changes of one purchase."""
    changed = [keys.payment_key(PaymentId(name)) for name in ("stripe:pi_2", "stripe:pi_1", "stripe:pi_2")]
    assert stream.changed_payments({"Records": [record(key) for key in changed]}) == ["stripe:pi_1", "stripe:pi_2"]


def test_each_customer_with_new_receipts_is_named_once() -> None:
    """A receipt without a customer is its own partition, and is read by that name."""
    changed = [
        keys.receipt_key("stripe", "evt_1", "stripe:cus_1"),
        keys.receipt_key("stripe", "evt_2", "stripe:cus_1"),
        keys.receipt_key("stripe", "evt_3", None),
    ]
    found = stream.customers_with_receipts({"Records": [record(key) for key in changed]})
    assert found == ["stripe:cus_1", "stripe:evt_3"]


@pytest.mark.parametrize("key", [intent_key("case_1-2"), renewal_stop_key(STOP)], ids=lambda key: key.kind)
def test_the_record_of_a_document_names_its_key(key: DocumentKey) -> None:
    """Whole: an intent's tag has the number of the approval at its end, a stop its time and its payment."""
    assert stream.document_key(record(keys.document_key(key))) == key
