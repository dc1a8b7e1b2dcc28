"""Find what an id is about: by the keys that it may be part of, by the index of *find*, and else by reading the table.

id ──► partitions that may have it ──► their items ──► the names in these ──► more partitions ──► …
 ├─ none has it ──► the rows of the index with its name ──► what they lead to, if that mentions it ──┤
 └─ no row has it, or a scan is asked for ──► every item of the table, those that mention it ────────┘
"""

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple, Protocol

from ledger.domain.contacts import is_address
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.index_rows import NameKind, hash_of_address, is_named, number_as_searched, parked_name_of
from ledger.dynamodb import items, keys
from ledger.dynamodb.items import Item
from ledger.dynamodb.keys import ItemKind
from ledger.ports.documents import DocumentKind, case_pointer_key, checkout_key, contact_key
from ledger.providers.registry import PROVIDERS, names_of_parked
from ledger.usecases.chain import mentions
from tools.verify.names import names_of
from tools.verify.world import UNREADABLE, World, name_of

SEGMENTS = 4
_PARTS_OF_A_KEY = {"order": 2, "period": 3}
"""Of how many parts a fulfilment key consists with which the id of a lot, or of an entry, begins."""


class Searched(Protocol):
    """What is searched: a table, by partition or whole."""

    def partition(self, key: keys.Key) -> Iterator[Item]:
        """Yield every item of the partition of a key."""

    def scan(self, segment: int = 0, segments: int = 1) -> Iterator[Item]:
        """Yield every item of one segment."""


class NotFoundAnywhere(Exception):
    """No item of the table mentions the id."""


class FoundBy(StrEnum):
    """How something was found."""

    KEY = "key"
    INDEX = "index"  # of find
    SCAN = "scan"  # of the whole table


class Collected(NamedTuple):
    """What an id leads to, and how it was found."""

    world: World
    found_by: FoundBy


def collect(
    text: str,
    table: Searched,
    advance: Callable[[int], None] = lambda _: None,
    *,
    is_whole: bool = False,
    address_key: str | None = None,
) -> Collected:
    """Return everything that an id leads to: its account with all that it has, or what waits for an account.

    If no key has the id, and no row of the index of *find* leads to it, or with `is_whole`, read the whole table, and
    call `advance` with the number of items that were read. An e-mail address is looked for in the index by its hash
    under `address_key`. Raise NotFoundAnywhere if nothing mentions it.
    """
    found, found_by = _Found(table), FoundBy.KEY
    found.follow(_partitions_of_id(text))
    if not found.items:
        found, found_by = _by_index(text, table, address_key), FoundBy.INDEX
    if is_whole or not found.items:
        found_by = FoundBy.SCAN
        for segment in range(SEGMENTS):
            for item in table.scan(segment, SEGMENTS):
                advance(1)
                if concerns(item, text):
                    found.add(item)
        found.follow(())
    if not found.items:
        raise NotFoundAnywhere(text)
    world = World()
    for item in found.items.values():
        world.add(item)
    return Collected(world, found_by)


def concerns(item: Item, text: str) -> bool:
    """Return whether an item mentions a text, or is of a parked event that names it."""
    return mentions(item, text) or is_parked_with(item, text)


def is_parked_with(item: Item, text: str) -> bool:
    """Return whether an item is the receipt of a parked event that names a text. What can't be read names nothing."""
    try:
        if "body" not in item or keys.kind_of(item) is not ItemKind.RECEIPT:
            return False
        receipt = items.from_receipt(item)
    except UNREADABLE:
        return False
    return is_named(receipt, names_of_parked(receipt), text)


