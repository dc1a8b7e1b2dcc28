"""The invariants of the whole ledger, checked over everything that is stored."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ledger.domain.accounts import Account
from ledger.domain.audit import AuditAction, AuditRecord
from ledger.domain.disputes import disputed
from ledger.domain.entries import CounterAccount as CounterAccount
from ledger.domain.entries import Entry, EntryKind
from ledger.domain.errors import UnreadableItem
from ledger.domain.facts import (
    Facts,
    PaymentSettled,
    RefundApproved,
    RefundChanged,
    RefundDeclined,
    RefundState,
    RefundTotalReported,
    facts_of,
)
from ledger.domain.idempotency import IdempotencyRecord
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.lots import Lot
from ledger.domain.purchases import Purchase, Target, target
from ledger.domain.receipts import Receipt
from ledger.domain.refund_cases import CaseState, QueuedCase, RefundCase
from ledger.domain.refund_intents import RefundIntent
from ledger.domain.refunds import end_of, outstanding_minor, returned_minor, tag_of
from ledger.domain.runs import FailedRun, Run
from ledger.dynamodb import items, keys
from ledger.dynamodb.keys import ItemKind
from ledger.ports.commit import FulfilmentKey, PaymentPointer
from ledger.ports.documents import CasePointer, Document, DocumentKey, DocumentKind, review_queue_key
from ledger.usecases.place_order import ORDERS_ROUTE
from ledger.usecases.refund_cases.decide_case import DECISIONS_ROUTE
from ledger.usecases.refund_cases.open_case import REFUND_REQUESTS_ROUTE


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
    waiting: dict[DocumentKey, QueuedCase] = field(default_factory=dict)
    pointers: dict[str, AccountId] = field(default_factory=dict)  # by case id
    failures: list[tuple[AccountId, FailedRun]] = field(default_factory=list)
    acts: list[tuple[AccountId, AuditRecord]] = field(default_factory=list)
    answered: dict[DocumentKey, IdempotencyRecord] = field(default_factory=dict)
    is_readable: dict[str, bool] = field(default_factory=dict)  # by the item's key

    def add(self, item: items.Item) -> None:
        """Add one item of the table. An item that this release can't read is noted, for `check` to report."""
        try:
            self._add(item)
            is_readable = True
        except (UnreadableItem, ValueError):  # ValueError: the key is none of the table's
            is_readable = False
        self.is_readable[f"{item['pk']['S']} / {item['sk']['S']}"] = is_readable

    def _add(self, item: items.Item) -> None:
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
            case ItemKind.RUN:
                self.runs.append(items.from_run(item))
            case DocumentKind():
                self.add_document(keys.document_key_of(item), items.from_document(item))

    def add_document(self, key: DocumentKey, document: Document) -> None:
        """One document, and its key."""
        match document:
            case RefundCase():
                self.cases[document.case_id] = document
            case RefundIntent():
                self.intents[document.tag] = document
            case QueuedCase():
                self.waiting[key] = document
            case CasePointer():
                self.pointers[document.case_id] = document.account_id
            case FailedRun():
                self.failures.append((AccountId(key.parts[0]), document))
            case AuditRecord():
                self.acts.append((AccountId(key.parts[0]), document))
            case IdempotencyRecord():
                self.answered[key] = document

    def facts(self, payment_id: PaymentId) -> Facts:
        """The facts of the purchase that a name leads to."""
        home = self.home_of(payment_id)
        return home.facts if home else {}

    def home_of(self, payment_id: PaymentId) -> Purchase | None:
        """The purchase that a name leads to. Of several sales that share money, the first."""
        home = self.payments.get(payment_id)
        for _ in range(10):
            home = self.payments.get(home.to) if isinstance(home, PaymentPointer) else home
        return home if isinstance(home, Purchase) else None

    def queued(self, queue: DocumentKind) -> Counter[str]:
        """How often each case waits in a queue."""
        return Counter(waiting.case_id for key, waiting in self.waiting.items() if key.kind is queue)

    def purchases(self) -> Iterator[tuple[Purchase, PaymentSettled]]:
        """Every purchase whose payment is known, with it."""
        for item in self.payments.values():
            if isinstance(item, Purchase) and item.payment:
                yield item, item.payment

    def payments_for_one_thing(self) -> Iterator[list[Purchase]]:
        """Every order or period that was paid, as all payments for it, the earliest first.

        Payments are for one thing if a chain of fulfilment keys and covered periods connects them.
        """
        groups: dict[str, list[Purchase]] = {}
        for purchase, payment in self.purchases():
            names = [name for name in (payment.fulfilment_key, payment.covers) if name] or [payment.payment_id]
            joined = [purchase]
            for known in {id(groups[name]): groups[name] for name in names if name in groups}.values():
                joined += known
            for one in joined:
                if one.payment:
                    names += [name for name in (one.payment.fulfilment_key, one.payment.covers) if name]
            groups |= dict.fromkeys(names, joined)
        for group in {id(group): group for group in groups.values()}.values():
            yield sorted(group, key=lambda one: one.payment.precedence if one.payment else ())

    def targets(self) -> Iterator[tuple[AccountId, Target]]:
        """What the ledger should hold because of each order, period or single payment."""
        for group in self.payments_for_one_thing():
            yield group[0].account_id or AccountId(""), target(*group)

    def lots(self) -> dict[tuple[AccountId, str], Lot]:
        """Every lot: as it stands on its account, else as it was when it closed."""
        opened = {
            (account.account_id, lot_id): lot
            for account in self.accounts.values()
            for lot_id, lot in account.lots.items()
        }
        return {**self.closed_lots, **opened}


