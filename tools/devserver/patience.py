"""Wait for a local engine: how fast it answers says only how busy the machine is."""

from ledger.dynamodb.connection import PlainConnection
from ledger.dynamodb.store import DynamoDBStore
from ledger.runtime import Runtime

PATIENCE_S = 60.0
"""How long a call to a local engine may take, in seconds. The functions wait 2 s, which fits AWS."""


def wait_for_engine(services: Runtime) -> None:
    """Give a runtime a connection and a store that wait for a local engine, however busy the machine is."""
    services.connection = PlainConnection(
        region=services.config.region, read_timeout_seconds=PATIENCE_S, max_retry_attempts=0
    )
    services.store = DynamoDBStore(services.config.table_name, services.connection, patience_s=PATIENCE_S)
