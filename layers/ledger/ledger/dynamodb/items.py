"""Items: how each noun of the ledger is stored. `keys.py` lists what is stored under which key."""

import hashlib
import json
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from ledger.domain.accounts import Account
from ledger.domain.entries import Entry
from ledger.domain.errors import UnreadableItem
from ledger.domain.facts import Fact, RefundApproved
from ledger.domain.holds import Hold
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.lots import Lot
from ledger.domain.purchases import Purchase
from ledger.domain.receipts import Receipt
from ledger.domain.refund_cases import RefundCase
from ledger.domain.runs import Run
from ledger.domain.subscriptions import Subscription
from ledger.dynamodb import keys, schema
from ledger.dynamodb.codec import BOOLEAN, NAMES, TEXT, TEXTS, TIME, WHOLE, Attributes, AttributeValue
from ledger.dynamodb.schema import DOCUMENTS, FACT_KIND, FACTS, SCHEMA, VERSION
from ledger.ports.commit import FulfilmentKey, PaymentPointer
from ledger.ports.documents import Document, DocumentKey, VersionedDocument, sortable

Item = dict[str, Any]

LOT, HOLD, FLAG, SUBSCRIPTION, COVERED, CASE = "lot:", "hold:", "flag:", "subscription:", "covered:", "case:"
_PREFIXES = (LOT, HOLD, FLAG, SUBSCRIPTION, COVERED, CASE)

DIGEST = "digest"
"""Of what is written whole, so that it is seen when it is spoilt. Purchases and accounts are written in parts."""

_VERSION: AttributeValue = {"N": str(VERSION)}
WAITING = frozenset({"waiting_shard", "waits_since"})
"""What brings a purchase into the index of waiting ones: it goes when the payment is received."""

LISTED = frozenset({"listed_in", "listed_at"})
"""What brings a purchase, an account or a case into the index of what support lists."""

NAMES_OF_A_PAYMENT = frozenset(
    {"account_id", "facts", "has_approvals", "is_duplicate", "names", "paid_at", "version"}
    | {"points_to", "also_to", "fulfilment_keys", "lot_ids"}
    | WAITING
    | LISTED
    | {DIGEST}
)
"""Every attribute of a purchase or a pointer: when a pointer replaces a purchase, those of the purchase go."""

NAMES_OF_A_RECEIPT = schema.RECEIPT.names | {"parked_shard", DIGEST}
"""Every attribute of a receipt: when its event is booked after all, those of the parked one go."""

FOLLOWED = frozenset({"followed_shard", "moved_at"})
"""What brings a refund case into the index of followed cases: it goes when the case is no longer followed."""

_WAITS_SINCE = ("approved_at", "since", "received_at")
"""The wire names of the time at which an intent, a stop of renewals, a queued case or a receipt began to wait."""

_NO_CONTENT = frozenset({"pk", "sk", SCHEMA, DIGEST})
_KIND_OF_FACT = {shape.of: ({"S": kind}, shape) for kind, shape in FACTS.items()}


def to_receipt(receipt: Receipt) -> Item:
    """Return a receipt's item. The body of a parked one is stored compressed."""
    attributes = _with_digest(schema.RECEIPT.encode(receipt))
    item = _item(keys.receipt_key(receipt.provider, receipt.event_id, receipt.customer_id), attributes)
    if receipt.body is not None:
        item["body"] = {"B": zlib.compress(receipt.body)}
    if listed_under := receipt.listed_under:  # these two bring it into the index
        item["parked_shard"] = {"S": keys.parked_shard(listed_under, keys.shard_of(item))}
        item["received_at"] = {"S": sortable(receipt.received_at)}
    return item


def from_receipt(item: Mapping[str, AttributeValue]) -> Receipt:
    """Return the receipt of an item. Raise UnreadableItem."""
    receipt = schema.RECEIPT.decode(_content(item))
    return receipt if receipt.body is None else replace(receipt, body=zlib.decompress(receipt.body))


def to_purchase(purchase: Purchase) -> Item:
    """Return a purchase's item, with the next version."""
    item = _item(keys.payment_key(purchase.payment_id), {"version": {"N": str(purchase.version + 1)}})
    item["facts"] = {"M": {fact.key: to_fact(fact) for fact in purchase.facts.values()}}
    item["names"] = NAMES.encode(purchase.names or {purchase.payment_id})
    item["is_duplicate"] = {"BOOL": purchase.is_duplicate}
    if purchase.payment:
        item["account_id"] = {"S": purchase.payment.account_id}  # these two bring it into the index
        item["paid_at"] = {"S": sortable(purchase.payment.at)}
    if since := purchase.waits_since:  # these two bring it into the index, until its payment is received
        item["waiting_shard"] = {"S": keys.waiting_shard(keys.shard_of(item))}
        item["waits_since"] = {"S": sortable(since)}
    if dispute := purchase.open_dispute:  # these two bring it into the index, while a dispute is open
        item["listed_in"] = {"S": dispute.awaits.value}
        item["listed_at"] = {"S": sortable(dispute.position)}
    if any(isinstance(fact, RefundApproved) for fact in purchase.facts.values()):
        item["has_approvals"] = {"BOOL": True}  # the relay reads it: a refund case follows this purchase
    return item


