"""The lines of everything that was read of a ledger, in the order of time."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from ledger.domain.ids import OrderId
from ledger.domain.index_rows import is_named
from ledger.domain.orders import Order
from ledger.domain.purchases import Purchase
from ledger.domain.receipts import Receipt
from ledger.providers.registry import names_of_parked
from ledger.usecases import balance_lines, chain_lines
from ledger.usecases.chain import Line, in_order
from ledger.usecases.locks import locked_orders
from tools.verify.world import World


def lines_of(world: World, text: str = "") -> list[Line]:
    """Return everything in the order of time, with the searched text on each parked event that names it.

    Of one instant, causes come before what they led to.
    """
    purchases = {id(item): item for item in world.payments.values() if isinstance(item, Purchase)}
    lines = [chain_lines.order_line(key.terms, key.payment_ids) for key in world.fulfilment_keys.values() if key.terms]
    lines += [chain_lines.receipt_line(receipt, *_named(receipt, text)) for receipt in world.receipts]
    lines += [line for purchase in purchases.values() for line in chain_lines.purchase_lines(purchase)]
    lines += [chain_lines.subscription_line(subscription) for subscription in world.subscriptions.values()]
    lines += [chain_lines.failed_run_line(account_id, failed) for account_id, failed in world.failed_runs]
    lines += [line for case in world.cases.values() for line in chain_lines.case_lines(case)]
    lines += [chain_lines.act_line(account_id, record) for account_id, record in world.audit_records]
    return in_order([*lines, *_entries(world)])


def _named(receipt: Receipt, text: str) -> tuple[str, ...]:
    return (text,) if is_named(receipt, names_of_parked(receipt), text) else ()


def _entries(world: World) -> Iterator[Line]:
    """Yield each account's entries in the order in which they are on its statement, with the balance after each."""
    purchases = [item for item in world.payments.values() if isinstance(item, Purchase)]
    names = chain_lines.names_of_lots(purchases)
    for account_id in sorted({entry.account_id for entry in world.entries}):
        own = [entry for entry in world.entries if entry.account_id == account_id]
        balance = 0
        for entry in sorted(own, key=lambda entry: (entry.occurred_at.replace(microsecond=0), entry.number)):
            balance += entry.credits
            yield chain_lines.entry_line(entry, balance, names)


def balance_in_words(world: World, now: datetime) -> list[str]:
    """Return for each account why its balance is what it is: the sums of its entries by kind, and what is locked."""

    def order_of(order_id: OrderId | None) -> Order | None:
        key = world.fulfilment_keys.get(f"order/{order_id}")
        return key.terms if key else None

    return [
        sentence
        for account_id, account in sorted(world.accounts.items())
        for sentence in balance_lines.balance_in_words(
            account,
            (entry for entry in world.entries if entry.account_id == account_id),
            locked_orders(account, order_of, now),
        )
    ]


def as_json(lines: Iterable[Line]) -> list[dict[str, Any]]:
    """Return lines as plain data."""
    return [
        {
            "at": line.at.isoformat(timespec="seconds").replace("+00:00", "Z"),
            "kind": line.kind,
            "words": line.words,
            "credits": line.credits,
            "balance": line.balance,
            "is_open": line.is_open,
            "ids": sorted(line.ids | line.about),
        }
        for line in lines
    ]