@dataclass(frozen=True, slots=True)
class Finding:
    """One invariant: over how many things it was checked, and which of them break it."""

    invariant: str
    checked: int
    broken: tuple[str, ...]


def check(world: World) -> list[Finding]:
    """Hold every invariant over everything stored."""
    findings = []
    for rule in _RULES:
        verdicts = list(rule(world))
        broken = tuple(sorted(name for name, holds in verdicts if not holds))
        findings.append(Finding((rule.__doc__ or rule.__name__).rstrip("."), len(verdicts), broken))
    return findings


Verdicts = Iterable[tuple[str, bool]]


def _readable(world: World) -> Verdicts:
    """Every item can be read by this release."""
    yield from world.is_readable.items()


def _balances(world: World) -> Verdicts:
    """An account's balance is the sum of its entries."""
    sums: Counter[AccountId] = Counter()
    for entry in world.entries:
        sums[entry.account_id] += entry.credits
    for account_id in world.accounts.keys() | sums.keys():
        account = world.accounts.get(account_id)
        yield account_id, (account.balance if account else 0) == sums[account_id]


def _lots(world: World) -> Verdicts:
    """A lot's figures are the sums of its entries by counter-account."""
    sums: dict[tuple[AccountId, str], Counter[CounterAccount]] = defaultdict(Counter)
    for entry in world.entries:
        sums[entry.account_id, entry.lot_id][entry.counter] += entry.credits
    lots = world.lots()
    for key in lots.keys() | sums.keys():
        lot, booked = lots.get(key), sums[key]
        yield (
            "/".join(key),
            lot is not None
            and (lot.granted, -lot.drawn, -lot.refunded, -lot.disputed, -lot.expired)
            == (
                booked[lot.source],
                booked[CounterAccount.USAGE],
                booked[CounterAccount.REFUNDS],
                booked[CounterAccount.DISPUTES],
                booked[CounterAccount.EXPIRY],
            ),
        )


def _granted_once(world: World) -> Verdicts:
    """Every purchase is granted exactly once, every duplicate never; goodwill comes from a case that it replaced."""
    grants = Counter((entry.account_id, entry.lot_id) for entry in world.entries if entry.kind is EntryKind.GRANT)
    due: set[tuple[AccountId, str]] = set()
    for account_id, wanted in world.targets():
        keys = {(account_id, lot.lot_id) for lot in wanted.lots}
        yield wanted.lots[0].lot_id, all(grants[key] == 1 for key in keys) and not keys & due
        due |= keys
    lots = world.lots()
    for case in world.cases.values():
        if case.state is CaseState.REPLACED:
            key = (case.account_id, f"goodwill/{case.case_id}/{case.approvals}")
            lot = lots.get(key)
            is_given = lot is not None and case.decision is not None and lot.granted == case.decision.credits
            yield case.case_id, grants[key] == 1 and is_given
            due.add(key)
    for key in grants.keys() - due:
        yield "/".join(key), False


def _on_target(world: World) -> Verdicts:
    """Every lot is what its purchase's facts say: granted, taken back, owed, frozen."""
    lots = world.lots()
    for account_id, wanted in world.targets():
        for lot_target in wanted.lots:
            lot = lots.get((account_id, lot_target.lot_id))
            yield lot_target.lot_id, lot is not None and lot_target.applied_to(lot) == lot


