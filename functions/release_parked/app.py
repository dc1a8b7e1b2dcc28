"""Try parked events again: those of a customer whose account has just become known, and hourly all of them.

The table's stream brings the receipts that name an account; the schedule catches what only a new catalogue releases.
A parked event that is still not usable stays parked; one that fails to be stored is tried again with the batch.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from ledger.domain.receipts import Receipt
from ledger.dynamodb import stream
from ledger.runtime import Runtime, runtime
from ledger.usecases.record_event import release_parked


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Release what can be released. Answers how many events came to which outcome."""
    return release_all(_candidates(event, runtime()), runtime())


def release_all(parked: Iterable[Receipt], services: Runtime) -> dict[str, Any]:
    """Release these, the oldest first, so that a customer's history is booked in its order."""
    outcomes: Counter[str] = Counter()
    for receipt in sorted(parked, key=lambda receipt: (receipt.occurred_at, receipt.event_id)):
        recorded = release_parked(receipt, services.translate_parked, services.store, services.now())
        outcomes[recorded.outcome] += 1
    services.logger.info("released", extra={"outcomes": dict(outcomes)})
    return {"outcomes": dict(outcomes)}


def _candidates(event: dict[str, Any], services: Runtime) -> Iterable[Receipt]:
    if "Records" not in event:
        return services.store.parked_receipts()
    receipts = (
        receipt
        for customer in stream.customers_with_receipts(event)
        for receipt in services.store.customer_receipts(customer)
    )
    return [receipt for receipt in receipts if receipt.parked_reason]
