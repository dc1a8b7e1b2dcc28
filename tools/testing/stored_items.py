"""What a fake store holds, as the items of the real table, and every way to spoil one of them."""

import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import MAXYEAR, datetime, timedelta
from enum import StrEnum
from typing import Any

from ledger.domain.accounts import Account
from ledger.domain.purchases import Purchase
from ledger.dynamodb import items, keys, schema
from ledger.dynamodb.codec import format_at
from ledger.dynamodb.items import Item
from ledger.dynamodb.keys import ItemKind
from ledger.dynamodb.schema import FACT_KIND
from ledger.dynamodb.writes import Writes
from ledger.ports.commit import AccountChange, Commit, FulfilmentKey, FulfilmentKeyChange
from ledger.ports.documents import VersionedDocument, sortable
from tools.testing.fakes import FakeStore

_WRITES = Writes("ledger")


def items_of(store: FakeStore) -> list[Item]:
    """Return the items that the real store would hold."""
    stored = [items.to_receipt(receipt) for receipt in store.receipts.values()]
    for payment in store.payments.values():
        stored.append(
            items.to_purchase(replace(payment, version=payment.version - 1))
            if isinstance(payment, Purchase)
            else items.to_pointer(payment)
        )
    stored += [_fulfilment_key_item(one) for one in store.fulfilment_keys.values()]
    stored += [_account_item(account) for account in store.accounts.values()]
    stored += [items.to_closed_lot(account_id, lot) for (account_id, _), lot in store.closed_lots.items()]
    stored += [items.to_entry(entry) for entry in store.stored_entries.values()]
    stored += [items.to_run(replace(run, version=run.version - 1)) for run in store.runs.values()]
    for subscription in store.subscriptions.values():
        stored.append(items.to_subscription(replace(subscription, version=subscription.version - 1)))
    for key, document in tuple(store.documents.items()):  # who scans may write rows of an index meanwhile
        if isinstance(document, VersionedDocument):
            document = replace(document, version=document.version - 1)
        stored.append(items.to_document(key, document))
    return stored


def stored_by(update: Mapping[str, Any], item: Item | None = None) -> Item:
    """Return the item after an update of it; None: it was not stored. Of an update it knows what `expressions` writes.

    A number that the update adds to must not be in the item.
    """
    names, values = update["ExpressionAttributeNames"], update["ExpressionAttributeValues"]
    changed = {**(item or {}), **update["Key"]}
    sets, _, adds = update["UpdateExpression"].removeprefix("SET ").partition(" ADD ")
    for clause in sets.split(", "):
        name, _, value = clause.partition(" = ")
        changed[names[name]] = values[value]
    for clause in filter(None, adds.split(", ")):
        name, value = clause.split(" ")
        changed[names[name]] = values[value]
    return changed


def _fulfilment_key_item(stored: FulfilmentKey) -> Item:
    item: Item = {}
    if stored.payment_ids and stored.account_id:
        products = frozenset({stored.product_id} if stored.product_id else ())
        change = FulfilmentKeyChange(
            key=stored.key,
            payment_ids=stored.payment_ids,
            account_id=stored.account_id,
            product_ids=products,
            terms_hash=None,
            checkout_id=None,
            has_consent=None,
        )
        ((_, update),) = _WRITES.updates(Commit(fulfilment_keys=(change,)))
        item = stored_by(update)
    if stored.terms:
        ((_, update),) = _WRITES.updates(Commit(order=replace(stored.terms, version=stored.terms.version - 1)))
        item = stored_by(update, item)
    return item


def _account_item(account: Account) -> Item:
    change = AccountChange(
        account_id=account.account_id,
        version=None,
        lots=account.lots,
        holds=account.holds,
        flags=account.flags,
        cases=account.cases,
    )
    item = stored_by(_WRITES.update_account(change))
    for subscription in account.subscriptions.values():
        item = stored_by(
            _WRITES.update_account(
                AccountChange(account_id=account.account_id, version=None, subscription=subscription)
            ),
            item,
        )
    for period, payment_id in account.covered.items():
        covered = AccountChange(account_id=account.account_id, version=None, period=period, covered_by=payment_id)
        item = stored_by(_WRITES.update_account(covered), item)
    return {**item, "version": {"N": str(account.version)}}


# ── Spoiling ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Spoiling:
    """One way to spoil one item of a table."""

    kind: str  # of the item, or of the fact in it
    attribute: str  # its path in the item, without ids; empty: the item itself
    how: str  # deleted, changed, or exchanged with that of another item
    item: int  # its position in the table
    path: tuple[str | int, ...]  # in the item, as it is
    becomes: Item | None  # None: the item is deleted


