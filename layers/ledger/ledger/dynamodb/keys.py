"""Keys: every partition key, sort key and index key of the table. No other module knows their text.

pk                       sk                                       item
RECEIPT#<customer id>    <event id>                               receipt; without a customer: <provider>:<event id>
PAYMENT#<payment id>     PURCHASE                                 purchase, or a pointer to one
FULFILMENT#<key>         FULFILMENT                               fulfilment key: who paid first; our order's terms
SUBSCRIPTION#<id>        SUBSCRIPTION                             subscription
ACCOUNT#<account id>     ENTRY~ACCOUNT                            account; it sorts above its entries
                         ENTRY#<second>#<number>#<entry id>       entry
                         LOT#<lot id>                             lot that has left the account
                         RUN#<run id>                             run: what it drew and what was returned
                         FAILED#<time>#<run id>                   failed run
                         CASE#<case id>                           refund case
                         OPEN#<product id>                        open checkout of a plan
                         IDEMPOTENCY#<route>#<Idempotency-Key>    idempotency record
                         AUDIT#<time>#<step>#<subject>            audit record
                         CLAIM#<case id>                          claim: who of support has a refund case open
                         NOTED#<kind>#<time>#<actor>#<subject>    row of the timeline: a look, or a mail that has ended
                         REQUESTS#<kind>                          recent requests of one kind, for their limit
                         NOTE#<number>                            credit note
SUBJECT#<subject id>     AUDIT#<time>#<action>#<actor>            audit record about what belongs to no account
                         NOTED#<kind>#<time>#<actor>#<subject>    look at what belongs to no account
                         IDEMPOTENCY#<route>#<Idempotency-Key>    idempotency record of such an act
NOTES#<seller>/<year>    SERIES                                   last number of a series of credit notes
NOTE_OF#<refund id>      POINTER_TO_NOTE                          credit note of a refund
CASE#<case id>           POINTER                                  account of a case
CHECKOUT#<checkout id>   ORDER                                    order of a checkout
REVIEW                   CASE#<time>#<case id>                    case in review, what is due by law first
DEFERRED                 CASE#<case id>                           case that waits for its settling time
OUTBOX                   INTENT#<tag>                             refund intent: approved, not yet at the provider
RENEWALS                 STOP#<time>#<payment id>                 renewals to stop: a dispute took the payment
JOB                      CURSOR#<job>                             progress of a job
DECLARATION#<its id>     DECLARATION                              withdrawal or cancellation without a login
DECLARATIONS             IN#<state>#<time>#<its id>               declaration that is open, by state
CONTACT#<account id>     CONTACT                                  contact of an account: its address, kept apart
MAILS#<shard>            MAIL#<mail id>                           mail intent: to be sent
MAIL#<mail id>           RECORD                                   record of a mail
AWAITED#<shard>          ORDER#<time>#<order id>                  order whose payment is awaited, for its confirmation
NAMED#<name>             IS#<kind>#<subject>                      index of find: what has this name; of a run:
                         IS#run#<account id>#<run id>             its id is its account's own
PAID#<day>/<currency>/<amount>/<shard> AT#<time>#<payment id>     index of find: payments of this amount on this day,
                         AT#<time>#<cause>                        and parked events that name it
FAILURES#<day>/<shard>   FAILED_AT#<time>#<account id>#<run id>   index of find: runs that failed on this day
INCIDENT#<its id>        INCIDENT                                 incident: the runs that failed between two times
SHARES#<incident id>     OF#<account id>                          what an account got from an incident
INCIDENTS                BEGUN#<time>#<its id>                    incident, by the time at which it was begun
REPLACING                BEGUN#<time>#<its id>                    incident that is not done
MUTES                    KIND#<its id>                            mute of a kind of parked events
WATCHED#<shard>          PLAN#<time>#<order id>                   plan that renews, by the day of the next look at it

index      partition key                  sort key       rows
purchases  account_id                     paid_at        purchases with a payment
expiring   expires_on: <day>#<shard>      expiry_due     grants that expire: <time>#<account id>
parked     parked_shard: <trigger>#<shard> received_at   parked receipts
followed   followed_shard: <stage>#<shard> moved_at      refund cases whose refunds are followed
waiting    waiting_shard: <shard>          waits_since   purchases whose facts wait for their payment
parked_of_customer  pk                     parked_shard  parked receipts, those of one customer together
listed     listed_in: <list>               listed_at     purchases with an open dispute, accounts with a hold,
                                                         refund cases that are decided

Each index is sparse and only says where to look. What it names is read consistently before it is believed. The rows of
a day, and of a missing price, are spread over shards: no partition of an index takes all writes. Within a shard they
are in the order of time: a job reads from where it stopped, and no more than it takes. What support lists is written
seldom, and read by pages in the order of time: it has no shards.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import NamedTuple
from zlib import crc32

from ledger.domain.entries import Entry
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.receipts import Trigger
from ledger.domain.refund_cases import DecidedList, FollowStage
from ledger.dynamodb.codec import AttributeValue
from ledger.ports.documents import DocumentKey, DocumentKind, entry_position, position_of, read_position, sortable
from ledger.ports.reads import ExpiringAccount, FollowedCase, ParkedName, WaitingPayment

Key = dict[str, AttributeValue]

PURCHASES_INDEX = "purchases"  # an account's purchases by time of payment
EXPIRING_INDEX = "expiring"  # grants, by the time from which on their expiry can be booked
PARKED_INDEX = "parked"  # parked receipts
PARKED_OF_CUSTOMER_INDEX = "parked_of_customer"  # the same, by customer
WAITING_INDEX = "waiting"  # purchases without a payment, whose facts wait for it
FOLLOWED_INDEX = "followed"  # refund cases, by how closely their refunds are followed

LISTED_INDEX = "listed"  # what support lists: purchases with an open dispute, accounts with a hold, decided cases
SUSPENDED = "suspended"  # the list of accounts; those of purchases are named after what their disputes await
_OF_CASES = frozenset(DecidedList)

SHARDS = 24
"""Over how many partitions the rows of an index are spread: each takes 1,000 writes a second.

