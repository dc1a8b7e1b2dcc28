"""Write or check the whole index of *find* from what is stored, in memory that does not depend on how much that is."""

import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice
from threading import Event

from ledger.domain.contacts import Contact
from ledger.domain.declarations import Declaration
from ledger.domain.errors import UnreadableItem
from ledger.domain.ids import AccountId
from ledger.domain.index_rows import (
    IndexRow,
    NameKind,
    parked_name_of,
    row_of_contact,
    rows_of_declaration,
    rows_of_failed_run,
    rows_of_parked,
    rows_of_purchase,
)
from ledger.domain.purchases import Purchase
from ledger.domain.runs import FailedRun
from ledger.dynamodb import items, keys
from ledger.dynamodb.items import Item
from ledger.dynamodb.keys import ItemKind
from ledger.dynamodb.store import DynamoDBStore
from ledger.ports.documents import Document, DocumentKind, contact_key, declaration_key, index_row_key
from ledger.ports.reads import Keys, Snapshot
from ledger.providers.registry import names_of_parked
from ledger.usecases.index_names import write_rows
from ledger.usecases.look_up import LookUp

SEGMENTS = 4
UNREADABLE = "unreadable"
_UNREADABLE = (KeyError, UnreadableItem, ValueError, zlib.error)
_TOGETHER = 250  # items whose rows are written, or read, together
_EVER = datetime(1970, 1, 1, tzinfo=UTC)
LISTED = 20
"""How many rows of each fault are named. The others are counted."""


class RowFault(StrEnum):
    """What is wrong with a row of the index."""

    MISSING = "missing"  # something has a name, and no row leads from it
    STALE = "stale"  # the row is there, and says something else than what is stored
    FOREIGN = "foreign"  # nothing that the row leads to has its name


@dataclass(slots=True)
class IndexCheck:
    """How many rows the index has, and which are wrong: their number, and the first of them by name."""

    rows: int = 0
    faults: Counter[RowFault] = field(default_factory=Counter)
    named: dict[RowFault, list[str]] = field(default_factory=dict)
    unreadable: int = 0

    def add(self, fault: RowFault, row: IndexRow) -> None:
        """Count a row that is wrong."""
        self.faults[fault] += 1
        listed = self.named.setdefault(fault, [])
        if len(listed) < LISTED:
            listed.append(" ".join(index_row_key(row).parts))


def write_index(store: DynamoDBStore, key: str, advance: Callable[[int], None] = lambda _: None) -> Counter[str]:
    """Write every row, and return how many there are by their kind. UNREADABLE: items that this release can't read.

    Addresses are hashed with `key`. `advance` is called with the number of items that were read. It changes nothing but
    rows that are missing: it may be interrupted, run again, and run beside the subscriber.
    """
    stopped = Event()

    def index(segment: int) -> Counter[str]:
        counts: Counter[str] = Counter()
        try:
            found = store.scan(segment, SEGMENTS)
            while (some := list(islice(found, _TOGETHER))) and not stopped.is_set():
                rows = [row for item in some for row in _readable_rows(item, key, counts)]
                write_rows(rows, store)
                counts.update(row.kind for row in rows)
                advance(len(some))
        except BaseException:
            stopped.set()
            raise
        return counts

    with ThreadPoolExecutor(SEGMENTS) as pool:
        try:
            return sum(pool.map(index, range(SEGMENTS)), Counter())
        finally:
            stopped.set()


def check_index(store: DynamoDBStore, key: str, advance: Callable[[int], None] = lambda _: None) -> IndexCheck:
    """Compare every row with what it follows from, and return what is wrong. It writes nothing.

    Rows are written behind the event bus: one that is missing for a change of the last seconds may be there by now. The
    rows of a former address stay, and so do those of a purchase that is a pointer by now: they lead to the account. So
    do those of an event that was parked once: they lead to its receipt.
    """
    found = IndexCheck()
    for segment in range(SEGMENTS):
        items_ = store.scan(segment, SEGMENTS)
        while some := list(islice(items_, _TOGETHER)):
            _check_expected(some, key, store, found)
            _check_stored(some, key, store, found)
            advance(len(some))
    return found


def _check_expected(some: Iterable[Item], key: str, store: DynamoDBStore, found: IndexCheck) -> None:
    """Add the rows that these items should have, and that are missing or say something else."""
    counts: Counter[str] = Counter()
    expected = {index_row_key(row): row for item in some for row in _readable_rows(item, key, counts)}
    found.unreadable += counts[UNREADABLE]
    stored = store.read(Keys(documents=frozenset(expected))).documents if expected else {}
    for row_key, row in expected.items():
        if row_key not in stored:
            found.add(RowFault.MISSING, row)
        elif stored[row_key] != row:
            found.add(RowFault.STALE, row)


