"""Calls: send one operation to DynamoDB, and send it again while the refusal is temporary."""

import time
import uuid
from collections.abc import Callable
from typing import Any

import botocore.exceptions
from pynamodb.connection import Connection
from pynamodb.exceptions import TransactWriteError, VerboseClientError

from ledger.domain.errors import StoreUnavailable, TransactionInConflict
from ledger.ports.backoff import pause_before

MAX_CALLS = 6
"""How often a call is sent that DynamoDB refuses for a temporary reason. botocore's own retries are within each."""

PATIENCE_S = 4.0
"""After how many seconds a refused call is not sent again. A webhook has 10 s in all, one call takes up to 3 s."""

_CONFLICT = "TransactionConflict"
_TEMPORARY_REASONS = {_CONFLICT, "ThrottlingError", "ProvisionedThroughputExceeded", "InternalServerError"}
_TEMPORARY_ERRORS = {
    "InternalServerError",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "ThrottlingException",
    "TransactionConflictException",  # a write by itself met a transaction
    "TransactionInProgressException",
}


class Calls:
    """DynamoDB, reached through one connection. Safe to share between threads."""

    def __init__(self, connection: Connection, patience_s: float = PATIENCE_S) -> None:
        self._connection = connection
        self._patience_s = patience_s

    def dispatch(self, operation: str, arguments: dict[str, Any]) -> Any:
        """Send an operation by its name and return the response. Raise StoreUnavailable."""
        return self._send(self._connection.dispatch, operation, arguments)

    def transact_write(
        self,
        *,
        checks: list[dict[str, Any]],
        puts: list[dict[str, Any]],
        updates: list[dict[str, Any]],
        deletes: list[dict[str, Any]],
    ) -> None:
        """Send one TransactWriteItems.

        Raise TransactWriteError if a condition failed, TransactionInConflict at the first conflict with another one,
        and StoreUnavailable.
        """
        self._send(
            self._connection.transact_write_items,
            condition_check_items=checks,
            delete_items=deletes,
            put_items=puts,
            update_items=updates,
            client_request_token=str(uuid.uuid4()),
        )

    def _send(self, call: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """Call DynamoDB. After a temporary refusal call again, at most MAX_CALLS times within the patience.

        A conflict is not waited for here: its caller may have to read again, and knows for how long it is worth it.

        A transaction keeps its token while its result is unknown: if it was written and only the response was lost, the
        next call succeeds without writing. A transaction that was clearly cancelled gets a new token.
        """
        began = time.monotonic()
        for attempt in range(MAX_CALLS):
            pause_before(attempt)
            try:
                return call(*arguments, **named)
            except (TransactWriteError, VerboseClientError) as error:
                refusal = _refusal(error)
                if refusal and _reasons(refusal) == {_CONFLICT}:
                    raise TransactionInConflict("Another transaction on the same items was in progress.") from error
                if refusal is None or not _is_temporary(refusal):
                    raise
                if "client_request_token" in named and any(refusal.cancellation_reasons):
                    named["client_request_token"] = str(uuid.uuid4())
                reason = str(error)
            except botocore.exceptions.BotoCoreError as error:
                raise StoreUnavailable(f"DynamoDB did not respond: {error}") from error
            if time.monotonic() - began >= self._patience_s:
                break
        raise StoreUnavailable(f"DynamoDB refused {attempt + 1} times: {reason}")


def _refusal(error: TransactWriteError | VerboseClientError) -> VerboseClientError | None:
    """Return DynamoDB's refusal, if the error has one. Raise StoreUnavailable if there was no response."""
    cause = error.cause if isinstance(error, TransactWriteError) else error
    if isinstance(cause, botocore.exceptions.BotoCoreError):
        raise StoreUnavailable(f"DynamoDB did not respond: {cause}") from error
    return cause if isinstance(cause, VerboseClientError) else None


def _is_temporary(refusal: VerboseClientError) -> bool:
    """Return whether the same call can succeed later. A failed condition is a result, not a temporary refusal."""
    if reasons := _reasons(refusal):
        return reasons <= _TEMPORARY_REASONS
    return refusal.response["Error"]["Code"] in _TEMPORARY_ERRORS


def _reasons(refusal: VerboseClientError) -> set[str]:
    """Return the codes of the reasons for which a transaction was cancelled. Empty: it was not, or without a reason."""
    return {reason.code for reason in refusal.cancellation_reasons if reason}
