"""Whether an item is as it was written, and lies where its content says: key, and attributes of an index or a stream.

They are computed again from the rest of the item. Only the shard of an index row is not: it is stored, so that the
number of shards can grow.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from ledger.domain.audit import AuditRecord
from ledger.domain.claims import CaseClaim
from ledger.domain.contacts import Contact
from ledger.domain.credit_notes import CreditNote
from ledger.domain.declarations import Declaration, DeclaredContract, ListedDeclaration
from ledger.domain.ids import AccountId, SubjectId
from ledger.domain.incidents import Incident, IncidentShare, ListedIncident
from ledger.domain.index_rows import IndexRow
from ledger.domain.mails import MailIntent, MailRecord, mail_id_of
from ledger.domain.proposals import Proposal
from ledger.domain.purchases import Purchase
from ledger.domain.receipts import Mute
from ledger.domain.refund_cases import RefundCase
from ledger.domain.refund_intents import RefundIntent
from ledger.domain.renewal_stops import RenewalStop
from ledger.domain.runs import FailedRun, Run
from ledger.domain.subscriptions import Subscription
from ledger.domain.timeline import TimelineRow
from ledger.dynamodb import items, keys, schema
from ledger.dynamodb.items import Item
from ledger.dynamodb.keys import ItemKind
from ledger.ports.documents import (
    AwaitedOrder,
    CasePointer,
    Document,
    DocumentKey,
    DocumentKind,
    VersionedDocument,
    WatchedPlan,
    audit_key,
    awaited_order_key,
    case_claim_key,
    case_key,
    case_pointer_key,
    contact_key,
    credit_note_key,
    declaration_key,
    declared_contract_key,
    failed_run_key,
    incident_key,
    incident_share_key,
    index_row_key,
    intent_key,
    mail_intent_key,
    mail_record_key,
    mute_key,
    proposal_key,
    renewal_stop_key,
    sortable,
    subject_act_key,
    subject_look_key,
    timeline_row_key,
    watched_plan_key,
)

_SHARDED = frozenset({"expires_on", "parked_shard", "followed_shard", "waiting_shard"})
_INDEXED = _SHARDED | {"expiry_due", "paid_at", "has_approvals", "moved_at", "waits_since"} | items.LISTED
_PLACING = _INDEXED | {"pk", "sk", "account_id"}


def judged(item: Item) -> tuple[bool, bool]:
    """Return whether an item is in its place, and whether it is as it was written. Raise UnreadableItem.

    In place: its key and its index attributes follow from the rest of it. As it was written: what was written whole,
    with a digest, still has it.
    """
    expected = _written_anew(item)
    return _is_in_place(item, expected), _is_as_written(item, expected)


def _is_in_place(item: Item, expected: Item | None) -> bool:
    if expected is None:
        listed = {name: item[name] for name in item.keys() & _INDEXED}
        return keys.primary_key(item) == _place_of(item) and listed == _listing_of(item)
    names = _PLACING | {"received_at"} if "parked_shard" in expected else _PLACING
    return all(_value(item, name) == _value(expected, name) for name in names) and (
        _names_of_facts(item) == _names_of_facts(expected)
    )


def _listing_of(item: Item) -> Mapping[str, object]:
    """Return what brings an account or a fulfilment key into an index."""
    if keys.kind_of(item) is ItemKind.ACCOUNT:
        return items.place_of_account(items.from_account(item).suspended_since)
    return {}


def _place_of(item: Item) -> keys.Key:
    """Return the key of an account or a fulfilment key, which its owner alone tells."""
    if keys.kind_of(item) is ItemKind.ACCOUNT:
        return keys.account_key(keys.account_id_of(item))
    return keys.fulfilment_item_key(keys.owner_of(item))


def _names_of_facts(item: Item) -> set[str]:
    return {*item["facts"]["M"]} if "facts" in item else set()


def _is_as_written(item: Item, expected: Item | None) -> bool:
    """What a newer release has added can't be compared: this release does not know what belongs to it."""
    kind = keys.kind_of(item)
    if kind is ItemKind.FULFILMENT_KEY:
        order = items.from_fulfilment_key(item).terms
        return item.get(items.DIGEST) == (items.digest_of(schema.ORDER.encode(order)) if order else None)
    if expected is None or items.DIGEST not in expected:
        return True
    is_known = item.keys() <= {*expected} | _NAMES[kind]
    return not is_known or item.get(items.DIGEST) == expected[items.DIGEST]


