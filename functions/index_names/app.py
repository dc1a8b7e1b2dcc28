"""Write the index of *find*: see `ledger.usecases.index_names`. The bus delivers what can be found by a new name.

What the bus did not deliver stays findable by its own key, and `billing index` writes the whole index again.
"""

from typing import Any

from ledger.domain.domain_events import (
    AddressChanged,
    DeclarationConfirmed,
    EventParked,
    PurchasesNamed,
    RunFailureRecorded,
    read_domain_event,
)
from ledger.runtime import runtime
from ledger.usecases.index_names import (
    index_contact,
    index_declaration,
    index_failed_run,
    index_parked,
    index_purchases,
)


def lambda_handler(event: dict[str, Any], _: object) -> dict[str, Any]:
    """Return how many rows were written."""
    services, named = runtime(), read_domain_event(event)
    match named.content:
        case PurchasesNamed(payment_ids=payment_ids):
            rows = index_purchases(payment_ids, services.store)
        case AddressChanged(account_id=account_id):
            rows = index_contact(account_id, services.address_key, services.store)
        case RunFailureRecorded(account_id=account_id, run_id=run_id, failed_at=failed_at):
            rows = index_failed_run(account_id, run_id, failed_at, services.store)
        case EventParked(owner=owner, parked_event_id=event_id):
            rows = index_parked(
                (owner, event_id), services.names_of_parked, lambda: services.address_key, services.store
            )
        case DeclarationConfirmed(declaration_id=declaration_id):
            rows = index_declaration(declaration_id, services.address_key, services.store)
        case _:
            raise ValueError(f"{named.content!r} names nothing that is indexed")
    services.logger.info("indexed", extra={"rows": rows, **named.names})
    return {"rows": rows}
