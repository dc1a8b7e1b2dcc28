"""Writes: a commit as the operations of one TransactWriteItems, each under its condition."""

from dataclasses import replace
from typing import Any

from ledger.domain.orders import Order
from ledger.domain.purchases import Purchase
from ledger.dynamodb import items, keys
from ledger.dynamodb.codec import AttributeValue, value
from ledger.dynamodb.items import Item
from ledger.ports.commit import AccountChange, Commit, FulfilmentKeyChange, PaymentPointer, SubscriptionChange

Operation = dict[str, Any]


class Writes:
    """The operations of commits to one table, each with the name of what it writes."""

    def __init__(self, table_name: str) -> None:
        self._table = table_name

    def deletes(self, commit: Commit) -> list[Operation]:
        """Return the operations that remove documents. They have no condition."""
        gone = (change.key for change in commit.documents if change.document is None)
        return [{"TableName": self._table, "Key": keys.document_key(key)} for key in gone]

    def puts(self, commit: Commit) -> list[tuple[str, Operation]]:
        """Return the operations that store whole items, in the order in which the commit names them."""
        puts: list[tuple[str, Operation]] = []
        if commit.receipt:
            # A release is a booking: it may replace a parked receipt, and nothing else.
            puts.append(
                (
                    "receipt",
                    self._put(
                        items.to_receipt(commit.receipt),
                        "attribute_not_exists(pk) OR attribute_exists(parked_reason)",
                        returns_old_item=True,
                    ),
                )
            )
        for position, purchase in enumerate(commit.purchases):
            puts.append((f"purchase {position}", self._put_purchase(purchase, returns_old_item=position == 0)))
        for pointer in commit.pointers:
            puts.append((f"pointer {pointer.name}", self._put_pointer(pointer)))
        if commit.subscription:
            puts.append(("subscription", self._put_subscription(commit.subscription)))
        for entry in commit.entries:
            puts.append((f"entry {entry.entry_id}", self._put(items.to_entry(entry), "attribute_not_exists(pk)")))
        if commit.run:
            puts.append(("run", self._put_versioned(items.to_run(commit.run), commit.run.version)))
        for change in commit.documents:
            if change.document is not None:
                item = items.to_document(change.key, change.document)
                put = self._put(item) if change.replaces is None else self._put_versioned(item, change.replaces)
                puts.append((f"document {change.key}", put))
        if commit.account:
            for lot_id in sorted(commit.account.closed):
                puts.append((f"lot {lot_id}", self._put_closed_lot(commit.account, lot_id)))
        return puts

    def updates(self, commit: Commit) -> list[tuple[str, Operation]]:
        """Return the operations that change attributes of an item: of the account, of a fulfilment key."""
        updates = [("account", self.update_account(commit.account))] if commit.account else []
        if commit.fulfilment_key:
            updates.append(("claim", self._update_claim(commit.fulfilment_key)))
        if commit.order:
            updates.append(("order", self._update_order(commit.order)))
        return updates

    def _put(
        self, item: Item, condition: str | None = None, values: Item | None = None, *, returns_old_item: bool = False
    ) -> Operation:
        put: Operation = {"TableName": self._table, "Item": item}
        if condition:
            put["ConditionExpression"] = condition
        if values:
            put["ExpressionAttributeValues"] = values
        if returns_old_item:
            put["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        return put

    def _put_versioned(self, item: Item, version: int) -> Operation:
        if version == 0:
            return self._put(item, "attribute_not_exists(pk)", returns_old_item=True)
        return self._put(item, "version = :read", {":read": value(version)}, returns_old_item=True)

    def _put_purchase(self, purchase: Purchase, *, returns_old_item: bool) -> Operation:
        item = items.to_purchase(purchase)
        if purchase.version == 0:
            return self._put(item, "attribute_not_exists(pk)", returns_old_item=returns_old_item)
        return self._put(item, "version = :read", {":read": value(purchase.version)}, returns_old_item=returns_old_item)

    def _put_pointer(self, pointer: PaymentPointer) -> Operation:
        item = items.to_pointer(pointer)
        if pointer.replaces_version == 0:
            return self._put(item, "attribute_not_exists(pk) OR attribute_exists(points_to)")
        return self._put(item, "version = :read", {":read": value(pointer.replaces_version)})

    def _put_subscription(self, change: SubscriptionChange) -> Operation:
        item = items.to_subscription(change.subscription)
        if change.replaces_cause is None:
            return self._put(item, "attribute_not_exists(pk)")
        return self._put(item, "cause = :read", {":read": value(change.replaces_cause)})

    def _put_closed_lot(self, account: AccountChange, lot_id: str) -> Operation:
        # No condition of its own: the account's version guards it, and what is open on the account counts first.
        return self._put(keys.lot_key(account.account_id, lot_id) | items.to_lot(account.lots[lot_id]))

    def update_account(self, change: AccountChange) -> Operation:
        """Return the operation that changes an account, if its version is the one that was read."""
        update = _Update()
        for lot_id, lot in change.lots.items():
            update.put(items.LOT + lot_id, None if lot_id in change.closed else {"M": items.to_lot(lot)})
        for hold_id, hold in change.holds.items():
            update.put(items.HOLD + hold_id, items.to_hold(hold) if hold else None)
        for flag_id, since in change.flags.items():
            update.put(items.FLAG + flag_id, value(since) if since else None)
        for case_id, mark in change.cases.items():
            update.put(items.CASE + case_id, value(mark) if mark else None)
        if change.subscription:
            name = items.SUBSCRIPTION + change.subscription.subscription_id
            update.put(name, items.to_summary(change.subscription))
        if change.period and change.covered_by:
            update.put(items.COVERED + change.period, value(change.covered_by))
        update.add("version", 1)
        if change.version is None:
            # Nothing was read: none of these may be there, whatever else is.
            absent = {items.LOT + lot_id for lot_id in change.lots}
            if change.period:
                absent |= {f"{items.LOT}{change.period}/0", items.COVERED + change.period}
            conditions = [f"attribute_not_exists({update.name(attribute)})" for attribute in sorted(absent)]
        elif change.version == 0:
            conditions = ["attribute_not_exists(pk)"]
        else:
            conditions = [f"{update.name('version')} = {update.value(value(change.version))}"]
        return update.operation(self._table, keys.account_key(change.account_id), " AND ".join(conditions))

    def _update_claim(self, change: FulfilmentKeyChange) -> Operation:
        update = _Update()
        payment, account = update.name("payment_id"), update.name("account_id")
        product = update.name("product_id")
        replaced = update.value(value(change.replaces)) if change.replaces else update.value(value(change.payment_id))
        products = ", ".join(update.value(value(product_id)) for product_id in sorted(change.product_ids))
        update.put("payment_id", value(change.payment_id))
        update.put("account_id", value(change.account_id))
        return update.operation(
            self._table,
            keys.fulfilment_item_key(change.key),
            f"(attribute_not_exists({payment}) OR {payment} = {replaced})"
            f" AND (attribute_not_exists({account}) OR {account} = {update.value(value(change.account_id))})"
            f" AND (attribute_not_exists({product}) OR {product} IN ({products}))",
        )

    def _update_order(self, order: Order) -> Operation:
        update = _Update()
        terms = update.name("terms")
        update.put("account_id", value(order.account_id))
        update.put("product_id", value(order.product_id))
        update.put("terms", value(replace(order, version=order.version + 1)))
        read = f"{terms}.{update.name('version')} = {update.value(value(order.version))}" if order.version else None
        # An order is made before its payment, or not at all.
        condition = read or f"attribute_not_exists({terms}) AND attribute_not_exists({update.name('payment_id')})"
        return update.operation(self._table, keys.fulfilment_item_key(f"order/{order.order_id}"), condition)


class _Update:
    """One Update of a transaction, built attribute by attribute: our names hold characters that need placeholders."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._values: dict[str, AttributeValue] = {}
        self._set: list[str] = []
        self._remove: list[str] = []
        self._add: list[str] = []

    def name(self, attribute: str) -> str:
        return self._names.setdefault(attribute, f"#{len(self._names)}")

    def value(self, content: AttributeValue) -> str:
        placeholder = f":{len(self._values)}"
        self._values[placeholder] = content
        return placeholder

    def put(self, attribute: str, content: AttributeValue | None) -> None:
        if content is None:
            self._remove.append(self.name(attribute))
        else:
            self._set.append(f"{self.name(attribute)} = {self.value(content)}")

    def add(self, attribute: str, number: int) -> None:
        self._add.append(f"{self.name(attribute)} {self.value(value(number))}")

    def operation(self, table: str, key: Item, condition: str) -> Operation:
        clauses = (("SET", self._set), ("REMOVE", self._remove), ("ADD", self._add))
        operation = {
            "TableName": table,
            "Key": key,
            "UpdateExpression": " ".join(f"{verb} {', '.join(parts)}" for verb, parts in clauses if parts),
            "ExpressionAttributeNames": {placeholder: name for name, placeholder in self._names.items()},
            "ExpressionAttributeValues": self._values,
        }
        return operation | {"ConditionExpression": condition} if condition else operation
