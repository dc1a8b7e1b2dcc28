"""Items: how each noun of the ledger is stored. `keys.py` lists what is stored under which key."""

import zlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ledger.domain import facts
from ledger.domain.accounts import Account, Hold
from ledger.domain.audit import AuditRecord
from ledger.domain.entries import Entry
from ledger.domain.facts import Fact, RefundApproved
from ledger.domain.idempotency import IdempotencyRecord
from ledger.domain.ids import PaymentId
from ledger.domain.lots import Lot
from ledger.domain.purchases import Purchase
from ledger.domain.receipts import Receipt
from ledger.domain.refund_cases import QueuedCase, RefundCase
from ledger.domain.refund_intents import RefundIntent
from ledger.domain.runs import FailedRun, Run
from ledger.domain.subscriptions import Subscription
from ledger.dynamodb import keys
from ledger.dynamodb.codec import AttributeValue, attributes, parse_at, plain, record, value
from ledger.ports.commit import FulfilmentKey, PaymentPointer
from ledger.ports.documents import CasePointer, Document, DocumentKey, DocumentKind, JobCursor, sortable

Item = dict[str, Any]

_FACTS: Mapping[str, type[Fact]] = {kind.__name__: kind for kind in facts.Fact.__args__}
LOT, HOLD, FLAG, SUBSCRIPTION, COVERED, CASE = "lot:", "hold:", "flag:", "subscription:", "covered:", "case:"
_DOCUMENTS: Mapping[DocumentKind, type[Document]] = {
    DocumentKind.REFUND_CASE: RefundCase,
    DocumentKind.CASE_POINTER: CasePointer,
    DocumentKind.REVIEW_QUEUE: QueuedCase,
    DocumentKind.DEFERRED_QUEUE: QueuedCase,
    DocumentKind.REFUND_INTENT: RefundIntent,
    DocumentKind.FAILED_RUN: FailedRun,
    DocumentKind.AUDIT_RECORD: AuditRecord,
    DocumentKind.IDEMPOTENCY_RECORD: IdempotencyRecord,
    DocumentKind.JOB_CURSOR: JobCursor,
}


def to_receipt(receipt: Receipt) -> Item:
    """A receipt's item. The body of a parked one is kept compressed."""
    item = keys.receipt_key(receipt.provider, receipt.event_id, receipt.customer_id) | attributes(receipt)
    if receipt.body is not None:
        item["body"] = {"B": zlib.compress(receipt.body)}
        item["received_at"] = {"S": sortable(receipt.received_at)}
    return item


def from_receipt(item: Mapping[str, AttributeValue]) -> Receipt:
    """The receipt of an item."""
    fields = _plain(item)
    if "body" in fields:
        fields["body"] = zlib.decompress(fields["body"])
    return record(Receipt, fields)


def to_purchase(purchase: Purchase) -> Item:
    """A purchase's item, one version on."""
    item = keys.payment_key(purchase.payment_id)
    item["version"] = {"N": str(purchase.version + 1)}
    item["facts"] = {"M": {fact.key: _to_fact(fact) for fact in purchase.facts.values()}}
    if len(purchase.names) > 1:
        item["names"] = value(purchase.names)
    if purchase.is_duplicate:
        item["is_duplicate"] = {"BOOL": True}
    if purchase.payment:
        item["account_id"] = {"S": purchase.payment.account_id}  # these two bring it into the index
        item["paid_at"] = {"S": sortable(purchase.payment.at)}
    if any(isinstance(fact, RefundApproved) for fact in purchase.facts.values()):
        item["has_approvals"] = {"BOOL": True}  # by this the stream knows that a refund case follows it
    return item


def to_pointer(pointer: PaymentPointer) -> Item:
    """A pointer's item."""
    item = keys.payment_key(pointer.name) | {"points_to": {"S": pointer.to}}
    return item | {"account_id": {"S": pointer.account_id}} if pointer.account_id else item


