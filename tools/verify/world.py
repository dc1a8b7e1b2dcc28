"""Everything that a ledger stores, as the rules read it."""

import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from ledger.domain.accounts import Account
from ledger.domain.audit import AuditRecord
from ledger.domain.claims import CaseClaim
from ledger.domain.contacts import Contact
from ledger.domain.credit_notes import CreditNote, CreditNoteSeries
from ledger.domain.declarations import Declaration, DeclaredContract, ListedDeclaration
from ledger.domain.entries import Entry
from ledger.domain.errors import UnreadableItem
from ledger.domain.facts import (
    Facts,
    PaymentSettled,
)
from ledger.domain.idempotency import IdempotencyRecord
from ledger.domain.ids import AccountId, OrderId, PaymentId, SubjectId
from ledger.domain.incidents import Incident, IncidentShare, ListedIncident
from ledger.domain.index_rows import IndexRow
from ledger.domain.lots import Lot
from ledger.domain.mails import MailIntent, MailRecord
from ledger.domain.orders import OpenCheckout
from ledger.domain.proposals import ActSums, Proposal, QueuedProposal
from ledger.domain.purchases import Purchase, Target, target
from ledger.domain.receipts import Mute, Receipt
from ledger.domain.recent_requests import RecentRequests
from ledger.domain.refund_cases import QueuedCase, RefundCase
from ledger.domain.refund_intents import RefundIntent
from ledger.domain.renewal_stops import RenewalStop
from ledger.domain.runs import FailedRun, Run
from ledger.domain.subscriptions import Subscription
from ledger.domain.timeline import TimelineRow
from ledger.dynamodb import items, keys
from ledger.dynamodb.keys import ItemKind
from ledger.ports.commit import FulfilmentKey, PaymentPointer
from ledger.ports.documents import (
    AwaitedOrder,
    CasePointer,
    CreditNotePointer,
    Document,
    DocumentKey,
    DocumentKind,
    JobCursor,
    OrderPointer,
    WatchedPlan,
)
from tools.verify.placing import judged

Paid = tuple[Purchase, PaymentSettled]
"""A purchase whose payment is known, with the payment."""

Verdicts = Iterable[tuple[str, bool]]
"""The result of a rule: the name of each thing that it checked, and whether the rule holds for it."""

# ValueError: no key of the table has this form. OverflowError: a time that is none in UTC.
UNREADABLE = (KeyError, OverflowError, UnreadableItem, ValueError, zlib.error)
"""What an item that this release can't read raises."""


def name_of(item: items.Item) -> str:
    """Return the name of an item: its key."""
    return f"{item['pk']['S']} / {item['sk']['S']}"