One for each hour of a day: what has one turn a day is read by shard, in the hour of that number. The number can grow
once readers query the new shards. A row's shard is stored, so old rows stay where they are.
"""


class ItemKind(StrEnum):
    """What an item is, apart from the documents, whose kind is their `DocumentKind`."""

    RECEIPT = "receipt"
    PAYMENT = "payment"  # a purchase, or a pointer to one
    FULFILMENT_KEY = "fulfilment_key"
    SUBSCRIPTION = "subscription"
    ACCOUNT = "account"
    ENTRY = "entry"
    LOT = "lot"
    RUN = "run"


class Range(NamedTuple):
    """The items of one partition whose sort keys begin alike."""

    pk: str
    prefix: str


class _Place(NamedTuple):
    """The fixed text of a kind's keys. A text that ends with `#` is followed by the item's own parts."""

    pk: str
    sk: str
    sk_parts: int = 1


_ACCOUNT = "ACCOUNT#"
_SUBJECT = "SUBJECT#"
_PLACES: Mapping[ItemKind | DocumentKind, _Place] = {
    ItemKind.RECEIPT: _Place("RECEIPT#", ""),
    ItemKind.PAYMENT: _Place("PAYMENT#", "PURCHASE"),
    ItemKind.FULFILMENT_KEY: _Place("FULFILMENT#", "FULFILMENT"),
    ItemKind.SUBSCRIPTION: _Place("SUBSCRIPTION#", "SUBSCRIPTION"),
    ItemKind.ACCOUNT: _Place(_ACCOUNT, "ENTRY~ACCOUNT"),
    ItemKind.ENTRY: _Place(_ACCOUNT, "ENTRY#"),
    ItemKind.LOT: _Place(_ACCOUNT, "LOT#"),
    ItemKind.RUN: _Place(_ACCOUNT, "RUN#"),
    DocumentKind.FAILED_RUN: _Place(_ACCOUNT, "FAILED#", 2),
    DocumentKind.REFUND_CASE: _Place(_ACCOUNT, "CASE#"),
    DocumentKind.IDEMPOTENCY_RECORD: _Place(_ACCOUNT, "IDEMPOTENCY#", 2),
    DocumentKind.OPEN_CHECKOUT: _Place(_ACCOUNT, "OPEN#"),
    DocumentKind.AUDIT_RECORD: _Place(_ACCOUNT, "AUDIT#", 3),
    DocumentKind.CASE_CLAIM: _Place(_ACCOUNT, "CLAIM#"),
    DocumentKind.TIMELINE_ROW: _Place(_ACCOUNT, "NOTED#", 2),
    DocumentKind.SUBJECT_ACT: _Place(_SUBJECT, "AUDIT#", 3),
    DocumentKind.SUBJECT_LOOK: _Place(_SUBJECT, "NOTED#", 2),
    DocumentKind.SUBJECT_REQUEST: _Place(_SUBJECT, "IDEMPOTENCY#", 2),
    DocumentKind.PROPOSAL: _Place(_ACCOUNT, "PROPOSAL#"),
    DocumentKind.ACCOUNT_SUMS: _Place(_ACCOUNT, "ACTS#"),
    DocumentKind.RECENT_REQUESTS: _Place(_ACCOUNT, "REQUESTS#"),
    DocumentKind.CREDIT_NOTE: _Place(_ACCOUNT, "NOTE#"),
    DocumentKind.CREDIT_NOTE_SERIES: _Place("NOTES#", "SERIES", 0),
    DocumentKind.CREDIT_NOTE_POINTER: _Place("NOTE_OF#", "POINTER_TO_NOTE", 0),
    DocumentKind.ACTOR_SUMS: _Place("ACTOR#", "ACTS#"),
    DocumentKind.CASE_POINTER: _Place("CASE#", "POINTER", 0),
    DocumentKind.ORDER_POINTER: _Place("CHECKOUT#", "ORDER", 0),
    DocumentKind.REVIEW_QUEUE: _Place("REVIEW", "CASE#", 2),
    DocumentKind.DEFERRED_QUEUE: _Place("DEFERRED", "CASE#"),
    DocumentKind.PROPOSAL_QUEUE: _Place("PROPOSED", "PROPOSAL#", 2),
    DocumentKind.REFUND_INTENT: _Place("OUTBOX", "INTENT#"),
    DocumentKind.RENEWAL_STOP: _Place("RENEWALS", "STOP#", 2),
    DocumentKind.JOB_CURSOR: _Place("JOB", "CURSOR#"),
    DocumentKind.DECLARATION: _Place("DECLARATION#", "DECLARATION", 0),
    DocumentKind.LISTED_DECLARATION: _Place("DECLARATIONS", "IN#", 3),
    DocumentKind.DECLARED_CONTRACT: _Place("DECLARED#", "CONTRACT", 0),
    DocumentKind.CONTACT: _Place("CONTACT#", "CONTACT", 0),
    DocumentKind.MAIL_INTENT: _Place("MAILS#", "MAIL#"),
    DocumentKind.MAIL_RECORD: _Place("MAIL#", "RECORD", 0),
    DocumentKind.AWAITED_ORDER: _Place("AWAITED#", "ORDER#", 2),
    DocumentKind.INDEXED_NAME: _Place("NAMED#", "IS#", 2),
    DocumentKind.INDEXED_AMOUNT: _Place("PAID#", "AT#", 2),
    DocumentKind.INDEXED_FAILURE: _Place("FAILURES#", "FAILED_AT#", 2),
    DocumentKind.WATCHED_PLAN: _Place("WATCHED#", "PLAN#", 2),
    DocumentKind.INCIDENT: _Place("INCIDENT#", "INCIDENT", 0),
    DocumentKind.INCIDENT_SHARE: _Place("SHARES#", "OF#"),
    DocumentKind.LISTED_INCIDENT: _Place("INCIDENTS", "BEGUN#", 2),
    DocumentKind.RUNNING_INCIDENT: _Place("REPLACING", "BEGUN#", 2),
    DocumentKind.MUTE: _Place("MUTES", "KIND#", 1),
}
_OF_MANY_KINDS = frozenset({_ACCOUNT, _SUBJECT})
_BESIDE_OTHERS = {(place.pk, place.sk): kind for kind, place in _PLACES.items() if place.pk in _OF_MANY_KINDS}
_ALONE = {place.pk: kind for kind, place in _PLACES.items() if place.pk not in _OF_MANY_KINDS}

RESERVED = frozenset(text for place in _PLACES.values() for text in (place.pk, place.sk) if text)
"""The fixed texts. A test holds that no module outside `dynamodb` contains one."""


def key(pk: str, sk: str) -> Key:
    """Return a primary key."""
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def primary_key(item: Mapping[str, AttributeValue]) -> Key:
    """Return the primary key of an item, or of an index row."""
    return {"pk": item["pk"], "sk": item["sk"]}


def receipt_key(provider: str, event_id: str, customer_id: str | None) -> Key:
    """Return a receipt's key. The receipts of a customer share a partition: one query finds the customer's account."""
    return key(_PLACES[ItemKind.RECEIPT].pk + (customer_id or f"{provider}:{event_id}"), event_id)


def payment_key(payment_id: PaymentId) -> Key:
    """Return the key of a purchase, or of a pointer to one."""
    return _key(ItemKind.PAYMENT, payment_id)


def fulfilment_item_key(fulfilment_key: str) -> Key:
    """Return the key of the item of a fulfilment key."""
    return _key(ItemKind.FULFILMENT_KEY, fulfilment_key)


def subscription_key(subscription_id: str) -> Key:
    """Return a subscription's key."""
    return _key(ItemKind.SUBSCRIPTION, subscription_id)


