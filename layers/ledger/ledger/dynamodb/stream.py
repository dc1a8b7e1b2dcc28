"""The table's stream: what a record that Lambda delivers is about."""

from collections.abc import Mapping
from typing import Any

from ledger.domain.ids import PaymentId
from ledger.dynamodb import keys
from ledger.ports.documents import DocumentKey

Record = Mapping[str, Any]


def changed_payments(event: Mapping[str, Any]) -> list[PaymentId]:
    """Return the ids of the payments whose purchases changed, each once, in a stable order."""
    return sorted({keys.payment_id_of(_key(record)) for record in event["Records"]})


def customers_with_receipts(event: Mapping[str, Any]) -> list[str]:
    """Return the ids of the customers whose receipts changed, each once, in a stable order.

    A receipt without a customer yields `<provider>:<event id>`, as `Store.customer_receipts` expects it.
    """
    return sorted({keys.owner_of(_key(record)) for record in event["Records"]})


def document_key(record: Record) -> DocumentKey:
    """Return the key of the document that a record is about: a refund intent, or a stop of renewals."""
    return keys.document_key_of(_key(record))


def _key(record: Record) -> keys.Key:
    key: keys.Key = record["dynamodb"]["Keys"]
    return key
