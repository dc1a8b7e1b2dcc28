"""Bring refund cases to where their refunds have come, by what the providers' webhooks said; decide what has waited.

The table's stream brings purchases that changed; the schedule decides requests whose settling time is over.
"""

from typing import Any

from ledger.dynamodb import stream
from ledger.runtime import runtime
from ledger.usecases.refund_cases.decide_case import decide_deferred
from ledger.usecases.refund_cases.follow_refunds import follow


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Answers which cases moved."""
    here = runtime()
    if "Records" in event:
        changed = stream.changed_payments(event)
        moved = [case for payment_id in changed for case in follow(payment_id, here.store, now=here.now())]
    else:
        moved = decide_deferred(here.store, here.policy, now=here.now())
    for case in moved:
        here.logger.info("case moved", extra={"case_id": case.case_id, "state": case.state})
    return {"moved": {case.case_id: case.state for case in moved}}
