"""Progress of long work: on stderr, and only on a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress(description: str, unit: str = "") -> Iterator[Callable[[], None]]:
    """Show that work goes on until the block ends. Yield a function that counts one more `unit`."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = [SpinnerColumn(), TextColumn("{task.description}")]
    if unit:
        columns.append(TextColumn(f"{{task.completed:,}} {unit}"))
    bar = Progress(*columns, TimeElapsedColumn(), console=console, transient=True, disable=not console.is_terminal)
    with bar:
        task = bar.add_task(description)
        yield lambda: bar.advance(task)