def account_key(account_id: AccountId) -> Key:
    """Return an account's key."""
    return _key(ItemKind.ACCOUNT, account_id)


def lot_key(account_id: AccountId, lot_id: str) -> Key:
    """Return the key of a lot that has left its account."""
    return _key(ItemKind.LOT, account_id, lot_id)


def run_key(account_id: AccountId, run_id: str) -> Key:
    """Return the key of a run."""
    return _key(ItemKind.RUN, account_id, run_id)


def entry_key(entry: Entry) -> Key:
    """Return an entry's key. An account's entries are stored in the order of their seconds, then of their numbers.

    A provider reports whole seconds, and our clock does not agree with its clock to the microsecond. Within a second
    the order in which the account changed counts.
    """
    return _key(ItemKind.ENTRY, entry.account_id, entry_position(entry))


def document_key(document: DocumentKey) -> Key:
    """Return the key of a document's item."""
    place, parts = _PLACES[document.kind], document.parts
    pk, rest = (place.pk + parts[0], parts[1:]) if place.pk.endswith("#") else (place.pk, parts)
    return key(pk, place.sk + "#".join(rest))


def document_key_of(item: Mapping[str, AttributeValue]) -> DocumentKey:
    """Return the document key of an item that is a document."""
    kind = kind_of(item)
    if not isinstance(kind, DocumentKind):
        raise ValueError(f"{item['pk']['S']} / {item['sk']['S']} is no document")
    place, owner = _PLACES[kind], owner_of(item)
    # The owner and the last part may contain any character, `#` too. The parts between them contain none.
    parts = item["sk"]["S"].removeprefix(place.sk).split("#", place.sk_parts - 1) if place.sk_parts else []
    return DocumentKey(kind, (owner, *parts) if owner else tuple(parts))


