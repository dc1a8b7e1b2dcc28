"""Write the whole index of *find* from what is stored, in memory that does not depend on how much that is."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from threading import Event

from ledger.domain.contacts import Contact
from ledger.domain.errors import UnreadableItem
from ledger.domain.index_rows import IndexRow, row_of_contact, rows_of_failed_run, rows_of_purchase
from ledger.domain.purchases import Purchase
from ledger.domain.runs import FailedRun
from ledger.dynamodb import items, keys
from ledger.dynamodb.items import Item
from ledger.dynamodb.keys import ItemKind
from ledger.dynamodb.store import DynamoDBStore
from ledger.ports.documents import DocumentKind
from ledger.usecases.index_names import write_rows

SEGMENTS = 4
UNREADABLE = "unreadable"
_TOGETHER = 250  # items whose rows are written together


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
