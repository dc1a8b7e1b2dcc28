"""An account's statement: its lots, and every entry with the balance after it."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from ledger.domain.accounts import Account
from ledger.domain.entries import Entry
from ledger.domain.ids import AccountId
from ledger.ports.store import Store


def statement(store: Store, account_id: AccountId, now: datetime, *, page_size: int = 1000) -> dict[str, Any] | None:
    """Return an account as plain data, its entries newest first. None: there is no such account.

    The account is read beside its latest entries: what is booked between two reads would make every balance wrong.
    """
    account, page = store.statement_page(account_id, page_size)
    if account is None:
        return None
    entries = [*page.items]
    while page.next:
        _, page = store.statement_page(account_id, page_size, page.next)
        entries += page.items
    return {
        "account_id": account_id,
        "status": account.status,
        "holds": sorted(account.holds),
        "flags": sorted(account.flags),
        "balance": account.balance,
        "spendable": account.spendable(now),
        "shortfall": account.shortfall,
        "lots": [
            {
                "lot_id": lot.lot_id,
                "granted": lot.granted,
                "remaining": lot.remaining,
                "drawn": lot.drawn,
                "taken_back": lot.refunded + lot.disputed,
                "owed": lot.owed,
                "is_frozen": lot.is_frozen,
                "locked_until": _time(lot.locked_until),
                "expires_at": _time(lot.expires_at),
            }
            for lot in sorted(account.lots.values(), key=lambda lot: lot.lot_id)
        ],
        "subscriptions": [
            {
                "subscription_id": subscription.subscription_id,
                "product_id": subscription.product_id,
                "status": subscription.status,
                "period_end": _time(subscription.period_end),
                "cancel_at": _time(subscription.cancel_at),
            }
            for subscription in account.subscriptions.values()
        ],
        "entries": list(_lines(account, entries)),
    }


def _lines(account: Account, entries: Iterable[Entry]) -> Iterator[dict[str, Any]]:
    balance = account.balance  # backwards: it is the balance after the newest entry
    for entry in sorted(entries, key=_position, reverse=True):
        yield {
            "entry_id": entry.entry_id,
            "occurred_at": _time(entry.occurred_at),
            "recorded_at": _time(entry.recorded_at),
            "kind": entry.kind,
            "credits": entry.credits,
            "balance_after": balance,
            "counter": entry.counter,
            "lot_id": entry.lot_id,
            "cause": entry.cause,
        }
        balance -= entry.credits


def _position(entry: Entry) -> tuple[datetime, int]:
    """Return the sort key of an entry: the second, then the step of the account that wrote the entry.

    Providers report whole seconds and we write fractions. By the time alone a reservation would follow the clawback
    that it led to, if both occur in one second. Steps increase with each write of an account; a grant has step 0.
    """
    _, step, _, _ = entry.entry_id.rsplit("/", 3)
    return entry.occurred_at.replace(microsecond=0), int(step)


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat().replace("+00:00", "Z") if moment else None