def kind_of(item: Mapping[str, AttributeValue]) -> ItemKind | DocumentKind:
    """Return what an item is. Raise ValueError for a key that is none of the table's."""
    pk, sk = _head(item["pk"]["S"]), _head(item["sk"]["S"])
    kind = _BESIDE_OTHERS.get((pk, sk)) if pk in _OF_MANY_KINDS else _ALONE.get(pk)
    if kind is None:
        raise ValueError(f"no item has the key {item['pk']['S']} / {item['sk']['S']}")
    return kind


def owner_of(item: Mapping[str, AttributeValue]) -> str:
    """Return the id in an item's partition key: of an account, payment, customer, … Empty if it contains none."""
    return str(item["pk"]["S"]).partition("#")[2]


def account_id_of(item: Mapping[str, AttributeValue]) -> AccountId:
    """Return the account of an item in an account's partition."""
    return AccountId(owner_of(item))


def payment_id_of(item: Mapping[str, AttributeValue]) -> PaymentId:
    """Return the payment id that a purchase or a pointer is stored under."""
    return PaymentId(owner_of(item))


def lot_id_of(item: Mapping[str, AttributeValue]) -> str:
    """Return the id of a lot that has left its account."""
    return str(item["sk"]["S"]).partition("#")[2]


def range_of(kind: ItemKind | DocumentKind, owner: str = "") -> Range:
    """Return where the items of a kind are: those of one owner, or all of them if they share one partition."""
    place = _PLACES[kind]
    return Range(place.pk + owner, place.sk)


