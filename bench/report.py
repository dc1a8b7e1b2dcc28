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


_PLOT_WIDTH = 60


@dataclass(slots=True)
class Report:
    """The rows of one part, what they are, and what exceeds its budget."""

    part: str
    title: str
    rows: list[Row] = field(default_factory=list)
    exceeded: list[str] = field(default_factory=list)
    plotted: tuple[str, str, str] | None = None  # the columns of a ratio, and of its quartiles

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

    def plot(self) -> list[str]:
        """Return a line for each row, and the scale: the ratio is ●, and half of the rounds are between ├ and ┤."""
        if not self.plotted or not self.rows:
            return []
        largest = max(row[name] for row in self.rows for name in self.plotted)
        labels = [" ".join(value for value in row.values() if isinstance(value, str)).strip() for row in self.rows]
        width = max(map(len, labels))
        lines = []
        for label, row in zip(labels, self.rows, strict=True):
            ratio, low, high = (round(row[name] / largest * _PLOT_WIDTH) for name in self.plotted)
            marks = [" "] * low + ["─"] * (high - low + 1) + [" "] * (_PLOT_WIDTH - high)
            marks[low], marks[high] = "├", "┤"
            marks[ratio] = "●"
            lines.append(f"{label:{width}} {''.join(marks).rstrip()}")
        ends = f"0{largest:>{_PLOT_WIDTH}.2f}"
        return [*lines, f"{'':{width}} {ends}"]

    def markdown(self) -> str:
        """Return the report for a page."""
        names = list(self.rows[0]) if self.rows else []
        aligned = ["---" if isinstance(self.rows[0][name], str) else "---:" for name in names]
        rows = [names, aligned, *([written(row[name]) for name in names] for row in self.rows)]
        plot = ["", "```text", *self.plot(), "```"] if self.plotted else []
        return "\n".join([f"**{self.title}**", "", *(f"| {' | '.join(cells)} |" for cells in rows), *plot])


def put_on_page(page: Path, reports: Sequence[Report], measured: str) -> None:
    """Replace what stands between the marks of each part by its reports. Raise ValueError if a part has no marks."""
    text = page.read_text("utf-8")
    for part in dict.fromkeys(report.part for report in reports):
        begin, end = f"<!-- measured: {part} -->", f"<!-- end of {part} -->"
        before, _, rest = text.partition(begin)
        _, found, after = rest.partition(end)
        if not found:
            raise ValueError(f"{page} has no place for it: {begin} and {end}")
        content = "\n\n".join([measured, *(report.markdown() for report in reports if report.part == part)])
        text = f"{before}{begin}\n{content}\n{end}{after}"
    page.write_text(text, "utf-8")


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
