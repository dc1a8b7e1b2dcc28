"""Record parked events again: those of a customer whose account has become known, and every hour all of them.

The table's stream delivers the receipts that name an account. The schedule releases what a new catalogue makes
bookable. An event that still can't be booked stays parked. If one can't be stored, the whole batch is retried.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from ledger.domain.receipts import Receipt
from ledger.dynamodb import stream
from ledger.runtime import Runtime, runtime
from ledger.usecases.record_event import release_parked
from ledger.usecases.transaction import for_each


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Return the number of parked events by their new outcome."""
    return release_all(_parked_receipts(event, runtime()), runtime())


def release_all(parked: Iterable[Receipt], services: Runtime) -> dict[str, Any]:
    """Record these events again, oldest first, so that a customer's history is booked in order."""
    outcomes: Counter[str] = Counter()

    def release(receipt: Receipt) -> None:
        recorded = release_parked(receipt, services.translate_parked, services.store, services.now())
        outcomes[recorded.outcome] += 1

    try:
        for_each(sorted(parked, key=lambda receipt: (receipt.occurred_at, receipt.event_id)), release)
    finally:
        services.logger.info("released", extra={"outcomes": dict(outcomes)})
    return {"outcomes": dict(outcomes)}


def _parked_receipts(event: dict[str, Any], services: Runtime) -> Iterable[Receipt]:
    """Return the parked receipts of the customers in a stream event; for the schedule, all of them."""
    if "Records" not in event:
        return services.store.parked_receipts()
    receipts = (
        receipt
        for customer in stream.customers_with_receipts(event)
        for receipt in services.store.customer_receipts(customer)
    )
    return [receipt for receipt in receipts if receipt.parked_reason]
