"""What came of a proof: for people, for machines, and for `docs/proof.md`."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from tools.engines import ROOT

PAGE, KEPT = ROOT / "docs" / "proof.md", ROOT / "docs" / "proof.json"
_COUNTS = re.compile(r"(?<=<!-- counts -->\n).*?(?=<!-- end of counts -->)", re.DOTALL)


@dataclass(slots=True)
class Part:
    """One part of the proof, and what has come of it."""

    name: str  # its module in this package
    claim: str
    share: float  # of the time
    counts: dict[str, int] = field(default_factory=dict)
    spent: float = 0.0
    took_s: float = 0.0
    found: list[dict[str, str]] = field(default_factory=list)
    cannot_run: str | None = None
    has_ended: bool = False

    @property
    def verdict(self) -> str:
        if self.found:
            return "broken"
        return "holds" if self.has_ended and not self.cannot_run else "not run"


def counted(part: Part) -> str:
    """A part's counts in a line."""
    return " · ".join(f"{number:,} {what}" for what, number in part.counts.items())


def table(chosen: Iterable[Part], seed: int) -> Group:
    """The report for a person: what was tried, and what was found with the command that plays it again."""
    rows = Table(box=None, padding=(0, 2))
    for column in ("", "part", "claim", "tried"):
        rows.add_column(column)
    rows.add_column("seconds", justify="right")
    marks = {"holds": "[green]✓[/]", "broken": "[red]✗[/]", "not run": "[yellow]–[/]"}
    found: list[Text] = []
    for part in chosen:
        tried = "\n".join(f"{number:,} {what}" for what, number in part.counts.items())
        rows.add_row(marks[part.verdict], part.name, part.claim, Text(tried), f"{part.took_s:.0f}")
        found += [Text(f"\n✗ {part.name}: {one['what']}\n  again: {one['again']}") for one in part.found]
        if part.cannot_run:
            found.append(Text(f"\n– {part.name} did not run: {part.cannot_run}"))
    return Group(rows, *found, Text(f"\nseed {seed}"))


def as_json(chosen: Iterable[Part], seed: int, minutes: float) -> dict[str, Any]:
    """The report for machines."""
    parts = [
        {
            "part": part.name,
            "claim": part.claim,
            "verdict": part.verdict,
            "counts": part.counts,
            "seconds": round(part.took_s),
            "found": part.found,
            "cannot_run": part.cannot_run,
        }
        for part in chosen
    ]
    return {
        "seed": seed,
        "minutes": minutes,
        "holds": all(part["verdict"] == "holds" for part in parts),
        "parts": parts,
    }


def markdown(said: Mapping[str, Any]) -> str:
    """The counts as `docs/proof.md` shows them."""
    lines = ["| part | claim | tried |", "|---|---|---|"]
    for part in said["parts"]:
        tried = ", ".join(f"{number:,} {what}" for what, number in part["counts"].items())
        lines.append(f"| `{part['part']}` | {part['claim']} | {part['verdict']}: {tried} |")
    return "\n".join(lines) + f"\n\nSeed {said['seed']}, {said['minutes']:.0f} minutes on two cores.\n"


def keep(said: Mapping[str, Any]) -> None:
    """Write the counts down, for machines and into the page."""
    KEPT.write_text(json.dumps(said, indent=2) + "\n", "utf-8")
    page = PAGE.read_text("utf-8")
    PAGE.write_text(_COUNTS.sub(lambda _: markdown(said), page), "utf-8")


def shown() -> str:
    """The counts that the page shows."""
    found = _COUNTS.search(PAGE.read_text("utf-8"))
    return found[0] if found else ""
