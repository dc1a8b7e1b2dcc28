"""Writes: a commit as the operations of one TransactWriteItems, each under its condition."""

from collections.abc import Collection
from dataclasses import replace

from ledger.domain.index_rows import IndexRow
from ledger.domain.lots import Lot
from ledger.domain.orders import Order
from ledger.domain.purchases import Purchase
from ledger.domain.receipts import Receipt
from ledger.dynamodb import items, keys, schema
from ledger.dynamodb.codec import BOOLEAN, TEXT, TEXTS, TIME, WHOLE
from ledger.dynamodb.expressions import Operation, UpdateExpression
from ledger.dynamodb.items import Item
from ledger.dynamodb.schema import PARK_REASON, SCHEMA, VERSION
from ledger.ports.commit import AccountChange, Commit, FulfilmentKeyChange, PaymentPointer
from ledger.ports.documents import Document, DocumentKey, index_row_key


class Writes:
    """The operations of commits to one table, each with the name of what it writes."""

    def __init__(self, table_name: str) -> None:
        self._table = table_name

    def checks(self, commit: Commit) -> list[tuple[str, Operation]]:
        """Return the operations that change nothing and only check a condition."""
        fulfilment_keys = [
            (f"fulfilment key {change.key}", self._check_fulfilment_key(change))
            for change in commit.fulfilment_keys
            if change.is_check and not _is_of(change, commit.order)
        ]
        pointers = [
            (f"pointer {pointer.name}", self._check_pointer(pointer)) for pointer in commit.pointers if pointer.is_check
        ]
        lots = [
            (f"lot {lot_id}", self._check_closed_lot(commit.account, lot_id))
            for lot_id in sorted(commit.account.closed_before if commit.account else ())
            if commit.account and lot_id not in commit.account.closed
        ]
        return fulfilment_keys + pointers + lots

    def deletes(self, commit: Commit) -> list[Operation]:
        """Return the operations that remove documents. They have no condition."""
        gone = (change.key for change in commit.documents if change.document is None)
        return [{"TableName": self._table, "Key": keys.document_key(key)} for key in gone]

    def puts(self, commit: Commit) -> list[tuple[str, Operation]]:
        """Return the operations that create items, in the order in which the commit names them.

        One of them may replace an item: a lot that leaves its account again.
        """
        puts: list[tuple[str, Operation]] = []
        for position, purchase in enumerate(commit.purchases):
            if purchase.version == 0:
                new = self._put_new(items.to_purchase(purchase), returns_old_item=position == 0)
                puts.append((f"purchase {position}", new))
        if commit.subscription and commit.subscription.version == 0:
            puts.append(("subscription", self._put_new(items.to_subscription(commit.subscription))))
        for entry in commit.entries:
            puts.append((f"entry {entry.entry_id}", self._put_new(items.to_entry(entry))))
        if commit.run and commit.run.version == 0:
            puts.append(("run", self._put_new(items.to_run(commit.run), returns_old_item=True)))
        for change in commit.documents:
            if change.document is not None and change.replaces == 0:
                item = items.to_document(change.key, change.document)
                puts.append((f"document {change.key}", self._put_new(item)))
        if commit.account:
            for lot_id in sorted(commit.account.closed):
                puts.append((f"lot {lot_id}", self._put_closed_lot(commit.account, lot_id)))
        return puts

    def updates(self, commit: Commit) -> list[tuple[str, Operation]]:
        """Return the operations that change items that are stored already, so that unknown attributes stay in them.

        A receipt is among them: a parked one is there already, and keeps when its event was first received.
        """
        updates: list[tuple[str, Operation]] = []
        if commit.receipt:
            updates.append(("receipt", self._update_receipt(commit.receipt)))
        for position, purchase in enumerate(commit.purchases):
            if purchase.version:
                updates.append(
                    (f"purchase {position}", self._update_purchase(purchase, returns_old_item=position == 0))
                )
        for pointer in commit.pointers:
            if not pointer.is_check:
                updates.append((f"pointer {pointer.name}", self._update_pointer(pointer)))
        if commit.subscription and commit.subscription.version:
            item, replaces = items.to_subscription(commit.subscription), commit.subscription.version
            updates.append(
                ("subscription", self._update_versioned(item, schema.SUBSCRIPTION.names | {items.DIGEST}, replaces))
            )
        if commit.run and commit.run.version:
            item, names = items.to_run(commit.run), schema.RUN.names | {items.DIGEST}
            update = self._update_versioned(item, names, commit.run.version, returns_old_item=True)
            updates.append(("run", update))
        for change in commit.documents:
            if change.document is not None and change.replaces != 0:
                update = self._update_document(change.key, change.document, change.replaces)
                updates.append((f"document {change.key}", update))
        if commit.account:
            updates.append(("account", self.update_account(commit.account)))
        for key_change in commit.fulfilment_keys:
            if not key_change.is_check:
                updates.append((f"fulfilment key {key_change.key}", self._update_fulfilment_key(key_change)))
        if commit.order:
            paid = next((change for change in commit.fulfilment_keys if _is_of(change, commit.order)), None)
            updates.append(("order", self._update_order(commit.order, paid)))
        return updates

    def update_index_row(self, row: IndexRow) -> Operation:
        """Return the operation that writes a row of the index of *find*, on no condition."""
        return self._update_document(index_row_key(row), row, None)

    def _update_document(self, key: DocumentKey, document: Document, replaces: int | None) -> Operation:
        item = items.to_document(key, document)
        names = schema.DOCUMENTS[key.kind].names | items.FOLLOWED | items.LISTED | {items.DIGEST}
        return self._update_versioned(item, names, replaces)

    def _put(self, item: Item, condition: str | None = None, *, returns_old_item: bool = False) -> Operation:
        put: Operation = {"TableName": self._table, "Item": item}
        if condition:
            put["ConditionExpression"] = condition
        if returns_old_item:
            put["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        return put

    def _update_receipt(self, receipt: Receipt) -> Operation:
        """Create the receipt, or change a parked one: its event is booked after all, or parked otherwise."""
        item = items.to_receipt(receipt)
        received_at = item.pop("received_at")
        update = UpdateExpression.of(item, items.NAMES_OF_A_RECEIPT - {"received_at"})
        update.put_if_missing("received_at", received_at)
        condition = f"attribute_not_exists(pk) OR attribute_exists({update.name('parked_reason')})"
        if receipt.parked_reason:
            reason = update.value(PARK_REASON.encode(receipt.parked_reason))
            parked_as, muted_by = update.name("parked_reason"), update.name("muted_by")
            differs = f"attribute_exists({muted_by})"
            if receipt.muted_by:
                differs = f"attribute_not_exists({muted_by}) OR {muted_by} <> {update.value({'S': receipt.muted_by})}"
            changes = f"attribute_exists({parked_as}) AND ({parked_as} <> {reason} OR {differs})"
            condition = f"attribute_not_exists(pk) OR ({changes})"
        return update.operation(self._table, keys.primary_key(item), condition, returns_old_item=True)

    def _put_new(self, item: Item, *, returns_old_item: bool = False) -> Operation:
        return self._put(item, "attribute_not_exists(pk)", returns_old_item=returns_old_item)

    def _put_closed_lot(self, account: AccountChange, lot_id: str) -> Operation:
        """Store a lot that leaves the account, or changes beside it. The account's version is checked in any case.

        A lot that was read from the account needs no condition: it takes precedence over what is stored beside it.
        """
        put = self._put(items.to_closed_lot(account.account_id, account.lots[lot_id]))
        return put | _as_read(account.closed_before[lot_id]) if lot_id in account.closed_before else put

    def _check_closed_lot(self, account: AccountChange, lot_id: str) -> Operation:
        key = keys.lot_key(account.account_id, lot_id)
        return {"TableName": self._table, "Key": key, **_as_read(account.closed_before[lot_id])}

    def _update_versioned(
        self, item: Item, names: Collection[str], replaces: int | None, *, returns_old_item: bool = False
    ) -> Operation:
        update = UpdateExpression.of(item, names)
        is_as_read = f"{update.name('version')} = {update.value(WHOLE.encode(replaces))}" if replaces else ""
        return update.operation(self._table, keys.primary_key(item), is_as_read, returns_old_item=returns_old_item)

    def _update_purchase(self, purchase: Purchase, *, returns_old_item: bool) -> Operation:
        """Write the new facts, each under its key, and what follows from all facts. Facts are never removed."""
        item = items.to_purchase(purchase)
        item.pop("facts")
        update = UpdateExpression.of(item, items.WAITING | items.LISTED)
        for key, fact in purchase.facts.items():
            if purchase.stored_facts.get(key) is not fact:
                update.put_inside("facts", key, items.to_fact(fact))
        is_as_read = f"{update.name('version')} = {update.value(WHOLE.encode(purchase.version))}"
        return update.operation(self._table, keys.primary_key(item), is_as_read, returns_old_item=returns_old_item)

    def _update_pointer(self, pointer: PaymentPointer) -> Operation:
        item = items.to_pointer(pointer)
        update = UpdateExpression.of(item, items.NAMES_OF_A_PAYMENT)
        return update.operation(self._table, keys.primary_key(item), _leads_as_read(update, pointer))

    def _check_pointer(self, pointer: PaymentPointer) -> Operation:
        check = UpdateExpression()
        return check.check(self._table, keys.payment_key(pointer.name), _leads_as_read(check, pointer))

    def update_account(self, change: AccountChange) -> Operation:
        """Return the operation that changes an account, if its version is the one that was read."""
        update = UpdateExpression()
        for lot_id, lot in change.lots.items():
            update.put(items.LOT + lot_id, None if lot_id in change.closed else items.to_lot(lot))
        for hold_id, hold in change.holds.items():
            update.put(items.HOLD + hold_id, items.to_hold(hold) if hold else None)
        if change.holds:
            place = items.place_of_account(change.suspended_since)
            for name in sorted(items.LISTED):
                update.put(name, place.get(name))
        for flag_id, since in change.flags.items():
            update.put(items.FLAG + flag_id, TIME.encode(since) if since else None)
        for case_id, mark in change.cases.items():
            update.put(items.CASE + case_id, TEXT.encode(mark) if mark else None)
        if change.subscription:
            name = items.SUBSCRIPTION + change.subscription.subscription_id
            update.put(name, items.to_summary(change.subscription))
        if change.period and change.covered_by:
            update.put(items.COVERED + change.period, TEXT.encode(change.covered_by))
        update.put(SCHEMA, WHOLE.encode(VERSION))
        update.add("version", 1)
        if change.version is None:
            # Nothing was read: none of these may be there, whatever else is.
            absent = {items.LOT + lot_id for lot_id in change.lots}
            if change.period:
                absent |= {f"{items.LOT}{change.period}/0", items.COVERED + change.period}
            conditions = [f"attribute_not_exists({update.name(attribute)})" for attribute in sorted(absent)]
            if change.has_subscription:
                conditions.append(f"attribute_exists({update.name(items.SUBSCRIPTION + change.has_subscription)})")
            conditions.append(_is_readable(update))
        elif change.version == 0:
            conditions = ["attribute_not_exists(pk)"]
        else:
            conditions = [f"{update.name('version')} = {update.value(WHOLE.encode(change.version))}"]
        return update.operation(self._table, keys.account_key(change.account_id), " AND ".join(conditions))

    def _check_fulfilment_key(self, change: FulfilmentKeyChange) -> Operation:
        check = UpdateExpression()
        condition = self._is_paid_as_read(check, change)
        return check.check(self._table, keys.fulfilment_item_key(change.key), condition)

    def _update_fulfilment_key(self, change: FulfilmentKeyChange) -> Operation:
        update = UpdateExpression()
        account, product = update.name("account_id"), update.name("product_id")
        products = ", ".join(update.value(TEXT.encode(product_id)) for product_id in sorted(change.product_ids))
        is_as_read = self._is_paid_as_read(update, change)
        update.put("payment_id", TEXT.encode(change.payment_ids[0]))
        if len(change.payment_ids) > 1:
            update.put("duplicates", TEXTS.encode(change.payment_ids[1:]))
        update.put("account_id", TEXT.encode(change.account_id))
        update.put(SCHEMA, WHOLE.encode(VERSION))
        return update.operation(
            self._table,
            keys.fulfilment_item_key(change.key),
            f"{is_as_read}"
            f" AND (attribute_not_exists({account}) OR {account} = {update.value(TEXT.encode(change.account_id))})"
            f" AND (attribute_not_exists({product}) OR {product} IN ({products}))"
            f" AND {self._is_order_as_agreed(update, change)}"
            f"{self._has_consent_as_read(update, change)}"
            f" AND {_is_readable(update)}",
        )

    def _is_order_as_agreed(self, update: UpdateExpression, change: FulfilmentKeyChange) -> str:
        """Return the condition that an order has the terms that were granted, and the checkout that was paid."""
        terms_hash = update.name("terms_hash")
        if change.terms_hash is None:
            condition = f"attribute_not_exists({terms_hash})"
        else:
            condition = f"{terms_hash} = {update.value(TEXT.encode(change.terms_hash))}"
        if change.checkout_id is None:
            return condition
        path = ".".join(update.name(name) for name in ("terms", "checkout", "checkout_id"))
        return f"{condition} AND {path} = {update.value(TEXT.encode(change.checkout_id))}"

    def _has_consent_as_read(self, update: UpdateExpression, change: FulfilmentKeyChange) -> str:
        """Return the condition that the order's consent is as complete as it was when the lots were planned."""
        if change.has_consent is None:
            return ""
        confirmed, late = (
            ".".join(update.name(name) for name in ("terms", "consent", attribute))
            for attribute in ("confirmation_id", "is_late")
        )
        is_late = update.value(BOOLEAN.encode(True))
        if change.has_consent:
            return f" AND attribute_exists({confirmed}) AND NOT {late} = {is_late}"
        return f" AND (attribute_not_exists({confirmed}) OR {late} = {is_late})"

    def _is_paid_as_read(self, update: UpdateExpression, change: FulfilmentKeyChange) -> str:
        """Return the condition that the payments under a fulfilment key are those that were read."""
        payment = update.name("payment_id")
        if not change.replaces:
            return f"attribute_not_exists({payment})"
        original, *others = change.replaces
        is_original = f"{payment} = {update.value(TEXT.encode(original))}"
        duplicates = update.name("duplicates")
        if not others:
            return f"{is_original} AND attribute_not_exists({duplicates})"
        return f"{is_original} AND {duplicates} = {update.value(TEXTS.encode(others))}"

    def _update_order(self, order: Order, paid: FulfilmentKeyChange | None) -> Operation:
        """Return the operation that stores an order. `paid`: on condition of these payments for it."""
        update = UpdateExpression()
        terms = update.name("terms")
        update.put("account_id", TEXT.encode(order.account_id))
        update.put("product_id", TEXT.encode(order.product_id))
        attributes = schema.ORDER.encode(replace(order, version=order.version + 1))
        update.put("terms", {"M": attributes})
        update.put(items.DIGEST, items.digest_of(attributes))
        if order.terms_hash:
            update.put("terms_hash", TEXT.encode(order.terms_hash))
        update.put(SCHEMA, WHOLE.encode(VERSION))
        if order.version:
            condition = f"{terms}.{update.name('version')} = {update.value(WHOLE.encode(order.version))}"
        else:  # an order is made before its payment, or not at all
            condition = f"attribute_not_exists({terms}) AND attribute_not_exists({update.name('payment_id')})"
        if paid:
            condition += f" AND {self._is_paid_as_read(update, paid)}"
        return update.operation(self._table, keys.fulfilment_item_key(f"order/{order.order_id}"), condition)


def _is_of(change: FulfilmentKeyChange, order: Order | None) -> bool:
    """Return whether a fulfilment key is that of the order: then both are stored on one item."""
    return order is not None and change.key == f"order/{order.order_id}"


def _as_read(lot: Lot) -> Operation:
    """Return the condition that a lot that has left its account is stored as it was read."""
    if lot.digest is None:
        return {"ConditionExpression": f"attribute_not_exists({items.DIGEST})"}
    return {
        "ConditionExpression": f"{items.DIGEST} = :digest",
        "ExpressionAttributeValues": {":digest": TEXT.encode(lot.digest)},
    }


def _leads_as_read(update: UpdateExpression, pointer: PaymentPointer) -> str:
    """Return the condition that what is stored under a pointer's id is what was read."""
    if pointer.replaces_version:
        return f"{update.name('version')} = {update.value(WHOLE.encode(pointer.replaces_version))}"
    if pointer.replaces == ():
        return f"attribute_not_exists({update.name('pk')})"
    points_to = update.name("points_to")
    if pointer.replaces is None:
        return f"attribute_not_exists(pk) OR attribute_exists({points_to})"
    to, *also_to = pointer.replaces
    leads_to = f"{points_to} = {update.value(TEXT.encode(to))}"
    others = update.name("also_to")
    if not also_to:
        return f"{leads_to} AND attribute_not_exists({others})"
    return f"{leads_to} AND {others} = {update.value(TEXTS.encode(also_to))}"


def _is_readable(update: UpdateExpression) -> str:
    """A write without a read must not change an item that this release could not have read."""
    name = update.name(SCHEMA)
    return f"(attribute_not_exists({name}) OR {name} <= {update.value(WHOLE.encode(VERSION))})"
