"""What a part of the benchmark has measured: for people, and for machines."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
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
