"""Book the expiry of credits, every hour. Expired credits are unspendable at once, even if this function runs late."""

from typing import Any

from ledger.job import JobWatch
from ledger.runtime import runtime
from ledger.usecases.expire_credits import expire_credits
from ledger.usecases.sweep import Pace

PACE = Pace(workers=8, most=100_000)
"""A round of 15 minutes has time for more than that; see docs/scale.md."""


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Return the number of accounts, and of credits that expired on them."""
    services = runtime()
    try:
        expired = expire_credits(services.store, JobWatch(services, context), now=services.now(), pace=PACE)
        services.logger.info("expired", extra={"accounts": len(expired), "credits": sum(expired.values())})
        return {"accounts": len(expired), "credits": sum(expired.values())}
    finally:
        services.publish_metrics()
