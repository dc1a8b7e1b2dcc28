"""The local environment: made-up credentials, and where the running server's table is found."""

import json
import os
from pathlib import Path

SERVER_FILE = Path(__file__).parent.parent / ".local" / "server.json"

REGION = "eu-central-1"
_DEFAULTS = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
}


class NoTable(Exception):
    """There is no table to read; the message says how to get one."""


def use_local_credentials() -> None:
    """Let botocore sign with credentials that open nothing, unless the environment has its own."""
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)


def tell_running_table(endpoint: str, table_name: str) -> None:
    """Write down where this server's table is, for `use_running_table` in other processes."""
    SERVER_FILE.parent.mkdir(exist_ok=True)
    SERVER_FILE.write_text(json.dumps({"pid": os.getpid(), "endpoint": endpoint, "table_name": table_name}))


def forget_running_table() -> None:
    """The server has ended."""
    SERVER_FILE.unlink(missing_ok=True)


def use_running_table() -> None:
    """Point the environment at a table: the one that it names already, else the running server's.

    Raises NoTable if there is neither.
    """
    if os.environ.get("TABLE_NAME"):
        if os.environ.get("AWS_ENDPOINT_URL_DYNAMODB"):
            use_local_credentials()
        os.environ.setdefault("AWS_DEFAULT_REGION", REGION)
        return
    try:
        server = json.loads(SERVER_FILE.read_text())
        os.kill(server["pid"], 0)
    except (OSError, ValueError) as error:
        raise NoTable("No local server runs: start one with `make serve`, or set TABLE_NAME.") from error
    use_local_credentials()
    os.environ["AWS_ENDPOINT_URL_DYNAMODB"] = server["endpoint"]
    os.environ["TABLE_NAME"] = server["table_name"]
