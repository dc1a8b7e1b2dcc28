"""Documents: records that are stored whole, each under a key of its own."""

from collections.abc import Mapping
from dataclasses import field
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple
from zlib import crc32

from ledger.domain.audit import AuditRecord
from ledger.domain.claims import CaseClaim
from ledger.domain.contacts import Contact
from ledger.domain.credit_notes import CreditNote, CreditNoteSeries
from ledger.domain.declarations import Declaration, DeclaredContract, ListedDeclaration
from ledger.domain.entries import Entry
from ledger.domain.idempotency import IdempotencyRecord
from ledger.domain.ids import AccountId, OrderId, PaymentId, SubjectId
from ledger.domain.incidents import Incident, IncidentShare, ListedIncident
from ledger.domain.index_rows import IndexRow, NameKind
from ledger.domain.mails import MailIntent, MailRecord
from ledger.domain.orders import OpenCheckout
from ledger.domain.proposals import ActSums, Proposal, QueuedProposal
from ledger.domain.receipts import Mute
from ledger.domain.recent_requests import LimitedRequest, RecentRequests
from ledger.domain.records import record
from ledger.domain.refund_cases import QueuedCase, RefundCase
from ledger.domain.refund_intents import RefundIntent
from ledger.domain.renewal_stops import RenewalStop
from ledger.domain.runs import FailedRun
from ledger.domain.timeline import TimelineRow


def sortable(at: datetime) -> str:
    """Return a time in UTC as text of fixed width, which sorts as the times do."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"


@record(frozen=True, kw_only=True)
class CasePointer:
    """The account of a refund case, so that support finds a case by its id alone."""

    case_id: str
    account_id: AccountId


@record(frozen=True, kw_only=True)
class OrderPointer:
    """The order of a checkout, so that a payment's order is found by the checkout that it was made on."""

    order_id: OrderId
    url: str | None = None  # of the checkout's page


@record(frozen=True, kw_only=True)
class AwaitedOrder:
    """An order whose payment is awaited: once it is paid, its contract is confirmed by a mail."""

    order_id: OrderId
    account_id: AccountId
    since: datetime


@record(frozen=True, kw_only=True)
class WatchedPlan:
    """A plan that was ordered, in the list of those whose customers are reminded: by the day of the next look at it."""

    order_id: OrderId
    account_id: AccountId
    product_id: str
    due_at: datetime


@record(frozen=True, kw_only=True)
class CreditNotePointer:
    """The credit note of a refund, or the one that takes it back: there is one of each."""

    number: str
    account_id: AccountId


def position_of(since: datetime, name: str) -> str:
    """Return the position of an item in a list by age. Positions sort by time, those of one time by name."""
    return f"{sortable(since)}#{name}"


def read_position(position: str) -> tuple[datetime, str]:
    """Return the time and the name of a position."""
    since, _, name = position.partition("#")
    return datetime.fromisoformat(since), name


@record(frozen=True, kw_only=True)
class JobCursor:
    """The progress of a job."""

    after: Mapping[str, str] = field(default_factory=dict)
    """By lane: the position behind which the next round begins. A lane that is not here begins with its oldest."""
    failed: frozenset[str] = frozenset()
    """The positions of items that failed, and are tried again in each round, wherever it begins."""
    deployment: str = ""  # with which it was done, if what the job finds depends on it


Document = (
    RefundCase
    | RefundIntent
    | RenewalStop
    | QueuedCase
    | CasePointer
    | OrderPointer
    | OpenCheckout
    | FailedRun
    | AuditRecord
    | Proposal
    | QueuedProposal
    | ActSums
    | RecentRequests
    | IdempotencyRecord
    | JobCursor
    | Declaration
    | ListedDeclaration
    | DeclaredContract
    | Contact
    | MailIntent
    | MailRecord
    | AwaitedOrder
    | IndexRow
    | WatchedPlan
    | TimelineRow
    | CreditNote
    | CreditNoteSeries
    | CreditNotePointer
    | CaseClaim
    | Incident
    | IncidentShare
    | ListedIncident
    | Mute
)


