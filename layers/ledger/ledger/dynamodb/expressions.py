"""Update expressions: how an item is changed attribute by attribute, so that what this release does not know survives.

A Put replaces a whole item: it would delete the attributes that a newer release stored. So a Put only creates, and a
rewrite is an Update. Both cost the same write units.
"""

from collections.abc import Collection
from typing import Any

from ledger.dynamodb.codec import AttributeValue

Operation = dict[str, Any]
_KEY = frozenset({"pk", "sk"})


class UpdateExpression:
    """One Update of a transaction, built attribute by attribute. Names become placeholders: ours hold `:` and `#`."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._values: dict[str, AttributeValue] = {}
        self._set: list[str] = []
        self._remove: list[str] = []
        self._add: list[str] = []

    @classmethod
    def of(cls, item: dict[str, Any], names: Collection[str]) -> "UpdateExpression":
        """Return the update that brings the attributes of these names, and all of `item`, to what they are in `item`.

        A name that `item` does not have is removed. Attributes of any other name stay as they are stored.
        """
        update = cls()
        for name, content in item.items():
            if name not in _KEY:
                update.put(name, content)
        for name in sorted(set(names) - item.keys()):
            update.put(name, None)
        return update

    def name(self, attribute: str) -> str:
        """Return the placeholder of an attribute's name."""
        return self._names.setdefault(attribute, f"#{len(self._names)}")

    def value(self, content: AttributeValue) -> str:
        """Return the placeholder of a value."""
        placeholder = f":{len(self._values)}"
        self._values[placeholder] = content
        return placeholder

    def put(self, attribute: str, content: AttributeValue | None) -> None:
        """Set an attribute; None: remove it."""
        if content is None:
            self._remove.append(self.name(attribute))
        else:
            self._set.append(f"{self.name(attribute)} = {self.value(content)}")

    def put_if_missing(self, attribute: str, content: AttributeValue) -> None:
        """Set an attribute, unless it is stored already."""
        name = self.name(attribute)
        self._set.append(f"{name} = if_not_exists({name}, {self.value(content)})")

    def put_inside(self, attribute: str, key: str, content: AttributeValue) -> None:
        """Set one key of a map that is stored already."""
        self._set.append(f"{self.name(attribute)}.{self.name(key)} = {self.value(content)}")

    def add(self, attribute: str, number: int) -> None:
        """Add to a number; without it, set it."""
        self._add.append(f"{self.name(attribute)} {self.value({'N': str(number)})}")

    def check(self, table: str, key: dict[str, Any], condition: str) -> Operation:
        """Return a ConditionCheck: the condition alone, over placeholders of this expression."""
        operation = {
            "TableName": table,
            "Key": key,
            "ConditionExpression": condition,
            "ExpressionAttributeNames": {placeholder: name for name, placeholder in self._names.items()},
        }
        return operation | ({"ExpressionAttributeValues": self._values} if self._values else {})

    def operation(
        self, table: str, key: dict[str, Any], condition: str, *, returns_old_item: bool = False
    ) -> Operation:
        """Return the Update, under a condition over placeholders of this expression."""
        clauses = (("SET", self._set), ("REMOVE", self._remove), ("ADD", self._add))
        operation: Operation = {
            "TableName": table,
            "Key": key,
            "UpdateExpression": " ".join(f"{verb} {', '.join(parts)}" for verb, parts in clauses if parts),
            "ExpressionAttributeNames": {placeholder: name for name, placeholder in self._names.items()},
            "ExpressionAttributeValues": self._values,
        }
        if condition:
            operation["ConditionExpression"] = condition
        if returns_old_item:
            operation["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        return operation