_NAMES: Mapping[ItemKind | DocumentKind, frozenset[str]] = {
    ItemKind.RECEIPT: items.NAMES_OF_A_RECEIPT,
    ItemKind.ENTRY: schema.ENTRY.names,
    ItemKind.LOT: schema.LOT.names,
    ItemKind.RUN: schema.RUN.names,
    ItemKind.SUBSCRIPTION: schema.SUBSCRIPTION.names,
    ItemKind.PAYMENT: items.NAMES_OF_A_PAYMENT,
    **{kind: shape.names for kind, shape in schema.DOCUMENTS.items()},
}
"""Every attribute that an item with a digest can have."""


def _written_anew(item: Item) -> Item | None:
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
            return items.to_run(_before(items.from_run(item)))
        case ItemKind.SUBSCRIPTION:
            return items.to_subscription(_before(items.from_subscription(item)))
        case ItemKind.LOT:
            return items.to_closed_lot(keys.account_id_of(item), items.from_lot(item))
        case DocumentKind():
            document = items.from_document(item)
            if isinstance(document, VersionedDocument):
                document = _before(document)
            return items.to_document(_key_of(keys.document_key_of(item), document), document)
    return None


_Versioned = TypeVar("_Versioned", bound=Run | Subscription | VersionedDocument)


def _before(record: _Versioned) -> _Versioned:
    """Return what was to be written: writing counts its version up."""
    return replace(record, version=record.version - 1)


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
        case Declaration():
            return declaration_key(document.declaration_id)
        case DeclaredContract():
            return declared_contract_key(document.contract_id)
        case ListedDeclaration():
            parts = (str(document.state), sortable(document.since), document.declaration_id)
            return DocumentKey(DocumentKind.LISTED_DECLARATION, parts)
        case FailedRun():
            return failed_run_key(AccountId(owner), document.at, document.run_id)
        case Proposal():
            return proposal_key(document.account_id, document.proposal_id)
        case AuditRecord() if key.kind is DocumentKind.SUBJECT_ACT:
            return subject_act_key(SubjectId(owner), document)
        case AuditRecord():
            return audit_key(AccountId(owner), document)
        case Contact():
            return contact_key(document.account_id)
        case MailIntent():
            return mail_intent_key(document.mail_id)
        case MailRecord():
            return mail_record_key(mail_id_of(document.kind, document.subject))
        case AwaitedOrder():
            return awaited_order_key(document.since, document.order_id)
        case CaseClaim():
            return case_claim_key(document.account_id, document.case_id)
        case TimelineRow() if key.kind is DocumentKind.SUBJECT_LOOK:
            return subject_look_key(SubjectId(owner), document)
        case TimelineRow():
            return timeline_row_key(AccountId(owner), document)
        case IndexRow():
            return index_row_key(document)
        case CreditNote():
            return credit_note_key(document.account_id, document.number)
        case Incident():
            return incident_key(document.incident_id)
        case IncidentShare():
            return incident_share_key(document.incident_id, document.account_id)
        case ListedIncident():
            return DocumentKey(key.kind, (sortable(document.at), document.incident_id))
        case Mute():
            return mute_key(document.mute_id)
        case WatchedPlan():
            return watched_plan_key(document.due_at, document.order_id)
    return key


def _value(item: Item, name: str) -> Any:
    value = item.get(name)
    if value is None or name not in _SHARDED:
        return value
    place, _, shard = value["S"].rpartition("#")
    return place if shard.isdecimal() and int(shard) < keys.SHARDS else value
