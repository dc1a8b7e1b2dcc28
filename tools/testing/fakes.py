"""An in-memory store that implements `ledger.ports.store.Store`, and fake providers with real behaviour.

The contract tests run against this store and the real one.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from threading import Lock
from typing import Any, TypeVar

from ledger.domain.accounts import Account
from ledger.domain.audit import AuditRecord
from ledger.domain.catalogue import Product
from ledger.domain.credit_notes import CreditNote
from ledger.domain.declarations import DeclarationState, ListedDeclaration
from ledger.domain.disputes import Awaits
from ledger.domain.entries import Entry
from ledger.domain.errors import (
    CommitTooLarge,
    ProviderRefused,
    ProviderUnavailable,
    StoreUnavailable,
    TransactionInConflict,
)
from ledger.domain.facts import RefundChanged, RefundState
from ledger.domain.ids import AccountId, PaymentId, SubjectId, approval_tag
from ledger.domain.incidents import IncidentShare, ListedIncident
from ledger.domain.index_rows import IndexRow, NameKind
from ledger.domain.lots import Lot
from ledger.domain.mails import MailIntent
from ledger.domain.orders import Checkout, Order
from ledger.domain.proposals import Proposal, QueuedProposal
from ledger.domain.purchases import Purchase
from ledger.domain.receipts import Mute, Receipt, Trigger
from ledger.domain.refund_cases import DecidedList, FollowStage, QueuedCase, RefundCase
from ledger.domain.refund_intents import RefundIntent
from ledger.domain.renewal_stops import RenewalStop
from ledger.domain.runs import FailedRun, Run
from ledger.domain.subscriptions import Subscription, SubscriptionState, SubscriptionStatus
from ledger.domain.timeline import TimelineRow, TimelineRowKind
from ledger.dynamodb import keys
from ledger.dynamodb.calls import MAX_CALLS
from ledger.dynamodb.writes import Writes
from ledger.ports.commit import (
    MAX_ACTIONS,
    AccountChange,
    Commit,
    DocumentChange,
    FulfilmentKey,
    FulfilmentKeyChange,
    PaymentPointer,
    Refusal,
)
from ledger.ports.documents import (
    MAIL_SHARDS,
    AwaitedOrder,
    Document,
    DocumentKey,
    DocumentKind,
    VersionedDocument,
    WatchedPlan,
    case_key,
    entry_position,
    index_row_key,
    position_of,
    sortable,
)
from ledger.ports.gateway import PaidSource, RefundToSend, SentRefund
from ledger.ports.reads import ExpiringAccount, FollowedCase, Keys, Page, ParkedName, Snapshot, WaitingPayment
from tools.verify import World

_T = TypeVar("_T")
_D = TypeVar("_D")


MAX_ITEM_BYTES = 400 * 1024
"""What DynamoDB takes as one item. Source: its page of service quotas."""


def _has_turn(key: keys.Key, turn: int | None) -> bool:
    """Return whether what has this key is listed in this hour of the day. None: in each."""
    return turn is None or keys.shard_of(key) == turn % keys.SHARDS


def _check_limits(commit: Commit) -> None:
    """Raise CommitTooLarge, or ValueError for what the code should not send: DynamoDB refuses it whatever is stored."""
    writes = Writes("fake")
    operations = [operation for _, operation in (*writes.checks(commit), *writes.puts(commit), *writes.updates(commit))]
    operations += writes.deletes(commit)
    keys = [(item["pk"]["S"], item["sk"]["S"]) for item in (one.get("Item") or one["Key"] for one in operations)]
    if len(keys) != len(set(keys)):
        raise ValueError(f"a transaction can't write one item twice: {sorted(keys)}")
    if len(operations) > MAX_ACTIONS:
        raise CommitTooLarge(f"a transaction has at most {MAX_ACTIONS} actions, this one has {len(operations)}")
    largest = max((len(str(one.get("Item", ""))) for one in operations), default=0)
    if largest > MAX_ITEM_BYTES:
        raise CommitTooLarge(f"an item has at most {MAX_ITEM_BYTES:,} bytes, this one has about {largest:,}")


@dataclass(slots=True)
class _Indexed:
    """What the secondary indexes list: the objects as they were at some time."""

    receipts: dict[tuple[str, str], Receipt] = field(default_factory=dict)
    payments: dict[str, Purchase | PaymentPointer] = field(default_factory=dict)
    entries: dict[tuple[str, str, str], Entry] = field(default_factory=dict)
    documents: dict[DocumentKey, Document] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)


class Trouble(StrEnum):
    """What befalls a call that writes. The values are DynamoDB's reasons for cancelling a transaction."""

    CONFLICT = "TransactionConflict"
    THROTTLED = "ThrottlingError"
    NO_CAPACITY = "ProvisionedThroughputExceeded"
    LOST = "lost"  # it is written, and nobody is told