VersionedDocument = (
    RefundCase
    | RefundIntent
    | OpenCheckout
    | Declaration
    | DeclaredContract
    | Contact
    | MailIntent
    | MailRecord
    | Proposal
    | ActSums
    | RecentRequests
    | CreditNoteSeries
    | CaseClaim
    | FailedRun
    | Incident
    | IncidentShare
    | Mute
)
"""Documents that count how often they were written. A change of one names the version that was read."""


class DocumentKind(StrEnum):
    """What a document is."""

    REFUND_CASE = "refund_case"
    CASE_POINTER = "case_pointer"
    ORDER_POINTER = "order_pointer"
    OPEN_CHECKOUT = "open_checkout"
    REVIEW_QUEUE = "review_queue"
    DEFERRED_QUEUE = "deferred_queue"
    REFUND_INTENT = "refund_intent"
    RENEWAL_STOP = "renewal_stop"
    FAILED_RUN = "failed_run"
    AUDIT_RECORD = "audit_record"
    PROPOSAL = "proposal"
    PROPOSAL_QUEUE = "proposal_queue"
    ACTOR_SUMS = "actor_sums"
    ACCOUNT_SUMS = "account_sums"
    RECENT_REQUESTS = "recent_requests"
    IDEMPOTENCY_RECORD = "idempotency_record"
    JOB_CURSOR = "job_cursor"
    DECLARATION = "declaration"
    LISTED_DECLARATION = "listed_declaration"
    DECLARED_CONTRACT = "declared_contract"
    CONTACT = "contact"
    MAIL_INTENT = "mail_intent"
    MAIL_RECORD = "mail_record"
    AWAITED_ORDER = "awaited_order"
    INDEXED_NAME = "indexed_name"
    INDEXED_AMOUNT = "indexed_amount"
    INDEXED_FAILURE = "indexed_failure"
    WATCHED_PLAN = "watched_plan"
    TIMELINE_ROW = "timeline_row"
    SUBJECT_ACT = "subject_act"
    SUBJECT_LOOK = "subject_look"
    SUBJECT_REQUEST = "subject_request"
    CREDIT_NOTE = "credit_note"
    CREDIT_NOTE_SERIES = "credit_note_series"
    CREDIT_NOTE_POINTER = "credit_note_pointer"
    CASE_CLAIM = "case_claim"
    INCIDENT = "incident"
    INCIDENT_SHARE = "incident_share"
    LISTED_INCIDENT = "listed_incident"
    RUNNING_INCIDENT = "running_incident"
    MUTE = "mute"


_STEP_DIGITS = 10
_NUMBER_DIGITS = 14
_DAY = len("2026-11-01")
MAIL_SHARDS = 24
"""Over how many partitions the lists of mails are spread: one for each hour of a day, as those of the indexes."""
INDEX_SHARDS = 8
"""Over how many partitions the payments of one day and amount, and the failed runs of one day, are spread."""


class DocumentKey(NamedTuple):
    """The key of a document. Keys of one kind sort in the order in which their documents are listed."""

    kind: DocumentKind
    parts: tuple[str, ...]


def case_key(account_id: AccountId, case_id: str) -> DocumentKey:
    """Return the key of a refund case, which is stored with its account."""
    return DocumentKey(DocumentKind.REFUND_CASE, (account_id, case_id))


def case_claim_key(account_id: AccountId, case_id: str) -> DocumentKey:
    """Return the key of the claim on a refund case, which is stored with its account."""
    return DocumentKey(DocumentKind.CASE_CLAIM, (account_id, case_id))


def case_pointer_key(case_id: str) -> DocumentKey:
    """Return the key of the pointer to a case's account."""
    return DocumentKey(DocumentKind.CASE_POINTER, (case_id,))


