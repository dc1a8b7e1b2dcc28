"""Reads: consistent, by key or by the range of one partition. An index only says which keys to read."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from heapq import merge
from itertools import chain, groupby
from typing import Any, TypeVar

from ledger.domain.accounts import Account
from ledger.domain.audit import AuditRecord
from ledger.domain.credit_notes import CreditNote
from ledger.domain.declarations import DeclarationState, ListedDeclaration
from ledger.domain.disputes import Awaits
from ledger.domain.entries import Entry
from ledger.domain.errors import StoreUnavailable, UnreadableItem
from ledger.domain.ids import AccountId, PaymentId, SubjectId
from ledger.domain.incidents import IncidentShare, ListedIncident
from ledger.domain.index_rows import IndexRow, NameKind
from ledger.domain.mails import MailIntent
from ledger.domain.proposals import Proposal, QueuedProposal
from ledger.domain.purchases import Purchase
from ledger.domain.receipts import Mute, Receipt, Trigger
from ledger.domain.refund_cases import DecidedList, FollowStage, QueuedCase, RefundCase
from ledger.domain.refund_intents import RefundIntent
from ledger.domain.renewal_stops import RenewalStop
from ledger.domain.runs import FailedRun
from ledger.domain.timeline import TimelineRow, TimelineRowKind
from ledger.dynamodb import items, keys
from ledger.dynamodb.calls import MAX_CALLS, Calls
from ledger.dynamodb.items import Item
from ledger.dynamodb.keys import ItemKind, Range
from ledger.ports.backoff import pause_before
from ledger.ports.documents import (
    INDEX_SHARDS,
    MAIL_SHARDS,
    AwaitedOrder,
    DocumentKind,
    WatchedPlan,
    place_of_amount,
    place_of_failures,
    read_position,
    sortable,
)
from ledger.ports.reads import ExpiringAccount, FollowedCase, Keys, Page, ParkedName, Snapshot, WaitingPayment

_D = TypeVar("_D")
_T = TypeVar("_T")
_log = logging.getLogger(__name__)
_BATCH = 100  # keys of one BatchGetItem
_PAGE = 500
"""Rows of one page of an index. The shards are read side by side, a page of each in memory."""
_INDEX_PAGE = 100
"""Rows of one page of a shard of the index of find."""
_FIRST, _END = "0", "~"  # they sort before and behind each time


class Reads:
    """What a ledger's table is asked, each method in the words of the port."""

    def __init__(self, table_name: str, calls: Calls) -> None:
        self._table = table_name
        self._calls = calls

    def read(self, names: Keys) -> Snapshot:
        """Return everything that is stored under these names: one BatchGetItem, consistent."""
        found = self._get(
            [
                *(keys.payment_key(payment_id) for payment_id in names.payments),
                *(keys.account_key(account_id) for account_id in names.accounts),
                *(keys.fulfilment_item_key(fulfilment_key) for fulfilment_key in names.fulfilment_keys),
                *(keys.subscription_key(subscription_id) for subscription_id in names.subscriptions),
                *(keys.lot_key(account_id, lot_id) for account_id, lot_id in names.closed_lots),
                *(keys.run_key(account_id, run_id) for account_id, run_id in names.runs),
                *(keys.document_key(key) for key in names.documents),
                *(keys.receipt_key("", event_id, owner) for owner, event_id in names.receipts),
            ]
        )
        return _snapshot(found)

    def customer_receipts(self, customer_id: str) -> list[Receipt]:
        """Return the receipts of one customer: a query of their partition."""
        return [items.from_receipt(item) for item in self._query(keys.range_of(ItemKind.RECEIPT, customer_id))]

    def latest_closed_lot(self, account_id: AccountId, first: str, last: str) -> str | None:
        """Return the highest id of an account's closed lots from `first` to `last`: a query of one item."""
        where = keys.closed_lots_between(account_id, first, last)
        found = next(self._between(*where, is_newest_first=True, limit=1), None)
        return keys.lot_id_of(found) if found else None

    def parked_names(
        self, trigger: Trigger, since: datetime | None = None, *, turn: int | None = None, most: int | None = None
    ) -> Iterator[ParkedName]:
        """Yield the names of the receipts that wait for a trigger: a query of each of its shards, or of one."""
        partitions = [keys.parked_shard(trigger, shard) for shard in _shards(turn)]
        where = _Where(keys.PARKED_INDEX, "parked_shard", "received_at", since)
        return map(keys.parked_receipt_of, self._by_age(where, partitions, most))

    def parked_receipts(self, names: Iterable[ParkedName] | None = None) -> Iterator[Receipt]:
        """Yield these parked receipts, or all: consistent reads of what the index names."""
        if names is None:
            names = (name for trigger in Trigger for name in self.parked_names(trigger))
        return self._parked(map(keys.parked_receipt_key, names))

    def parked_of_customer(self, customer_id: str) -> Iterator[Receipt]:
        """Yield a customer's parked receipts that wait for facts: a query of the index, and consistent reads."""
        where = keys.parked_of_customer(customer_id, Trigger.FACTS)
        arguments = {
            "IndexName": keys.PARKED_OF_CUSTOMER_INDEX,
            "KeyConditionExpression": "pk = :pk AND begins_with(parked_shard, :trigger)",
            "ExpressionAttributeValues": {":pk": {"S": where.pk}, ":trigger": {"S": where.prefix}},
        }
        return self._parked(keys.primary_key(row) for page in self._pages("Query", arguments) for row in page)

    def _parked(self, names: Iterable[keys.Key]) -> Iterator[Receipt]:
        """Yield the receipts of these keys that are parked: not released since the index was written."""
        wanted = list({str(name): name for name in names}.values())  # a lagging index may name one twice
        unreadable = _Unreadable()
        for receipt in unreadable.left_out(items.from_receipt, self._get(wanted)):
            if receipt.parked_reason:
                yield receipt
        unreadable.raise_if_any()

    def waiting_payments(self, until: datetime, since: datetime | None = None) -> Iterator[WaitingPayment]:
        """Yield the payments about which facts wait since a time or longer: a query of each shard of the index."""
        partitions = [keys.waiting_shard(shard) for shard in _shards()]
        where = _Where(keys.WAITING_INDEX, "waiting_shard", "waits_since", since, sortable(until))
        return map(keys.waiting_payment_of, self._by_age(where, partitions))

    def entries(self, account_id: AccountId, since: datetime | None = None) -> Iterator[Entry]:
        """Yield an account's entries, newest first; with `since`, those that happened then or later."""
        for item in self._between(*keys.entries_since(account_id, since), is_newest_first=True):
            entry = items.from_entry(item)
            if since is None or entry.occurred_at >= since:  # the keys are of whole seconds
                yield entry

    def statement_page(
        self, account_id: AccountId, limit: int, after: str | None = None
    ) -> tuple[Account | None, Page[Entry]]:
        """Return a page of an account's entries, newest first, the first one with the account: one query."""
        is_first = after is None
        where, position_prefix = keys.statement_range(account_id), keys.range_of(ItemKind.ENTRY).prefix
        found = self._page(where, limit + is_first, after, position_prefix, is_newest_first=True)
        has_account = bool(found.items) and keys.kind_of(found.items[0]) is ItemKind.ACCOUNT
        account = items.from_account(found.items[0]) if has_account else None
        return account, Page(tuple(map(items.from_entry, found.items[has_account:])), found.next)

    def purchases_of(self, account_id: AccountId, limit: int, after: str | None = None) -> Page[Purchase]:
        """Return an account's purchases, newest first: a query of the index, then one consistent read."""
        paid_at, _, name = (after or "").partition("#")
        start = keys.payment_key(PaymentId(name)) | {"account_id": {"S": account_id}, "paid_at": {"S": paid_at}}
        arguments: dict[str, Any] = {
            "TableName": self._table,
            "IndexName": keys.PURCHASES_INDEX,
            "KeyConditionExpression": "account_id = :account",
            "ExpressionAttributeValues": {":account": {"S": account_id}},
            "ScanIndexForward": False,
            "Limit": limit,
        } | ({"ExclusiveStartKey": start} if after else {})
        page = self._calls.dispatch("Query", arguments)
        found = [items.from_payment(item) for item in self._get([keys.primary_key(row) for row in page["Items"]])]
        mine = [one for one in found if isinstance(one, Purchase) and one.payment and one.account_id == account_id]
        mine.sort(key=lambda purchase: purchase.payment.precedence if purchase.payment else (), reverse=True)
        last = page.get("LastEvaluatedKey")
        return Page(tuple(mine), f"{last['paid_at']['S']}#{keys.payment_id_of(last)}" if last else None)

    def open_disputes(self, awaits: Awaits, limit: int, after: str | None = None) -> Page[Purchase]:
        """Return a page of the purchases whose dispute awaits this: a query of the index, then one consistent read."""
        rows, then = self._listed(awaits, limit, after, is_newest_first=awaits is Awaits.BANK)
        found = [items.from_payment(item) for item in self._get([keys.primary_key(row) for row in rows])]
        disputed = [(one.open_dispute, one) for one in found if isinstance(one, Purchase)]
        still = [(dispute, one) for dispute, one in disputed if dispute and dispute.awaits is awaits]
        still.sort(key=lambda pair: (pair[0].position, pair[1].payment_id), reverse=awaits is Awaits.BANK)
        return Page(tuple(one for _, one in still), then)

    def suspended_accounts(self, limit: int, after: str | None = None) -> Page[Account]:
        """Return a page of the suspended accounts: a query of the index, then one consistent read."""
        rows, then = self._listed(keys.SUSPENDED, limit, after, is_newest_first=True)
        found = [items.from_account(item) for item in self._get([keys.primary_key(row) for row in rows])]
        still = [(one.suspended_since, one.account_id, one) for one in found if one.suspended_since]
        still.sort(key=lambda row: row[:2], reverse=True)
        return Page(tuple(one for _, _, one in still), then)

    def decided_cases(self, name: DecidedList, limit: int, after: str | None = None) -> Page[RefundCase]:
        """Return a page of a list of decided cases: a query of the index, then one consistent read."""
        rows, then = self._listed(name, limit, after, is_newest_first=True)
        found = self._readable_documents(RefundCase, iter(self._get([keys.primary_key(row) for row in rows])))
        still = [(one.decided_at, one.account_id, one.case_id, one) for one in found if one.decided_list is name]
        still.sort(key=lambda row: row[:3], reverse=True)
        return Page(tuple(one for *_, one in still), then)

    def _listed(
        self, name: str, limit: int, after: str | None, *, is_newest_first: bool
    ) -> tuple[list[Item], str | None]:
        """Return a page of the rows that support lists under a name, and where the next one starts."""
        arguments: dict[str, Any] = {
            "TableName": self._table,
            "IndexName": keys.LISTED_INDEX,
            "KeyConditionExpression": "listed_in = :name",
            "ExpressionAttributeValues": {":name": {"S": name}},
            "ScanIndexForward": not is_newest_first,
            "Limit": limit,
        } | ({"ExclusiveStartKey": keys.listed_key(name, after)} if after else {})
        page = self._calls.dispatch("Query", arguments)
        last = page.get("LastEvaluatedKey")
        return page["Items"], keys.listed_position(last) if last else None

    def cases_of(self, account_id: AccountId, limit: int, after: str | None = None) -> Page[RefundCase]:
        """Return a page of an account's refund cases: one query."""
        return self._document_page(RefundCase, keys.range_of(DocumentKind.REFUND_CASE, account_id), limit, after)

    def review_queue(self, limit: int, after: str | None = None) -> Page[QueuedCase]:
        """Return a page of the cases in review, what is due by law first: one query."""
        where = keys.range_of(DocumentKind.REVIEW_QUEUE)
        found = self._page(where, limit, after, where.prefix)
        return Page(tuple(self._readable_documents(QueuedCase, iter(found.items))), found.next)

    def proposals(self, limit: int, after: str | None = None) -> Page[QueuedProposal]:
        """Return a page of the proposals that wait for a second person, oldest first: one query."""
        where = keys.range_of(DocumentKind.PROPOSAL_QUEUE)
        found = self._page(where, limit, after, where.prefix)
        return Page(tuple(self._readable_documents(QueuedProposal, iter(found.items))), found.next)

    def deferred_cases(self) -> Iterator[QueuedCase]:
        """Yield every case that waits for its settling time."""
        return self._work(QueuedCase, self._query(keys.range_of(DocumentKind.DEFERRED_QUEUE)))

    def followed_cases(
        self, stage: FollowStage, since: datetime | None = None, *, turn: int | None = None
    ) -> Iterator[FollowedCase]:
        """Yield the names of the cases whose refunds are at a stage: a query of each of its shards, or of one."""
        partitions = [keys.followed_shard(stage, shard) for shard in _shards(turn)]
        where = _Where(keys.FOLLOWED_INDEX, "followed_shard", "moved_at", since)
        return map(keys.followed_case_of, self._by_age(where, partitions))

    def outbox(self) -> Iterator[RefundIntent]:
        """Yield every refund intent that has not ended."""
        return self._work(RefundIntent, self._query(keys.range_of(DocumentKind.REFUND_INTENT)))

    def renewal_stops(self) -> Iterator[RenewalStop]:
        """Yield every stop of renewals that has not been carried out, the oldest first."""
        return self._work(RenewalStop, self._query(keys.range_of(DocumentKind.RENEWAL_STOP)))

    def mail_intents(self) -> Iterator[MailIntent]:
        """Yield every mail that is to be sent: a query of each shard."""
        shards = (self._query(keys.range_of(DocumentKind.MAIL_INTENT, str(shard))) for shard in range(MAIL_SHARDS))
        return self._work(MailIntent, chain.from_iterable(shards))

    def awaited_orders(self, since: datetime | None = None, *, turn: int | None = None) -> Iterator[AwaitedOrder]:
        """Yield the orders whose payment is awaited: a query of each shard, or of one."""
        shards = range(MAIL_SHARDS) if turn is None else (turn,)
        found = (self._between(*keys.awaited_orders_since(shard, since)) for shard in shards)
        return self._work(AwaitedOrder, chain.from_iterable(found))

    def watched_plans(self, until: datetime) -> Iterator[WatchedPlan]:
        """Yield the watched plans that are due by a time: a query of each shard."""
        found = (self._between(*keys.watched_plans_until(shard, until)) for shard in range(MAIL_SHARDS))
        return self._work(WatchedPlan, chain.from_iterable(found))

    def failed_runs(self, account_id: AccountId, since: datetime) -> Iterator[FailedRun]:
        """Yield an account's failed runs since a time, oldest first."""
        return self._documents(FailedRun, self._between(*keys.failed_runs_since(account_id, since)))

    def credit_notes(self, account_id: AccountId) -> Iterator[CreditNote]:
        """Yield the account's credit notes in the order of their numbers."""
        return self._documents(CreditNote, self._query(keys.range_of(DocumentKind.CREDIT_NOTE, account_id)))

    def audit_records(self, account_id: AccountId) -> Iterator[AuditRecord]:
        """Yield the audit records of an account, oldest first."""
        return self._documents(AuditRecord, self._query(keys.range_of(DocumentKind.AUDIT_RECORD, account_id)))

    def declarations(self, state: DeclarationState, since: datetime | None = None) -> Iterator[ListedDeclaration]:
        """Yield the open declarations in a state, oldest first: a query of their part of the list."""
        return self._work(ListedDeclaration, self._between(*keys.declarations_since(state, since)))

    def expiring(self, after: str, until: datetime) -> Iterator[ExpiringAccount]:
        """Yield the accounts with grants whose expiry can be booked: a query of each shard of each day (UTC)."""
        first = read_position(after)[0].date()
        where = _Where(keys.EXPIRING_INDEX, "expires_on", "expiry_due", after, sortable(until) + _END)
        for number in range((until.date() - first).days + 1):
            day = first + timedelta(days=number)
            partitions = [keys.expires_on(day, shard) for shard in _shards()]
            for row in self._by_age(where, partitions):
                if row["expiry_due"]["S"] != after:
                    yield keys.expiring_account_of(row)

    def acts_page(self, account_id: AccountId, limit: int, after: str | None = None) -> Page[AuditRecord]:
        """Return a page of an account's acts of support, newest first: one query."""
        where = keys.range_of(DocumentKind.AUDIT_RECORD, account_id)
        return self._document_page(AuditRecord, where, limit, after, is_newest_first=True)

    def timeline_rows(
        self, account_id: AccountId, kind: TimelineRowKind, limit: int, after: str | None = None
    ) -> Page[TimelineRow]:
        """Return a page of the rows of one kind of an account's timeline, newest first: one query."""
        pk, prefix = keys.range_of(DocumentKind.TIMELINE_ROW, account_id)
        return self._document_page(TimelineRow, Range(pk, f"{prefix}{kind}#"), limit, after, is_newest_first=True)

    def subject_acts(self, subject_id: SubjectId, limit: int, after: str | None = None) -> Page[AuditRecord]:
        """Return a page of the acts about a subject, newest first: one query."""
        where = keys.range_of(DocumentKind.SUBJECT_ACT, subject_id)
        return self._document_page(AuditRecord, where, limit, after, is_newest_first=True)

    def subject_looks(self, subject_id: SubjectId, limit: int, after: str | None = None) -> Page[TimelineRow]:
        """Return a page of the looks at a subject, newest first: one query."""
        where = keys.range_of(DocumentKind.SUBJECT_LOOK, subject_id)
        return self._document_page(TimelineRow, where, limit, after, is_newest_first=True)

    def proposals_of(self, account_id: AccountId) -> Iterator[Proposal]:
        """Yield an account's proposals: a query of its partition."""
        return self._documents(Proposal, self._query(keys.range_of(DocumentKind.PROPOSAL, account_id)))

    def named(self, name: str, kind: NameKind | None = None) -> Iterator[IndexRow]:
        """Yield the rows of the index of *find* that have a name: a query of their partition, or of its part."""
        return self._documents(IndexRow, self._between(*keys.named(name, kind), limit=_INDEX_PAGE))

    def paid_between(
        self, currency: str, amount_minor: int, first: datetime, last: datetime, *, most: int | None = None
    ) -> Iterator[IndexRow]:
        """Yield the rows of the payments of an amount between two times: a query of each shard of each day (UTC)."""
        for day in _days(first, last):
            places = [place_of_amount(day, currency, amount_minor, shard) for shard in range(INDEX_SHARDS)]
            yield from self._indexed(DocumentKind.INDEXED_AMOUNT, places, first, last, most)

    def failed_between(self, first: datetime, last: datetime) -> Iterator[IndexRow]:
        """Yield the rows of the runs that failed between two times: a query of each shard of each day (UTC)."""
        for day in _days(first, last):
            places = [place_of_failures(day, shard) for shard in range(INDEX_SHARDS)]
            yield from self._indexed(DocumentKind.INDEXED_FAILURE, places, first, last)

    def incidents(self, limit: int, after: str | None = None) -> Page[ListedIncident]:
        """Return a page of all incidents, newest first: one query."""
        where = keys.range_of(DocumentKind.LISTED_INCIDENT)
        return self._document_page(ListedIncident, where, limit, after, is_newest_first=True)

    def running_incidents(self) -> Iterator[ListedIncident]:
        """Yield the incidents that are not done, oldest first: a query of their list."""
        return self._work(ListedIncident, self._query(keys.range_of(DocumentKind.RUNNING_INCIDENT)))

    def mutes(self) -> Iterator[Mute]:
        """Yield the mutes of kinds of parked events: a query of their list."""
        return self._work(Mute, self._query(keys.range_of(DocumentKind.MUTE)))

    def incident_shares(self, incident_id: str, limit: int, after: str | None = None) -> Page[IncidentShare]:
        """Return a page of what accounts got from an incident: one query."""
        where = keys.range_of(DocumentKind.INCIDENT_SHARE, incident_id)
        return self._document_page(IncidentShare, where, limit, after)

    def receipts_page(self, customer_id: str, limit: int, after: str | None = None) -> Page[Receipt]:
        """Return a page of a customer's receipts: a query of their partition."""
        pk, _ = keys.range_of(ItemKind.RECEIPT, customer_id)
        start = {"ExclusiveStartKey": keys.key(pk, after)} if after else {}
        arguments: dict[str, Any] = {
            "TableName": self._table,
            "ConsistentRead": True,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": pk}},
            "Limit": limit,
        } | start
        page = self._calls.dispatch("Query", arguments)
        last = page.get("LastEvaluatedKey")
        return Page(tuple(map(items.from_receipt, page["Items"])), last["sk"]["S"] if last else None)

    def _indexed(
        self, kind: DocumentKind, places: Iterable[str], first: datetime, last: datetime, most: int | None = None
    ) -> Iterator[IndexRow]:
        """Yield the rows of several places of the index of *find*, oldest first. A page is read when it is needed.

        `most` is how many the caller takes: all of them may be in one place.
        """
        limit = min(most or _INDEX_PAGE, _INDEX_PAGE)
        shards = [
            self._documents(IndexRow, self._between(*keys.indexed_between(kind, place, first, last), limit=limit))
            for place in places
        ]
        return merge(*shards, key=lambda row: (row.at, row.subject))

    def first_expiry(self) -> datetime | None:
        """Return the least time in the index of expiring grants: a Scan of it."""
        arguments = {"IndexName": keys.EXPIRING_INDEX}
        rows = (row for page in self._pages("Scan", arguments) for row in page)
        return min((keys.expiring_account_of(row).due_at for row in rows), default=None)

    def scan(self, segment: int = 0, segments: int = 1) -> Iterator[Item]:
        """Yield every item of one segment of the table, consistently: for `verify`."""
        arguments = {"ConsistentRead": True, "Segment": segment, "TotalSegments": segments}
        for page in self._pages("Scan", arguments):
            yield from page

    def partition(self, key: keys.Key) -> Iterator[Item]:
        """Yield every item of the partition of a key, consistently: for `why`."""
        return self._query(Range(key["pk"]["S"], ""))

    def item_count(self) -> int:
        """Return about how many items the table has: DynamoDB counts them about every six hours."""
        description = self._calls.dispatch("DescribeTable", {"TableName": self._table})
        return int(description["Table"].get("ItemCount", 0))

    def _documents(self, kind: type[_D], found: Iterator[Item]) -> Iterator[_D]:
        return (document for item in found if isinstance(document := items.from_document(item), kind))

    def _readable_documents(self, kind: type[_D], found: Iterator[Item]) -> Iterator[_D]:
        """Yield the documents of a queue that this release can read, so that one that it can't read blocks no other."""
        return (document for item in found if isinstance(document := _readable(items.from_document, item), kind))

    def _work(self, kind: type[_D], found: Iterator[Item]) -> Iterator[_D]:
        """Yield the documents that wait for a job. At the end, raise UnreadableItem if there are some it can't read."""
        unreadable = _Unreadable()
        for document in unreadable.left_out(items.from_document, found):
            if isinstance(document, kind):
                yield document
        unreadable.raise_if_any()

    def _document_page(
        self, kind: type[_D], where: Range, limit: int, after: str | None, *, is_newest_first: bool = False
    ) -> Page[_D]:
        found = self._page(where, limit, after, where.prefix, is_newest_first=is_newest_first)
        return Page(tuple(self._documents(kind, iter(found.items))), found.next)

    def _get(self, wanted: list[keys.Key]) -> Iterator[Item]:
        if len(wanted) == 1:  # GetItem has half the latency of a batch
            arguments: dict[str, Any] = {"TableName": self._table, "Key": wanted[0], "ConsistentRead": True}
            response = self._calls.dispatch("GetItem", arguments)
            if "Item" in response:
                yield response["Item"]
            return
        for start in range(0, len(wanted), _BATCH):
            yield from self._get_batch(wanted[start : start + _BATCH])

    def _get_batch(self, wanted: list[keys.Key]) -> Iterator[Item]:
        requests: Mapping[str, Any] = {self._table: {"Keys": wanted, "ConsistentRead": True}}
        for attempt in range(MAX_CALLS):
            if not requests:
                return
            pause_before(attempt)
            response = self._calls.dispatch("BatchGetItem", {"RequestItems": requests})
            yield from response["Responses"].get(self._table, [])
            requests = response.get("UnprocessedKeys") or {}
        if requests:
            raise StoreUnavailable(f"DynamoDB left keys unread {MAX_CALLS} times: it throttles the table")

    def _query(self, where: Range) -> Iterator[Item]:
        """Yield the items of a range. Every item of the partition, if its sort keys have no fixed text."""
        arguments: dict[str, Any] = {
            "ConsistentRead": True,
            "KeyConditionExpression": "pk = :pk" + (" AND begins_with(sk, :sk)" if where.prefix else ""),
            "ExpressionAttributeValues": {":pk": {"S": where.pk}}
            | ({":sk": {"S": where.prefix}} if where.prefix else {}),
        }
        for page in self._pages("Query", arguments):
            yield from page

    def _by_age(self, where: "_Where", partitions: Iterable[str], most: int | None = None) -> Iterator[Item]:
        """Yield the rows of several partitions of an index, oldest first. No page is read before it is needed.

        `most` is how many the caller takes: all of them may be in one partition.
        """
        limit = min(most + 1, _PAGE) if most else _PAGE  # one more shows that no other row is of the last one's time
        shards = [self._shard_by_age(where, partition, limit) for partition in partitions]
        return merge(*shards, key=where.rank)

    def _shard_by_age(self, where: "_Where", partition: str, limit: int) -> Iterator[Item]:
        """Yield the rows of one partition of an index, those of one time by their keys. They are keys only."""
        arguments = {
            "IndexName": where.index,
            "KeyConditionExpression": f"{where.partition} = :partition AND {where.age} BETWEEN :first AND :last",
            "ExpressionAttributeValues": {
                ":partition": {"S": partition},
                ":first": {"S": where.first},
                ":last": {"S": where.last},
            },
            "Limit": limit,
        }
        rows = (row for page in self._pages("Query", arguments) for row in page)
        for _, of_one_time in groupby(rows, key=lambda row: row[where.age]["S"]):
            yield from sorted(of_one_time, key=where.rank)

    def _between(
        self, pk: str, lowest: str, highest: str, *, is_newest_first: bool = False, limit: int | None = None
    ) -> Iterator[Item]:
        """Yield the items of one partition from one sort key to another, both included, `limit` of them in a page."""
        arguments: dict[str, Any] = {
            "ConsistentRead": True,
            "KeyConditionExpression": "pk = :pk AND sk BETWEEN :lowest AND :highest",
            "ExpressionAttributeValues": {":pk": {"S": pk}, ":lowest": {"S": lowest}, ":highest": {"S": highest}},
            "ScanIndexForward": not is_newest_first,
        } | ({"Limit": limit} if limit else {})
        for page in self._pages("Query", arguments):
            yield from page

    def _page(
        self, where: Range, limit: int, after: str | None, position_prefix: str, *, is_newest_first: bool = False
    ) -> Page[Item]:
        """Return one page of a range. Its position is the last item's sort key without `position_prefix`.

        So any text that a client may return as a position names a key inside the range.
        """
        arguments: dict[str, Any] = {
            "TableName": self._table,
            "ConsistentRead": True,
            "KeyConditionExpression": "pk = :pk AND begins_with(sk, :sk)",
            "ExpressionAttributeValues": {":pk": {"S": where.pk}, ":sk": {"S": where.prefix}},
            "ScanIndexForward": not is_newest_first,
            "Limit": limit,
        } | ({"ExclusiveStartKey": keys.key(where.pk, position_prefix + after)} if after else {})
        page = self._calls.dispatch("Query", arguments)
        last = page.get("LastEvaluatedKey")
        return Page(tuple(page["Items"]), last["sk"]["S"].removeprefix(position_prefix) if last else None)

    def _pages(self, operation: str, arguments: Mapping[str, Any]) -> Iterator[list[Item]]:
        arguments = {"TableName": self._table, **arguments}
        while True:
            page = self._calls.dispatch(operation, dict(arguments))
            yield page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            arguments = {**arguments, "ExclusiveStartKey": page["LastEvaluatedKey"]}


