"""Write the index of *find*: the rows of what has changed. Each row follows from what is stored when it is written.

No row is ever changed or removed here: whoever finds one reads what it leads to. `billing index` writes all of them.
"""

from collections.abc import Iterable
from datetime import datetime
from itertools import islice

from ledger.domain.contacts import Contact
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.index_rows import IndexRow, row_of_contact, rows_of_failed_run, rows_of_purchase
from ledger.domain.runs import FailedRun
from ledger.ports.commit import MAX_ACTIONS, Commit, DocumentChange
from ledger.ports.documents import contact_key, failed_run_key, index_row_key
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.transaction import commit_unread


def index_purchase(payment_id: PaymentId, store: Store) -> int:
    """Write the rows of a purchase. Return how many. One that is a pointer by now has its rows from the other."""
    homes = store.read(Keys(payments=frozenset({payment_id})))
    purchase = homes.home_of(payment_id)
    if purchase is None:
        pointed = {name for pointer in homes.pointers_from(payment_id) for name in pointer.targets}
        found = store.read(Keys(payments=frozenset(pointed)))
        rows = [row for name in sorted(pointed) for home in found.homes_of(name) for row in rows_of_purchase(home)]
    else:
        rows = [*rows_of_purchase(purchase)]
    return write_rows(rows, store)


def index_contact(account_id: AccountId, key: str, store: Store) -> int:
    """Write the row of an account's address, as its hash under this key. Return how many."""
    where = contact_key(account_id)
    contact = store.read(Keys(documents=frozenset({where}))).document(where, Contact)
    return write_rows([row_of_contact(contact, key)] if contact and contact.email else [], store)


def index_failed_run(account_id: AccountId, run_id: str, failed_at: datetime, store: Store) -> int:
    """Write the rows of a failed run. Return how many."""
    where = failed_run_key(account_id, failed_at, run_id)
    failed = store.read(Keys(documents=frozenset({where}))).document(where, FailedRun)
    return write_rows(rows_of_failed_run(account_id, failed) if failed else (), store)


def write_rows(rows: Iterable[IndexRow], store: Store) -> int:
    """Write rows of the index, on no condition: each is what is there already, or is not there. Return how many."""
    changes = {key: DocumentChange(key, row, None) for row in rows for key in (index_row_key(row),)}
    left = iter(changes.values())
    while some := tuple(islice(left, MAX_ACTIONS)):
        commit_unread(Commit(documents=some), store, "the index of find")
    return len(changes)