def _check_stored(some: Iterable[Item], key: str, store: DynamoDBStore, found: IndexCheck) -> None:
    """Add the rows among these items of which nothing that they lead to has the name."""
    rows = [row for item in some if isinstance(row := _readable_row(item, found), IndexRow)]
    found.rows += len(rows)
    look_up = LookUp(store)
    stored = look_up.once(_keys_of(rows)) if rows else look_up.known
    names = {row.payment_id for row in rows if row.payment_id}
    if targets := {target for one in names for pointer in stored.pointers_from(one) for target in pointer.targets}:
        look_up.once(Keys(payments=frozenset(targets)))
        stored = look_up.known
    for row in rows:
        if not _is_known(row, stored, key, store):
            found.add(RowFault.FOREIGN, row)


def _keys_of(rows: Iterable[IndexRow]) -> Keys:
    """Return what these rows lead to, but for failed runs."""
    keys_ = Keys()
    for row in rows:
        match row.kind:
            case NameKind.ADDRESS if row.account_id:
                keys_ |= Keys(documents=frozenset({contact_key(row.account_id)}))
            case NameKind.DECLARATION:
                keys_ |= Keys(documents=frozenset({declaration_key(row.subject)}))
            case NameKind.PARKED:
                keys_ |= Keys(receipts=frozenset({parked_name_of(row)}))
            case _ if row.payment_id:
                keys_ |= Keys(payments=frozenset({row.payment_id}))
    return keys_


def _is_known(row: IndexRow, stored: Snapshot, key: str, store: DynamoDBStore) -> bool:
    """Return whether what a row leads to has its name, or may have had it."""
    match row.kind:
        case NameKind.RUN:
            return row.account_id is not None and _is_of_a_failed_run(row, row.account_id, store)
        case NameKind.ADDRESS:
            return row.account_id is not None and stored.document(contact_key(row.account_id), Contact) is not None
        case NameKind.DECLARATION:
            declaration = stored.document(declaration_key(row.subject), Declaration)
            return declaration is not None and row in rows_of_declaration(declaration, key)
        case NameKind.PARKED:
            receipt = stored.receipts.get(parked_name_of(row))
            is_parked = receipt is not None and receipt.parked_reason is not None
            own = rows_of_parked(receipt, names_of_parked(receipt), lambda: key) if receipt and is_parked else ()
            return receipt is not None and (not is_parked or _name_of(row) in map(_name_of, own))
    homes = stored.homes_of(row.payment_id) if row.payment_id else ()
    return _name_of(row) in {_name_of(own) for home in homes for own in rows_of_purchase(home)}


def _name_of(row: IndexRow) -> tuple[object, ...]:
    """Return by what a row is found, whatever id its purchase is stored under."""
    return (row.kind, row.name, row.at, row.amount, row.currency)


def _is_of_a_failed_run(row: IndexRow, account_id: AccountId, store: DynamoDBStore) -> bool:
    runs = store.failed_runs(account_id, row.at or _EVER)
    return any(index_row_key(row) in map(index_row_key, rows_of_failed_run(account_id, run)) for run in runs)


def _readable_row(item: Item, found: IndexCheck) -> Document | None:
    try:
        return items.from_document(item) if keys.kind_of(item) in _ROWS else None
    except _UNREADABLE:
        found.unreadable += 1
        return None


_ROWS = frozenset({DocumentKind.INDEXED_NAME, DocumentKind.INDEXED_AMOUNT, DocumentKind.INDEXED_FAILURE})


def rows_of(item: Item, key: str) -> Iterator[IndexRow]:
    """Yield the rows of an item. Raise one of `_UNREADABLE` if this release can't read it."""
    match keys.kind_of(item):
        case ItemKind.PAYMENT:
            payment = items.from_payment(item)
            yield from rows_of_purchase(payment) if isinstance(payment, Purchase) else ()
        case DocumentKind.CONTACT:
            contact = items.from_document(item)
            if isinstance(contact, Contact) and contact.email:
                yield row_of_contact(contact, key)
        case ItemKind.RECEIPT:
            receipt = items.from_receipt(item)
            yield from rows_of_parked(receipt, names_of_parked(receipt), lambda: key)
        case DocumentKind.DECLARATION:
            declaration = items.from_document(item)
            yield from rows_of_declaration(declaration, key) if isinstance(declaration, Declaration) else ()
        case DocumentKind.FAILED_RUN:
            failed = items.from_document(item)
            if isinstance(failed, FailedRun):
                yield from rows_of_failed_run(keys.account_id_of(item), failed)


def _readable_rows(item: Item, key: str, counts: Counter[str]) -> list[IndexRow]:
    try:
        return list(rows_of(item, key))
    except _UNREADABLE:
        counts[UNREADABLE] += 1
        return []