def to_pointer(pointer: PaymentPointer) -> Item:
    """Return a pointer's item."""
    attributes: Attributes = {"points_to": {"S": pointer.to}}
    if pointer.also_to:
        attributes["also_to"] = TEXTS.encode(pointer.also_to)
    if pointer.account_id:
        attributes["account_id"] = {"S": pointer.account_id}
    if pointer.fulfilment_keys:
        attributes["fulfilment_keys"] = TEXTS.encode(pointer.fulfilment_keys)
    if pointer.lot_ids:
        attributes["lot_ids"] = TEXTS.encode(pointer.lot_ids)
    return _item(keys.payment_key(pointer.name), _with_digest(attributes))


def from_payment(item: Mapping[str, AttributeValue]) -> Purchase | PaymentPointer:
    """Return the purchase or the pointer of an item. Raise UnreadableItem."""
    content = _content(item)
    name = keys.payment_id_of(item)
    if "points_to" in content:
        also_to, fulfilment_keys, lot_ids = (
            TEXTS.decode(content[listed]) if listed in content else ()
            for listed in ("also_to", "fulfilment_keys", "lot_ids")
        )
        return PaymentPointer(
            name=name,
            to=PaymentId(content["points_to"]["S"]),
            also_to=also_to,
            account_id=TEXT.decode(content["account_id"]) if "account_id" in content else None,
            fulfilment_keys=fulfilment_keys,
            lot_ids=lot_ids,
        )
    try:
        facts = {fact_key: from_fact(fact) for fact_key, fact in content["facts"]["M"].items()}
        return Purchase(
            payment_id=name,
            names=NAMES.decode(content["names"]) if "names" in content else frozenset({name}),
            facts=facts,
            stored_facts=facts,
            is_duplicate=BOOLEAN.decode(content["is_duplicate"]) if "is_duplicate" in content else False,
            version=WHOLE.decode(content["version"]),
        )
    except KeyError as error:
        raise UnreadableItem(f"a purchase: {error} is missing or has another type") from error


def to_fact(fact: Fact) -> AttributeValue:
    """Return a fact, as its purchase stores it."""
    kind, shape = _KIND_OF_FACT[type(fact)]
    return {"M": {FACT_KIND: kind, **shape.encode(fact)}}


def from_fact(attribute: AttributeValue) -> Fact:
    """Return the fact of an attribute. Raise UnreadableItem for a kind that this release does not know."""
    fields = dict(attribute["M"])
    kind = fields.pop(FACT_KIND)["S"]
    if kind not in FACTS:
        raise UnreadableItem(f"fact {kind!r} is unknown to this release")
    fact: Fact = FACTS[kind].decode(fields)
    return fact


def from_fulfilment_key(item: Mapping[str, AttributeValue]) -> FulfilmentKey:
    """Return the fulfilment key of an item. Raise UnreadableItem."""
    return schema.FULFILMENT_KEY.decode(_content(item), key=keys.owner_of(item))


def to_subscription(subscription: Subscription) -> Item:
    """Return a subscription's item, with the next version."""
    stored = replace(subscription, version=subscription.version + 1)
    return _item(keys.subscription_key(subscription.subscription_id), _with_digest(schema.SUBSCRIPTION.encode(stored)))


def from_subscription(item: Mapping[str, AttributeValue]) -> Subscription:
    """Return the subscription of an item. Raise UnreadableItem."""
    return schema.SUBSCRIPTION.decode(_content(item))


def to_closed_lot(account_id: AccountId, lot: Lot) -> Item:
    """Return the item of a lot that leaves its account."""
    return _item(keys.lot_key(account_id, lot.lot_id), _with_digest(schema.LOT.encode(lot)))


def from_lot(item: Mapping[str, AttributeValue]) -> Lot:
    """Return the lot of an item that has left its account. Raise UnreadableItem."""
    digest = item[DIGEST]["S"] if DIGEST in item else None
    return schema.LOT.decode(_content(item), lot_id=keys.lot_id_of(item), digest=digest)


def to_lot(lot: Lot) -> AttributeValue:
    """Return a lot, as its account stores it."""
    return schema.OPEN_LOT.encode(lot)


def to_hold(hold: Hold) -> AttributeValue:
    """Return a hold, as its account stores it."""
    return {"M": schema.HOLD.encode(hold)}


def to_summary(subscription: Subscription) -> AttributeValue:
    """Return a subscription, as its account stores it."""
    return {"M": schema.SUBSCRIPTION_OF_AN_ACCOUNT.encode(subscription)}


