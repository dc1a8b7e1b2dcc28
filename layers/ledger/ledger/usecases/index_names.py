"""Write the index of *find*: the rows of what has changed. Each row follows from what is stored when it is written.

No row is ever changed or removed here: whoever finds one reads what it leads to. `billing index` writes all of them.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from itertools import islice

from ledger.domain.contacts import Contact
from ledger.domain.declarations import Declaration
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.index_rows import (
    EventNames,
    IndexRow,
    row_of_contact,
    rows_of_declaration,
    rows_of_failed_run,
    rows_of_parked,
    rows_of_purchase,
)
from ledger.domain.receipts import Receipt
from ledger.domain.runs import FailedRun
from ledger.ports.commit import MAX_ACTIONS, Commit, DocumentChange
from ledger.ports.documents import contact_key, declaration_key, failed_run_key, index_row_key
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.transaction import commit_unread


def index_purchases(payment_ids: Iterable[PaymentId], store: Store) -> int:
    """Write the rows of some purchases. Return how many. One that is a pointer by now has its rows from the other."""
    names = frozenset(payment_ids)
    stored = store.read(Keys(payments=names))
    homes = {home.payment_id: home for name in names if (home := stored.home_of(name))}
    pointed = {
        target for name in names - homes.keys() for pointer in stored.pointers_from(name) for target in pointer.targets
    }
    if left := frozenset(pointed - homes.keys()):
        found = store.read(Keys(payments=left))
        homes |= {home.payment_id: home for name in left for home in found.homes_of(name)}
    return _put((row for _, home in sorted(homes.items()) for row in rows_of_purchase(home)), store)


def index_contact(account_id: AccountId, key: str, store: Store) -> int:
    """Write the row of an account's address, as its hash under this key. Return how many."""
    where = contact_key(account_id)
    contact = store.read(Keys(documents=frozenset({where}))).document(where, Contact)
    return _put([row_of_contact(contact, key)] if contact and contact.email else [], store)


def index_parked(
    name: tuple[str, str], names_in: Callable[[Receipt], EventNames], key: Callable[[], str], store: Store
) -> int:
    """Write the rows of a parked event, by the name of its receipt. Return how many. None, if it is parked no longer.

    Whatever was booked of it has its own rows. An address is stored as its hash under the key that `key` returns.
    """
    receipt = store.read(Keys(receipts=frozenset({name}))).receipts.get(name)
    return _put(rows_of_parked(receipt, names_in(receipt), key) if receipt else (), store)


def index_declaration(declaration_id: str, key: str, store: Store) -> int:
    """Write the row of a declaration by the address that was given in it, as its hash under this key."""
    where = declaration_key(declaration_id)
    declaration = store.read(Keys(documents=frozenset({where}))).document(where, Declaration)
    return _put(rows_of_declaration(declaration, key) if declaration else (), store)


def index_failed_run(account_id: AccountId, run_id: str, failed_at: datetime, store: Store) -> int:
    """Write the rows of a failed run. Return how many."""
    where = failed_run_key(account_id, failed_at, run_id)
    failed = store.read(Keys(documents=frozenset({where}))).document(where, FailedRun)
    return _put(rows_of_failed_run(account_id, failed) if failed else (), store)


def _put(rows: Iterable[IndexRow], store: Store) -> int:
    """Write a few rows, each by itself: it is what is there already, or is not there. Return how many."""
    different = {index_row_key(row): row for row in rows}
    store.put_index_rows(different.values())
    return len(different)


def write_rows(rows: Iterable[IndexRow], store: Store) -> int:
    """Write many rows, as many as a transaction takes with each call: dearer and faster. Return how many."""
    changes = {key: DocumentChange(key, row, None) for row in rows for key in (index_row_key(row),)}
    left = iter(changes.values())
    while some := tuple(islice(left, MAX_ACTIONS)):
        commit_unread(Commit(documents=some), store, "the index of find")
    return len(changes)
