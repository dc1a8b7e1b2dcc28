"""Write down what has lapsed. An expired lot is unspendable at its instant, even if this comes late."""

from typing import Any

from ledger.runtime import runtime
from ledger.usecases.expire_credits import expire_credits


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Hourly. Answers how many credits lapsed on how many accounts."""
    here = runtime()
    lapsed = expire_credits(here.store, now=here.now())
    here.logger.info("expired", extra={"accounts": len(lapsed), "credits": sum(lapsed.values())})
    return {"accounts": len(lapsed), "credits": sum(lapsed.values())}