def _by_index(text: str, table: Searched, address_key: str | None) -> "_Found":
    """Return what the rows of the index lead to, or nothing if none of that mentions the text: a row is no proof."""
    found, rows = _Found(table), World()
    names = {text.partition(":")[2] or text, number_as_searched(text)}
    if is_address(text):
        names = {hash_of_address(text, address_key)} if address_key else set()
    for name in names:
        pk = keys.range_of(DocumentKind.INDEXED_NAME, name).pk
        for item in table.partition(keys.key(pk, "")):
            rows.add(item)
    for row in rows.index_rows.values():
        if row.payment_id:
            found.follow(_of_payment(row.payment_id))
        if row.account_id:
            found.follow([keys.account_key(row.account_id)])
        if row.kind is NameKind.ADDRESS:
            found.follow([keys.document_key(contact_key(AccountId(row.subject)))])
        if row.kind is NameKind.PARKED:
            owner, event_id = parked_name_of(row)
            found.follow([keys.receipt_key("", event_id, owner)])
    is_proven = any(concerns(item, text) for item in found.items.values()) or _has_number(found.items.values(), text)
    return found if is_proven else _Found(table)


def _has_number(found: Iterable[Item], text: str) -> bool:
    """Return whether a text is the number of a payment's invoice, in any case and spacing."""
    world = World()
    for item in found:
        world.add(item)
    numbers = (payment.invoice_number for _, payment in world.purchases())
    return any(number and number_as_searched(number) == number_as_searched(text) for number in numbers)


class _Found:
    """The items that were found, and the partitions that were read."""

    def __init__(self, table: Searched) -> None:
        self.items: dict[str, Item] = {}
        self._table = table
        self._read: set[str] = set()
        self._next: list[keys.Key] = []

    def add(self, item: Item) -> None:
        """Add an item, and note the partitions that it leads to."""
        self.items[name_of(item)] = item
        world = World()
        try:
            world.read(item)
        except UNREADABLE:
            return
        self._next += [keys.primary_key(item), *_partitions_of(world)]

    def follow(self, partitions: Iterable[keys.Key]) -> None:
        """Read these partitions, and those that their items lead to."""
        self._next += partitions
        while self._next:
            key = self._next.pop()
            pk = key["pk"]["S"]
            if pk in self._read or not keys.owner_of(key):
                continue
            self._read.add(pk)
            for item in self._table.partition(key):
                self.add(item)


def _partitions_of_id(text: str) -> Iterator[keys.Key]:
    """Yield the keys of everything that an id may name."""
    yield keys.account_key(AccountId(text))
    yield keys.document_key(case_pointer_key(text))
    for name in (text, *(f"{provider}:{text}" for provider in PROVIDERS)):
        yield from _of_payment(name)
        yield keys.subscription_key(name)
        yield keys.receipt_key("", "", name)
    for provider in PROVIDERS:
        yield keys.document_key(checkout_key(provider, text.removeprefix(f"{provider}:")))
    yield keys.fulfilment_item_key(f"order/{text}")
    parts = text.split("/")
    if count := _PARTS_OF_A_KEY.get(parts[0]):
        yield keys.fulfilment_item_key("/".join(parts[:count]))


def _partitions_of(world: World) -> Iterator[keys.Key]:
    """Yield the keys of what an item leads to."""
    for name in names_of(world):
        kind, _, of = name.partition(" ")
        match kind:
            case "account":
                yield keys.account_key(AccountId(of))
            case "payment":
                yield from _of_payment(of)
            case "thing":
                yield keys.fulfilment_item_key(of)
            case "cause":
                yield keys.receipt_key("", "", of)
                yield keys.document_key(case_pointer_key(of))
    for entry in world.entries:  # its lot's id begins with what was paid for, or else with the payment's id
        name = entry.lot_id.rpartition("/")[0]
        yield keys.fulfilment_item_key(name)
        yield from _of_payment(name)
    for fulfilment in world.fulfilment_keys.values():
        yield from (keys.payment_key(payment_id) for payment_id in fulfilment.payment_ids)
    for _, payment in world.purchases():
        if payment.customer_id:
            yield keys.receipt_key("", "", payment.customer_id)
        if payment.subscription_id:
            yield keys.subscription_key(payment.subscription_id)
    for account in world.accounts.values():
        yield from map(keys.subscription_key, account.subscriptions)


def _of_payment(payment_id: str) -> Iterator[keys.Key]:
    yield keys.payment_key(PaymentId(payment_id))
