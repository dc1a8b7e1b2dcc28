"""Statements and findings for people."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from tools.verify import Finding
from tools.why import Line


def paper() -> Console:
    """Return the console for results: as wide as the terminal, and wide enough when there is none."""
    console = Console()
    return console if console.is_terminal else Console(width=132)


def statement_table(data: dict[str, Any], title: str = "") -> RenderableType:
    """Return an account's statement for a person, oldest entry first."""
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
            Text(line["cause"]),
        )
    return Group(
        head, *(Text(note, style="yellow") for note in notes), table if data["entries"] else Text(""), Text("")
    )


def chain_table(lines: Sequence[Line], sentences: Sequence[str]) -> RenderableType:
    """Return lines of `why` for a person, and the balance in sentences. What waits is marked."""
    table = Table(box=None, padding=(0, 2, 0, 2), header_style="dim")
    for name, justify in (("when (UTC)", "left"), ("what", "left"), ("credits", "right"), ("balance", "right")):
        table.add_column(name, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    table.add_column("", overflow="fold")
    for line in lines:
        amount = "" if line.credits is None else f"{line.credits:+,}" if line.credits else "·"
        balance = "" if line.balance is None else f"{line.balance:,}"
        style = "yellow" if line.is_open else ""
        table.add_row(f"{line.at:%Y-%m-%d %H:%M:%S}", line.kind, amount, balance, Text(line.words, style=style))
    return Group(table, Text(""), *(Text(sentence) for sentence in sentences))


def findings_table(findings: Sequence[Finding]) -> Table:
    """Return the result of each invariant for a person. What had nothing to check is no tick."""
    table = Table(box=None, padding=(0, 2))
    table.add_column("")
    table.add_column("invariant")
    table.add_column("checked", justify="right")
    table.add_column("broken")
    for finding in findings:
        more = len(finding.broken[5:]) + finding.more
        broken = ", ".join(finding.broken[:5]) + (f" and {more:,} more" if more else "")
        if broken:
            mark, result = Text("✗", style="red"), Text(broken, style="red")
        elif finding.checked:
            mark, result = Text("✓", style="green"), Text("none")
        else:
            mark, result = Text("–", style="dim"), Text("–", style="dim")
        table.add_row(mark, Text(finding.invariant), f"{finding.checked:,}", result)
    return table