@dataclass(slots=True)
class World:
    """Everything that a ledger stores."""

    receipts: list[Receipt] = field(default_factory=list)
    payments: dict[PaymentId, Purchase | PaymentPointer] = field(default_factory=dict)
    fulfilment_keys: dict[str, FulfilmentKey] = field(default_factory=dict)
    accounts: dict[AccountId, Account] = field(default_factory=dict)
    closed_lots: dict[tuple[AccountId, str], Lot] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    cases: dict[str, RefundCase] = field(default_factory=dict)
    intents: dict[str, RefundIntent] = field(default_factory=dict)
    renewal_stops: dict[DocumentKey, RenewalStop] = field(default_factory=dict)
    contacts: dict[DocumentKey, Contact] = field(default_factory=dict)
    mail_intents: dict[DocumentKey, MailIntent] = field(default_factory=dict)
    mail_records: dict[DocumentKey, MailRecord] = field(default_factory=dict)
    awaited_orders: dict[DocumentKey, AwaitedOrder] = field(default_factory=dict)
    credit_notes: dict[DocumentKey, CreditNote] = field(default_factory=dict)
    credit_note_pointers: dict[DocumentKey, CreditNotePointer] = field(default_factory=dict)
    watched_plans: dict[DocumentKey, WatchedPlan] = field(default_factory=dict)
    queued_cases: dict[DocumentKey, QueuedCase] = field(default_factory=dict)
    pointers: dict[str, AccountId] = field(default_factory=dict)  # by case id
    failed_runs: list[tuple[AccountId, FailedRun]] = field(default_factory=list)
    audit_records: list[tuple[AccountId, AuditRecord]] = field(default_factory=list)
    subject_acts: list[tuple[SubjectId, AuditRecord]] = field(default_factory=list)
    subject_requests: dict[DocumentKey, IdempotencyRecord] = field(default_factory=dict)
    proposals: dict[str, Proposal] = field(default_factory=dict)
    queued_proposals: dict[DocumentKey, QueuedProposal] = field(default_factory=dict)
    account_sums: dict[DocumentKey, ActSums] = field(default_factory=dict)
    idempotency_records: dict[DocumentKey, IdempotencyRecord] = field(default_factory=dict)
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    order_pointers: dict[DocumentKey, OrderId] = field(default_factory=dict)
    open_checkouts: dict[DocumentKey, OpenCheckout] = field(default_factory=dict)
    job_cursors: dict[DocumentKey, JobCursor] = field(default_factory=dict)
    declarations: dict[str, Declaration] = field(default_factory=dict)
    listed_declarations: dict[DocumentKey, ListedDeclaration] = field(default_factory=dict)
    declared_contracts: dict[DocumentKey, DeclaredContract] = field(default_factory=dict)
    case_claims: dict[DocumentKey, CaseClaim] = field(default_factory=dict)
    timeline_rows: dict[DocumentKey, TimelineRow] = field(default_factory=dict)
    index_rows: dict[DocumentKey, IndexRow] = field(default_factory=dict)
    incidents: dict[str, Incident] = field(default_factory=dict)
    incident_shares: dict[DocumentKey, IncidentShare] = field(default_factory=dict)
    listed_incidents: dict[DocumentKey, ListedIncident] = field(default_factory=dict)  # in both lists
    mutes: dict[DocumentKey, Mute] = field(default_factory=dict)
    is_readable: dict[str, bool] = field(default_factory=dict)  # by the item's key
    is_in_place: dict[str, bool] = field(default_factory=dict)  # whether key and index attributes follow from the rest
    is_as_written: dict[str, bool] = field(default_factory=dict)  # whether its digest says so, if it has one
    facts_elsewhere: set[str] = field(default_factory=set)  # keys of facts that name no id, of other parts of the table
    incidents_elsewhere: dict[str, Counter[str]] = field(default_factory=dict)  # `incident_sums` of the whole table
    mutes_elsewhere: set[str] = field(default_factory=set)  # `mutes_that_hold` of the whole table
    _things: list[list[Paid]] | None = field(default=None, init=False, compare=False, repr=False)
    _targets: list[tuple[AccountId, Target]] | None = field(default=None, init=False, compare=False, repr=False)

    def add(self, item: items.Item) -> None:
        """Add one item of the table. An item that this release can't read is noted, for `check` to report."""
        name = name_of(item)
        try:
            self.read(item)
            self.is_in_place[name], self.is_as_written[name] = judged(item)
            self.is_readable[name] = True
        except UNREADABLE:
            self.is_readable[name] = False

    def read(self, item: items.Item) -> None:
        """Add the content of one item. Raise one of UNREADABLE if this release can't read it."""
        match keys.kind_of(item):
            case ItemKind.RECEIPT:
                self.receipts.append(items.from_receipt(item))
            case ItemKind.PAYMENT:
                self.payments[keys.payment_id_of(item)] = items.from_payment(item)
            case ItemKind.FULFILMENT_KEY:
                self.fulfilment_keys[keys.owner_of(item)] = items.from_fulfilment_key(item)
            case ItemKind.ACCOUNT:
                self.accounts[keys.account_id_of(item)] = items.from_account(item)
            case ItemKind.LOT:
                self.closed_lots[keys.account_id_of(item), keys.lot_id_of(item)] = items.from_lot(item)
            case ItemKind.ENTRY:
                self.entries.append(items.from_entry(item))
            case ItemKind.SUBSCRIPTION:
                self.subscriptions[keys.owner_of(item)] = items.from_subscription(item)
            case ItemKind.RUN:
                self.runs.append(items.from_run(item))
            case DocumentKind():
                self.add_document(keys.document_key_of(item), items.from_document(item))

    def add_document(self, key: DocumentKey, document: Document) -> None:
        """Add one document under its key."""
        match document:
            case RefundCase():
                self.cases[document.case_id] = document
            case RefundIntent():
                self.intents[document.tag] = document
            case RenewalStop():
                self.renewal_stops[key] = document
            case QueuedCase():
                self.queued_cases[key] = document
            case CasePointer():
                self.pointers[document.case_id] = document.account_id
            case FailedRun():
                self.failed_runs.append((AccountId(key.parts[0]), document))
            case AuditRecord() if key.kind is DocumentKind.SUBJECT_ACT:
                self.subject_acts.append((SubjectId(key.parts[0]), document))
            case AuditRecord():
                self.audit_records.append((AccountId(key.parts[0]), document))
            case Proposal():
                self.proposals[document.proposal_id] = document
            case QueuedProposal():
                self.queued_proposals[key] = document
            case ActSums() if key.kind is DocumentKind.ACCOUNT_SUMS:
                self.account_sums[key] = document
            case RecentRequests():
                pass  # no rule is about them
            case IdempotencyRecord() if key.kind is DocumentKind.SUBJECT_REQUEST:
                self.subject_requests[key] = document
            case IdempotencyRecord():
                self.idempotency_records[key] = document
            case OrderPointer():
                self.order_pointers[key] = document.order_id
            case OpenCheckout():
                self.open_checkouts[key] = document
            case Contact():
                self.contacts[key] = document
            case MailIntent():
                self.mail_intents[key] = document
            case MailRecord():
                self.mail_records[key] = document
            case AwaitedOrder():
                self.awaited_orders[key] = document
            case CreditNote():
                self.credit_notes[key] = document
            case CreditNotePointer():
                self.credit_note_pointers[key] = document
            case CreditNoteSeries():
                pass  # it is of many accounts, and the rules look at one account at a time
            case WatchedPlan():
                self.watched_plans[key] = document
            case JobCursor():
                self.job_cursors[key] = document
            case Declaration():
                self.declarations[document.declaration_id] = document
            case DeclaredContract():
                self.declared_contracts[key] = document
            case ListedDeclaration():
                self.listed_declarations[key] = document
            case CaseClaim():
                self.case_claims[key] = document
            case TimelineRow():
                self.timeline_rows[key] = document
            case IndexRow():
                self.index_rows[key] = document
            case Incident():
                self.incidents[document.incident_id] = document
            case IncidentShare():
                self.incident_shares[key] = document
            case ListedIncident():
                self.listed_incidents[key] = document
            case Mute():
                self.mutes[key] = document

    def facts(self, payment_id: PaymentId) -> Facts:
        """Return the facts of the purchase that a name leads to."""
        home = self.home_of(payment_id)
        return home.facts if home else {}

    def home_of(self, payment_id: PaymentId) -> Purchase | None:
        """The purchase that a name leads to. Of several sales that share money, the first."""
        return next(iter(self.homes_of(payment_id)), None)

    def homes_of(self, payment_id: PaymentId, depth: int = 10) -> list[Purchase]:
        """Return the purchases that a name leads to: several, if sales share the money. A circle leads nowhere."""
        item = self.payments.get(payment_id)
        if isinstance(item, PaymentPointer):
            names = (item.to, *item.also_to) if depth else ()
            return [home for name in names for home in self.homes_of(name, depth - 1)]
        return [item] if item else []

    def queued(self, queue: DocumentKind) -> Counter[str]:
        """Return how often each case is in a queue."""
        return Counter(queued.case_id for key, queued in self.queued_cases.items() if key.kind is queue)

    def purchases(self) -> Iterator[Paid]:
        """Yield every purchase whose payment is known, with the payment."""
        for item in self.payments.values():
            if isinstance(item, Purchase) and item.payment:
                yield item, item.payment

    def as_it_is(self) -> "World":
        """Return the same for one check, in which nothing changes: what follows from it is computed once."""
        return replace(self)

    def payments_for_one_thing(self) -> list[list[Paid]]:
        """Return for each paid order or period all payments for it, the earliest first.

        Payments are for one thing if a chain of fulfilment keys and covered periods connects them.
        """
        if self._things is None:
            self._things = list(self._payments_for_one_thing())
        return self._things

    def _payments_for_one_thing(self) -> Iterator[list[Paid]]:
        groups: dict[str, list[Paid]] = {}
        for paid in self.purchases():
            joined = [paid]
            for known in {id(groups[name]): groups[name] for name in _names_of(paid) if name in groups}.values():
                joined += known
            groups |= {name: joined for one in joined for name in _names_of(one)}
        for group in {id(group): group for group in groups.values()}.values():
            yield sorted(group, key=lambda one: one[1].precedence)

    def targets(self) -> list[tuple[AccountId, Target]]:
        """Return the target of each order, period or single payment, with its account."""
        if self._targets is None:
            self._targets = [
                (earliest.account_id, target(*(purchase for purchase, _ in group)))
                for group in self.payments_for_one_thing()
                for _, earliest in group[:1]
            ]
        return self._targets

    def lots(self) -> dict[tuple[AccountId, str], Lot]:
        """Return every lot: an open one as its account has it, a closed one as stored."""
        opened = {
            (account.account_id, lot_id): lot
            for account in self.accounts.values()
            for lot_id, lot in account.lots.items()
        }
        return {**self.closed_lots, **opened}


def incident_sums(world: World) -> dict[str, Counter[str]]:
    """Return for each incident whether it is there, and the sums of what accounts got from it.

    An incident is about many accounts, which are checked one by one: what is summed over them is counted beforehand.
    """
    sums: dict[str, Counter[str]] = {}
    for incident_id in world.incidents:
        sums.setdefault(incident_id, Counter())["incidents"] += 1
    for share in world.incident_shares.values():
        of_one = sums.setdefault(share.incident_id, Counter())
        of_one += Counter(accounts=share.lots > 0, runs=share.runs, credits=share.credits)
        if share.left_out:
            of_one[share.left_out] += 1
    return sums


def mutes_that_hold(world: World) -> set[str]:
    """Return the ids of the mutes that may hold parked events: those in force, and those that are being ended.

    The events are of many customers, which are checked one by one: the mutes are known beforehand.
    """
    return {mute.mute_id for mute in world.mutes.values() if mute.is_in_force or not mute.is_settled}


def _names_of(paid: Paid) -> set[str]:
    """Return what a payment is for: an order, a period or both. Otherwise it is for itself."""
    _, payment = paid
    return {name for name in {payment.fulfilment_key, payment.covers} if name} or {payment.payment_id}
