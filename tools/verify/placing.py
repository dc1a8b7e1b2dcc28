"""Whether an item lies where its content says: its key, and the attributes that bring it into an index or a stream.

They are computed again from the rest of the item. Only the shard of an index row is not: it is stored, so that the
number of shards can grow.
"""

from typing import Any

from ledger.domain.audit import AuditRecord
from ledger.domain.ids import AccountId
from ledger.domain.purchases import Purchase
from ledger.domain.refund_cases import RefundCase
from ledger.domain.refund_intents import RefundIntent
from ledger.domain.renewal_stops import RenewalStop
from ledger.domain.runs import FailedRun
from ledger.dynamodb import items, keys
from ledger.dynamodb.items import Item
from ledger.dynamodb.keys import ItemKind
from ledger.ports.documents import (
    CasePointer,
    Document,
    DocumentKey,
    DocumentKind,
    audit_key,
    case_key,
    case_pointer_key,
    failed_run_key,
    intent_key,
    renewal_stop_key,
)

_PLACING = ("pk", "sk", "account_id", "paid_at", "has_approvals", "expires_on", "moved_at", "waits_since")
_SHARDED = ("expires_on", "parked_shard", "followed_shard", "waiting_shard")


def is_in_place(item: Item) -> bool:
    """Return whether the item's key and index attributes follow from the rest of it. Raise UnreadableItem."""
    expected = _as_written(item)
    if expected is None:
        return True
    names = ("received_at", *_PLACING) if "parked_shard" in expected else _PLACING
    return all(_value(item, name) == _value(expected, name) for name in {*names, *_SHARDED}) and (
        item.get("facts", {}).get("M", {}).keys() == expected.get("facts", {}).get("M", {}).keys()
    )


def _as_written(item: Item) -> Item | None:
    """Return the item as its content is written. None: nothing that places it is in its content."""
    match keys.kind_of(item):
        case ItemKind.RECEIPT:
            return items.to_receipt(items.from_receipt(item))
        case ItemKind.PAYMENT:
            payment = items.from_payment(item)
            return items.to_purchase(payment) if isinstance(payment, Purchase) else items.to_pointer(payment)
        case ItemKind.ENTRY:
            return items.to_entry(items.from_entry(item))
        case ItemKind.RUN:
            return items.to_run(items.from_run(item))
        case ItemKind.SUBSCRIPTION:
            return items.to_subscription(items.from_subscription(item))
        case DocumentKind():
            document = items.from_document(item)
            return items.to_document(_key_of(keys.document_key_of(item), document), document)
    return None


def _key_of(key: DocumentKey, document: Document) -> DocumentKey:
    """Return the key of a document, as far as it follows from the document."""
    owner = key.parts[0]
    match document:
        case RefundCase():
            return case_key(document.account_id, document.case_id)
        case CasePointer():
            return case_pointer_key(document.case_id)
        case RefundIntent():
            return intent_key(document.tag)
        case RenewalStop():
            return renewal_stop_key(document)
        case FailedRun():
            return failed_run_key(AccountId(owner), document.at, document.run_id)
        case AuditRecord():
            return audit_key(AccountId(owner), document)
    return key


def _value(item: Item, name: str) -> Any:
    value = item.get(name)
    if value is None or name not in _SHARDED:
        return value
    place, _, shard = value["S"].rpartition("#")
    return (place, shard.isdecimal() and int(shard) < keys.SHARDS)
