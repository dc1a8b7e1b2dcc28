"""POST /webhooks/{stripe|paddle}/refund-settled. Money is given back, or failed to be.

Verify, translate, record: `ledger.webhook` says what each outcome is answered with.
"""

from typing import Any

from ledger.runtime import runtime
from ledger.webhook import handle


def lambda_handler(request: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Answer one delivery."""
    return handle("refund_settled", request, runtime())
