"""A store in memory that keeps the promise of `ledger.ports.Store`. The contract tests hold it to that."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from threading import Lock
from typing import TypeVar

from ledger.accounts import Account
from ledger.cases import Intent, RefundCase
from ledger.entries import Entry
from ledger.events import Receipt
from ledger.facts import AccountId
from ledger.lots import Lot
from ledger.orders import Order
from ledger.ports import (
    AccountChange,
    Claim,
    ClaimChange,
    Commit,
    Document,
    DocumentChange,
    Keys,
    Page,
    Place,
    Pointer,
    Refusal,
    Run,
    Snapshot,
    sortable,
)
from ledger.purchases import Purchase
from ledger.subscriptions import Subscription

_T = TypeVar("_T")


class FakeStore:
    """The ledger's nouns in dictionaries, written all or nothing under one lock."""

    def __init__(self) -> None:
        self.receipts: dict[tuple[str, str], Receipt] = {}
        self.payments: dict[str, Purchase | Pointer] = {}
        self.accounts: dict[str, Account] = {}
        self.claims: dict[str, Claim] = {}
        self.subscriptions: dict[str, Subscription] = {}
        self.closed_lots: dict[tuple[AccountId, str], Lot] = {}
        self.runs: dict[tuple[AccountId, str], Run] = {}
        self.written: dict[tuple[str, str, str], Entry] = {}
        self.kept: dict[Place, Document] = {}
        self.round_trips = 0
        self._lock = Lock()

    def read(self, keys: Keys) -> Snapshot:
        self.round_trips += 1
        return Snapshot(
            {name: self.payments[name] for name in keys.payments if name in self.payments},
            {name: self.accounts[name] for name in keys.accounts if name in self.accounts},
            {name: self.claims[name] for name in keys.claims if name in self.claims},
            {name: self.subscriptions[name] for name in keys.subscriptions if name in self.subscriptions},
            {name: self.closed_lots[name] for name in keys.closed_lots if name in self.closed_lots},
            {name: self.runs[name] for name in keys.runs if name in self.runs},
            {place: self.kept[place] for place in keys.documents if place in self.kept},
        )

    def commit(self, commit: Commit) -> Refusal | None:
        self.round_trips += 1
        with self._lock:
            refusal = self._refusal(commit)
            if refusal is None:
                self._apply(commit)
            return refusal

    def customer_receipts(self, customer_id: str) -> list[Receipt]:
        self.round_trips += 1
        return [receipt for (customer, _), receipt in self.receipts.items() if customer == customer_id]

    def parked_receipts(self) -> Iterator[Receipt]:
        yield from [receipt for receipt in self.receipts.values() if receipt.parked_reason]

    def entries(self, account_id: AccountId, since: datetime | None = None) -> Iterator[Entry]:
        for _, entry in self._entries(account_id):
            if since is None or entry.occurred_at >= since:
                yield entry

    def statement_page(
        self, account_id: AccountId, limit: int, after: str | None = None
    ) -> tuple[Account | None, Page[Entry]]:
        self.round_trips += 1
        account = None if after else self.accounts.get(account_id)
        return account, _page(self._entries(account_id), limit, after)

    def documents(self, partition: str, prefix: str, limit: int, after: str | None = None) -> Page[Document]:
        self.round_trips += 1
        found = [(place.name, item) for place, item in self.kept.items() if place.partition == partition]
        return _page(sorted(pair for pair in found if pair[0].startswith(prefix)), limit, after)

    def purchases_of(self, account_id: AccountId, limit: int, after: str | None = None) -> Page[Purchase]:
        self.round_trips += 2
        paid = [item for item in self.payments.values() if isinstance(item, Purchase) and item.account_id == account_id]
        ranked = sorted(paid, key=lambda item: item.payment.precedence if item.payment else (), reverse=True)
        named = [(f"{sortable(item.payment.at)}#{item.payment_id}", item) for item in ranked if item.payment]
        return _page(named, limit, after)

    def lapsing(self, day: date) -> Iterator[AccountId]:
        due = [(entry.account_id, entry.lapse_due_at) for entry in self.written.values()]
        yield from sorted({account_id for account_id, due_at in due if due_at and due_at.date() == day})

    def _entries(self, account_id: AccountId) -> list[tuple[str, Entry]]:
        mine = [("#".join(key[1:]), entry) for key, entry in self.written.items() if entry.account_id == account_id]
        return sorted(mine, key=lambda pair: pair[0], reverse=True)

    def _refusal(self, commit: Commit) -> Refusal | None:
        receipt = self.receipts.get(_receipt_key(commit.receipt)) if commit.receipt else None
        heard = receipt if receipt and not receipt.parked_reason else None
        overtaken = [p for p in commit.purchases if _version(self.payments.get(p.payment_id)) != p.version]
        overtaken_first = bool(overtaken) and overtaken[0] is commit.purchases[0]
        stored_run = self.runs.get((commit.run.account_id, commit.run.run_id)) if commit.run else None
        drawn = stored_run if stored_run and commit.run and stored_run.version != commit.run.version else None
        missing_run = commit.run is not None and stored_run is None and commit.run.version > 0
        refused = (
            heard is not None
            or bool(overtaken)
            or drawn is not None
            or missing_run
            or any(not self._may_keep(change) for change in commit.documents)
            or (commit.order is not None and not self._may_order(commit.order))
            or any(not self._may_point(pointer) for pointer in commit.pointers)
            or any(_entry_key(entry) in self.written for entry in commit.entries)
            or (commit.account is not None and not self._may_change(commit.account))
            or (commit.claim is not None and not self._may_claim(commit.claim))
        )
        if commit.subscription:
            stored = self.subscriptions.get(commit.subscription.subscription.subscription_id)
            refused |= (stored.cause if stored else None) != commit.subscription.replaces_cause
        if not refused:
            return None
        first = self.payments.get(commit.purchases[0].payment_id) if overtaken_first else None
        return Refusal(receipt=heard, purchase=first if isinstance(first, Purchase) else None, run=drawn)

    def _may_point(self, pointer: Pointer) -> bool:
        stored = self.payments.get(pointer.name)
        if pointer.replaces_version:
            return _version(stored) == pointer.replaces_version
        return stored is None or isinstance(stored, Pointer)

    def _may_change(self, change: AccountChange) -> bool:
        account = self.accounts.get(change.account_id)
        if change.version is None:
            lots = {*change.lots, f"{change.period}/0"}
            return account is None or not (account.lots.keys() & lots or change.period in account.covered)
        return (account.version if account else 0) == change.version

    def _may_claim(self, change: ClaimChange) -> bool:
        claim = self.claims.get(change.key) or Claim(key=change.key)
        return (
            claim.payment_id in {None, change.replaces or change.payment_id}
            and claim.account_id in {None, change.account_id}
            and claim.product_id in {None, *change.product_ids}
        )

    def _may_keep(self, change: DocumentChange) -> bool:
        stored = self.kept.get(change.place)
        return change.replaces is None or change.document is None or _version_of(stored) == change.replaces

    def _may_order(self, order: Order) -> bool:
        claim = self.claims.get(f"order/{order.order_id}") or Claim(key="")
        if order.version == 0:
            return claim.terms is None and claim.payment_id is None
        return claim.terms is not None and claim.terms.version == order.version

    def _apply(self, commit: Commit) -> None:
        if commit.receipt:
            self.receipts[_receipt_key(commit.receipt)] = commit.receipt
        for purchase in commit.purchases:
            names = purchase.names or frozenset({purchase.payment_id})
            self.payments[purchase.payment_id] = replace(purchase, names=names, version=purchase.version + 1)
        for pointer in commit.pointers:
            self.payments[pointer.name] = replace(pointer, replaces_version=0)
        if commit.claim:
            claim = self.claims.get(commit.claim.key) or Claim(key=commit.claim.key)
            self.claims[claim.key] = replace(
                claim, payment_id=commit.claim.payment_id, account_id=commit.claim.account_id
            )
        if commit.subscription:
            subscription = commit.subscription.subscription
            self.subscriptions[subscription.subscription_id] = subscription
        for entry in commit.entries:
            self.written[_entry_key(entry)] = entry
        if commit.run:
            run = replace(commit.run, version=commit.run.version + 1)
            self.runs[(run.account_id, run.run_id)] = run
        for change in commit.documents:
            if change.document is None:
                self.kept.pop(change.place, None)
            elif isinstance(change.document, RefundCase | Intent):
                self.kept[change.place] = replace(change.document, version=change.document.version + 1)
            else:
                self.kept[change.place] = change.document
        if order := commit.order:
            claim = self.claims.get(f"order/{order.order_id}") or Claim(key=f"order/{order.order_id}")
            terms = replace(order, version=order.version + 1)
            self.claims[claim.key] = replace(
                claim, account_id=order.account_id, product_id=order.product_id, terms=terms
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
            cases={k: mark for k, mark in {**account.cases, **change.cases}.items() if mark},
        )
        for lot_id in change.closed:
            self.closed_lots[(change.account_id, lot_id)] = change.lots[lot_id]


def _version_of(stored: Document | None) -> int:
    return getattr(stored, "version", 1) if stored else 0


def _page(found: list[tuple[str, _T]], limit: int, after: str | None) -> Page[_T]:
    is_newest_first = len(found) > 1 and found[0][0] > found[-1][0]
    rest = [(name, row) for name, row in found if after is None or (name < after if is_newest_first else name > after)]
    rows = rest[:limit]
    return Page(tuple(row for _, row in rows), rows[-1][0] if limit < len(rest) else None)


def _version(stored: Purchase | Pointer | None) -> int:
    if isinstance(stored, Pointer):
        return -1
    return stored.version if stored else 0


def _receipt_key(receipt: Receipt) -> tuple[str, str]:
    return (receipt.customer_id or f"{receipt.provider}:{receipt.event_id}", receipt.event_id)


def _entry_key(entry: Entry) -> tuple[str, str, str]:
    return (entry.account_id, entry.occurred_at.isoformat(timespec="microseconds"), entry.entry_id)
