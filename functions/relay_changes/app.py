"""Publish the domain events of the table's changes: see `ledger.relay`. The stream has no other reader."""

from typing import Any

from ledger.relay import bus, relay


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Return the records that failed, for Lambda to retry."""
    return relay(event["Records"], bus())
