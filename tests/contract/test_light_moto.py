"""Moto, made lighter, stores and answers as before."""

from typing import Any

import pytest
from moto import mock_aws

from ledger.dynamodb.store import DynamoDBStore
from tests.conftest import connection_to, put_items, store_at

KEY = {"pk": {"S": "acct"}, "sk": {"S": "item"}}
ITEM: dict[str, Any] = {
    **KEY,
    "number": {"N": "1"},
    "is": {"BOOL": False},
    "nothing": {"NULL": True},
    "bytes": {"B": b"\x00\xff"},
    "texts": {"SS": ["a", "b"]},
    "list": {"L": [{"M": {"in": {"B": b"\x01"}}}, {"L": []}]},
    "map": {"M": {"empty": {"M": {}}, "text": {"S": ""}}},
}


def update(store: DynamoDBStore, expression: str, **more: Any) -> dict[str, Any]:
    """An update of the item."""
    names = {"#m": "map", "#t": "text", "#n": "number"}
    used = {name: full for name, full in names.items() if name in expression + more.get("ConditionExpression", "")}
    operation = {"TableName": store._table, "Key": KEY, "UpdateExpression": expression}  # noqa: SLF001 - made here
    return {"Update": {**operation, "ExpressionAttributeNames": used, **more}}


def only_item(store: DynamoDBStore) -> dict[str, Any]:
    """What the table holds."""
    (item,) = store.scan()
    return item


@mock_aws()
def test_every_type_of_an_attribute_is_answered_as_it_was_put() -> None:
    """Bytes too, at any depth."""
    store = store_at(None)
    put_items(store, [ITEM])
    assert only_item(store) == ITEM


@mock_aws()
def test_a_transaction_that_fails_leaves_no_part_of_itself() -> None:
    """Neither an update of a stored item, at its top or below, nor a new item."""
    store = store_at(None)
    put_items(store, [ITEM])
    change = update(store, "SET #n = :n, #m.#t = :n", ExpressionAttributeValues={":n": {"N": "2"}})
    table = store._table  # noqa: SLF001 - made here
    new = {"Put": {"TableName": table, "Item": {"pk": {"S": "acct"}, "sk": {"S": "new"}}}}
    absent = {"pk": {"S": "acct"}, "sk": {"S": "absent"}}
    check = {"ConditionCheck": {"TableName": table, "Key": absent, "ConditionExpression": "attribute_exists(pk)"}}
    with pytest.raises(Exception, match="TransactionCanceled"):
        connection_to(None).dispatch("TransactWriteItems", {"TransactItems": [change, new, check]})
    assert only_item(store) == ITEM
    connection_to(None).dispatch("TransactWriteItems", {"TransactItems": [change]})
    assert only_item(store) == {**ITEM, "number": {"N": "2"}, "map": {"M": {"empty": {"M": {}}, "text": {"N": "2"}}}}
