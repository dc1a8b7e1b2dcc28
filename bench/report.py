"""What a part of the benchmark has measured: for people, and for machines."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

Advance = Callable[[int], None]
Progress = Callable[[str, int], Advance]
"""Called with the name of some work and its size. What it returns is called with each part that is done."""

Row = dict[str, Any]
"""The names of a row's columns, and its numbers."""


@dataclass(slots=True)
class Report:
    """The rows of one part, what they are, and what exceeds its budget."""

    part: str
    title: str
    rows: list[Row] = field(default_factory=list)
    exceeded: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return the report for machines."""
        return {"part": self.part, "title": self.title, "rows": self.rows, "exceeded": self.exceeded}

    def table(self) -> Table:
        """Return the report for people."""
        table = Table(title=self.title, title_justify="left", box=None, padding=(0, 2), header_style="dim")
        for name in self.rows[0] if self.rows else ():
            is_text = isinstance(self.rows[0][name], str)
            table.add_column(name, justify="left" if is_text else "right", no_wrap=is_text)
        for row in self.rows:
            table.add_row(*(Text(written(value)) for value in row.values()))
        return table

    def markdown(self) -> str:
        """Return the report for a page."""
        names = list(self.rows[0]) if self.rows else []
        aligned = ["---" if isinstance(self.rows[0][name], str) else "---:" for name in names]
        rows = [names, aligned, *([written(row[name]) for name in names] for row in self.rows)]
        return "\n".join([f"**{self.title}**", "", *(f"| {' | '.join(cells)} |" for cells in rows)])


def put_on_page(page: Path, reports: Sequence[Report], measured: str) -> None:
    """Replace what stands between the marks of a page by these reports. Raise ValueError if it has no marks."""
    text = page.read_text("utf-8")
    before, begin, rest = text.partition("<!-- measured -->")
    _, end, after = rest.partition("<!-- end of measured -->")
    if not (begin and end):
        raise ValueError(f"{page} has no place for it: <!-- measured --> and <!-- end of measured -->")
    content = "\n\n".join([measured, *(report.markdown() for report in reports)])
    page.write_text(f"{before}{begin}\n{content}\n{end}{after}", "utf-8")


def written(value: object) -> str:
    """Return a number as a person reads it: whole, or with two digits."""
    if isinstance(value, float):
        return f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def grown(rows: Sequence[Row], key: Sequence[str], columns: Sequence[str], most: float) -> list[str]:
    """Return what is more than `most` times as large in the last row of a key as in the first one."""
    by_key: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        by_key.setdefault(tuple(row[name] for name in key), []).append(row)
    return [
        f"{' '.join(map(str, names))}: {column} {written(first[column])} became {written(last[column])}"
        for names, (first, *others) in by_key.items()
        for last in others[-1:]
        for column in columns
        if last[column] > first[column] * most
    ]
