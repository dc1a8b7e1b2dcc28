"""An account on paper: what it holds, and every movement with the balance after it."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from ledger.domain.accounts import Account
from ledger.domain.entries import Entry
from ledger.domain.ids import AccountId
from ledger.ports.reads import Keys
from ledger.ports.store import Store


def paper() -> Console:
    """Where people read: as wide as the terminal, and wide enough when there is none."""
    console = Console()
    return console if console.is_terminal else Console(width=132)


def statement(store: Store, account_id: AccountId, now: datetime) -> dict[str, Any] | None:
    """An account as plain data, its entries newest first; None: there is no such account."""
    account = store.read(Keys(accounts=frozenset({account_id}))).accounts.get(account_id)
    if account is None:
        return None
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
        "entries": list(_lines(account, store.entries(account_id))),
    }


def _lines(account: Account, entries: Iterator[Entry]) -> Iterator[dict[str, Any]]:
    balance = account.balance  # running backwards: the newest entry led to it
    for entry in entries:
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


def render(data: dict[str, Any], title: str = "") -> RenderableType:
    """The same for a person's eyes, oldest first."""
    is_active = data["status"] == "active"
    head = Text.assemble(
        (data["account_id"], "bold"),
        (f"  {data['status']}", "green" if is_active else "bold red"),
        f"  balance {data['balance']:,}  spendable {data['spendable']:,}",
        (f"  owes {data['shortfall']:,}" if data["shortfall"] else "", "red"),
        (f"  {title}" if title else "", "dim"),
    )
    notes = [f"  held by {hold}" for hold in data["holds"]] + [f"  flagged: {flag}" for flag in data["flags"]]
    notes += [
        f"  {item['product_id'] or 'subscription'}: {item['status']}"
        + (f" until {item['cancel_at'][:10]}" if item["cancel_at"] else f", paid to {(item['period_end'] or '')[:10]}")
        for item in data["subscriptions"]
    ]
    table = Table(box=None, padding=(0, 2, 0, 2), header_style="dim")
    for name, justify in (("when", "left"), ("what", "left"), ("credits", "right"), ("balance", "right")):
        table.add_column(name, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    table.add_column("because of", overflow="fold")
    for line in reversed(data["entries"]):
        amount = f"{line['credits']:+,}" if line["credits"] else "·"
        style = "green" if line["credits"] > 0 else "red" if line["credits"] < 0 else "yellow"
        table.add_row(
            line["occurred_at"][:16].replace("T", " "),
            f"{line['kind']} ({line['counter']})",
            Text(amount, style=style),
            f"{line['balance_after']:,}",
            line["cause"],
        )
    return Group(
        head, *(Text(note, style="yellow") for note in notes), table if data["entries"] else Text(""), Text("")
    )


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat().replace("+00:00", "Z") if moment else None