def _within_grant(world: World) -> Verdicts:
    """No lot has a figure below 0 or gave more than was granted."""
    for key, lot in world.lots().items():
        figures = (lot.granted, lot.drawn, lot.refunded, lot.disputed, lot.expired, lot.remaining, lot.owed)
        yield "/".join(key), min(figures) >= 0


def _refunded_within_paid(world: World) -> Verdicts:
    """No payment was refunded by more than was paid, what is approved included."""
    received_at = {f"{receipt.provider}:{receipt.event_id}": receipt.received_at for receipt in world.receipts}
    for purchase, payment in world.purchases():
        # What the running total alone knows may be the very refund that is under way: it is not added to it.
        told = {key: fact for key, fact in purchase.facts.items() if not isinstance(fact, RefundTotalReported)}
        # The provider may refund by itself while ours is in the outbox: its sender looks again, and gives it up. So an
        # approval there had to fit into what was known when it was made, and one that was sent into all.
        unsent = [approval for approval in facts_of(told, RefundApproved) if approval.tag in world.intents]
        views = [{key: fact for key, fact in told.items() if fact not in unsent}]
        for approval in unsent:
            later = [
                fact
                for fact in facts_of(told, RefundChanged)
                if tag_of(fact, told) is None and received_at.get(fact.cause, fact.at) > approval.at
            ]
            views.append({key: fact for key, fact in told.items() if fact not in later})
        sums = [returned_minor(view) + outstanding_minor(view) for view in views]
        most_minor = max(payment.paid_minor, payment.returnable_minor)
        yield purchase.payment_id, max(*sums, returned_minor(purchase.facts)) <= most_minor


def _nothing_left_without_money(world: World) -> Verdicts:
    """Where all money of an order, a period or a payment went back, none of its credits are left."""
    lots = world.lots()
    for group in world.payments_for_one_thing():
        payments = [one.payment for one in group if one.payment]
        gone_minor = [returned_minor(one.facts) + disputed(one.facts, one.payment_id).lost_minor for one in group]
        all_back = all(0 < payment.paid_minor <= gone for payment, gone in zip(payments, gone_minor, strict=True))
        for lot_id in {payment.lot_id(place) for payment in payments for place in range(len(payment.lines))}:
            lot = lots.get((payments[0].account_id, lot_id))
            yield lot_id, not (all_back and lot and lot.remaining)


def _held(world: World) -> Verdicts:
    """An account is suspended exactly by the holds that its purchases' facts or people give, and flagged by facts."""
    laid = {(account_id, act.subject, act.at) for account_id, act in world.acts if act.action is AuditAction.HOLD}
    holds: dict[AccountId, dict[str, object]] = defaultdict(dict)
    flags: dict[AccountId, dict[str, object]] = defaultdict(dict)
    for account_id, wanted in world.targets():
        holds[account_id] |= wanted.holds
        flags[account_id] |= wanted.flags
    for account in world.accounts.values():
        derived = {hold_id: hold for hold_id, hold in account.holds.items() if hold.payment_id}
        by_people = {
            (account.account_id, hold_id, hold.since)
            for hold_id, hold in account.holds.items()
            if hold.payment_id is None
        }
        is_held = derived == holds[account.account_id] and by_people <= laid
        yield account.account_id, is_held and account.flags == flags[account.account_id]


_POSTINGS = {
    EntryKind.GRANT: {CounterAccount.SALES, CounterAccount.GOODWILL},
    EntryKind.ADJUST: {CounterAccount.SALES, CounterAccount.GOODWILL},
    EntryKind.DRAW: {CounterAccount.USAGE},
    EntryKind.RETURN: {CounterAccount.USAGE},
    EntryKind.CLAWBACK: {CounterAccount.REFUNDS, CounterAccount.DISPUTES},
    EntryKind.RESTORE: {CounterAccount.REFUNDS, CounterAccount.DISPUTES},
    EntryKind.EXPIRE: {CounterAccount.EXPIRY},
    EntryKind.FREEZE: {CounterAccount.DISPUTES},
    EntryKind.THAW: {CounterAccount.DISPUTES},
    EntryKind.RESERVE: {CounterAccount.REFUNDS},
    EntryKind.RELEASE: {CounterAccount.REFUNDS},
}
_SIGNS = {
    EntryKind.GRANT: 1,
    EntryKind.DRAW: -1,
    EntryKind.RETURN: 1,
    EntryKind.CLAWBACK: -1,
    EntryKind.RESTORE: 1,
    EntryKind.FREEZE: 0,
    EntryKind.THAW: 0,
    EntryKind.RESERVE: 0,
    EntryKind.RELEASE: 0,
}