class FakeStore:
    """The ledger's objects in dictionaries, written atomically under one lock, within the limits of DynamoDB.

    `is_lagging`: what is read by a secondary index is as it was at the last `catch_up`, at first nothing. `rows` is the
    most that a page has, whatever its limit: DynamoDB ends a page at one megabyte. `troubles` befall the next calls
    that write, one each; what was throttled is called again, MAX_CALLS times in all, as by the real store.
    """

    def __init__(self, *, is_lagging: bool = False, rows: int | None = None) -> None:
        self.receipts: dict[tuple[str, str], Receipt] = {}
        self.payments: dict[str, Purchase | PaymentPointer] = {}
        self.accounts: dict[str, Account] = {}
        self.fulfilment_keys: dict[str, FulfilmentKey] = {}
        self.subscriptions: dict[str, Subscription] = {}
        self.closed_lots: dict[tuple[AccountId, str], Lot] = {}
        self.runs: dict[tuple[AccountId, str], Run] = {}
        self.stored_entries: dict[tuple[str, str, str], Entry] = {}
        self.documents: dict[DocumentKey, Document] = {}
        self.round_trips = 0
        self.is_lagging = is_lagging
        self.troubles: list[Trouble] = []
        self._rows = rows
        self._lagging = _Indexed()
        self._lock = Lock()

    def catch_up(self) -> None:
        """Bring the secondary indexes to what is stored."""
        with self._lock:
            self._lagging = _Indexed(
                dict(self.receipts),
                dict(self.payments),
                dict(self.stored_entries),
                dict(self.documents),
                dict(self.accounts),
            )

    @property
    def _indexed(self) -> _Indexed:
        if self.is_lagging:
            return self._lagging
        return _Indexed(self.receipts, self.payments, self.stored_entries, self.documents, self.accounts)

    def read(self, names: Keys) -> Snapshot:
        self.round_trips += 1
        return Snapshot(
            {name: self.payments[name] for name in names.payments if name in self.payments},
            {name: self.accounts[name] for name in names.accounts if name in self.accounts},
            {name: self.fulfilment_keys[name] for name in names.fulfilment_keys if name in self.fulfilment_keys},
            {name: self.subscriptions[name] for name in names.subscriptions if name in self.subscriptions},
            {name: self.closed_lots[name] for name in names.closed_lots if name in self.closed_lots},
            {name: self.runs[name] for name in names.runs if name in self.runs},
            {key: self.documents[key] for key in names.documents if key in self.documents},
            {name: self.receipts[name] for name in names.receipts if name in self.receipts},
        )

    def commit(self, commit: Commit) -> Refusal | None:
        self.round_trips += 1
        _check_limits(commit)
        with self._lock:
            refusal = self._refusal(commit)
            is_lost = self._is_lost()
            if refusal is None:
                self._apply(commit)
            if is_lost:
                raise StoreUnavailable("no answer")
            return refusal

    def put_index_rows(self, rows: Iterable[IndexRow]) -> None:
        for row in rows:
            self.commit(Commit(documents=(DocumentChange(index_row_key(row), row, None),)))

    def _is_lost(self) -> bool:
        """Meet the troubles of one commit. Return whether its answer is lost, or raise StoreUnavailable."""
        for _ in range(MAX_CALLS):
            trouble = self.troubles.pop(0) if self.troubles else None
            if trouble is Trouble.CONFLICT:
                raise TransactionInConflict("Another transaction on the same items was in progress.")
            if trouble is None or trouble is Trouble.LOST:
                return trouble is Trouble.LOST
        raise StoreUnavailable(f"refused {MAX_CALLS} times")

    def customer_receipts(self, customer_id: str) -> list[Receipt]:
        self.round_trips += 1
        return [receipt for (customer, _), receipt in self.receipts.items() if customer == customer_id]

    def latest_closed_lot(self, account_id: AccountId, first: str, last: str) -> str | None:
        self.round_trips += 1
        return max(
            (lot_id for owner, lot_id in self.closed_lots if owner == account_id and first <= lot_id <= last),
            default=None,
        )

    def parked_names(
        self,
        trigger: Trigger,
        since: datetime | None = None,
        *,
        turn: int | None = None,
        most: int | None = None,  # noqa: ARG002 - nothing is read by pages here
    ) -> Iterator[ParkedName]:
        self.round_trips += 1
        found = []
        for (owner, event_id), receipt in list(self._indexed.receipts.items()):
            name = ParkedName(owner, event_id, receipt.received_at)
            is_listed = receipt.listed_under is trigger and (since is None or receipt.received_at >= since)
            if is_listed and _has_turn(keys.parked_receipt_key(name), turn):
                found.append(name)
        yield from sorted(found, key=lambda name: (name.received_at, name.owner, name.event_id))

    def parked_receipts(self, names: Iterable[ParkedName] | None = None) -> Iterator[Receipt]:
        self.round_trips += 1
        if names is None:
            names = (name for trigger in Trigger for name in self.parked_names(trigger))
        found = [self.receipts.get(key) for key in dict.fromkeys((name.owner, name.event_id) for name in names)]
        yield from [receipt for receipt in found if receipt and receipt.parked_reason]

    def parked_of_customer(self, customer_id: str) -> Iterator[Receipt]:
        names = [name for name in self.parked_names(Trigger.FACTS) if name.owner == customer_id]
        yield from self.parked_receipts(names)

    def waiting_payments(self, until: datetime, since: datetime | None = None) -> Iterator[WaitingPayment]:
        self.round_trips += 1
        found = []
        for purchase in [one for one in self._indexed.payments.values() if isinstance(one, Purchase)]:
            began = purchase.waits_since
            if began and began <= until and (since is None or began >= since):
                found.append(WaitingPayment(purchase.payment_id, began))
        yield from sorted(found, key=lambda one: (one.since, one.payment_id))

    def entries(self, account_id: AccountId, since: datetime | None = None) -> Iterator[Entry]:
        for _, entry in self._entries(account_id):
            if since is None or entry.occurred_at >= since:
                yield entry

    def statement_page(
        self, account_id: AccountId, limit: int, after: str | None = None
    ) -> tuple[Account | None, Page[Entry]]:
        self.round_trips += 1
        account = None if after else self.accounts.get(account_id)
        return account, self._page(self._entries(account_id), limit, after, is_newest_first=True)

    def purchases_of(self, account_id: AccountId, limit: int, after: str | None = None) -> Page[Purchase]:
        self.round_trips += 2
        indexed = self._indexed.payments.values()
        paid = [item for item in indexed if isinstance(item, Purchase) and item.account_id == account_id]
        ranked = sorted(paid, key=lambda item: item.payment.precedence if item.payment else (), reverse=True)
        named = [(f"{sortable(item.payment.at)}#{item.payment_id}", item) for item in ranked if item.payment]
        page = self._page(named, limit, after, is_newest_first=True)
        now = [self.payments[item.payment_id] for item in page.items]
        return Page(tuple(item for item in now if isinstance(item, Purchase)), page.next)

    def open_disputes(self, awaits: Awaits, limit: int, after: str | None = None) -> Page[Purchase]:
        self.round_trips += 2
        indexed = [one for one in self._indexed.payments.values() if isinstance(one, Purchase)]
        found = [(one.open_dispute, one) for one in indexed]
        listed = [(dispute.position, one) for dispute, one in found if dispute and dispute.awaits is awaits]
        listed.sort(key=lambda pair: (pair[0], pair[1].payment_id), reverse=awaits is Awaits.BANK)
        named = [(f"{sortable(at)}#{one.payment_id}", one) for at, one in listed]
        page = self._page(named, limit, after, is_newest_first=awaits is Awaits.BANK)
        now = [self.payments[one.payment_id] for one in page.items]
        still = [one for one in now if isinstance(one, Purchase) and one.open_dispute]
        return Page(tuple(one for one in still if one.open_dispute and one.open_dispute.awaits is awaits), page.next)

    def suspended_accounts(self, limit: int, after: str | None = None) -> Page[Account]:
        self.round_trips += 2
        held = [(one.suspended_since, one) for one in self._indexed.accounts.values()]
        named = sorted(
            ((f"{sortable(since)}#{one.account_id}", one) for since, one in held if since),
            key=lambda pair: pair[0],
            reverse=True,
        )
        page = self._page(named, limit, after, is_newest_first=True)
        now = [self.accounts[one.account_id] for one in page.items]
        return Page(tuple(one for one in now if one.holds), page.next)

    def decided_cases(self, name: DecidedList, limit: int, after: str | None = None) -> Page[RefundCase]:
        self.round_trips += 2
        indexed = [one for one in self._indexed.documents.values() if isinstance(one, RefundCase)]
        decided = [(one.decided_at, one) for one in indexed if one.decided_list is name]
        named = [(f"{sortable(at)}#{one.account_id}#{one.case_id}", one) for at, one in decided if at]
        named.sort(key=lambda pair: pair[0], reverse=True)
        page = self._page(named, limit, after, is_newest_first=True)
        now = [self.documents[case_key(one.account_id, one.case_id)] for one in page.items]
        return Page(tuple(one for one in now if isinstance(one, RefundCase) and one.decided_list is name), page.next)

    def cases_of(self, account_id: AccountId, limit: int, after: str | None = None) -> Page[RefundCase]:
        return self._document_page(RefundCase, DocumentKind.REFUND_CASE, limit, after, account_id)

    def review_queue(self, limit: int, after: str | None = None) -> Page[QueuedCase]:
        return self._document_page(QueuedCase, DocumentKind.REVIEW_QUEUE, limit, after)

    def proposals(self, limit: int, after: str | None = None) -> Page[QueuedProposal]:
        return self._document_page(QueuedProposal, DocumentKind.PROPOSAL_QUEUE, limit, after)

    def deferred_cases(self) -> Iterator[QueuedCase]:
        return self._documents(QueuedCase, DocumentKind.DEFERRED_QUEUE)

    def followed_cases(
        self, stage: FollowStage, since: datetime | None = None, *, turn: int | None = None
    ) -> Iterator[FollowedCase]:
        self.round_trips += 1
        found = []
        for case in [one for one in self._indexed.documents.values() if isinstance(one, RefundCase)]:
            is_listed = case.follow_stage is stage and (since is None or case.moved_at >= since)
            if is_listed and _has_turn(keys.document_key(case_key(case.account_id, case.case_id)), turn):
                found.append(FollowedCase(case.account_id, case.case_id, case.moved_at))
        yield from sorted(found, key=lambda name: (name.moved_at, name.case_id))

    def outbox(self) -> Iterator[RefundIntent]:
        return self._documents(RefundIntent, DocumentKind.REFUND_INTENT)

    def renewal_stops(self) -> Iterator[RenewalStop]:
        return self._documents(RenewalStop, DocumentKind.RENEWAL_STOP)

    def mail_intents(self) -> Iterator[MailIntent]:
        self.round_trips += MAIL_SHARDS
        return self._documents_of(MailIntent, DocumentKind.MAIL_INTENT, range(MAIL_SHARDS))

    def awaited_orders(self, since: datetime | None = None, *, turn: int | None = None) -> Iterator[AwaitedOrder]:
        found = self._documents_of(
            AwaitedOrder, DocumentKind.AWAITED_ORDER, range(MAIL_SHARDS) if turn is None else [turn]
        )
        return (order for order in found if since is None or order.since >= since)

    def watched_plans(self, until: datetime) -> Iterator[WatchedPlan]:
        found = self._documents_of(WatchedPlan, DocumentKind.WATCHED_PLAN, range(MAIL_SHARDS))
        return (plan for plan in found if plan.due_at <= until)

    def _documents_of(self, kind: type[_D], stored_as: DocumentKind, shards: Iterable[int]) -> Iterator[_D]:
        return iter([one for shard in shards for one in self._documents(kind, stored_as, str(shard))])

    def failed_runs(self, account_id: AccountId, since: datetime) -> Iterator[FailedRun]:
        runs = self._documents(FailedRun, DocumentKind.FAILED_RUN, account_id)
        return (run for run in runs if run.at >= since)

    def credit_notes(self, account_id: AccountId) -> Iterator[CreditNote]:
        return self._documents(CreditNote, DocumentKind.CREDIT_NOTE, account_id)

    def audit_records(self, account_id: AccountId) -> Iterator[AuditRecord]:
        return self._documents(AuditRecord, DocumentKind.AUDIT_RECORD, account_id)

    def declarations(self, state: DeclarationState, since: datetime | None = None) -> Iterator[ListedDeclaration]:
        found = self._documents(ListedDeclaration, DocumentKind.LISTED_DECLARATION, str(state))
        return (one for one in found if since is None or one.since >= since)

    def expiring(self, after: str, until: datetime) -> Iterator[ExpiringAccount]:
        self.round_trips += 1
        due = [(entry.expiry_due_at, entry.account_id) for entry in self._indexed.entries.values()]
        found = {position_of(due_at, name): ExpiringAccount(due_at, name) for due_at, name in due if due_at}
        yield from (one for position, one in sorted(found.items()) if position > after and one.due_at <= until)

    def acts_page(self, account_id: AccountId, limit: int, after: str | None = None) -> Page[AuditRecord]:
        return self._newest(AuditRecord, DocumentKind.AUDIT_RECORD, limit, after, account_id)

    def timeline_rows(
        self, account_id: AccountId, kind: TimelineRowKind, limit: int, after: str | None = None
    ) -> Page[TimelineRow]:
        return self._newest(TimelineRow, DocumentKind.TIMELINE_ROW, limit, after, account_id, str(kind))

    def subject_acts(self, subject_id: SubjectId, limit: int, after: str | None = None) -> Page[AuditRecord]:
        return self._newest(AuditRecord, DocumentKind.SUBJECT_ACT, limit, after, subject_id)

    def subject_looks(self, subject_id: SubjectId, limit: int, after: str | None = None) -> Page[TimelineRow]:
        return self._newest(TimelineRow, DocumentKind.SUBJECT_LOOK, limit, after, subject_id)

    def proposals_of(self, account_id: AccountId) -> Iterator[Proposal]:
        return self._documents(Proposal, DocumentKind.PROPOSAL, account_id)

    def _newest(self, kind: type[_D], stored_as: DocumentKind, limit: int, after: str | None, *owner: str) -> Page[_D]:
        self.round_trips += 1
        listed: list[tuple[str, Any]] = [
            (name, one) for name, one in self._listed(stored_as, *owner) if isinstance(one, kind)
        ]
        return self._page(listed[::-1], limit, after, is_newest_first=True)

    def named(self, name: str, kind: NameKind | None = None) -> Iterator[IndexRow]:
        rows = self._documents(IndexRow, DocumentKind.INDEXED_NAME, name)
        return (row for row in rows if kind in {None, row.kind})

    def paid_between(
        self,
        currency: str,
        amount_minor: int,
        first: datetime,
        last: datetime,
        *,
        most: int | None = None,  # noqa: ARG002 - nothing is read by pages here
    ) -> Iterator[IndexRow]:
        found = self._indexed_rows(DocumentKind.INDEXED_AMOUNT, first, last)
        return (row for row in found if (row.currency, row.amount) == (currency, amount_minor))

    def failed_between(self, first: datetime, last: datetime) -> Iterator[IndexRow]:
        return self._indexed_rows(DocumentKind.INDEXED_FAILURE, first, last)

    def _indexed_rows(self, kind: DocumentKind, first: datetime, last: datetime) -> Iterator[IndexRow]:
        self.round_trips += 1
        rows = [row for key, row in self.documents.items() if key.kind is kind and isinstance(row, IndexRow)]
        dated = [(row.at, row.subject, str(row.account_id), row) for row in rows if row.at]
        return iter([row for at, *_, row in sorted(dated, key=lambda one: one[:-1]) if first <= at <= last])

    def incidents(self, limit: int, after: str | None = None) -> Page[ListedIncident]:
        return self._newest(ListedIncident, DocumentKind.LISTED_INCIDENT, limit, after)

    def running_incidents(self) -> Iterator[ListedIncident]:
        return self._documents(ListedIncident, DocumentKind.RUNNING_INCIDENT)

    def mutes(self) -> Iterator[Mute]:
        return self._documents(Mute, DocumentKind.MUTE)

    def incident_shares(self, incident_id: str, limit: int, after: str | None = None) -> Page[IncidentShare]:
        return self._document_page(IncidentShare, DocumentKind.INCIDENT_SHARE, limit, after, incident_id)

    def receipts_page(self, customer_id: str, limit: int, after: str | None = None) -> Page[Receipt]:
        self.round_trips += 1
        mine = sorted((name, one) for (owner, name), one in self.receipts.items() if owner == customer_id)
        return self._page(mine, limit, after)

    def first_expiry(self) -> datetime | None:
        self.round_trips += 1
        return min(
            (due_at for entry in self._indexed.entries.values() if (due_at := entry.expiry_due_at)), default=None
        )

    def _listed(self, kind: DocumentKind, *owner: str) -> list[tuple[str, Document]]:
        found = [(key.parts, document) for key, document in self.documents.items() if key.kind is kind]
        mine = [("#".join(parts[len(owner) :]), one) for parts, one in found if parts[: len(owner)] == owner]
        return sorted(mine, key=lambda pair: pair[0])

    def _documents(self, kind: type[_D], stored_as: DocumentKind, *owner: str) -> Iterator[_D]:
        self.round_trips += 1
        return iter([one for _, one in self._listed(stored_as, *owner) if isinstance(one, kind)])

    def _document_page(
        self, kind: type[_D], stored_as: DocumentKind, limit: int, after: str | None, *owner: str
    ) -> Page[_D]:
        self.round_trips += 1
        listed: list[tuple[str, Any]] = [
            (name, one) for name, one in self._listed(stored_as, *owner) if isinstance(one, kind)
        ]
        return self._page(listed, limit, after)

    def _page(
        self, found: list[tuple[str, _T]], limit: int, after: str | None, *, is_newest_first: bool = False
    ) -> Page[_T]:
        limit = min(limit, self._rows or limit)
        rest = [
            (name, row) for name, row in found if after is None or (name < after if is_newest_first else name > after)
        ]
        rows = rest[:limit]
        is_full = len(rows) == limit  # as in DynamoDB: a page that ends exactly at the end names a next, empty one
        return Page(tuple(row for _, row in rows), rows[-1][0] if is_full else None)

    def _entries(self, account_id: AccountId) -> list[tuple[str, Entry]]:
        mine = [
            ("#".join(key[1:]), entry) for key, entry in self.stored_entries.items() if entry.account_id == account_id
        ]
        return sorted(mine, key=lambda pair: pair[0], reverse=True)

    def _refusal(self, commit: Commit) -> Refusal | None:
        receipt = self.receipts.get(commit.receipt.name) if commit.receipt else None
        is_new = receipt is None or (receipt.parked_reason is not None and _is_parked_otherwise(receipt, commit))
        received = None if is_new else receipt
        overtaken = [p for p in commit.purchases if _version(self.payments.get(p.payment_id)) != p.version]
        overtaken_first = bool(overtaken) and overtaken[0] is commit.purchases[0]
        stored_run = self.runs.get((commit.run.account_id, commit.run.run_id)) if commit.run else None
        drawn = stored_run if stored_run and commit.run and stored_run.version != commit.run.version else None
        missing_run = commit.run is not None and stored_run is None and commit.run.version > 0
        refused = (
            received is not None
            or bool(overtaken)
            or drawn is not None
            or missing_run
            or any(not self._may_store(change) for change in commit.documents)
            or (commit.order is not None and not self._may_order(commit.order))
            or any(not self._may_point(pointer) for pointer in commit.pointers)
            or any(_entry_key(entry) in self.stored_entries for entry in commit.entries)
            or (commit.account is not None and not self._may_change(commit.account))
            or any(not self._may_fulfil(change) for change in commit.fulfilment_keys)
        )
        if commit.subscription:
            stored = self.subscriptions.get(commit.subscription.subscription_id)
            refused |= (stored.version if stored else 0) != commit.subscription.version
        if not refused:
            return None
        first = self.payments.get(commit.purchases[0].payment_id) if overtaken_first else None
        return Refusal(receipt=received, purchase=first if isinstance(first, Purchase) else None, run=drawn)

    def _may_point(self, pointer: PaymentPointer) -> bool:
        stored = self.payments.get(pointer.name)
        if pointer.replaces_version:
            return _version(stored) == pointer.replaces_version
        if pointer.replaces is None:
            return stored is None or isinstance(stored, PaymentPointer)
        targets = stored.targets if isinstance(stored, PaymentPointer) else ()
        return targets == pointer.replaces and not isinstance(stored, Purchase)

    def _may_change(self, change: AccountChange) -> bool:
        account = self.accounts.get(change.account_id)
        for lot_id, lot in change.closed_before.items():
            if self.closed_lots.get((change.account_id, lot_id)) != lot:
                return False
        if change.version is None:
            lots = {*change.lots, f"{change.period}/0"}
            if change.has_subscription and (account is None or change.has_subscription not in account.subscriptions):
                return False
            return account is None or not (account.lots.keys() & lots or change.period in account.covered)
        return (account.version if account else 0) == change.version

    def _may_fulfil(self, change: FulfilmentKeyChange) -> bool:
        fulfilment_key = self.fulfilment_keys.get(change.key) or FulfilmentKey(key=change.key)
        is_as_read = fulfilment_key.payment_ids == change.replaces
        return is_as_read and (
            change.is_check
            or (
                fulfilment_key.account_id in {None, change.account_id}
                and fulfilment_key.product_id in {None, *change.product_ids}
                and fulfilment_key.terms_hash == change.terms_hash
                and change.checkout_id in {None, _checkout_of(fulfilment_key)}
                and change.has_consent in {None, _has_consent(fulfilment_key)}
            )
        )

    def _may_store(self, change: DocumentChange) -> bool:
        stored = self.documents.get(change.key)
        return change.replaces is None or change.document is None or _version_of(stored) == change.replaces

    def _may_order(self, order: Order) -> bool:
        fulfilment_key = self.fulfilment_keys.get(f"order/{order.order_id}") or FulfilmentKey(key="")
        if order.version == 0:
            return fulfilment_key.terms is None and fulfilment_key.payment_id is None
        return fulfilment_key.terms is not None and fulfilment_key.terms.version == order.version

    def _apply(self, commit: Commit) -> None:
        if commit.receipt:
            key = commit.receipt.name
            first = self.receipts.get(key, commit.receipt)
            self.receipts[key] = replace(commit.receipt, received_at=first.received_at)
        for purchase in commit.purchases:
            names = purchase.names or frozenset({purchase.payment_id})
            stored = replace(purchase, names=names, version=purchase.version + 1, stored_facts=purchase.facts)
            self.payments[purchase.payment_id] = stored
        for pointer in commit.pointers:
            if not pointer.is_check:
                self.payments[pointer.name] = replace(pointer, replaces_version=0, replaces=())
        for key_change in commit.fulfilment_keys:
            if not key_change.is_check:
                self.fulfilment_keys[key_change.key] = replace(
                    self.fulfilment_keys.get(key_change.key) or FulfilmentKey(key=key_change.key),
                    payment_id=key_change.payment_ids[0],
                    duplicates=key_change.payment_ids[1:],
                    account_id=key_change.account_id,
                )
        if commit.subscription:
            subscription = replace(commit.subscription, version=commit.subscription.version + 1)
            self.subscriptions[subscription.subscription_id] = subscription
        for entry in commit.entries:
            self.stored_entries[_entry_key(entry)] = entry
        if commit.run:
            run = replace(commit.run, version=commit.run.version + 1)
            self.runs[(run.account_id, run.run_id)] = run
        for change in commit.documents:
            if change.document is None:
                self.documents.pop(change.key, None)
            elif isinstance(change.document, VersionedDocument):
                self.documents[change.key] = replace(change.document, version=change.document.version + 1)
            else:
                self.documents[change.key] = change.document
        if order := commit.order:
            fulfilment_key = self.fulfilment_keys.get(f"order/{order.order_id}") or FulfilmentKey(
                key=f"order/{order.order_id}"
            )
            terms = replace(order, version=order.version + 1)
            self.fulfilment_keys[fulfilment_key.key] = replace(
                fulfilment_key,
                account_id=order.account_id,
                product_id=order.product_id,
                terms=terms,
                terms_hash=order.terms_hash,
            )
        if commit.account:
            self._change(commit.account)

    def _change(self, change: AccountChange) -> None:
        account = self.accounts.get(change.account_id) or Account(account_id=change.account_id)
        subscriptions = {change.subscription.subscription_id: change.subscription} if change.subscription else {}
        covered = {change.period: change.covered_by} if change.period and change.covered_by else {}
        self.accounts[change.account_id] = replace(
            account,
            version=account.version + 1,
            lots={k: lot for k, lot in {**account.lots, **change.lots}.items() if k not in change.closed},
            holds={k: hold for k, hold in {**account.holds, **change.holds}.items() if hold},
            flags={k: since for k, since in {**account.flags, **change.flags}.items() if since},
            subscriptions={**account.subscriptions, **subscriptions},
            covered={**account.covered, **covered},
            cases={k: key for k, key in {**account.cases, **change.cases}.items() if key},
        )
        for lot_id in change.closed:
            self.closed_lots[(change.account_id, lot_id)] = change.lots[lot_id]


