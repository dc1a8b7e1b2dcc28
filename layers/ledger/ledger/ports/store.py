"""The store: reads by name, and commits that are written whole or not at all."""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import Protocol

from ledger.domain.accounts import Account
from ledger.domain.audit import AuditRecord
from ledger.domain.credit_notes import CreditNote
from ledger.domain.declarations import DeclarationState, ListedDeclaration
from ledger.domain.disputes import Awaits
from ledger.domain.entries import Entry
from ledger.domain.ids import AccountId, SubjectId
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
from ledger.ports.commit import Commit, Refusal
from ledger.ports.documents import AwaitedOrder, WatchedPlan
from ledger.ports.reads import ExpiringAccount, FollowedCase, Keys, Page, ParkedName, Snapshot, WaitingPayment


class Store(Protocol):
    """The storage of a ledger. Reads are consistent. Every method may raise StoreUnavailable.

    `limit` is the most items of a page. `after` is the `next` of the page before. It is opaque, and no text that a
    client returns as `after` reads anything outside the listing.
    """

    def read(self, names: Keys) -> Snapshot:
        """Return everything that is stored under these names, in one round trip."""

    def commit(self, commit: Commit) -> Refusal | None:
        """Write everything or nothing, in one round trip. Return None if it was written."""

    def put_index_rows(self, rows: Iterable[IndexRow]) -> None:
        """Write rows of the index of *find*, one by one and on no condition. An attribute that is not ours stays."""

    def customer_receipts(self, customer_id: str) -> Collection[Receipt]:
        """Return the receipts of one customer of a provider, in one round trip where they are few."""

    def latest_closed_lot(self, account_id: AccountId, first: str, last: str) -> str | None:
        """Return the highest id of the account's closed lots from `first` to `last`, in one round trip. None: none."""

    def parked_names(
        self, trigger: Trigger, since: datetime | None = None, *, turn: int | None = None, most: int | None = None
    ) -> Iterator[ParkedName]:
        """Yield the names of the receipts that wait for this trigger, by the time at which they were first received.

        With `since`, those that were first received then or later; with `turn`, those whose hour of the day that is. A
        name may be missing for moments after its receipt was parked, and may be there for moments after its release.
        `most` is how many the caller takes: no shard is read much further, unless he takes more after all.
        """

    def parked_receipts(self, names: Iterable[ParkedName] | None = None) -> Iterator[Receipt]:
        """Yield these parked receipts, or all, in no particular order. One that was released is left out.

        At the end, raise UnreadableItem if there are some that this release can't read.
        """

    def parked_of_customer(self, customer_id: str) -> Iterator[Receipt]:
        """Yield a customer's parked receipts that wait for facts, in no particular order. Raise as `parked_receipts`.

        One may be missing for moments after it was parked. Its cost does not grow with what the customer has received.
        """

    def waiting_payments(self, until: datetime, since: datetime | None = None) -> Iterator[WaitingPayment]:
        """Yield the payments that are not known and about which facts wait since `until` or longer, by that time.

        With `since`, those about which none has waited longer than since then. One may be missing, or may be there
        although its payment has arrived, for moments after a change.
        """

    def entries(self, account_id: AccountId, since: datetime | None = None) -> Iterator[Entry]:
        """Yield an account's entries, newest first; with `since`, those that happened then or later."""

    def statement_page(
        self, account_id: AccountId, limit: int, after: str | None = None
    ) -> tuple[Account | None, Page[Entry]]:
        """Return a page of an account's entries, newest first, in one round trip. The first has the account with it."""

    def purchases_of(self, account_id: AccountId, limit: int, after: str | None = None) -> Page[Purchase]:
        """Return a page of an account's purchases, newest first. One may be missing for moments after its payment."""

    def open_disputes(self, awaits: Awaits, limit: int, after: str | None = None) -> Page[Purchase]:
        """Return a page of the purchases whose most urgent open dispute awaits this.

        Those that await evidence come by its deadline, the others by when they were opened, the latest first. One may
        be missing, or out of its place, for moments after a change. What is on the page is as it stands.
        """

    def suspended_accounts(self, limit: int, after: str | None = None) -> Page[Account]:
        """Return a page of the suspended accounts, the one that was suspended last comes first.

        One may be missing, or out of its place, for moments after a change. What is on the page is as it stands.
        """

    def decided_cases(self, name: DecidedList, limit: int, after: str | None = None) -> Page[RefundCase]:
        """Return a page of a list of decided cases, the latest decision comes first.

        One may be missing, or out of its place, for moments after a change. What is on the page is as it stands.
        """

    def cases_of(self, account_id: AccountId, limit: int, after: str | None = None) -> Page[RefundCase]:
        """Return a page of an account's refund cases, ordered by their ids, in one round trip."""

    def review_queue(self, limit: int, after: str | None = None) -> Page[QueuedCase]:
        """Return a page of the cases in review, in one round trip: first withdrawals, by their due date."""

    def proposals(self, limit: int, after: str | None = None) -> Page[QueuedProposal]:
        """Return a page of the proposals that wait for a second person, oldest first, in one round trip."""

    def deferred_cases(self) -> Iterator[QueuedCase]:
        """Yield every case that waits for its settling time, in no particular order.

        At the end, raise UnreadableItem if there are some that this release can't read.
        """

    def followed_cases(
        self, stage: FollowStage, since: datetime | None = None, *, turn: int | None = None
    ) -> Iterator[FollowedCase]:
        """Yield the names of the cases whose refunds are at this stage, by the time at which they reached their state.

        With `since`, those that reached it then or later; with `turn`, those whose hour of the day that is. One may be
        missing, or be listed under its former state, for moments after a change.
        """

    def outbox(self) -> Iterator[RefundIntent]:
        """Yield every refund intent that has not ended, in no particular order.

        At the end, raise UnreadableItem if there are some that this release can't read.
        """

    def renewal_stops(self) -> Iterator[RenewalStop]:
        """Yield every stop of renewals that has not been carried out, the oldest first.

        At the end, raise UnreadableItem if there are some that this release can't read.
        """

    def mail_intents(self) -> Iterator[MailIntent]:
        """Yield every mail that is to be sent, in no particular order.

        At the end, raise UnreadableItem if there are some that this release can't read.
        """

    def awaited_orders(self, since: datetime | None = None, *, turn: int | None = None) -> Iterator[AwaitedOrder]:
        """Yield the orders whose payment is awaited, in no particular order. Raise as `mail_intents`.

        With `since`, those that were placed then or later; with `turn`, those whose hour of the day that is.
        """

    def watched_plans(self, until: datetime) -> Iterator[WatchedPlan]:
        """Yield the plans that are to be looked at by a time, in no particular order. Raise as `mail_intents`."""

    def failed_runs(self, account_id: AccountId, since: datetime) -> Iterator[FailedRun]:
        """Yield the account's runs that failed at `since` or later, oldest first."""

    def credit_notes(self, account_id: AccountId) -> Iterator[CreditNote]:
        """Yield the account's credit notes in the order of their numbers."""

    def audit_records(self, account_id: AccountId) -> Iterator[AuditRecord]:
        """Yield the account's audit records, oldest first."""

    def declarations(self, state: DeclarationState, since: datetime | None = None) -> Iterator[ListedDeclaration]:
        """Yield the open declarations in a state, the one that was confirmed first comes first.

        With `since`, those that were confirmed then or later. At the end, raise UnreadableItem if there are some that
        this release can't read.
        """

    def expiring(self, after: str, until: datetime) -> Iterator[ExpiringAccount]:
        """Yield the accounts with a grant whose expiry can be booked since `until` or longer, by the time since when.

        `after` is a time as `sortable` text, or a position: those before it, and the one there, are left out. An
        account may be missing for moments after its grant, and may have nothing left to expire.
        """

    def acts_page(self, account_id: AccountId, limit: int, after: str | None = None) -> Page[AuditRecord]:
        """Return a page of an account's acts of support, newest first, in one round trip."""

    def timeline_rows(
        self, account_id: AccountId, kind: TimelineRowKind, limit: int, after: str | None = None
    ) -> Page[TimelineRow]:
        """Return a page of the rows of one kind of an account's timeline, newest first, in one round trip."""

    def subject_acts(self, subject_id: SubjectId, limit: int, after: str | None = None) -> Page[AuditRecord]:
        """Return a page of the acts about what belongs to no account, newest first, in one round trip."""

    def subject_looks(self, subject_id: SubjectId, limit: int, after: str | None = None) -> Page[TimelineRow]:
        """Return a page of the looks at what belongs to no account, newest first, in one round trip."""

    def proposals_of(self, account_id: AccountId) -> Iterator[Proposal]:
        """Yield an account's proposals, settled ones too, in no particular order."""

    def named(self, name: str, kind: NameKind | None = None) -> Iterator[IndexRow]:
        """Yield the rows of the index of *find* that have this name, of one kind or of all, those of a kind together.

        One may be missing for moments after a change.
        """

    def paid_between(
        self, currency: str, amount_minor: int, first: datetime, last: datetime, *, most: int | None = None
    ) -> Iterator[IndexRow]:
        """Yield the rows of an amount between two times, both included, oldest first.

        Those of payments are by when they were settled, those of parked events by when they occurred. One may be
        missing for moments after its payment or its event. `most` is as in `parked_names`.
        """

    def failed_between(self, first: datetime, last: datetime) -> Iterator[IndexRow]:
        """Yield the rows of the runs that failed between two times, both included, oldest first.

        One may be missing for moments after its failure.
        """

    def incidents(self, limit: int, after: str | None = None) -> Page[ListedIncident]:
        """Return a page of all incidents, newest first, in one round trip."""

    def running_incidents(self) -> Iterator[ListedIncident]:
        """Yield the incidents that are not done, oldest first. Raise as `mail_intents`."""

    def mutes(self) -> Iterator[Mute]:
        """Yield the mutes of kinds of parked events, those that were ended too, by id. Raise as `mail_intents`."""

    def incident_shares(self, incident_id: str, limit: int, after: str | None = None) -> Page[IncidentShare]:
        """Return a page of what accounts got from an incident, by the accounts' ids, in one round trip."""

    def receipts_page(self, customer_id: str, limit: int, after: str | None = None) -> Page[Receipt]:
        """Return a page of a customer's receipts, ordered by the ids of their events, in one round trip."""

    def first_expiry(self) -> datetime | None:
        """Return the earliest time since when the expiry of a grant can be booked. Read the whole index for it."""
