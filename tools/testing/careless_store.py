"""Stores with a bug in them, for the proofs that must find it. Importable: other processes make them by name."""

from typing import Any

from ledger.dynamodb.store import DynamoDBStore
from ledger.ports.commit import AccountChange, Commit


class LosesUpdates(DynamoDBStore):
    """Writes an account whatever its version is by now."""

    def _update_account(self, change: AccountChange) -> dict[str, Any]:
        update = super()._update_account(change)
        if change.version:
            update["ConditionExpression"] = f"attribute_exists(pk) OR {update['ConditionExpression']}"
        return update


class SpendsBlindly(DynamoDBStore):
    """Reads what a run may draw, and writes the draw without a condition."""

    def _puts(self, commit: Commit) -> list[tuple[str, dict[str, Any]]]:
        conditions = {"ConditionExpression", "ExpressionAttributeValues", "ReturnValuesOnConditionCheckFailure"}
        puts = super()._puts(commit)
        if commit.run is None:
            return puts
        return [(name, {key: put[key] for key in put.keys() - conditions}) for name, put in puts]

    def _updates(self, commit: Commit) -> list[tuple[str, dict[str, Any]]]:
        updates = super()._updates(commit)
        if commit.run:
            for _, update in updates:
                update["ConditionExpression"] = f"attribute_exists(pk) OR {update['ConditionExpression']}"
        return updates
