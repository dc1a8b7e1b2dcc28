"""The store: consistent reads, and one TransactWriteItems for each commit."""

from collections.abc import Iterable, Mapping

from pynamodb.connection import Connection
from pynamodb.exceptions import TransactWriteError

from ledger.domain.errors import CommitTooLarge
from ledger.domain.index_rows import IndexRow
from ledger.domain.purchases import Purchase
from ledger.dynamodb import items
from ledger.dynamodb.calls import PATIENCE_S, Calls
from ledger.dynamodb.items import Item
from ledger.dynamodb.reads import Reads
from ledger.dynamodb.writes import Writes
from ledger.ports.commit import MAX_ACTIONS, Commit, Refusal


class DynamoDBStore(Reads):
    """A ledger in one table. Safe to share between threads."""

    writes = Writes

    def __init__(self, table_name: str, connection: Connection, *, patience_s: float = PATIENCE_S) -> None:
        super().__init__(table_name, Calls(connection, patience_s))
        self._writes = self.writes(table_name)

    def commit(self, commit: Commit) -> Refusal | None:
        """Write everything or nothing in one round trip. Return None if it was written, else what was in the way.

        Raise CommitTooLarge, and StoreUnavailable.
        """
        checks, deletes = self._writes.checks(commit), self._writes.deletes(commit)
        puts, updates = self._writes.puts(commit), self._writes.updates(commit)
        if (actions := len(checks) + len(deletes) + len(puts) + len(updates)) > MAX_ACTIONS:
            raise CommitTooLarge(f"a commit writes at most {MAX_ACTIONS} items, this one {actions}")
        try:
            self._calls.transact_write(
                checks=[operation for _, operation in checks],
                puts=[operation for _, operation in puts],
                updates=[operation for _, operation in updates],
                deletes=deletes,
            )
        except TransactWriteError as error:
            if _is_too_large(error):
                owner = f" of {commit.account.account_id}" if commit.account else ""
                raise CommitTooLarge(f"an item{owner} would become larger than 400 KB") from error
            # Reasons come in PynamoDB's order: checks, deletes, puts, updates.
            names = [*(name for name, _ in checks), *("delete" for _ in deletes)]
            names += [name for name, _ in (*puts, *updates)]
            reasons = dict(zip(names, error.cancellation_reasons, strict=False))
            if not any(reason and reason.code == "ConditionalCheckFailed" for reason in reasons.values()):
                raise
            return _refusal({name: reason.raw_item for name, reason in reasons.items() if reason and reason.raw_item})
        return None

    def put_index_rows(self, rows: Iterable[IndexRow]) -> None:
        """Write rows of the index of *find*, outside a transaction, at half its price: a row can't be half of anything.

        Raise StoreUnavailable: some may have been written.
        """
        for row in rows:
            self._calls.dispatch("UpdateItem", self._writes.update_index_row(row))


def _is_too_large(error: TransactWriteError) -> bool:
    """Return whether an item has no room left: a reason of the transaction says so, or the error, of a new item."""
    messages = (reason.message for reason in error.cancellation_reasons if reason)
    return any("Item size" in (message or "") for message in (*messages, error.cause_response_message))


def _refusal(stored: Mapping[str, Item]) -> Refusal:
    payment = items.from_payment(stored["purchase 0"]) if "purchase 0" in stored else None
    return Refusal(
        receipt=items.from_receipt(stored["receipt"]) if "receipt" in stored else None,
        purchase=payment if isinstance(payment, Purchase) else None,
        run=items.from_run(stored["run"]) if "run" in stored else None,
    )