def _has_consent(fulfilment_key: FulfilmentKey) -> bool:
    order = fulfilment_key.terms
    return order is not None and order.consent is not None and order.consent.is_complete


def _checkout_of(fulfilment_key: FulfilmentKey) -> str | None:
    checkout = fulfilment_key.terms.checkout if fulfilment_key.terms else None
    return checkout.checkout_id if checkout else None


def _version_of(stored: Document | None) -> int:
    return getattr(stored, "version", 1) if stored else 0


def _is_parked_otherwise(parked: Receipt, commit: Commit) -> bool:
    """Return whether a commit books a parked event, parks it for another reason, or moves it to another list."""
    receipt = commit.receipt
    is_same = receipt and (receipt.parked_reason, receipt.muted_by) == (parked.parked_reason, parked.muted_by)
    return receipt is not None and not is_same


def _version(stored: Purchase | PaymentPointer | None) -> int:
    if isinstance(stored, PaymentPointer):
        return -1
    return stored.version if stored else 0


def _entry_key(entry: Entry) -> tuple[str, str, str]:
    place, entry_id = entry_position(entry)[: -len(entry.entry_id) - 1], entry.entry_id
    return (entry.account_id, place, entry_id)


def world(store: FakeStore) -> World:
    """Return the content of the fake, for the invariants."""
    whole = World(
        receipts=list(store.receipts.values()),
        payments=dict(store.payments),  # type: ignore[arg-type]
        fulfilment_keys=store.fulfilment_keys,
        accounts={AccountId(key): account for key, account in store.accounts.items()},
        closed_lots=store.closed_lots,
        entries=list(store.stored_entries.values()),
        runs=list(store.runs.values()),
        subscriptions=store.subscriptions,
    )
    for key, document in store.documents.items():
        whole.add_document(key, document)
    return whole


