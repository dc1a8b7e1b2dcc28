"""Everything that a ledger stores, as the rules read it."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ledger.domain.accounts import Account
from ledger.domain.audit import AuditRecord
from ledger.domain.entries import Entry
from ledger.domain.errors import UnreadableItem
from ledger.domain.facts import (
    Facts,
    PaymentSettled,
)
from ledger.domain.idempotency import IdempotencyRecord
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.lots import Lot
from ledger.domain.purchases import Purchase, Target, target
from ledger.domain.receipts import Receipt
from ledger.domain.refund_cases import QueuedCase, RefundCase
from ledger.domain.refund_intents import RefundIntent
from ledger.domain.runs import FailedRun, Run
from ledger.dynamodb import items, keys
from ledger.dynamodb.keys import ItemKind
from ledger.ports.commit import FulfilmentKey, PaymentPointer
from ledger.ports.documents import CasePointer, Document, DocumentKey, DocumentKind

Verdicts = Iterable[tuple[str, bool]]
"""The result of a rule: the name of each thing that it checked, and whether the rule holds for it."""


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
    queued_cases: dict[DocumentKey, QueuedCase] = field(default_factory=dict)
    pointers: dict[str, AccountId] = field(default_factory=dict)  # by case id
    failed_runs: list[tuple[AccountId, FailedRun]] = field(default_factory=list)
    audit_records: list[tuple[AccountId, AuditRecord]] = field(default_factory=list)
    idempotency_records: dict[DocumentKey, IdempotencyRecord] = field(default_factory=dict)
    is_readable: dict[str, bool] = field(default_factory=dict)  # by the item's key

    def add(self, item: items.Item) -> None:
        """Add one item of the table. An item that this release can't read is noted, for `check` to report."""
        try:
            self._add(item)
            is_readable = True
        except (UnreadableItem, ValueError):  # ValueError: no key of the table has this form
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
        """Add one document under its key."""
        match document:
            case RefundCase():
                self.cases[document.case_id] = document
            case RefundIntent():
                self.intents[document.tag] = document
            case QueuedCase():
                self.queued_cases[key] = document
            case CasePointer():
                self.pointers[document.case_id] = document.account_id
            case FailedRun():
                self.failed_runs.append((AccountId(key.parts[0]), document))
            case AuditRecord():
                self.audit_records.append((AccountId(key.parts[0]), document))
            case IdempotencyRecord():
                self.idempotency_records[key] = document

    def facts(self, payment_id: PaymentId) -> Facts:
        """Return the facts of the purchase that a name leads to."""
        home = self.home_of(payment_id)
        return home.facts if home else {}

    def home_of(self, payment_id: PaymentId) -> Purchase | None:
        """The purchase that a name leads to. Of several sales that share money, the first."""
        home = self.payments.get(payment_id)
        for _ in range(10):
            home = self.payments.get(home.to) if isinstance(home, PaymentPointer) else home
        return home if isinstance(home, Purchase) else None

    def queued(self, queue: DocumentKind) -> Counter[str]:
        """Return how often each case is in a queue."""
        return Counter(queued.case_id for key, queued in self.queued_cases.items() if key.kind is queue)

    def purchases(self) -> Iterator[tuple[Purchase, PaymentSettled]]:
        """Yield every purchase whose payment is known, with the payment."""
        for item in self.payments.values():
            if isinstance(item, Purchase) and item.payment:
                yield item, item.payment

    def payments_for_one_thing(self) -> Iterator[list[Purchase]]:
        """Yield for each paid order or period all payments for it, the earliest first.

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
        """Yield the target of each order, period or single payment, with its account."""
        for group in self.payments_for_one_thing():
            yield group[0].account_id or AccountId(""), target(*group)

    def lots(self) -> dict[tuple[AccountId, str], Lot]:
        """Return every lot: an open one as its account has it, a closed one as stored."""
        opened = {
            (account.account_id, lot_id): lot
            for account in self.accounts.values()
            for lot_id, lot in account.lots.items()
        }
        return {**self.closed_lots, **opened}
