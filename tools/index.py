"""Write or check the whole index of *find* from what is stored, in memory that does not depend on how much that is."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice
from threading import Event

from ledger.domain.contacts import Contact
from ledger.domain.errors import UnreadableItem
from ledger.domain.ids import AccountId
from ledger.domain.index_rows import IndexRow, NameKind, row_of_contact, rows_of_failed_run, rows_of_purchase
from ledger.domain.purchases import Purchase
from ledger.domain.runs import FailedRun
from ledger.dynamodb import items, keys
from ledger.dynamodb.items import Item
from ledger.dynamodb.keys import ItemKind
from ledger.dynamodb.store import DynamoDBStore
from ledger.ports.documents import Document, DocumentKind, contact_key, index_row_key
from ledger.ports.reads import Keys
from ledger.usecases.index_names import write_rows
from ledger.usecases.look_up import LookUp

SEGMENTS = 4
UNREADABLE = "unreadable"
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
    rows of a former address stay, and so do those of a purchase that is a pointer by now: they lead to the account.
    """
    found = IndexCheck()
    for segment in range(SEGMENTS):
        items_ = store.scan(segment, SEGMENTS)
        while some := list(islice(items_, _TOGETHER)):
            _check_expected(some, key, store, found)
            _check_stored(some, store, found)
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


def _check_stored(some: Iterable[Item], store: DynamoDBStore, found: IndexCheck) -> None:
    """Add the rows among these items of which nothing that they lead to has the name."""
    rows = [row for item in some if isinstance(row := _readable_row(item, found), IndexRow)]
    found.rows += len(rows)
    contacts = {row: contact_key(row.account_id) for row in rows if row.kind is NameKind.ADDRESS and row.account_id}
    names = frozenset(row.payment_id for row in rows if row.payment_id)
    look_up = LookUp(store)
    stored = look_up.once(Keys(payments=names, documents=frozenset(contacts.values()))) if rows else look_up.known
    if targets := {target for one in names for pointer in stored.pointers_from(one) for target in pointer.targets}:
        look_up.once(Keys(payments=frozenset(targets)))
        stored = look_up.known
    for row in rows:
        if row.kind is NameKind.RUN:
            is_known = row.account_id is not None and _is_of_a_failed_run(row, row.account_id, store)
        elif row.kind is NameKind.ADDRESS:
            is_known = row in contacts and stored.document(contacts[row], Contact) is not None
        else:
            homes = stored.homes_of(row.payment_id) if row.payment_id else ()
            is_known = _name_of(row) in {_name_of(own) for home in homes for own in rows_of_purchase(home)}
        if not is_known:
            found.add(RowFault.FOREIGN, row)


def _name_of(row: IndexRow) -> tuple[object, ...]:
    """Return by what a row is found, whatever id its purchase is stored under."""
    return (row.kind, row.name, row.at, row.amount, row.currency)


def _is_of_a_failed_run(row: IndexRow, account_id: AccountId, store: DynamoDBStore) -> bool:
    runs = store.failed_runs(account_id, row.at or _EVER)
    return any(index_row_key(row) in map(index_row_key, rows_of_failed_run(account_id, run)) for run in runs)


def _readable_row(item: Item, found: IndexCheck) -> Document | None:
    try:
        return items.from_document(item) if keys.kind_of(item) in _ROWS else None
    except (KeyError, UnreadableItem, ValueError):
        found.unreadable += 1
        return None


_ROWS = frozenset({DocumentKind.INDEXED_NAME, DocumentKind.INDEXED_AMOUNT, DocumentKind.INDEXED_FAILURE})


def rows_of(item: Item, key: str) -> Iterator[IndexRow]:
    """Yield the rows of an item. Raise UnreadableItem, KeyError or ValueError if this release can't read it."""
    match keys.kind_of(item):
        case ItemKind.PAYMENT:
            payment = items.from_payment(item)
            yield from rows_of_purchase(payment) if isinstance(payment, Purchase) else ()
        case DocumentKind.CONTACT:
            contact = items.from_document(item)
            if isinstance(contact, Contact) and contact.email:
                yield row_of_contact(contact, key)
        case DocumentKind.FAILED_RUN:
            failed = items.from_document(item)
            if isinstance(failed, FailedRun):
                yield from rows_of_failed_run(keys.account_id_of(item), failed)


def _readable_rows(item: Item, key: str, counts: Counter[str]) -> list[IndexRow]:
    try:
        return list(rows_of(item, key))
    except (KeyError, UnreadableItem, ValueError):
        counts[UNREADABLE] += 1
        return []
