"""Careless stores: each has a bug that the proofs must find. Other processes import them by name."""

from ledger.dynamodb.expressions import Operation
from ledger.dynamodb.store import DynamoDBStore
from ledger.dynamodb.writes import Writes
from ledger.ports.commit import AccountChange, Commit


class _WithoutVersions(Writes):
    def update_account(self, change: AccountChange) -> Operation:
        update = super().update_account(change)
        if change.version:
            update["ConditionExpression"] = f"attribute_exists(pk) OR {update['ConditionExpression']}"
        return update


class LosesUpdates(DynamoDBStore):
    """Write an account whatever its stored version is."""

    writes = _WithoutVersions


class _WithoutConditionsOfRuns(Writes):
    def puts(self, commit: Commit) -> list[tuple[str, Operation]]:
        conditions = {"ConditionExpression", "ExpressionAttributeValues", "ReturnValuesOnConditionCheckFailure"}
        puts = super().puts(commit)
        if commit.run is None:
            return puts
        return [(name, {key: put[key] for key in put.keys() - conditions}) for name, put in puts]

    def updates(self, commit: Commit) -> list[tuple[str, Operation]]:
        updates = super().updates(commit)
        if commit.run:
            for _, update in updates:
                update["ConditionExpression"] = f"attribute_exists(pk) OR {update['ConditionExpression']}"
        return updates


class SpendsBlindly(DynamoDBStore):
    """Write the draw of a run without a condition on what was read."""

    writes = _WithoutConditionsOfRuns