def from_payment(item: Mapping[str, AttributeValue]) -> Purchase | PaymentPointer:
    """The purchase or the pointer of an item."""
    name = keys.payment_id_of(item)
    if "points_to" in item:
        account_id = plain(item["account_id"]) if "account_id" in item else None
        return PaymentPointer(name=name, to=PaymentId(item["points_to"]["S"]), account_id=account_id)
    return Purchase(
        payment_id=name,
        names=frozenset(plain(item["names"])) if "names" in item else frozenset({name}),
        facts={fact_key: _from_fact(fact) for fact_key, fact in item["facts"]["M"].items()},
        is_duplicate="is_duplicate" in item,
        version=int(item["version"]["N"]),
    )


def _to_fact(fact: Fact) -> AttributeValue:
    return {"M": {"is": {"S": type(fact).__name__}, **attributes(fact)}}


def _from_fact(attribute: AttributeValue) -> Fact:
    fields = plain(attribute)
    return record(_FACTS[fields["is"]], fields)


def from_claim(item: Mapping[str, AttributeValue]) -> FulfilmentKey:
    """The claim of an item."""
    return record(FulfilmentKey, _plain(item), key=keys.owner_of(item))


def to_subscription(subscription: Subscription) -> Item:
    """A subscription's item."""
    return keys.subscription_key(subscription.subscription_id) | attributes(subscription)


def from_subscription(item: Mapping[str, AttributeValue]) -> Subscription:
    """The subscription of an item."""
    return record(Subscription, _plain(item))


def to_lot(lot: Lot) -> dict[str, AttributeValue]:
    """A lot's own attributes: its id is part of a key or of an attribute's name."""
    fields = attributes(lot)
    del fields["lot_id"]
    return fields


def from_lot(item: Mapping[str, AttributeValue]) -> Lot:
    """The lot of an item that has left its account."""
    return record(Lot, _plain(item), lot_id=keys.lot_id_of(item))


def to_hold(hold: Hold) -> AttributeValue:
    """A hold, as its account keeps it."""
    return value(hold)


def to_summary(subscription: Subscription) -> AttributeValue:
    """A subscription, as its account keeps it."""
    fields = attributes(subscription)
    del fields["subscription_id"], fields["account_id"]
    return {"M": fields}


def from_account(item: Mapping[str, AttributeValue]) -> Account:
    """The account of an item."""
    account_id = keys.account_id_of(item)
    parts = {name: plain(content) for name, content in item.items()}
    return Account(
        account_id=account_id,
        version=parts["version"],
        lots={name: record(Lot, part, lot_id=name) for name, part in _named(LOT, parts)},
        holds={name: record(Hold, part) for name, part in _named(HOLD, parts)},
        flags={name: parse_at(part) for name, part in _named(FLAG, parts)},
        subscriptions={
            name: record(Subscription, part, subscription_id=name, account_id=account_id)
            for name, part in _named(SUBSCRIPTION, parts)
        },
        cases=dict(_named(CASE, parts)),
        covered={name: PaymentId(part) for name, part in _named(COVERED, parts)},
    )


def to_entry(entry: Entry) -> Item:
    """An entry's item. What lapses is in the index of the day from which on its lapse can be written down."""
    item = keys.entry_key(entry) | attributes(entry)
    return item | {"expires_on": {"S": keys.expires_on(entry.expiry_due_at.date())}} if entry.expiry_due_at else item


def from_entry(item: Mapping[str, AttributeValue]) -> Entry:
    """The entry of an item."""
    return record(Entry, _plain(item))


def to_run(run: Run) -> Item:
    """A run's item, one version on."""
    return keys.run_key(run.account_id, run.run_id) | attributes(replace(run, version=run.version + 1))


def from_run(item: Mapping[str, AttributeValue]) -> Run:
    """The run of an item."""
    return record(Run, _plain(item))


def to_document(key: DocumentKey, document: Document) -> Item:
    """A document's item; one that has a version, one version on."""
    if isinstance(document, RefundCase | RefundIntent):
        document = replace(document, version=document.version + 1)
    return keys.document_key(key) | attributes(document)


def from_document(item: Mapping[str, AttributeValue]) -> Document:
    """The document of an item."""
    return record(_DOCUMENTS[keys.document_key_of(item).kind], _plain(item))


def _plain(item: Mapping[str, AttributeValue]) -> dict[str, Any]:
    return {name: plain(content) for name, content in item.items()}


def _named(prefix: str, parts: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(name.removeprefix(prefix), part) for name, part in parts.items() if name.startswith(prefix)]
