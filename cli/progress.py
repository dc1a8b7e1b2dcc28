"""Progress of long work: on stderr, and only on a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress(
    description: str, unit: str = "", total: int = 0, *, is_estimated: bool = False
) -> Iterator[Callable[[int], None]]:
    """Show that work goes on until the block ends. Yield a function that counts so many more of the `unit`.

    `total` is how many of them there are; 0: nobody knows.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = [SpinnerColumn(), TextColumn("{task.description}", markup=False)]
    if unit and total:
        whole = f"about {total:,}" if is_estimated else f"{total:,}"
        columns += [BarColumn(), TextColumn(f"{{task.completed:,}} of {whole} {unit}")]
    elif unit:
        columns.append(TextColumn(f"{{task.completed:,}} {unit}"))
    bar = Progress(*columns, TimeElapsedColumn(), console=console, transient=True, disable=not console.is_terminal)
    with bar:
        task = bar.add_task(description, total=total or None)
        yield lambda count: bar.advance(task, count)
