"""The ledger in one DynamoDB table. `docs/access-patterns.md` lists what is read and written, and how often."""

from ledger.dynamodb.store import DynamoDBStore

__all__ = ["DynamoDBStore"]
