"""Moto, made lighter, stores and answers as before."""

import json
import re
from typing import Any

import pytest
from moto import mock_aws
from pynamodb.exceptions import VerboseClientError

from ledger.dynamodb.store import DynamoDBStore
from tests.conftest import connection_to, put_items, store_at
from tests.light_moto import REPLACED

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


def of(operation: str, **arguments: Any) -> tuple[str, dict[str, Any]]:
    """An operation on the item that is put first, or on the table."""
    keyed = {"Key": KEY} if operation in {"GetItem", "UpdateItem", "DeleteItem"} else {}
    return operation, {"TableName": "table", **keyed, **arguments}


def transaction(**operation: Any) -> tuple[str, dict[str, Any]]:
    """A transaction of one operation."""
    ((kind, given),) = operation.items()
    return "TransactWriteItems", {"TransactItems": [{kind: {"TableName": "table", **given}}]}


WITHOUT_BYTES = {**ITEM, "bytes": {"SS": ["x"]}, "list": {"L": [{"N": "1.5"}, {"L": []}, {"NULL": True}]}}
LARGE = {":c": {"S": "x" * 90_000}}
ONE = {":n": {"N": "1"}}
OF_PK = {"KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": {":pk": {"S": "acct"}}}
OPERATIONS: list[tuple[str, dict[str, Any]]] = [
    of("PutItem", Item=WITHOUT_BYTES),
    of("PutItem", Item=ITEM, ReturnValues="ALL_OLD"),
    of("PutItem", Item=WITHOUT_BYTES, ConditionExpression="attribute_not_exists(pk)"),
    of("PutItem", Item=WITHOUT_BYTES, ReturnValues="ALL_OLD"),
    of("PutItem", Item={"pk": {"S": ""}, "sk": {"S": "x"}}),
    of("GetItem"),
    of("GetItem", ProjectionExpression="#n", ExpressionAttributeNames={"#n": "number"}),
    of("GetItem", Key={"pk": {"S": "nobody"}, "sk": {"S": "x"}}),
    of("GetItem", Key={"pk": {"S": "acct"}}),
    of("UpdateItem", UpdateExpression="SET added = :n", ExpressionAttributeValues=ONE, ReturnValues="ALL_NEW"),
    of("UpdateItem", UpdateExpression="ADD added :n", ExpressionAttributeValues=ONE, ReturnValues="UPDATED_NEW"),
    of("UpdateItem", UpdateExpression="REMOVE added", ConditionExpression="attribute_not_exists(added)"),
    of("UpdateItem", UpdateExpression="SET"),
    of(
        "UpdateItem",
        UpdateExpression="SET #m.#t = if_not_exists(#m.#t, :n), #n = #n + :n REMOVE nothing, added ADD counted :n",
        ExpressionAttributeNames={"#m": "map", "#t": "text", "#n": "number"},
        ExpressionAttributeValues=ONE,
        ReturnValues="ALL_NEW",
    ),
    of("UpdateItem", UpdateExpression="SET pk = :n", ExpressionAttributeValues=ONE),
    of("UpdateItem", UpdateExpression="SET a = :n SET b = :n", ExpressionAttributeValues=ONE),
    of("UpdateItem", UpdateExpression="SET a = b", Key={"pk": {"S": "another"}, "sk": {"S": "y"}}),
    of(
        "UpdateItem",
        UpdateExpression="ADD a :n",
        Key={"pk": {"S": "z"}, "sk": {"S": "z"}},
        ExpressionAttributeValues=ONE,
    ),
    of("UpdateItem", UpdateExpression="ADD added :n", ExpressionAttributeValues=ONE),
    *(of("PutItem", Item={"pk": {"S": "acct"}, "sk": {"S": f"more {number}"}}) for number in range(3)),
    of("Query", **OF_PK),
    of("Query", **OF_PK, Limit=2),
    of("Query", **OF_PK, Limit=2, ExclusiveStartKey=KEY, ScanIndexForward=False),
    of("Query", **OF_PK, Select="COUNT"),
    of("Query", **OF_PK, IndexName="nowhere"),
    of("Query", KeyConditionExpression="pk = :none", ExpressionAttributeValues={":none": {"S": "nobody"}}),
    of("Scan"),
    of("Scan", Limit=1),
    of("PutItem", Item={**KEY, "a": {"S": "x" * 150_000}, "b": {"S": "x" * 150_000}}),
    of("UpdateItem", UpdateExpression="SET c = :c", ExpressionAttributeValues=LARGE),
    of("UpdateItem", UpdateExpression="SET d = :c", ExpressionAttributeValues=LARGE),
    of("UpdateItem", UpdateExpression="REMOVE a"),
    of("UpdateItem", UpdateExpression="SET d = :c", ExpressionAttributeValues=LARGE, ReturnValues="UPDATED_NEW"),
    of("PutItem", Item={**KEY, "a": {"S": "x" * 410_000}}),
    of("PutItem", Item=WITHOUT_BYTES),
    ("BatchGetItem", {"RequestItems": {"table": {"Keys": [KEY, {"pk": {"S": "nobody"}, "sk": {"S": "x"}}]}}}),
    ("BatchGetItem", {"RequestItems": {"table": {"Keys": [KEY, KEY]}}}),
    ("BatchWriteItem", {"RequestItems": {"table": [{"DeleteRequest": {"Key": KEY}}]}}),
    ("BatchWriteItem", {"RequestItems": {"nowhere": [{"PutRequest": {"Item": KEY}}]}}),
    of("DeleteItem", ReturnValues="ALL_OLD"),
    of("PutItem", Item=WITHOUT_BYTES),
    of("DeleteItem", ConditionExpression="attribute_not_exists(pk)", ReturnValuesOnConditionCheckFailure="ALL_OLD"),
    of("DeleteItem", ReturnValues="ALL_OLD"),
    transaction(Put={"Item": WITHOUT_BYTES}),
    transaction(
        Put={
            "Item": WITHOUT_BYTES,
            "ConditionExpression": "attribute_not_exists(pk)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    ),
    transaction(Update={"Key": KEY, "UpdateExpression": "ADD added :n", "ExpressionAttributeValues": ONE}),
    transaction(ConditionCheck={"Key": KEY, "ConditionExpression": "attribute_not_exists(added)"}),
    transaction(Delete={"Key": KEY, "ConditionExpression": "attribute_exists(added)"}),
    of("Scan", TableName="nowhere"),
    of("Scan"),
]


def answers() -> list[tuple[str, Any]]:
    """What becomes of each operation in turn, over a new table: its answer, or the refusal."""
    told = []
    with mock_aws():
        name = store_at(None)._table  # noqa: SLF001 - made here
        for operation, arguments in OPERATIONS:
            given = json.dumps(arguments, default=lambda value: {"bytes": value.hex()})
            named = json.loads(given.replace('"table"', f'"{name}"'), object_hook=_bytes)
            try:
                answer = connection_to(None).dispatch(operation, named)
                del answer["ResponseMetadata"]
            except VerboseClientError as error:
                reasons, refusal = error.cancellation_reasons, error.response["Error"]
                answer = {"refused": str(error), "response": refusal, "reasons": reasons}
            written = json.dumps(answer, sort_keys=True, default=repr).replace(name, "table")
            told.append((operation, json.loads(re.sub(r"request .[A-Za-z0-9]*. on", "on", written))))
    return told


def _bytes(part: dict[str, Any]) -> Any:
    return bytes.fromhex(part["bytes"]) if isinstance(part.get("bytes"), str) else part


def test_each_operation_is_answered_and_refused_as_by_moto_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each way of asking, found or not, whole and in part; an item is stored, changed and removed as there."""
    light = answers()
    assert 10 < sum("refused" in answer for _, answer in light) < len(light) / 2
    for (owner, name), (of_moto, _) in REPLACED.items():
        if of_moto is None:
            monkeypatch.delattr(owner, name)
        else:
            monkeypatch.setattr(owner, name, of_moto)
    assert light == answers()