def closed_lots_between(account_id: AccountId, first: str, last: str) -> tuple[str, str, str]:
    """Return partition, lowest and highest sort key of an account's closed lots with ids from `first` to `last`."""
    prefix = _PLACES[ItemKind.LOT].sk
    return _ACCOUNT + account_id, prefix + first, prefix + last


def statement_range(account_id: AccountId) -> Range:
    """Return where an account and its entries are: newest first, the account comes before its newest entry."""
    return Range(_ACCOUNT + account_id, _PLACES[ItemKind.ENTRY].sk.removesuffix("#"))


def entries_since(account_id: AccountId, since: datetime | None) -> tuple[str, str, str]:
    """Return partition, lowest and highest sort key of an account's entries since the second of a time."""
    return _since(ItemKind.ENTRY, account_id, _second(since) if since else "")


def failed_runs_since(account_id: AccountId, since: datetime) -> tuple[str, str, str]:
    """Return partition, lowest and highest sort key of an account's failed runs since a time."""
    return _since(DocumentKind.FAILED_RUN, account_id, sortable(since))


def declarations_since(state: str, since: datetime | None) -> tuple[str, str, str]:
    """Return partition, lowest and highest sort key of the open declarations in a state, confirmed since a time."""
    pk, prefix = range_of(DocumentKind.LISTED_DECLARATION)
    return pk, f"{prefix}{state}#{sortable(since) if since else ''}", f"{prefix}{state}#~"


def awaited_orders_since(shard: int, since: datetime | None) -> tuple[str, str, str]:
    """Return partition, lowest and highest sort key of the awaited orders of one shard since a time."""
    return _since(DocumentKind.AWAITED_ORDER, str(shard), sortable(since) if since else "")


def indexed_between(
    kind: DocumentKind, place: str, first: datetime | None = None, last: datetime | None = None
) -> tuple[str, str, str]:
    """Return partition, lowest and highest sort key of the index of *find* at a place, from a time up to another."""
    pk, prefix = range_of(kind, place)
    return pk, prefix + (sortable(first) if first else ""), prefix + (f"{sortable(last)}~" if last else "~")


def named(name: str, kind: str | None = None) -> tuple[str, str, str]:
    """Return partition, lowest and highest sort key of the index of *find* under a name, of one kind or of all."""
    pk, prefix = range_of(DocumentKind.INDEXED_NAME, name)
    own = f"{prefix}{kind}#" if kind else prefix
    return pk, own, f"{own}~"


def watched_plans_until(shard: int, until: datetime) -> tuple[str, str, str]:
    """Return partition, lowest and highest sort key of the watched plans of one shard that are due by a time."""
    pk, prefix = range_of(DocumentKind.WATCHED_PLAN, str(shard))
    return pk, prefix, f"{prefix}{sortable(until)}~"


def _since(kind: ItemKind | DocumentKind, owner: str, time: str) -> tuple[str, str, str]:
    pk, prefix = range_of(kind, owner)
    return pk, prefix + time, prefix + "~"


