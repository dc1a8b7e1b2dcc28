"""POST /webhooks/{provider}/payment-succeeded: a pack was paid, or its payment failed.

`ledger.webhook` verifies, translates and records the delivery, and lists the response to each outcome.
"""

from typing import Any

from ledger.runtime import runtime
from ledger.webhook import handle


def lambda_handler(request: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Return the response to one delivery."""
    return handle("payment_succeeded", request, runtime())
