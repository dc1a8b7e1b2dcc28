"""Keys and items: how each noun of the ledger lies in the table.

pk                      sk                        what
RECEIPT#<customer>      <event id>                receipt; without a customer the event itself is the pk
PAYMENT#<payment id>    PURCHASE                  purchase, or the pointer to it
CLAIM#<order|period>    CLAIM                     who paid for it first; our order's terms
SUBSCRIPTION#<id>       SUBSCRIPTION              subscription
ACCOUNT#<account id>    ENTRY~ACCOUNT             account: an attribute for each open lot, hold, flag, subscription;
                                                  it sorts above its entries, so one query reads it and the newest
                        ENTRY#<time>#<entry id>   entry
                        LOT#<lot id>              a lot that has left the account
                        RUN#<run id>              what a run drew, and what came back
                        FAILED#<time>#<run id>    a run that failed
                        CASE#<case id>            refund case
                        ANSWERED#<route>#<key>    a request that was carried out under an Idempotency-Key
                        ACT#<time>#<subject>      what a person of support did
CASE#<case id>          WAITING                   whose a case is
REVIEW                  WAITING#<time>#<case id>  a case that a person is to decide, oldest first
SETTLING                WAITING#<case id>         a case that is decided by itself once its time has come
JOB                     CURSOR#<job>              how far a job has come
OUTBOX                  INTENT#<tag>              an approved refund that the provider does not have yet

An order's terms are an attribute of its claim. Indexes: `parked` (receipts), `purchases` (by account and time),
`lapsing` (what lapses, by day). They say where to look; what is believed is read consistently.
"""

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
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.lots import Lot
from ledger.domain.purchases import Purchase
from ledger.domain.receipts import Receipt
from ledger.domain.refund_cases import QueuedCase, RefundCase
from ledger.domain.refund_intents import RefundIntent
from ledger.domain.runs import FailedRun, Run
from ledger.domain.subscriptions import Subscription
from ledger.dynamodb.codec import AttributeValue, attributes, parse_at, plain, record, value
from ledger.ports.commit import FulfilmentKey, PaymentPointer
from ledger.ports.documents import Cursor, Document, DocumentKey, sortable

Item = dict[str, Any]

_FACTS: Mapping[str, type[Fact]] = {kind.__name__: kind for kind in facts.Fact.__args__}
ACCOUNT = "ENTRY~ACCOUNT"
LOT, HOLD, FLAG, SUBSCRIPTION, COVERED, CASE = "lot:", "hold:", "flag:", "subscription:", "covered:", "case:"
_DOCUMENTS: Mapping[str, type[Document]] = {
    "CASE": RefundCase,
    "INTENT": RefundIntent,
    "WAITING": QueuedCase,
    "FAILED": FailedRun,
    "ACT": AuditRecord,
    "ANSWERED": IdempotencyRecord,
    "CURSOR": Cursor,
}


def key(pk: str, sk: str) -> Item:
    """A primary key."""
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def receipt_key(provider: str, event_id: str, customer_id: str | None) -> Item:
    """Receipts lie with their customer, so that one query tells whose a customer is."""
    return key(f"RECEIPT#{customer_id or f'{provider}:{event_id}'}", event_id)


def payment_key(payment_id: PaymentId) -> Item:
    """A purchase's key, or the key of a pointer to one."""
    return key(f"PAYMENT#{payment_id}", "PURCHASE")


def claim_key(fulfilment_key: str) -> Item:
    """The key of an order or of a subscription's period."""
    return key(f"CLAIM#{fulfilment_key}", "CLAIM")


def subscription_key(subscription_id: str) -> Item:
    """A subscription's key."""
    return key(f"SUBSCRIPTION#{subscription_id}", "SUBSCRIPTION")


def account_key(account_id: AccountId) -> Item:
    """An account's key."""
    return key(f"ACCOUNT#{account_id}", ACCOUNT)


def lot_key(account_id: AccountId, lot_id: str) -> Item:
    """The key of a lot that has left its account."""
    return key(f"ACCOUNT#{account_id}", f"LOT#{lot_id}")


def run_key(account_id: AccountId, run_id: str) -> Item:
    """The key of a run."""
    return key(f"ACCOUNT#{account_id}", f"RUN#{run_id}")


def entry_key(entry: Entry) -> Item:
    """An entry's key: an account's entries lie in the order in which they happened."""
    return key(f"ACCOUNT#{entry.account_id}", f"ENTRY#{sortable(entry.occurred_at)}#{entry.entry_id}")


def to_receipt(receipt: Receipt) -> Item:
    """A receipt's item. The body of a parked one is kept compressed."""
    item = receipt_key(receipt.provider, receipt.event_id, receipt.customer_id) | attributes(receipt)
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
    item = payment_key(purchase.payment_id)
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
    item = payment_key(pointer.name) | {"points_to": {"S": pointer.to}}
    return item | {"account_id": {"S": pointer.account_id}} if pointer.account_id else item


def from_payment(item: Mapping[str, AttributeValue]) -> Purchase | PaymentPointer:
    """The purchase or the pointer of an item."""
    name = PaymentId(_after_hash(item["pk"]["S"]))
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
    return record(FulfilmentKey, _plain(item), key=_after_hash(item["pk"]["S"]))


def to_subscription(subscription: Subscription) -> Item:
    """A subscription's item."""
    return subscription_key(subscription.subscription_id) | attributes(subscription)


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
    return record(Lot, _plain(item), lot_id=_after_hash(item["sk"]["S"]))


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
    account_id = AccountId(_after_hash(item["pk"]["S"]))
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
    item = entry_key(entry) | attributes(entry)
    return item | {"expires_on": {"S": sortable(entry.expiry_due_at)[:10]}} if entry.expiry_due_at else item


def from_entry(item: Mapping[str, AttributeValue]) -> Entry:
    """The entry of an item."""
    return record(Entry, _plain(item))


def to_run(run: Run) -> Item:
    """A run's item, one version on."""
    return run_key(run.account_id, run.run_id) | attributes(replace(run, version=run.version + 1))


def from_run(item: Mapping[str, AttributeValue]) -> Run:
    """The run of an item."""
    return record(Run, _plain(item))


def document_key(place: DocumentKey) -> Item:
    """A document's key."""
    return key(place.partition, place.name)


def to_document(place: DocumentKey, document: Document) -> Item:
    """A document's item; one that has a version, one version on."""
    if isinstance(document, RefundCase | RefundIntent):
        document = replace(document, version=document.version + 1)
    return document_key(place) | attributes(document)


def is_document(item: Mapping[str, AttributeValue]) -> bool:
    """Whether an item is one of the documents."""
    return place_of(item).kind in _DOCUMENTS


def place_of(item: Mapping[str, AttributeValue]) -> DocumentKey:
    """Where an item lies."""
    return DocumentKey(item["pk"]["S"], item["sk"]["S"])


def from_document(item: Mapping[str, AttributeValue]) -> Document:
    """The document of an item."""
    return record(_DOCUMENTS[place_of(item).kind], _plain(item))


def _plain(item: Mapping[str, AttributeValue]) -> dict[str, Any]:
    return {name: plain(content) for name, content in item.items()}


def _after_hash(text: str) -> str:
    return text.partition("#")[2]


def _named(prefix: str, parts: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(name.removeprefix(prefix), part) for name, part in parts.items() if name.startswith(prefix)]