def checkout_key(provider: str, checkout_id: str) -> DocumentKey:
    """Return the key of the pointer from a provider's checkout to its order."""
    return DocumentKey(DocumentKind.ORDER_POINTER, (f"{provider}:{checkout_id}",))


def open_checkout_key(account_id: AccountId, product_id: str) -> DocumentKey:
    """Return the key of an account's open checkout of a plan."""
    return DocumentKey(DocumentKind.OPEN_CHECKOUT, (account_id, product_id))


def intent_key(tag: str) -> DocumentKey:
    """Return the key of a refund intent in the outbox."""
    return DocumentKey(DocumentKind.REFUND_INTENT, (tag,))


def renewal_stop_key(stop: RenewalStop) -> DocumentKey:
    """Return the key of a stop of renewals. The same payment, lost anew later, has another one."""
    return renewal_stop_key_of(stop.since, stop.payment_id)


def renewal_stop_key_of(since: datetime, payment_id: PaymentId) -> DocumentKey:
    """Return the key of the stop that was booked at this time, after a dispute of this payment."""
    return DocumentKey(DocumentKind.RENEWAL_STOP, (sortable(since), payment_id))


def review_queue_key(case: RefundCase) -> DocumentKey:
    """Return the key of a case in the review queue.

    What is due by law by its due date; then by their age who wrote to us before a dispute, and the others. A case in
    review keeps its decision, so its key stays the same until it is decided again.
    """
    due_by = case.due_by
    behind = "|" if case.is_priority else "~"  # both sort behind each time, in this order
    place = sortable(due_by) if due_by else f"{behind}{sortable(case.opened_at)}"
    return DocumentKey(DocumentKind.REVIEW_QUEUE, (place, case.case_id))


def deferred_queue_key(case: RefundCase) -> DocumentKey:
    """Return the key of a case that waits for its settling time."""
    return deferred_queue_key_of(case.case_id)


def deferred_queue_key_of(case_id: str) -> DocumentKey:
    """Return the key of what waits in the queue of deferred decisions under this id."""
    return DocumentKey(DocumentKind.DEFERRED_QUEUE, (case_id,))


def idempotency_key(account_id: AccountId, route: str, key: str) -> DocumentKey:
    """Return the key of an idempotency record. An Idempotency-Key counts for its account and route alone."""
    return DocumentKey(DocumentKind.IDEMPOTENCY_RECORD, (account_id, route, key))


def failed_run_key(account_id: AccountId, at: datetime, run_id: str) -> DocumentKey:
    """Return the key of a failed run. An account's failed runs are listed in the order of their times."""
    return DocumentKey(DocumentKind.FAILED_RUN, (account_id, sortable(at), run_id))


def audit_key(account_id: AccountId, record: AuditRecord) -> DocumentKey:
    """Return the key of an audit record. An account's records are listed in the order of their times.

    Two actions about one subject at the same instant have changed it one after the other: their steps differ.
    """
    parts = (account_id, sortable(record.at), f"{record.step:0{_STEP_DIGITS}}", record.subject)
    return DocumentKey(DocumentKind.AUDIT_RECORD, parts)


def subject_act_key(subject_id: SubjectId, record: AuditRecord) -> DocumentKey:
    """Return the key of an audit record about what belongs to no account. One person's acts of one instant are one."""
    return DocumentKey(DocumentKind.SUBJECT_ACT, (subject_id, sortable(record.at), str(record.action), record.actor))


def subject_look_key(subject_id: SubjectId, row: TimelineRow) -> DocumentKey:
    """Return the key of a look at what belongs to no account."""
    return DocumentKey(DocumentKind.SUBJECT_LOOK, (subject_id, str(row.kind), timeline_position(row)))


def subject_request_key(subject_id: SubjectId, route: str, key: str) -> DocumentKey:
    """Return the key of the idempotency record of an act about what belongs to no account."""
    return DocumentKey(DocumentKind.SUBJECT_REQUEST, (subject_id, route, key))