def from_account(item: Mapping[str, AttributeValue]) -> Account:
    """Return the account of an item. Raise UnreadableItem."""
    content = _content(item)
    account_id = keys.account_id_of(item)
    summary = schema.SUBSCRIPTION_OF_AN_ACCOUNT
    named: dict[str, dict[str, Any]] = {prefix: {} for prefix in _PREFIXES}
    for attribute, part in content.items():
        prefix, colon, name = attribute.partition(":")
        if (group := named.get(prefix + colon)) is not None:
            group[name] = part
    try:
        return Account(
            account_id=account_id,
            version=WHOLE.decode(content["version"]),
            lots=schema.OPEN_LOT.decode_all(named[LOT]),
            holds={name: schema.HOLD.decode(part["M"]) for name, part in named[HOLD].items()},
            flags={name: TIME.decode(part) for name, part in named[FLAG].items()},
            subscriptions={
                name: summary.decode(part["M"], subscription_id=name, account_id=account_id)
                for name, part in named[SUBSCRIPTION].items()
            },
            cases={name: TEXT.decode(part) for name, part in named[CASE].items()},
            covered={name: PaymentId(TEXT.decode(part)) for name, part in named[COVERED].items()},
        )
    except KeyError as error:
        raise UnreadableItem(f"an account: {error} is missing or has another type") from error


def place_of_account(suspended_since: datetime | None) -> Attributes:
    """Return what brings an account into the index of what support lists. Empty: it is active."""
    if suspended_since is None:
        return {}
    return {"listed_in": {"S": keys.SUSPENDED}, "listed_at": {"S": sortable(suspended_since)}}


def to_entry(entry: Entry) -> Item:
    """Return an entry's item. Credits that expire are in the index of the time from which the expiry can be booked."""
    item = _item(keys.entry_key(entry), _with_digest(schema.ENTRY.encode(entry)))
    if entry.expiry_due_at:
        day = entry.expiry_due_at.astimezone(UTC).date()
        item["expires_on"] = {"S": keys.expires_on(day, keys.shard_of(item))}
        item["expiry_due"] = {"S": keys.expiry_due(entry.expiry_due_at, entry.account_id)}
    return item


def from_entry(item: Mapping[str, AttributeValue]) -> Entry:
    """Return the entry of an item. Raise UnreadableItem."""
    return schema.ENTRY.decode(_content(item))


def to_run(run: Run) -> Item:
    """Return a run's item, with the next version."""
    stored = replace(run, version=run.version + 1)
    return _item(keys.run_key(run.account_id, run.run_id), _with_digest(schema.RUN.encode(stored)))


def from_run(item: Mapping[str, AttributeValue]) -> Run:
    """Return the run of an item. Raise UnreadableItem."""
    return schema.RUN.decode(_content(item))


def to_document(key: DocumentKey, document: Document) -> Item:
    """Return a document's item; of a document that has a version, with the next one."""
    if isinstance(document, VersionedDocument):
        document = replace(document, version=document.version + 1)
    item = _item(keys.document_key(key), _with_digest(DOCUMENTS[key.kind].encode(document)))
    if isinstance(document, RefundCase) and document.follow_stage:  # these two bring it into the index
        item["followed_shard"] = {"S": keys.followed_shard(document.follow_stage, keys.shard_of(item))}
        item["moved_at"] = {"S": sortable(document.moved_at)}
    if isinstance(document, RefundCase) and document.decided_at and (decided := document.decided_list):
        item["listed_in"] = {"S": decided.value}
        item["listed_at"] = {"S": sortable(document.decided_at)}
    return item


def from_document(item: Mapping[str, AttributeValue]) -> Document:
    """Return the document of an item. Raise UnreadableItem."""
    document: Document = DOCUMENTS[keys.document_key_of(item).kind].decode(_content(item))
    return document


def digest_of(attributes: Attributes) -> AttributeValue:
    """Return the attribute that tells later whether these have been spoilt."""
    content = {name: attribute for name, attribute in attributes.items() if name not in _NOT_DIGESTED}
    return {"S": hashlib.sha256(_encode(content).encode()).hexdigest()[:_DIGEST_DIGITS]}


_encode: Callable[[Attributes], str] = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), check_circular=False, default=str
).encode
"""`default`: a newer release may have stored bytes."""

_DIGEST_DIGITS = 12
_NOT_DIGESTED = frozenset({"received_at", "body"})  # of a receipt: written once, and digested by itself


def _with_digest(attributes: Attributes) -> Attributes:
    return {**attributes, DIGEST: digest_of(attributes)}


def waits_since(item: Mapping[str, AttributeValue]) -> datetime | None:
    """Return since when an item waits for its job, whatever else of it can't be read. None: it does not say."""
    for name in _WAITS_SINCE:
        with suppress(KeyError, TypeError, ValueError):
            since: datetime = TIME.decode(item[name])
            return since
    return None


def _item(primary_key: Item, attributes: Attributes) -> Item:
    return {**primary_key, **attributes, SCHEMA: _VERSION}


def _content(item: Mapping[str, AttributeValue]) -> Mapping[str, AttributeValue]:
    """Return what is neither key nor version. Raise UnreadableItem if a newer release must read it."""
    version = item.get(SCHEMA, _VERSION)
    if version != _VERSION and int(version["N"]) > VERSION:
        raise UnreadableItem(
            f"{item['sk']['S'].partition('#')[0]}: format {version['N']}, this release reads {VERSION}"
        )
    return {name: attribute for name, attribute in item.items() if name not in _NO_CONTENT}
