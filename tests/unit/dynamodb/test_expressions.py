"""One Update or ConditionCheck, built attribute by attribute: what DynamoDB is sent for it."""

from typing import Any

import pytest

from ledger.dynamodb.expressions import UpdateExpression

KEY = {"pk": {"S": "account#ada"}, "sk": {"S": "account"}}
ONE, TWO, THREE = {"N": "1"}, {"N": "2"}, {"S": "three"}


def operation(update: UpdateExpression, condition: str = "", *, returns_old_item: bool = False) -> dict[str, Any]:
    """Return the operation on some key."""
    return update.operation("ledger", KEY, condition, returns_old_item=returns_old_item)


def test_an_item_is_written_attribute_by_attribute_and_what_it_lacks_is_removed() -> None:
    """Of the names that it may have; its key is not written. The same item is the same text each time."""
    names = ("gone", "b", "absent", "nothing", "missing")
    assert operation(UpdateExpression.of({**KEY, "b": TWO, "a": ONE}, names)) == {
        "TableName": "ledger",
        "Key": KEY,
        "UpdateExpression": "SET #0 = :0, #1 = :1 REMOVE #2, #3, #4, #5",
        "ExpressionAttributeNames": {
            "#0": "b",
            "#1": "a",
            "#2": "absent",
            "#3": "gone",
            "#4": "missing",
            "#5": "nothing",
        },
        "ExpressionAttributeValues": {":0": TWO, ":1": ONE},
    }


def test_each_kind_of_change_stands_in_its_clause() -> None:
    """SET, REMOVE, ADD, in this order. A name has one placeholder, each value its own."""
    update = UpdateExpression()
    update.add("version", 1)
    update.put("gone", None)
    update.put("a", ONE)
    update.put_if_missing("b", TWO)
    update.put_inside("facts", "refund:re_1", THREE)
    update.put("gone_too", None)
    update.add("count", -3)
    assert update.name("a") == "#2"
    assert operation(update) == {
        "TableName": "ledger",
        "Key": KEY,
        "UpdateExpression": "SET #2 = :1, #3 = if_not_exists(#3, :2), #4.#5 = :3 REMOVE #1, #6 ADD #0 :0, #7 :4",
        "ExpressionAttributeNames": {
            "#0": "version",
            "#1": "gone",
            "#2": "a",
            "#3": "b",
            "#4": "facts",
            "#5": "refund:re_1",
            "#6": "gone_too",
            "#7": "count",
        },
        "ExpressionAttributeValues": {":0": ONE, ":1": ONE, ":2": TWO, ":3": THREE, ":4": {"N": "-3"}},
    }


@pytest.mark.parametrize(
    ("condition", "returns_old_item", "more"),
    [
        ("", False, {}),
        ("attribute_not_exists(pk)", False, {"ConditionExpression": "attribute_not_exists(pk)"}),
        ("", True, {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}),
        (
            "attribute_not_exists(pk)",
            True,
            {
                "ConditionExpression": "attribute_not_exists(pk)",
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            },
        ),
    ],
)
def test_a_condition_and_the_old_item_are_asked_for_only_where_they_are_wanted(
    condition: str, returns_old_item: bool, more: dict[str, str]
) -> None:
    """DynamoDB refuses an empty condition; an old item that nobody reads costs its transfer."""
    update = UpdateExpression()
    update.put("a", ONE)
    plain = operation(update)
    assert operation(update, condition, returns_old_item=returns_old_item) == plain | more
    assert not {"ConditionExpression", "ReturnValuesOnConditionCheckFailure"} & plain.keys()
    assert update.operation("ledger", KEY, "") == plain, "the old item is not asked for by itself"


def test_a_check_has_its_condition_and_no_values_that_it_does_not_use() -> None:
    """DynamoDB refuses an empty map of values."""
    check = UpdateExpression()
    condition = f"attribute_exists({check.name('payment_id')})"
    without = {
        "TableName": "ledger",
        "Key": KEY,
        "ConditionExpression": "attribute_exists(#0)",
        "ExpressionAttributeNames": {"#0": "payment_id"},
    }
    assert check.check("ledger", KEY, condition) == without
    assert check.value(ONE) == ":0"
    assert check.check("ledger", KEY, condition) == without | {"ExpressionAttributeValues": {":0": ONE}}