def shard_of(item: Mapping[str, AttributeValue]) -> int:
    """Return the shard of an item's index rows. It follows from the item's own key and never changes."""
    return crc32(f"{item['pk']['S']} {item['sk']['S']}".encode()) % SHARDS


def expires_on(day: date, shard: int) -> str:
    """Return the partition key of the index of expiring grants for a day (UTC) and a shard."""
    return f"{day.isoformat()}#{shard}"


def expiry_due(due_at: datetime, account_id: AccountId) -> str:
    """Return the sort key of the index of expiring grants. A position of the list by age is one."""
    return position_of(due_at, account_id)


def expiring_account_of(row: Mapping[str, AttributeValue]) -> ExpiringAccount:
    """Return the account that a row of the index of expiring grants is about."""
    due_at, account_id = read_position(row["expiry_due"]["S"])
    return ExpiringAccount(due_at, AccountId(account_id))


def parked_shard(trigger: Trigger, shard: int) -> str:
    """Return the partition key of a list of parked receipts in their index, by what they wait for, and a shard."""
    return f"{trigger}#{shard}"


def parked_of_customer(customer_id: str, trigger: Trigger) -> Range:
    """Return where the index of a customer's parked receipts lists those that wait for a trigger."""
    return Range(_PLACES[ItemKind.RECEIPT].pk + customer_id, f"{trigger}#")


def parked_receipt_of(row: Mapping[str, AttributeValue]) -> ParkedName:
    """Return the name of the receipt that a row of the index of parked receipts is about."""
    return ParkedName(owner_of(row), row["sk"]["S"], datetime.fromisoformat(row["received_at"]["S"]))


def parked_receipt_key(name: ParkedName) -> Key:
    """Return the key of a parked receipt."""
    return receipt_key("", name.event_id, name.owner)


def followed_shard(stage: FollowStage, shard: int) -> str:
    """Return the partition key of the index of followed cases for a stage and a shard."""
    return f"{stage}#{shard}"


def waiting_shard(shard: int) -> str:
    """Return the partition key of the index of waiting purchases for a shard."""
    return str(shard)


def waiting_payment_of(row: Mapping[str, AttributeValue]) -> WaitingPayment:
    """Return the payment that a row of the index of waiting purchases is about."""
    return WaitingPayment(payment_id_of(row), datetime.fromisoformat(row["waits_since"]["S"]))


def followed_case_of(row: Mapping[str, AttributeValue]) -> FollowedCase:
    """Return the name of the case that a row of the index of followed cases is about."""
    account_id, case_id = document_key_of(row).parts
    return FollowedCase(AccountId(account_id), case_id, datetime.fromisoformat(row["moved_at"]["S"]))


def listed_key(name: str, position: str) -> Key:
    """Return the key of a row of the index of what support lists, by its position in the list."""
    listed_at, _, owner = position.partition("#")
    if name in _OF_CASES:
        account_id, _, case_id = owner.rpartition("#")
        item = _key(DocumentKind.REFUND_CASE, account_id, case_id)
    else:
        item = account_key(AccountId(owner)) if name == SUSPENDED else payment_key(PaymentId(owner))
    return item | {"listed_in": {"S": name}, "listed_at": {"S": listed_at}}


def listed_position(row: Mapping[str, AttributeValue]) -> str:
    """Return the position of a row of the index of what support lists."""
    is_case = kind_of(row) is DocumentKind.REFUND_CASE
    return "#".join((row["listed_at"]["S"], *(document_key_of(row).parts if is_case else (owner_of(row),))))


def _key(kind: ItemKind | DocumentKind, owner: str, name: str = "") -> Key:
    place = _PLACES[kind]
    return key(place.pk + owner, place.sk + name)


def _second(at: datetime) -> str:
    """Return a time in UTC as text of fixed width, without the fraction of its second."""
    return at.astimezone(UTC).isoformat(timespec="seconds")[:-6] + "Z"


def _head(text: str) -> str:
    """Return the fixed text of a key: everything up to and including its first `#`."""
    head, hash_, _ = text.partition("#")
    return head + hash_
