"""POST /webhooks/{provider}/dispute-opened: a dispute, a chargeback or a fraud warning was reported.

`ledger.webhook` verifies, translates and records the delivery, and lists the response to each outcome.
"""

from typing import Any

from ledger.runtime import runtime
from ledger.webhook import handle


def lambda_handler(request: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Return the response to one delivery."""
    return handle("dispute_opened", request, runtime())