class ResponseLost(ProviderUnavailable):
    """A fault: the provider carries out the request, but its response is lost."""


class _NoFault(Exception):
    """In a plan of faults: this call succeeds."""


def _is_counted(sent: SentRefund) -> bool:
    return sent.state.rank <= RefundState.SUCCEEDED.rank


@dataclass
class FakeProvider:
    """A provider in memory. It stores refunds by payment, and refunds no more than was paid.

    `kind` is `stripe` (a disputed charge is not refunded) or `paddle` (one pending refund of a payment blocks the
    next). Paddle has no idempotency keys, and Stripe forgets them after a day: a repeated tag is another refund. With
    `has_keys`, Stripe still has them: a repeated tag returns its first refund, or is unclear if anything else differs.
    """

    kind: str = "stripe"
    paid_minor: dict[PaymentId, int] = field(default_factory=dict)  # 2000 for a payment that is not named
    paid_by: dict[str, int] = field(default_factory=dict)  # by payment of an invoice that several paid
    is_reviewed: bool = False  # refunds wait for the provider's approval
    is_late: bool = False  # listings do not have accepted refunds yet
    has_keys: bool = False
    disputed: set[PaymentId] = field(default_factory=set)
    faults: list[Exception] = field(default_factory=list)  # one for each coming send or checkout
    look_up_faults: list[Exception] = field(default_factory=list)  # one for each coming call that looks a refund up
    meanwhile: Callable[[], object] | None = None  # is called once, during the next call about a refund
    refunds: list[tuple[RefundToSend, SentRefund]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    checkouts: dict[str, Checkout] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)  # ids of checkouts that nobody can pay any more
    paid: set[str] = field(default_factory=set)  # ids of checkouts that were paid
    close_faults: list[Exception] = field(default_factory=list)  # one for each coming call that closes a checkout
    stopped: set[str] = field(default_factory=set)
    stop_faults: list[Exception] = field(default_factory=list)  # one for each coming call that stops renewals
    states: dict[str, SubscriptionState] = field(default_factory=dict)  # fixed states, whatever was requested
    _lock: Lock = field(default_factory=Lock)

    def send_refund(self, refund: RefundToSend) -> SentRefund:
        self._pass_time()
        with self._lock:
            self.calls.append(f"send {refund.tag}")
            fault = self.faults.pop(0) if self.faults else None
            if fault and not isinstance(fault, ResponseLost | _NoFault):
                raise fault
            sent = self._accept(refund)
            if isinstance(fault, _NoFault):
                return sent
            if fault:
                raise fault
            return sent

    def sources(self, refund: RefundToSend) -> tuple[PaidSource, ...]:
        """Return what has paid, if `paid_by` names several."""
        del refund
        return tuple(PaidSource(source=name, left_minor=self._left_of(name)) for name in sorted(self.paid_by))

    def _left_of(self, source: str) -> int:
        refunded = [one.amount_minor for one, sent in self.refunds if one.source == source and _is_counted(sent)]
        return self.paid_by[source] - sum(refunded)

    def find_refunds(self, refund: RefundToSend) -> tuple[SentRefund, ...]:
        self._pass_time()
        with self._lock:
            self.calls.append(f"find {refund.tag}")
            if self.look_up_faults:
                raise self.look_up_faults.pop(0)
            if self.is_late:
                return ()
            return tuple(sent for one, sent in self.refunds if approval_tag(one.tag) == refund.tag)

    def when(self, call: int, fault: Exception) -> None:
        """Let the n-th refund to come fail, counted from 1."""
        self.faults = [*(_NoFault() for _ in range(call - 1)), fault]

    def _pass_time(self) -> None:
        if meanwhile := self.meanwhile:
            self.meanwhile = None
            meanwhile()

    def _known(self, refund: RefundToSend) -> SentRefund | None:
        for known, sent in self.refunds:
            if known.tag == refund.tag:
                if (known.amount_minor, known.source) != (refund.amount_minor, refund.source):
                    raise ProviderUnavailable("idempotency_error")
                return sent
        return None

    def _accept(self, refund: RefundToSend) -> SentRefund:
        if self.kind == "stripe" and self.has_keys and (known := self._known(refund)):
            return known
        if self.kind == "stripe" and self.disputed & refund.names:
            raise ProviderRefused("charge_disputed", "The charge is disputed.")
        of_it = [(known, sent) for known, sent in self.refunds if known.names & refund.names]
        if self.kind == "paddle" and any(sent.state is RefundState.PENDING for _, sent in of_it):
            raise ProviderRefused("adjustment_pending_refund_request", "A refund of this transaction is pending.")
        if self.paid_by and refund.amount_minor > self._left_of(refund.source or min(self.paid_by)):
            raise ProviderRefused("invalid_request_error", "More than is left of this payment.")
        refunded_minor = sum(one.amount_minor for one, sent in of_it if sent.state.rank <= RefundState.SUCCEEDED.rank)
        paid_minor = next((self.paid_minor[name] for name in refund.names if name in self.paid_minor), 2000)
        if sum(item.amount_minor for item in refund.items) != refund.amount_minor:
            raise ProviderRefused("items_invalid", "The items do not add up to the amount.")
        if refunded_minor + refund.amount_minor > paid_minor:
            raise ProviderRefused("charge_already_refunded", "More than is left of the payment.")
        state = RefundState.PENDING if self.is_reviewed else RefundState.SUCCEEDED
        sent = SentRefund(
            refund_id=f"{self.kind}_refund_{len(self.refunds) + 1}",
            state=state,
            tag=refund.tag,
            amount_minor=refund.amount_minor,
        )
        self.refunds.append((refund, sent))
        return sent

    def move_refund_to(self, state: RefundState, position: int = -1) -> RefundChanged:
        """Move a refund to a state at the provider. Return the fact that its notification reports."""
        with self._lock:
            refund, sent = self.refunds[position]
            self.refunds[position] = (refund, replace(sent, state=state))
        return RefundChanged(
            currency="USD",
            created_at=datetime(2026, 11, 21, tzinfo=UTC),
            refund_id=sent.refund_id,
            state=state,
            amount_minor=refund.amount_minor,
            at=datetime(2026, 11, 21, tzinfo=UTC),
            cause=f"{self.kind}:evt",
            tag=refund.tag,
        )

    @property
    def refunded_minor(self) -> int:
        """The sum of all refunds that are pending or succeeded, in minor units."""
        counted = [refund for refund, sent in self.refunds if sent.state.rank <= RefundState.SUCCEEDED.rank]
        return sum(refund.amount_minor for refund in counted)

    def make_checkout(self, order: Order, product: Product, *, success_url: str, cancel_url: str) -> Checkout:
        with self._lock:
            self.calls.append(f"checkout {order.order_id} {product.product_id} {success_url} {cancel_url}")
            fault = self.faults.pop(0) if self.faults else None
            if fault and not isinstance(fault, ResponseLost):
                raise fault
            number = len(self.checkouts) + 1
            checkout = Checkout(checkout_id=f"cs_{number}_{order.order_id}", url=f"https://pay.example/{number}")
            self.checkouts[checkout.checkout_id] = checkout
            if fault:
                raise fault
            return checkout

    def expire_checkout(self, checkout_id: str) -> bool:
        with self._lock:
            self.calls.append(f"expire {checkout_id}")
            fault = self.close_faults.pop(0) if self.close_faults else None
            if fault and not isinstance(fault, ResponseLost):
                raise fault
            if checkout_id not in self.paid:
                self.closed.add(checkout_id)
            if fault:
                raise fault
            return checkout_id not in self.paid

    def pay_checkout(self, checkout_id: str) -> None:
        """Pay a checkout that is open."""
        with self._lock:
            if checkout_id in self.closed:
                raise ProviderRefused("closed", f"{checkout_id} is closed.")
            self.paid.add(checkout_id)

    def stop_renewals(self, subscription_id: str) -> SubscriptionState:
        with self._lock:
            self.calls.append(f"stop {subscription_id}")
            if self.stop_faults:
                raise self.stop_faults.pop(0)
            self.stopped.add(subscription_id)
            return self._state_of(subscription_id)

    def resume_renewals(self, subscription_id: str) -> SubscriptionState:
        self.stopped.discard(subscription_id)
        return self._state_of(subscription_id)

    def _state_of(self, subscription_id: str) -> SubscriptionState:
        if subscription_id in self.states:
            return self.states[subscription_id]
        end = datetime(2027, 1, 1, tzinfo=UTC)
        cancel_at = end if subscription_id in self.stopped else None
        return SubscriptionState(status=SubscriptionStatus.ACTIVE, period_end=end, cancel_at=cancel_at)

    def open_portal(self, customer_id: str, subscription_ids: Collection[str], *, return_url: str) -> str:
        return f"https://billing.example/{customer_id}/{len(subscription_ids)}?return={return_url}"
