"""The store: one TransactWriteItems for each commit, consistent reads by key, and every failure told apart by item."""

import random
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import botocore.exceptions
from pynamodb.connection import Connection
from pynamodb.exceptions import TransactWriteError, VerboseClientError

from ledger.domain.accounts import Account
from ledger.domain.entries import Entry
from ledger.domain.errors import StoreUnavailable
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.lots import Lot
from ledger.domain.orders import Order
from ledger.domain.purchases import Purchase
from ledger.domain.receipts import Receipt
from ledger.dynamodb import items
from ledger.dynamodb.codec import AttributeValue, value
from ledger.dynamodb.items import Item
from ledger.ports.commit import AccountChange, Commit, FulfilmentKeyChange, PaymentPointer, Refusal, SubscriptionChange
from ledger.ports.documents import Document
from ledger.ports.reads import Keys, Page, Snapshot

ATTEMPTS = 6
"""How often a call is sent that DynamoDB refused for a passing reason. botocore's own retries come below these."""

PATIENCE_S = 4.0
"""When a refused call is not sent again: botocore's own tries take up to 3 s, and a webhook has 10 s in all."""

_PASSING_REASONS = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded", "InternalServerError"}
_PASSING_ERRORS = {
    "InternalServerError",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "ThrottlingException",
    "TransactionInProgressException",
}
_BATCH = 100  # keys of one BatchGetItem


