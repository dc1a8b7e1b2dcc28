"""What came of a proof: for people, for machines, and for `docs/proof.md`."""

import hashlib
import json
import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from tools.engines import ROOT

PAGE, KEPT = ROOT / "docs" / "proof.md", ROOT / "docs" / "proof.json"
HERE = Path(__file__).parent
_COUNTS = re.compile(r"(?<=<!-- counts -->\n).*?(?=<!-- end of counts -->)", re.DOTALL)


@dataclass(slots=True)
class Part:
    """One part of the proof, and what has come of it."""

    name: str  # its module in this package
    claim: str
    share: float  # of the time
    floor: Mapping[str, int] = field(default_factory=dict)  # so many of these it must have tried, to prove anything
    beside: tuple[str, ...] = ()  # what else in this package it checks by
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
        if self.cannot_run or not self.has_ended:
            return "not run"
        return "too little" if self.too_little else "holds"

    @property
    def too_little(self) -> list[str]:
        """What was tried less often than the floor says."""
        return [
            f"{self.counts.get(what, 0):,} {what}, at least {least:,} are due"
            for what, least in self.floor.items()
            if self.counts.get(what, 0) < least
        ]

    @property
    def checks(self) -> str:
        """A digest of the code that this part checks by: a row that was measured with other code is out of date."""
        digest = hashlib.sha256()
        for name in (self.name, *self.beside):
            own = HERE / name
            for file in sorted(own.rglob("*")) if own.is_dir() else [own.with_suffix(".py")]:
                if file.suffix in {".py", ".pml", ".toml"}:
                    digest.update(file.read_bytes())
        return digest.hexdigest()[:12]


def counted(part: Part) -> str:
    """A part's counts in a line."""
    return " · ".join(f"{number:,} {what}" for what, number in part.counts.items())


def table(chosen: Iterable[Part], seed: int) -> Group:
    """The report for a person: what was tried, and what was found with the command that plays it again."""
    rows = Table(box=None, padding=(0, 2))
    for column in ("", "part", "claim", "tried"):
        rows.add_column(column)
    rows.add_column("seconds", justify="right")
    marks = {"holds": "[green]✓[/]", "broken": "[red]✗[/]", "not run": "[yellow]–[/]", "too little": "[yellow]–[/]"}
    found: list[Text] = []
    for part in chosen:
        tried = "\n".join(f"{number:,} {what}" for what, number in part.counts.items())
        rows.add_row(marks[part.verdict], part.name, part.claim, Text(tried), f"{part.took_s:.0f}")
        found += [Text(f"\n✗ {part.name}: {one['what']}\n  again: {one['again']}") for one in part.found]
        if part.cannot_run:
            found.append(Text(f"\n– {part.name} did not run: {part.cannot_run}"))
        elif part.verdict == "too little":
            found.append(
                Text(f"\n– {part.name} has tried too little: {'; '.join(part.too_little)}. Give it more MINUTES.")
            )
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
            "too_little": part.too_little,
        }
        for part in chosen
    ]
    return {
        "seed": seed,
        "minutes": minutes,
        "holds": all(part["verdict"] == "holds" for part in parts),
        "parts": parts,
    }


def keep(chosen: Iterable[Part], seed: int) -> None:
    """Write the counts of these parts down, for machines and into the page. The other parts' rows stay."""
    kept = {row["part"]: row for row in json.loads(KEPT.read_text("utf-8"))["parts"]}
    for part in chosen:
        kept[part.name] = {
            "part": part.name,
            "claim": part.claim,
            "verdict": part.verdict,
            "counts": part.counts,
            "seconds": round(part.took_s),
            "seed": seed,
            "on": f"{datetime.now(UTC):%Y-%m-%d}",
            "version": _version(),
            "checks": part.checks,
        }
    rows = {"parts": list(kept.values())}
    page = _COUNTS.sub(lambda _: markdown(rows), PAGE.read_text("utf-8"))
    KEPT.write_text(json.dumps(rows, indent=2) + "\n", "utf-8")
    PAGE.write_text(page, "utf-8")


def markdown(kept: Mapping[str, Any]) -> str:
    """The counts as `docs/proof.md` shows them."""
    lines = ["| part | claim | tried | seconds | on, version, seed |", "|---|---|---|---|---|"]
    for row in kept["parts"]:
        tried = ", ".join(f"{number:,} {what}" for what, number in row["counts"].items())
        measured = f"{row['on']}, {row['version']}, {row['seed']}"
        lines.append(
            f"| `{row['part']}` | {row['claim']} | {row['verdict']}: {tried} | {row['seconds']:,} | {measured} |"
        )
    return "\n".join(lines) + "\n"


def _version() -> str:
    """The commit that was measured; with a `+` if files were changed since."""
    said = subprocess.run(
        ["git", "describe", "--always", "--dirty=+", "--abbrev=9"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return said.stdout.strip() or "unknown"


def shown() -> str:
    """The counts that the page shows."""
    found = _COUNTS.search(PAGE.read_text("utf-8"))
    return found[0] if found else ""
