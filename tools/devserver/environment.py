"""The local environment: dummy credentials, the local issuer's names, and the address of a running server."""

import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent / ".local"

REGION = "eu-central-1"
ISSUER = "https://issuer.local.invalid"
AUDIENCE = "image-tagger-ai"
GROUPS_CLAIM = "cognito:groups"
SUPPORT_GROUP = "billing-support"

_DEFAULTS = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
}


class NoTable(Exception):
    """There is no table to read. The message says how to create one."""


def use_local_credentials() -> None:
    """Set dummy credentials for botocore, unless the environment has others."""
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)


def register_running_server(**facts: str) -> None:
    """Store the address of this server and its table, for `running_server` in other processes."""
    FOLDER.mkdir(exist_ok=True)
    content = json.dumps({"pid": os.getpid(), "started_at": time.time(), **facts})
    replace_file(_own_file(), content.encode())


def unregister_running_server() -> None:
    """Remove this server's file. Other servers may still run."""
    _own_file().unlink(missing_ok=True)


def replace_file(path: Path, content: bytes) -> None:
    """Write a file atomically: other processes read either what it was or the whole of this content."""
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as draft:
        draft.write(content)
    Path(draft.name).replace(path)


def running_server() -> dict[str, Any]:
    """Return the running server's url, endpoint, table_name, issuer and audience. Empty: none runs.

    If several run, return the one on PORT or, without PORT, the one that was started last.
    """
    port = os.environ.get("PORT")
    running = [server for path in FOLDER.glob("server-*.json") if (server := _alive(path))]
    chosen = [found for found in running if not port or str(found.get("url")).endswith(f":{port}")]
    return max(chosen, key=lambda server: float(server["started_at"]), default={})


def _own_file() -> Path:
    return FOLDER / f"server-{os.getpid()}.json"


def _alive(path: Path) -> dict[str, Any] | None:
    """Return a server's facts if its process is alive. Else remove its file, which the process left behind."""
    try:
        server: dict[str, Any] = json.loads(path.read_text())
        os.kill(server["pid"], 0)
    except (OSError, ValueError):
        path.unlink(missing_ok=True)
        return None
    return server


def use_running_table() -> None:
    """Point the environment at a table: the one that it names already, else the running server's.

    Raise NoTable if there is neither.
    """
    if os.environ.get("TABLE_NAME"):
        if os.environ.get("AWS_ENDPOINT_URL_DYNAMODB"):
            use_local_credentials()
        os.environ.setdefault("AWS_DEFAULT_REGION", REGION)
        return
    server = running_server()
    if not server:
        raise NoTable("No local server runs: start one with `make serve`, or set TABLE_NAME.")
    use_local_credentials()
    os.environ["AWS_ENDPOINT_URL_DYNAMODB"] = server["endpoint"]
    os.environ["TABLE_NAME"] = server["table_name"]