class DynamoDBStore:
    """A ledger in one table. Safe to share between threads."""

    def __init__(self, table_name: str, connection: Connection, *, patience_s: float = PATIENCE_S) -> None:
        self._table = table_name
        self._connection = connection
        self._patience_s = patience_s

    def read(self, keys: Keys) -> Snapshot:
        """Everything that is stored under these names: one BatchGetItem, consistent."""
        wanted = [
            *(items.payment_key(payment_id) for payment_id in keys.payments),
            *(items.account_key(account_id) for account_id in keys.accounts),
            *(items.claim_key(fulfilment_key) for fulfilment_key in keys.fulfilment_keys),
            *(items.subscription_key(subscription_id) for subscription_id in keys.subscriptions),
            *(items.lot_key(account_id, lot_id) for account_id, lot_id in keys.closed_lots),
            *(items.run_key(account_id, run_id) for account_id, run_id in keys.runs),
            *(items.document_key(place) for place in keys.documents),
        ]
        found = list(self._get(wanted))
        by_kind: dict[str, list[Item]] = {}
        documents = {items.place_of(item): items.from_document(item) for item in found if items.is_document(item)}
        for item in found:
            by_kind.setdefault(item["sk"]["S"].partition("#")[0], []).append(item)
        payments = map(items.from_payment, by_kind.get("PURCHASE", []))
        accounts = map(items.from_account, by_kind.get(items.ACCOUNT, []))
        fulfilment_keys = map(items.from_claim, by_kind.get("CLAIM", []))
        subscriptions = map(items.from_subscription, by_kind.get("SUBSCRIPTION", []))
        lots: dict[tuple[AccountId, str], Lot] = {
            (AccountId(item["pk"]["S"].removeprefix("ACCOUNT#")), lot.lot_id): lot
            for item in by_kind.get("LOT", [])
            for lot in [items.from_lot(item)]
        }
        return Snapshot(
            {
                payment.name if isinstance(payment, PaymentPointer) else payment.payment_id: payment
                for payment in payments
            },
            {account.account_id: account for account in accounts},
            {fulfilment_key.key: fulfilment_key for fulfilment_key in fulfilment_keys},
            {subscription.subscription_id: subscription for subscription in subscriptions},
            lots,
            {(run.account_id, run.run_id): run for run in map(items.from_run, by_kind.get("RUN", []))},
            documents,
        )

    def commit(self, commit: Commit) -> Refusal | None:
        """Write everything or nothing: one TransactWriteItems. None: written."""
        puts, updates = self._puts(commit), self._updates(commit)
        deletes = [
            {"TableName": self._table, "Key": items.document_key(change.place)}
            for change in commit.documents
            if change.document is None
        ]
        try:
            self._patiently(
                self._connection.transact_write_items,
                condition_check_items=[],
                delete_items=deletes,
                put_items=[operation for _, operation in puts],
                update_items=[operation for _, operation in updates],
                client_request_token=str(uuid.uuid4()),
            )
        except TransactWriteError as error:
            # Reasons come in PynamoDB's order: deletes, puts, updates.
            names = [*("delete" for _ in deletes), *(name for name, _ in (*puts, *updates))]
            reasons = dict(zip(names, error.cancellation_reasons, strict=False))
            if not any(reason and reason.code == "ConditionalCheckFailed" for reason in reasons.values()):
                raise
            return _refusal({name: reason.raw_item for name, reason in reasons.items() if reason and reason.raw_item})
        return None

    def customer_receipts(self, customer_id: str) -> list[Receipt]:
        """The receipts of one customer: a consistent query of their partition."""
        return [items.from_receipt(item) for item in self._query(f"RECEIPT#{customer_id}")]

    def parked_receipts(self) -> Iterator[Receipt]:
        """Every parked receipt. The index only says where to look; what is believed is read consistently."""
        found = self._pages("Scan", {"IndexName": "parked", "ProjectionExpression": "pk, sk"})
        for page in found:
            for item in self._get([items.key(row["pk"]["S"], row["sk"]["S"]) for row in page]):
                receipt = items.from_receipt(item)
                if receipt.parked_reason:
                    yield receipt

    def entries(self, account_id: AccountId, since: datetime | None = None) -> Iterator[Entry]:
        """An account's entries, newest first; only those that happened at `since` or later."""
        for item in self._query(f"ACCOUNT#{account_id}", "ENTRY#", is_newest_first=True):
            entry = items.from_entry(item)
            if since and entry.occurred_at < since:
                return
            yield entry

    def statement_page(
        self, account_id: AccountId, limit: int, after: str | None = None
    ) -> tuple[Account | None, Page[Entry]]:
        """A page of an account's entries, newest first, the first one with the account itself: one query."""
        is_first = after is None
        found = self._page(f"ACCOUNT#{account_id}", "ENTRY", limit + is_first, after, is_newest_first=True)
        has_account = bool(found.items) and found.items[0]["sk"]["S"] == items.ACCOUNT
        account = items.from_account(found.items[0]) if has_account else None
        return account, Page(tuple(map(items.from_entry, found.items[has_account:])), found.next)

    def documents(self, partition: str, prefix: str, limit: int, after: str | None = None) -> Page[Document]:
        """The documents of one partition whose names begin so: one query."""
        found = self._page(partition, prefix, limit, after)
        return Page(tuple(items.from_document(item) for item in found.items), found.next)

    def purchases_of(self, account_id: AccountId, limit: int, after: str | None = None) -> Page[Purchase]:
        """An account's purchases, newest first: a query of the index, then one consistent read."""
        paid_at, _, name = (after or "").partition("#")
        start = items.payment_key(PaymentId(name)) | {"account_id": {"S": account_id}, "paid_at": {"S": paid_at}}
        arguments: dict[str, Any] = {
            "IndexName": "purchases",
            "KeyConditionExpression": "account_id = :account",
            "ExpressionAttributeValues": {":account": {"S": account_id}},
            "ScanIndexForward": False,
            "Limit": limit,
        } | ({"ExclusiveStartKey": start} if after else {})
        page = self._patiently(self._connection.dispatch, "Query", {"TableName": self._table, **arguments})
        keys = [items.key(row["pk"]["S"], row["sk"]["S"]) for row in page["Items"]]
        found = [items.from_payment(item) for item in self._get(keys)]
        mine = [one for one in found if isinstance(one, Purchase) and one.payment and one.account_id == account_id]
        mine.sort(key=lambda purchase: purchase.payment.precedence if purchase.payment else (), reverse=True)
        last = page.get("LastEvaluatedKey")
        name = last["pk"]["S"].removeprefix("PAYMENT#") if last else ""
        return Page(tuple(mine), f"{last['paid_at']['S']}#{name}" if last else None)

    def expiring(self, day: date) -> Iterator[AccountId]:
        """The accounts that were granted credits that lapse on this day (UTC): a query of the index."""
        arguments = {
            "IndexName": "expiring",
            "KeyConditionExpression": "expires_on = :day",
            "ExpressionAttributeValues": {":day": {"S": day.isoformat()}},
        }
        seen: set[str] = set()
        for page in self._pages("Query", arguments):
            for partition in (row["pk"]["S"] for row in page):
                if partition not in seen:
                    seen.add(partition)
                    yield AccountId(partition.removeprefix("ACCOUNT#"))

    def scan(self, segment: int = 0, segments: int = 1) -> Iterator[Item]:
        """Every item of one segment of the table, consistently: for `verify`."""
        arguments = {"ConsistentRead": True, "Segment": segment, "TotalSegments": segments}
        for page in self._pages("Scan", arguments):
            yield from page

    def _get(self, keys: list[Item]) -> Iterator[Item]:
        if len(keys) == 1:  # half a batch's latency, and what a single read is asked for by
            arguments: dict[str, Any] = {"TableName": self._table, "Key": keys[0], "ConsistentRead": True}
            found = self._patiently(self._connection.dispatch, "GetItem", arguments)
            if "Item" in found:
                yield found["Item"]
            return
        for start in range(0, len(keys), _BATCH):
            yield from self._get_batch(keys[start : start + _BATCH])

    def _get_batch(self, keys: list[Item]) -> Iterator[Item]:
        requests: Mapping[str, Any] = {self._table: {"Keys": keys, "ConsistentRead": True}}
        for attempt in range(ATTEMPTS):
            if not requests:
                return
            if attempt:
                _pause(attempt)
            arguments = {"RequestItems": requests}
            response = self._patiently(self._connection.dispatch, "BatchGetItem", arguments)
            yield from response["Responses"].get(self._table, [])
            requests = response.get("UnprocessedKeys") or {}
        if requests:
            raise StoreUnavailable(f"DynamoDB left keys unread {ATTEMPTS} times: it is throttling")

    def _query(self, pk: str, sk_prefix: str = "", *, is_newest_first: bool = False) -> Iterator[Item]:
        arguments: dict[str, Any] = {
            "ConsistentRead": True,
            "KeyConditionExpression": "pk = :pk" + (" AND begins_with(sk, :sk)" if sk_prefix else ""),
            "ExpressionAttributeValues": {":pk": {"S": pk}} | ({":sk": {"S": sk_prefix}} if sk_prefix else {}),
            "ScanIndexForward": not is_newest_first,
        }
        for page in self._pages("Query", arguments):
            yield from page

    def _page(
        self, pk: str, prefix: str, limit: int, after: str | None, *, is_newest_first: bool = False
    ) -> Page[Item]:
        """One page; `after` is the name of the last item before it."""
        arguments: dict[str, Any] = {
            "TableName": self._table,
            "ConsistentRead": True,
            "KeyConditionExpression": "pk = :pk AND begins_with(sk, :sk)",
            "ExpressionAttributeValues": {":pk": {"S": pk}, ":sk": {"S": prefix}},
            "ScanIndexForward": not is_newest_first,
            "Limit": limit,
        } | ({"ExclusiveStartKey": items.key(pk, after)} if after else {})
        page = self._patiently(self._connection.dispatch, "Query", arguments)
        last = page.get("LastEvaluatedKey")
        return Page(tuple(page["Items"]), last["sk"]["S"] if last else None)

    def _pages(self, operation: str, arguments: Mapping[str, Any]) -> Iterator[list[Item]]:
        arguments = {"TableName": self._table, **arguments}
        while True:
            page = self._patiently(self._connection.dispatch, operation, dict(arguments))
            yield page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            arguments = {**arguments, "ExclusiveStartKey": page["LastEvaluatedKey"]}

    def _patiently(self, call: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """Call DynamoDB; on conflict or throttling again, with full jitter; at last raise StoreUnavailable.

        A transaction keeps its token while it is unclear what became of it: if it was written and only the answer was
        lost, the next try says so. A transaction that was clearly cancelled is tried anew.
        """
        began = time.monotonic()
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return call(*arguments, **named)
            except (TransactWriteError, VerboseClientError) as error:
                if not _is_passing(error):
                    raise
                if "client_request_token" in named and _was_cancelled(error):
                    named["client_request_token"] = str(uuid.uuid4())
                reason = str(error)
            except botocore.exceptions.BotoCoreError as error:
                raise StoreUnavailable(f"DynamoDB did not answer: {error}") from error
            if time.monotonic() - began >= self._patience_s:
                break
            _pause(attempt)
        raise StoreUnavailable(f"DynamoDB refused {attempt} times: {reason}")

    def _puts(self, commit: Commit) -> list[tuple[str, dict[str, Any]]]:
        puts: list[tuple[str, dict[str, Any]]] = []
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
                item = items.to_document(change.place, change.document)
                put = self._put(item) if change.replaces is None else self._put_versioned(item, change.replaces)
                puts.append((f"document {change.place}", put))
        if commit.account:
            for lot_id in sorted(commit.account.closed):
                puts.append((f"lot {lot_id}", self._put_closed_lot(commit.account, lot_id)))
        return puts

    def _updates(self, commit: Commit) -> list[tuple[str, dict[str, Any]]]:
        updates = [("account", self._update_account(commit.account))] if commit.account else []
        if commit.fulfilment_key:
            updates.append(("claim", self._update_claim(commit.fulfilment_key)))
        if commit.order:
            updates.append(("order", self._update_order(commit.order)))
        return updates

    def _put(
        self, item: Item, condition: str | None = None, values: Item | None = None, *, returns_old_item: bool = False
    ) -> dict[str, Any]:
        put: dict[str, Any] = {"TableName": self._table, "Item": item}
        if condition:
            put["ConditionExpression"] = condition
        if values:
            put["ExpressionAttributeValues"] = values
        if returns_old_item:
            put["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        return put

    def _put_versioned(self, item: Item, version: int) -> dict[str, Any]:
        if version == 0:
            return self._put(item, "attribute_not_exists(pk)", returns_old_item=True)
        return self._put(item, "version = :read", {":read": value(version)}, returns_old_item=True)

    def _put_purchase(self, purchase: Purchase, *, returns_old_item: bool) -> dict[str, Any]:
        item = items.to_purchase(purchase)
        if purchase.version == 0:
            return self._put(item, "attribute_not_exists(pk)", returns_old_item=returns_old_item)
        return self._put(item, "version = :read", {":read": value(purchase.version)}, returns_old_item=returns_old_item)

    def _put_pointer(self, pointer: PaymentPointer) -> dict[str, Any]:
        item = items.to_pointer(pointer)
        if pointer.replaces_version == 0:
            return self._put(item, "attribute_not_exists(pk) OR attribute_exists(points_to)")
        return self._put(item, "version = :read", {":read": value(pointer.replaces_version)})

    def _put_subscription(self, change: SubscriptionChange) -> dict[str, Any]:
        item = items.to_subscription(change.subscription)
        if change.replaces_cause is None:
            return self._put(item, "attribute_not_exists(pk)")
        return self._put(item, "cause = :read", {":read": value(change.replaces_cause)})

    def _put_closed_lot(self, account: AccountChange, lot_id: str) -> dict[str, Any]:
        # No condition of its own: the account's version guards it, and what is open on the account counts first.
        return self._put(items.lot_key(account.account_id, lot_id) | items.to_lot(account.lots[lot_id]))

    def _update_account(self, change: AccountChange) -> dict[str, Any]:
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
        return update.operation(self._table, items.account_key(change.account_id), " AND ".join(conditions))

    def _update_claim(self, change: FulfilmentKeyChange) -> dict[str, Any]:
        update = _Update()
        payment, account = update.name("payment_id"), update.name("account_id")
        product = update.name("product_id")
        replaced = update.value(value(change.replaces)) if change.replaces else update.value(value(change.payment_id))
        products = ", ".join(update.value(value(product_id)) for product_id in sorted(change.product_ids))
        update.put("payment_id", value(change.payment_id))
        update.put("account_id", value(change.account_id))
        return update.operation(
            self._table,
            items.claim_key(change.key),
            f"(attribute_not_exists({payment}) OR {payment} = {replaced})"
            f" AND (attribute_not_exists({account}) OR {account} = {update.value(value(change.account_id))})"
            f" AND (attribute_not_exists({product}) OR {product} IN ({products}))",
        )

    def _update_order(self, order: Order) -> dict[str, Any]:
        update = _Update()
        terms = update.name("terms")
        update.put("account_id", value(order.account_id))
        update.put("product_id", value(order.product_id))
        update.put("terms", value(replace(order, version=order.version + 1)))
        read = f"{terms}.{update.name('version')} = {update.value(value(order.version))}" if order.version else None
        # An order is made before its payment, or not at all.
        condition = read or f"attribute_not_exists({terms}) AND attribute_not_exists({update.name('payment_id')})"
        return update.operation(self._table, items.claim_key(f"order/{order.order_id}"), condition)


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

    def operation(self, table: str, key: Item, condition: str) -> dict[str, Any]:
        clauses = (("SET", self._set), ("REMOVE", self._remove), ("ADD", self._add))
        operation = {
            "TableName": table,
            "Key": key,
            "UpdateExpression": " ".join(f"{verb} {', '.join(parts)}" for verb, parts in clauses if parts),
            "ExpressionAttributeNames": {placeholder: name for name, placeholder in self._names.items()},
            "ExpressionAttributeValues": self._values,
        }
        return operation | {"ConditionExpression": condition} if condition else operation


def _pause(attempt: int) -> None:
    """Before the next try, longer each time and of random length ("full jitter")."""
    time.sleep(random.uniform(0, min(0.5, 0.01 * 2**attempt)))  # noqa: S311 - spreads load, guards nothing


def _refusal(found: Mapping[str, Item]) -> Refusal:
    payment = items.from_payment(found["purchase 0"]) if "purchase 0" in found else None
    return Refusal(
        receipt=items.from_receipt(found["receipt"]) if "receipt" in found else None,
        purchase=payment if isinstance(payment, Purchase) else None,
        run=items.from_run(found["run"]) if "run" in found else None,
    )


def _is_passing(error: TransactWriteError | VerboseClientError) -> bool:
    """Whether the same call may go through later. A failed condition is an answer, not a passing refusal."""
    cause = _cause(error)
    if isinstance(cause, botocore.exceptions.BotoCoreError):
        raise StoreUnavailable(f"DynamoDB did not answer: {cause}") from error
    reasons = {reason.code for reason in getattr(cause, "cancellation_reasons", []) if reason}
    if reasons:
        return "ConditionalCheckFailed" not in reasons and reasons <= _PASSING_REASONS
    code = cause.response["Error"]["Code"] if isinstance(cause, VerboseClientError) else ""
    return code in _PASSING_ERRORS


def _was_cancelled(error: TransactWriteError | VerboseClientError) -> bool:
    return any(getattr(_cause(error), "cancellation_reasons", ()))


def _cause(error: TransactWriteError | VerboseClientError) -> Exception | None:
    return error.cause if isinstance(error, TransactWriteError) else error
