"""POST /webhooks/{stripe|paddle}/dispute-opened. A payment is contested: a dispute, a chargeback, a fraud warning.

Verify, translate, record: `ledger.webhook` says what each outcome is answered with.
"""

from typing import Any

from ledger.runtime import runtime
from ledger.webhook import handle


def lambda_handler(request: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Answer one delivery."""
    return handle("dispute_opened", request, runtime())
