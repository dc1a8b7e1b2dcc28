"""Sizes and read units, by the examples of DynamoDB's documentation and by hand."""

from typing import Any

import pytest

from bench.units import items_read, read_units, size_of

SMALL, LARGE = {"pk": {"S": "a"}}, {"pk": {"S": "x" * 5_000}}


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ({"S": "äb"}, 3),
        ({"N": "0"}, 1),
        ({"N": "-1200"}, 3),
        ({"N": "123"}, 3),
        ({"B": b"abc"}, 3),
        ({"BOOL": True}, 1),
        ({"L": [{"S": "ab"}, {"N": "7"}]}, 3 + 2 + 2 + 2),
        ({"M": {"key": {"S": "ab"}}}, 3 + 1 + 3 + 2),
    ],
)
def test_an_attribute_is_as_large_as_its_name_and_its_value(value: dict[str, Any], size: int) -> None:
    """UTF-8 for texts; two digits a byte, and one byte more, for numbers; three bytes for a list or a map."""
    assert size_of({"name": value}) == len("name") + size


@pytest.mark.parametrize(
    ("operation", "arguments", "response", "units"),
    [
        ("GetItem", {"ConsistentRead": True}, {"Item": SMALL}, 1),
        ("GetItem", {"ConsistentRead": True}, {"Item": LARGE}, 2),
        ("GetItem", {"ConsistentRead": True}, {}, 1),
        ("GetItem", {}, {"Item": SMALL}, 0.5),
        ("Query", {"ConsistentRead": True}, {"Items": [SMALL] * 10}, 1),
        ("Query", {}, {"Items": [LARGE, LARGE]}, 1.5),
        ("Query", {}, {"Items": []}, 0.5),
        (
            "BatchGetItem",
            {"RequestItems": {"t": {"Keys": [1, 2, 3], "ConsistentRead": True}}},
            {"Responses": {"t": [SMALL, LARGE]}},
            4,
        ),
        ("TransactWriteItems", {}, {}, 0),
    ],
)
def test_a_read_takes_a_unit_for_each_4_kb(
    operation: str, arguments: dict[str, Any], response: dict[str, Any], units: float
) -> None:
    """A query sums its items first, a batch rounds each up. What is not there takes as much as the smallest item."""
    assert read_units(operation, arguments, response) == units


def test_what_a_call_has_read_is_listed() -> None:
    """Items and rows of indexes; nothing of a write."""
    assert items_read("GetItem", {"Item": SMALL}) == items_read("Query", {"Items": [SMALL]}) == [SMALL]
    assert items_read("BatchGetItem", {"Responses": {"t": [SMALL, LARGE]}}) == [SMALL, LARGE]
    assert items_read("GetItem", {}) == items_read("TransactWriteItems", {}) == []