def proposal_key(account_id: AccountId, proposal_id: str) -> DocumentKey:
    """Return the key of a proposal, which is stored with its account."""
    return DocumentKey(DocumentKind.PROPOSAL, (account_id, proposal_id))


def proposal_queue_key(proposal: Proposal) -> DocumentKey:
    """Return the key of a proposal in the queue, which lists proposals by their times."""
    return DocumentKey(DocumentKind.PROPOSAL_QUEUE, (sortable(proposal.proposed_at), proposal.proposal_id))


def actor_sums_key(actor: str, month: str) -> DocumentKey:
    """Return the key of what a person of support moved alone in a month."""
    return DocumentKey(DocumentKind.ACTOR_SUMS, (actor, month))


def account_sums_key(account_id: AccountId, month: str) -> DocumentKey:
    """Return the key of what single persons moved of an account in a month."""
    return DocumentKey(DocumentKind.ACCOUNT_SUMS, (account_id, month))


def recent_requests_key(account_id: AccountId, kind: LimitedRequest) -> DocumentKey:
    """Return the key of an account's latest requests of one kind."""
    return DocumentKey(DocumentKind.RECENT_REQUESTS, (account_id, str(kind)))


def job_cursor_key(job: str) -> DocumentKey:
    """Return the key of a job's progress."""
    return DocumentKey(DocumentKind.JOB_CURSOR, (job,))


def declaration_key(declaration_id: str) -> DocumentKey:
    """Return the key of a declaration."""
    return DocumentKey(DocumentKind.DECLARATION, (declaration_id,))


def listed_declaration_key(declaration: Declaration) -> DocumentKey:
    """Return the key of an open declaration in its list: by state, then in the order of their confirmation."""
    at = declaration.confirmed_at or declaration.declared_at
    parts = (str(declaration.state), sortable(at), declaration.declaration_id)
    return DocumentKey(DocumentKind.LISTED_DECLARATION, parts)


def declared_contract_key(contract_id: str) -> DocumentKey:
    """Return the key of what was declared about a contract."""
    return DocumentKey(DocumentKind.DECLARED_CONTRACT, (contract_id,))


def contact_key(account_id: AccountId) -> DocumentKey:
    """Return the key of an account's contact, which is stored apart from the account."""
    return DocumentKey(DocumentKind.CONTACT, (account_id,))


def mail_intent_key(mail_id: str) -> DocumentKey:
    """Return the key of a mail in the list of those that are to be sent."""
    return DocumentKey(DocumentKind.MAIL_INTENT, (str(mail_shard(mail_id)), mail_id))


def mail_record_key(mail_id: str) -> DocumentKey:
    """Return the key of the record of a mail."""
    return DocumentKey(DocumentKind.MAIL_RECORD, (mail_id,))


def awaited_order_key(since: datetime, order_id: OrderId) -> DocumentKey:
    """Return the key of an order whose payment is awaited since a time."""
    return DocumentKey(DocumentKind.AWAITED_ORDER, (str(mail_shard(order_id)), sortable(since), order_id))


def index_row_key(row: IndexRow) -> DocumentKey:
    """Return the key of a row of the index of *find*.

    What has one name is in one partition. A run's id is its account's own: its row has the account in its key. The
    payments of one day and amount, parked events among them, and the failed runs of one day, are spread over shards.
    """
    of_run = f"{row.account_id}#{row.subject}"
    if row.at is None:
        subject = of_run if row.kind is NameKind.RUN else row.subject
        return DocumentKey(DocumentKind.INDEXED_NAME, (row.name, str(row.kind), subject))
    day, time = sortable(row.at)[:_DAY], sortable(row.at)
    if row.kind in {NameKind.AMOUNT, NameKind.PARKED}:
        place = place_of_amount(day, row.currency, row.amount, index_shard(row.subject))
        return DocumentKey(DocumentKind.INDEXED_AMOUNT, (place, time, row.subject))
    place = place_of_failures(day, index_shard(row.subject))
    return DocumentKey(DocumentKind.INDEXED_FAILURE, (place, time, of_run))


