"""Parked events, as a person of support sees them: a page of the list, and what would release each."""

from datetime import datetime
from heapq import merge
from itertools import islice

from ledger.domain.receipts import ParkReason, Receipt, Trigger
from ledger.ports.documents import position_of, read_position
from ledger.ports.reads import Page, ParkedName
from ledger.ports.store import Store

_SEPARATOR = "~"
_BY_DEPLOYMENT = {
    ParkReason.WRONG_MODE: "It is of the provider's other mode. A deployment of that mode books it.",
    ParkReason.OTHER_ACCOUNT: "It is of another seller's account. If that is ours, the deployment has to name it.",
    ParkReason.UNKNOWN_PRICE: "The catalogue does not have its price. A catalogue with the price releases it.",
    ParkReason.UNKNOWN_PRODUCT: "The catalogue does not have its product. A catalogue with the product releases it.",
    ParkReason.UNKNOWN_CURRENCY: "The catalogue sells nothing in its currency. A catalogue that does releases it.",
    ParkReason.UNDERPAID: "Less was paid than the product costs. A catalogue with that price releases it.",
}
_BY_FACTS = {
    ParkReason.NO_ACCOUNT: "Nothing says whose it is. An order, or another event of the same customer, releases it.",
    ParkReason.AMBIGUOUS_ACCOUNT: "What it names belongs to several accounts. An event that decides it releases it.",
    ParkReason.ORDER_MISMATCH: "It does not agree with the order that it names. The event of that order releases it.",
    ParkReason.UNEXPECTED_CHARGE: "Nothing was ordered for this charge. The report of its checkout releases it.",
    ParkReason.PERIOD_ALREADY_PAID: "Its period was paid before. An event that credits that payment releases it.",
}


def parked_id_of(receipt: Receipt) -> str:
    """Return the name of a parked event in an address."""
    return _SEPARATOR.join(receipt.name)


def list_parked(limit: int, after: str | None, store: Store, *, are_muted: bool = False) -> Page[Receipt]:
    """Return a page of the parked events that are muted, or of the others. The one that was received first comes first.

    `after` is a position.
    """
    since = _since(after)
    lists = [trigger for trigger in Trigger if (trigger is Trigger.MUTED) == are_muted]
    most = limit + 1 + bool(after)  # that of the position is read again
    listed = merge(*(store.parked_names(trigger, since, most=most) for trigger in lists), key=_position)
    names = list(islice((name for name in listed if after is None or _position(name) > after), limit + 1))
    shown = names[:limit]
    order = {(name.owner, name.event_id): number for number, name in enumerate(shown)}
    receipts = sorted(store.parked_receipts(shown), key=lambda receipt: order[receipt.name])
    return Page(items=tuple(receipts), next=_position(shown[-1]) if len(names) > limit else None)


def release_of(receipt: Receipt) -> str:
    """Return what would release a parked event, in a sentence."""
    reason = receipt.parked_reason
    if reason is None:
        raise ValueError(f"{receipt.cause} is not parked")
    if reason.trigger is Trigger.DEPLOYMENT:
        return _BY_DEPLOYMENT.get(reason, "This release can't read it. A new release that can releases it.")
    return _BY_FACTS.get(reason, "Another event that says what it belongs to releases it.")


def _since(after: str | None) -> datetime | None:
    return read_position(after)[0] if after else None


def _position(name: ParkedName) -> str:
    return position_of(name.received_at, f"{name.owner} {name.event_id}")