def spoilings(table: list[Item]) -> Iterator[Spoiling]:
    """Yield every way to spoil one attribute of one item: delete it, change it, take it from another item.

    An attribute inside another one is spoilt too: of a fact, a decision, of a lot within its text. Keys are not
    attributes.
    """
    elsewhere: dict[tuple[str, str], list[Any]] = {}
    table = [_with_lots(item, unpacked_lot) for item in table]
    for item in table:
        for path, value in _attributes(item, ()):
            elsewhere.setdefault(_named(item, path), []).append(value)
    for position, item in enumerate(table):
        yield Spoiling(_kind(item), "", "deleted", position, (), None)
        for path, value in list(_attributes(item, ())):
            kind, attribute = _named(item, path)
            others = [other for other in elsewhere[kind, attribute] if other != value][:1]
            for how, become in (
                ("deleted", None),
                *(("changed", one) for one in _changed(value)),
                *(("exchanged", one) for one in others),
            ):
                yield Spoiling(kind, attribute, how, position, path, _with_lots(_with(item, path, become), _packed_lot))


def unpacked_lot(attribute: Mapping[str, Any], lot_id: str) -> Mapping[str, Any]:
    """Return an open lot as a map of its attributes."""
    return {"M": schema.OPEN_LOT.unpack(json.loads(attribute["S"]), lot_id)}


def _packed_lot(attribute: Mapping[str, Any], lot_id: str) -> Mapping[str, Any]:
    return schema.OPEN_LOT.pack(attribute["M"], lot_id)


def _with_lots(item: Item, changed: Callable[[Mapping[str, Any], str], Mapping[str, Any]]) -> Item:
    """Return the item with each of its open lots changed."""
    return {
        name: changed(attribute, name.removeprefix(items.LOT)) if name.startswith(items.LOT) else attribute
        for name, attribute in item.items()
    }


_Path = tuple[str | int, ...]


def _attributes(part: Any, path: _Path) -> Iterator[tuple[_Path, Any]]:
    """Yield each attribute with its path, and what is inside of it."""
    named = part.items() if isinstance(part, dict) else enumerate(part)
    for name, value in named:
        if path or name not in {"pk", "sk"}:
            yield (*path, name), value
            if "M" in value or "L" in value:
                yield from _attributes(value.get("M", value.get("L")), (*path, name))


def _with(part: Any, path: _Path, become: Any) -> Any:
    """Return an item, or a part of one, with another value under a path; None: without it. The rest is shared."""
    name, *rest = path
    spoilt = part.copy()
    if rest:
        (kind, inside), *_ = part[name].items()
        spoilt[name] = {kind: _with(inside, tuple(rest), become)}
    elif become is None:
        del spoilt[name]
    else:
        spoilt[name] = become
    return spoilt


def _kind(item: Item) -> str:
    return "pointer" if "points_to" in item else str(keys.kind_of(item))


def _named(item: Item, path: _Path) -> tuple[str, str]:
    """Return what an attribute is called, whatever ids are in its name: of a fact, its kind and the name in it."""
    if path[0] == "facts" and len(path) > 1 and keys.kind_of(item) is ItemKind.PAYMENT:
        fact = item["facts"]["M"][path[1]]["M"]
        return fact[FACT_KIND]["S"], _written(path[2:])
    return _kind(item), _written(path)


def _written(path: _Path) -> str:
    names = ["[]" if isinstance(name, int) else name.partition(":")[0] + ":*" * (":" in name) for name in path]
    counts = {"drawn", "returned", "facts"} & set(names[:1])
    return ".".join([names[0], "*"] if counts and len(names) > 1 else names).replace(".[]", "[]")


_ENUMS = [one for one in vars(schema).values() if isinstance(one, type) and issubclass(one, StrEnum)]


def _changed(value: Any) -> Iterator[Any]:
    """Yield other values of the same type."""
    (kind, content), *_ = value.items()
    match kind:
        case "N":
            yield {"N": str(int(content) + 1)}
        case "BOOL":
            yield {"BOOL": not content}
        case "S":
            yield from ({"S": other} for other in _other_texts(content))
        case "L":
            yield {"L": content[1:]} if content else {"L": [{"S": "x"}]}
        case "M" if not content:
            yield {"M": {"x": {"S": "x"}}}
        case "B":
            yield {"B": _recompressed(content)}


def _recompressed(content: bytes) -> bytes:
    return zlib.compress(zlib.decompress(content) + b" ")


def _other_texts(content: str) -> Iterator[str]:
    members = [list(one) for one in _ENUMS if content in set(one)]
    for enum in members:
        yield str(enum[(enum.index(content) + 1) % len(enum)])  # type: ignore[arg-type]
    try:
        at = datetime.fromisoformat(content)
        is_last_year = at.year == MAXYEAR  # of what has no deadline: no day comes after its last one
        later = at - timedelta(days=1) if is_last_year else at + timedelta(days=1)
        if len(content) == len("2026-11-01"):
            yield later.date().isoformat()
        else:
            yield sortable(later) if len(content) == len(sortable(later)) else format_at(later)
    except ValueError:
        if not members:
            yield content + "x"