def timeline_row_key(account_id: AccountId, row: TimelineRow) -> DocumentKey:
    """Return the key of a row of an account's timeline, which lists rows of one kind by their times."""
    return DocumentKey(DocumentKind.TIMELINE_ROW, (account_id, str(row.kind), timeline_position(row)))


def timeline_position(row: TimelineRow) -> str:
    """Return the position of a row in the list of its kind."""
    return f"{sortable(row.at)}#{row.actor}#{row.subject}"


def audit_position(record: AuditRecord) -> str:
    """Return the position of an act in the list of its account's acts."""
    return "#".join(audit_key(AccountId(""), record).parts[1:])


def entry_position(entry: Entry) -> str:
    """Return the position of an entry on its account's statement: by its second, its number, its id."""
    second = entry.occurred_at.astimezone(UTC).isoformat(timespec="seconds")[:-6] + "Z"
    return f"{second}#{entry.number:0{_NUMBER_DIGITS}}#{entry.entry_id}"


def place_of_amount(day: str, currency: str, amount_minor: int, shard: int) -> str:
    """Return where the payments of an amount on a day (UTC, `2026-11-01`) are listed, those of one shard."""
    return f"{day}/{currency}/{amount_minor}/{shard}"


def place_of_failures(day: str, shard: int) -> str:
    """Return where the runs that failed on a day (UTC) are listed, those of one shard."""
    return f"{day}/{shard}"


def index_shard(subject: str) -> int:
    """Return the shard of the index of *find* that something of this name is in."""
    return crc32(subject.encode()) % INDEX_SHARDS


def watched_plan_key(due_at: datetime, order_id: OrderId) -> DocumentKey:
    """Return the key of a plan in the list of those that are looked at from a day on."""
    return DocumentKey(DocumentKind.WATCHED_PLAN, (str(mail_shard(order_id)), sortable(due_at), order_id))


def credit_note_key(account_id: AccountId, number: str) -> DocumentKey:
    """Return the key of a credit note, which is stored with its account. They are listed in the order of numbers."""
    return DocumentKey(DocumentKind.CREDIT_NOTE, (account_id, number))


def credit_note_series_key(seller: str, year: int) -> DocumentKey:
    """Return the key of a seller's series of one year."""
    return DocumentKey(DocumentKind.CREDIT_NOTE_SERIES, (f"{seller}/{year}",))


def credit_note_pointer_key(subject: str) -> DocumentKey:
    """Return the key of the pointer from a refund, or from its failure, to its credit note."""
    return DocumentKey(DocumentKind.CREDIT_NOTE_POINTER, (subject,))


def incident_key(incident_id: str) -> DocumentKey:
    """Return the key of an incident."""
    return DocumentKey(DocumentKind.INCIDENT, (incident_id,))


def mute_key(mute_id: str) -> DocumentKey:
    """Return the key of the mute of a kind of parked events. All of them lie together."""
    return DocumentKey(DocumentKind.MUTE, (mute_id,))


def incident_share_key(incident_id: str, account_id: AccountId) -> DocumentKey:
    """Return the key of what an account got from an incident, which lists them in the order of the accounts' ids."""
    return DocumentKey(DocumentKind.INCIDENT_SHARE, (incident_id, account_id))


def listed_incident_key(incident: Incident) -> DocumentKey:
    """Return the key of an incident in the list of all, by the time at which it was begun."""
    return DocumentKey(DocumentKind.LISTED_INCIDENT, (sortable(incident.begun_at), incident.incident_id))


def running_incident_key(incident: Incident) -> DocumentKey:
    """Return the key of an incident in the list of those that run."""
    return DocumentKey(DocumentKind.RUNNING_INCIDENT, (sortable(incident.begun_at), incident.incident_id))


def mail_shard(name: str) -> int:
    """Return the shard of the lists of mails that something of this name is in."""
    return crc32(name.encode()) % MAIL_SHARDS
