"""The store: reads by name, and commits that are written whole or not at all."""

from collections.abc import Collection, Iterator
from datetime import date, datetime
from typing import Protocol

from ledger.domain.accounts import Account
from ledger.domain.entries import Entry
from ledger.domain.ids import AccountId
from ledger.domain.purchases import Purchase
from ledger.domain.receipts import Receipt
from ledger.ports.commit import Commit, Refusal
from ledger.ports.documents import Document
from ledger.ports.reads import Keys, Page, Snapshot


class Store(Protocol):
    """A ledger's storage. Reads are consistent; every method may raise StoreUnavailable."""

    def read(self, keys: Keys) -> Snapshot:
        """Everything that is stored under these names, in one round trip."""

    def commit(self, commit: Commit) -> Refusal | None:
        """Write everything or nothing, in one round trip. None: written."""

    def customer_receipts(self, customer_id: str) -> Collection[Receipt]:
        """The receipts of one customer of a provider, in one round trip where they are few."""

    def parked_receipts(self) -> Iterator[Receipt]:
        """Every receipt that waits for its release."""

    def entries(self, account_id: AccountId, since: datetime | None = None) -> Iterator[Entry]:
        """An account's entries, newest first; only those that happened at `since` or later."""

    def statement_page(
        self, account_id: AccountId, limit: int, after: str | None = None
    ) -> tuple[Account | None, Page[Entry]]:
        """A page of an account's entries, newest first, the first one with the account itself, in one round trip."""

    def documents(self, partition: str, prefix: str, limit: int, after: str | None = None) -> Page[Document]:
        """The documents of one partition whose names begin so, in their names' order, in one round trip."""

    def purchases_of(self, account_id: AccountId, limit: int, after: str | None = None) -> Page[Purchase]:
        """An account's purchases, newest first. Which there are, an index says; what they are is read consistently."""

    def expiring(self, day: date) -> Iterator[AccountId]:
        """The accounts to which credits were granted that lapse on this day (UTC). An index says so: look yourself."""
