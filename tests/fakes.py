"""A store in memory that keeps the promise of `ledger.ports.Store`. The contract tests hold it to that."""

from collections.abc import Iterator
from dataclasses import replace
from threading import Lock

from ledger.accounts import Account
from ledger.entries import Entry
from ledger.events import Receipt
from ledger.facts import AccountId
from ledger.lots import Lot
from ledger.ports import AccountChange, Claim, ClaimChange, Commit, Keys, Pointer, Refusal, Run, Snapshot
from ledger.purchases import Purchase
from ledger.subscriptions import Subscription


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

    def entries(self, account_id: AccountId) -> Iterator[Entry]:
        mine = [(key[1:], entry) for key, entry in self.written.items() if entry.account_id == account_id]
        yield from [entry for _, entry in sorted(mine, key=lambda pair: pair[0], reverse=True)]

    def _refusal(self, commit: Commit) -> Refusal | None:
        receipt = self.receipts.get(_receipt_key(commit.receipt)) if commit.receipt else None
        heard = receipt if receipt and not receipt.parked_reason else None
        overtaken = [p for p in commit.purchases if _version(self.payments.get(p.payment_id)) != p.version]
        overtaken_first = bool(overtaken) and overtaken[0] is commit.purchases[0]
        drawn = self.runs.get((commit.run.account_id, commit.run.run_id)) if commit.run else None
        refused = (
            heard is not None
            or bool(overtaken)
            or drawn is not None
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
            self.runs[(commit.run.account_id, commit.run.run_id)] = commit.run
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
        )
        for lot_id in change.closed:
            self.closed_lots[(change.account_id, lot_id)] = change.lots[lot_id]


def _version(stored: Purchase | Pointer | None) -> int:
    if isinstance(stored, Pointer):
        return -1
    return stored.version if stored else 0


def _receipt_key(receipt: Receipt) -> tuple[str, str]:
    return (receipt.customer_id or f"{receipt.provider}:{receipt.event_id}", receipt.event_id)


def _entry_key(entry: Entry) -> tuple[str, str, str]:
    return (entry.account_id, entry.occurred_at.isoformat(timespec="microseconds"), entry.entry_id)
