"""The floor as a function of Lambda: it makes its client in init, and the calls that its environment names."""

import json
import os
from typing import Any

from bench.floor import make_client, make_floor


def _handle() -> Any:
    with open(os.environ["CALLS_FILE"], encoding="utf-8") as file:
        calls = json.load(file)
    client = make_client(os.environ["AWS_REGION"], os.environ["AWS_ENDPOINT_URL"])
    return make_floor(client, os.environ["SIGNING_SECRET"], calls)


handle = _handle()


def lambda_handler(request: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Return the response to one request."""
    return dict(handle(request))
