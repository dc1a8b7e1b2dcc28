"""Update refund cases from the refunds that the providers have reported, and decide deferred requests.

The table's stream delivers the purchases that changed. The schedule decides the requests whose settling time is over.
"""

from typing import Any

from ledger.dynamodb import stream
from ledger.runtime import runtime
from ledger.usecases.refund_cases.decide_deferred import decide_deferred
from ledger.usecases.refund_cases.follow_refunds import follow
from ledger.usecases.transaction import for_each


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Return the new state of each case that changed."""
    services = runtime()
    if "Records" in event:
        changed = stream.changed_payments(event)
        followed = for_each(changed, lambda payment_id: follow(payment_id, services.store, now=services.now()))
        updated = [case for cases in followed for case in cases]
    else:
        updated = decide_deferred(services.store, services.policy, now=services.now())
    for case in updated:
        services.logger.info("case moved", extra={"case_id": case.case_id, "state": case.state})
    return {"moved": {case.case_id: case.state for case in updated}}
