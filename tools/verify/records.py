"""Rules about records: receipts, correlation ids, idempotency records, and the stored form of every item."""

from ledger.usecases.place_order import ORDERS_ROUTE
from ledger.usecases.refund_cases.decide_case import DECISIONS_ROUTE
from ledger.usecases.refund_cases.open_case import REFUND_REQUESTS_ROUTE
from tools.verify.world import Verdicts, World


def parked_whole(world: World) -> Verdicts:
    """A parked event is kept whole, with its reason; no other receipt keeps a body."""
    for receipt in world.receipts:
        yield receipt.event_id, bool(receipt.body) == (receipt.parked_reason is not None)


def correlated(world: World) -> Verdicts:
    """Every receipt, entry and refund case has a correlation id."""
    for receipt in world.receipts:
        yield f"{receipt.provider}:{receipt.event_id}", bool(receipt.correlation_id)
    for entry in world.entries:
        yield entry.entry_id, bool(entry.correlation_id)
    for case in world.cases.values():
        yield case.case_id, bool(case.correlation_id)


def idempotency_records(world: World) -> Verdicts:
    """What was answered under an Idempotency-Key is there, and is that account's."""
    for key, record in world.idempotency_records.items():
        account_id, route, _ = key.parts
        case, fulfilment_key = world.cases.get(record.subject), world.fulfilment_keys.get(f"order/{record.subject}")
        owner = {
            REFUND_REQUESTS_ROUTE: case.account_id if case else None,
            DECISIONS_ROUTE: case.account_id if case else None,
            ORDERS_ROUTE: fulfilment_key.account_id if fulfilment_key and fulfilment_key.terms else None,
        }
        yield "/".join(key.parts), route not in owner or owner[route] == account_id


def readable(world: World) -> Verdicts:
    """Every item can be read by this release."""
    yield from world.is_readable.items()