def _balanced(world: World) -> Verdicts:
    """Every entry is one balanced posting: its kind fits its counter-account and its sign."""
    for entry in world.entries:
        sign = (entry.credits > 0) - (entry.credits < 0)
        fits = entry.counter in _POSTINGS[entry.kind] and sign == _SIGNS.get(entry.kind, sign)
        yield entry.entry_id, fits and bool(entry.cause)


def _paid_once(world: World) -> Verdicts:
    """Each fulfilment key lists its payments, the earliest first; all but the first are duplicates."""
    paid: dict[str, list[PaymentSettled]] = defaultdict(list)
    for _, payment in world.purchases():
        if payment.fulfilment_key:
            paid[payment.fulfilment_key].append(payment)
    for key in paid.keys() | {item.key for item in world.fulfilment_keys.values() if item.payment_id}:
        ranked = sorted(paid[key], key=lambda payment: payment.precedence)
        item = world.fulfilment_keys.get(key)
        yield key, item is not None and item.payment_ids == tuple(payment.payment_id for payment in ranked)
    for group in world.payments_for_one_thing():
        are_duplicates = [one.is_duplicate for one in group]
        yield group[0].payment_id, are_duplicates == [False] + [True] * (len(group) - 1)


def _periods_granted_once(world: World) -> Verdicts:
    """No period of a subscription is granted by two payments."""
    granting: dict[str, int] = defaultdict(int)
    for purchase, payment in world.purchases():
        if payment.period:
            granting[payment.period] += not purchase.is_duplicate
    for period, payments in granting.items():
        yield period, payments <= 1


def _linked(world: World) -> Verdicts:
    """Every pointer leads to a purchase that knows its name."""
    for pointer in world.payments.values():
        if isinstance(pointer, PaymentPointer):
            homes = [world.home_of(target) for target in (pointer.to, *pointer.also_to)]
            yield pointer.name, all(home is not None and pointer.name in home.names for home in homes)


def _drawn(world: World) -> Verdicts:
    """Every run drew what its entries say; what failed came back and is listed."""
    listed = Counter((account_id, failure.run_id, failure.credits) for account_id, failure in world.failures)
    drawn: dict[str, Counter[str]] = defaultdict(Counter)
    for entry in world.entries:
        if entry.counter is CounterAccount.USAGE:
            drawn[f"{entry.account_id}/{entry.cause}"][entry.lot_id] -= entry.credits
    for run in world.runs:
        net = Counter(run.drawn)
        net.subtract(run.returned)
        is_drawn = drawn.pop(f"{run.account_id}/run:{run.run_id}", Counter()) == net
        failure = (run.account_id, run.run_id, sum(run.drawn.values()))
        yield run.run_id, is_drawn and listed.pop(failure, 0) == (run.failed_at is not None)
    for name in drawn:
        yield name, False
    for _, run_id, _ in listed:
        yield run_id, False


def _parked_whole(world: World) -> Verdicts:
    """A parked event is kept whole, with its reason; no other receipt keeps a body."""
    for receipt in world.receipts:
        yield receipt.event_id, bool(receipt.body) == (receipt.parked_reason is not None)


def _correlated(world: World) -> Verdicts:
    """Every receipt, entry and refund case has a correlation id."""
    for receipt in world.receipts:
        yield f"{receipt.provider}:{receipt.event_id}", bool(receipt.correlation_id)
    for entry in world.entries:
        yield entry.entry_id, bool(entry.correlation_id)
    for case in world.cases.values():
        yield case.case_id, bool(case.correlation_id)


def _approved(world: World) -> Verdicts:
    """Every approval of a case is a fact of its purchase, every decline by a person too, and no other is one."""
    due: set[tuple[PaymentId, str]] = set()
    for case in world.cases.values():
        facts = world.facts(case.payment_id)
        tags = [f"{case.case_id}-{number}" for number in range(1, case.approvals + 1)]
        approvals = [facts.get(f"approved:{tag}") for tag in tags]
        due |= {(case.payment_id, tag) for tag in tags}
        holds = all(isinstance(fact, RefundApproved) and fact.case_id == case.case_id for fact in approvals)
        if case.state in _ON_THE_WAY:
            latest = approvals[-1] if approvals else None
            money_minor = latest.amount_minor if isinstance(latest, RefundApproved) else 0
            holds &= money_minor > 0 and case.decision is not None and money_minor == case.decision.money_minor
        if case.state is CaseState.DECLINED and case.decided_by != "policy":
            holds &= isinstance(facts.get(f"declined:{case.reason}"), RefundDeclined)
        yield case.case_id, holds
    for payment_id, item in world.payments.items():
        if isinstance(item, Purchase):
            for approval in facts_of(item.facts, RefundApproved):
                if (payment_id, approval.tag) not in due:
                    yield approval.tag, False


