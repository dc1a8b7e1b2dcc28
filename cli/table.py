"""The table that a command reads."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cli.errors import CannotRun

if TYPE_CHECKING:
    from ledger.dynamodb.store import DynamoDBStore


@contextmanager
def opened_table() -> Iterator["DynamoDBStore"]:
    """Open the table that TABLE_NAME names, else the running server's. Raise CannotRun if it can't be read."""
    from botocore.exceptions import BotoCoreError, ClientError
    from pynamodb.exceptions import PynamoDBException

    from ledger.domain.errors import StoreUnavailable
    from tools.devserver import environment
    from tools.ledger import open_store

    try:
        environment.use_running_table()
    except environment.NoTable as problem:
        raise CannotRun(str(problem)) from problem
    try:
        yield open_store()
    except (StoreUnavailable, PynamoDBException, BotoCoreError, ClientError) as problem:
        where = os.environ.get("AWS_ENDPOINT_URL_DYNAMODB") or "AWS; AWS_ENDPOINT_URL_DYNAMODB names another place"
        raise CannotRun(
            f"The table {os.environ['TABLE_NAME']} can't be read at {where}: {problem}. "
            "Check TABLE_NAME and that the engine runs."
        ) from problem