class _Where:
    """What is read of an index, by the age that its sort key says: from a time or a position on, up to another one."""

    def __init__(
        self, index: str, partition: str, age: str, since: datetime | str | None = None, last: str = _END
    ) -> None:
        self.index = index
        self.partition = partition
        self.age = age
        self.first = since if isinstance(since, str) else sortable(since) if since else _FIRST
        self.last = last

    def rank(self, row: Item) -> tuple[str, str, str]:
        """Return where a row is in the order of all partitions."""
        return row[self.age]["S"], row["pk"]["S"], row["sk"]["S"]


def _days(first: datetime, last: datetime) -> Iterator[str]:
    """Yield the days (UTC) from a time to another, as keys have them."""
    day, until = first.astimezone(UTC).date(), last.astimezone(UTC).date()
    while day <= until:
        yield day.isoformat()
        day += timedelta(days=1)


def _shards(turn: int | None = None) -> Iterable[int]:
    """Return the shards of an index: all of them, or the one whose turn it is."""
    return range(keys.SHARDS) if turn is None else (turn % keys.SHARDS,)


def _snapshot(found: Iterator[Item]) -> Snapshot:
    """Sort what was read by its kind."""
    by_kind: dict[ItemKind | DocumentKind, list[Item]] = {}
    for item in found:
        by_kind.setdefault(keys.kind_of(item), []).append(item)

    def of(kind: ItemKind) -> list[Item]:
        return by_kind.get(kind, [])

    documents = [item for kind in by_kind if isinstance(kind, DocumentKind) for item in by_kind[kind]]
    return Snapshot(
        payments={keys.payment_id_of(item): items.from_payment(item) for item in of(ItemKind.PAYMENT)},
        accounts={keys.account_id_of(item): items.from_account(item) for item in of(ItemKind.ACCOUNT)},
        fulfilment_keys={keys.owner_of(item): items.from_fulfilment_key(item) for item in of(ItemKind.FULFILMENT_KEY)},
        subscriptions={keys.owner_of(item): items.from_subscription(item) for item in of(ItemKind.SUBSCRIPTION)},
        closed_lots={
            (keys.account_id_of(item), keys.lot_id_of(item)): items.from_lot(item) for item in of(ItemKind.LOT)
        },
        runs={(run.account_id, run.run_id): run for run in map(items.from_run, of(ItemKind.RUN))},
        documents={keys.document_key_of(item): items.from_document(item) for item in documents},
        receipts={receipt.name: receipt for receipt in map(items.from_receipt, of(ItemKind.RECEIPT))},
    )


class _Unreadable:
    """The items of a listing that this release can't read: how many, and since when the oldest waits."""

    def __init__(self) -> None:
        self._number = 0
        self._since: datetime | None = None

    def left_out(self, read: Callable[[Item], _T], found: Iterable[Item]) -> Iterator[_T]:
        """Yield what the other items hold."""
        for item in found:
            content = _readable(read, item)
            if content is not None:
                yield content
                continue
            self._number += 1
            since = items.waits_since(item)
            self._since = min(self._since or since, since) if since else self._since

    def raise_if_any(self) -> None:
        """Raise UnreadableItem if an item was left out."""
        if self._number:
            raise UnreadableItem(f"{self._number} items can't be read by this release: see the log", self._since)


def _readable(read: Callable[[Item], _T], item: Item) -> _T | None:
    """Return what an item holds. None, and an error in the log, if this release can't read it."""
    try:
        return read(item)
    except UnreadableItem as error:
        _log.error("item left out", extra={"kind": keys.kind_of(item), "reason": str(error)})
        return None