_ON_THE_WAY = {CaseState.APPROVED, CaseState.ISSUED, CaseState.REFUNDED}


def _in_the_outbox(world: World) -> Verdicts:
    """Exactly the approved cases lie in the outbox, each with the approval that is to be sent."""
    approved = {case.tag: case for case in world.cases.values() if case.state is CaseState.APPROVED}
    for tag in approved.keys() | world.intents.keys():
        case, intent = approved.get(tag), world.intents.get(tag)
        yield (
            tag,
            case is not None
            and intent is not None
            and (intent.account_id, intent.payment_id) == (case.account_id, case.payment_id)
            and f"approved:{tag}" in world.facts(intent.payment_id),
        )


def _marked(world: World) -> Verdicts:
    """Exactly the open cases are marked on their accounts."""
    wanted: dict[AccountId, dict[str, str]] = defaultdict(dict)
    for case in world.cases.values():
        if case.state.is_open:
            wanted[case.account_id][case.case_id] = case.open_case_key
    for account_id in world.accounts.keys() | wanted.keys():
        account = world.accounts.get(account_id)
        yield account_id, (account.cases if account else {}) == wanted[account_id]


def _queued(world: World) -> Verdicts:
    """A case waits exactly once where its state says: for a person, or for its time; and support finds every case."""
    reviewed, settling = world.queued(DocumentKind.REVIEW_QUEUE), world.queued(DocumentKind.DEFERRED_QUEUE)
    for case in world.cases.values():
        is_reviewed = reviewed.pop(case.case_id, 0) == (case.state is CaseState.IN_REVIEW)
        is_settling = settling.pop(case.case_id, 0) == (case.state is CaseState.REQUESTED)
        lies_right = case.state is not CaseState.IN_REVIEW or review_queue_key(case) in world.waiting
        is_found = world.pointers.get(case.case_id) == case.account_id
        yield case.case_id, is_reviewed and is_settling and lies_right and is_found
    for case_id in reviewed.keys() | settling.keys():
        yield case_id, False


def _settled(world: World) -> Verdicts:
    """A case is settled exactly if its refund has succeeded."""
    for case in world.cases.values():
        if case.approvals and case.state not in {CaseState.DECLINED, CaseState.REPLACED}:
            end = end_of(case.tag, world.facts(case.payment_id))
            has_succeeded = isinstance(end, RefundChanged) and end.state is RefundState.SUCCEEDED
            yield case.case_id, (case.state is CaseState.REFUNDED) == has_succeeded


def _answered(world: World) -> Verdicts:
    """What was answered under an Idempotency-Key is there, and is that account's."""
    for key, answered in world.answered.items():
        account_id, route, _ = key.parts
        case, fulfilment_key = world.cases.get(answered.subject), world.fulfilment_keys.get(f"order/{answered.subject}")
        owner = {
            REFUND_REQUESTS_ROUTE: case.account_id if case else None,
            DECISIONS_ROUTE: case.account_id if case else None,
            ORDERS_ROUTE: fulfilment_key.account_id if fulfilment_key and fulfilment_key.terms else None,
        }
        yield "/".join(key.parts), route not in owner or owner[route] == account_id


_RULES: tuple[Callable[[World], Verdicts], ...] = (
    _balances,
    _lots,
    _granted_once,
    _on_target,
    _within_grant,
    _refunded_within_paid,
    _held,
    _balanced,
    _nothing_left_without_money,
    _paid_once,
    _periods_granted_once,
    _linked,
    _drawn,
    _parked_whole,
    _correlated,
    _approved,
    _in_the_outbox,
    _marked,
    _queued,
    _settled,
    _answered,
    _readable,
)


def as_json(findings: list[Finding]) -> dict[str, Any]:
    """The findings for machines."""
    return {
        "holds": not any(finding.broken for finding in findings),
        "invariants": [
            {"invariant": finding.invariant, "checked": finding.checked, "broken": list(finding.broken)}
            for finding in findings
        ],
    }
