"""Progress bars."""

__all__ = ["bar"]

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


@contextmanager
def bar(title: str, console: Console) -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar, and yield what moves it: `move(step, done, total)`; a total of 0 is unknown. A
    pipe gets none, nor the empty line that would be left of it."""
    if not console.is_interactive:
        yield lambda step, done, total: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(title, total=None)

        def move(step: str, done: int, total: int) -> None:
            progress.update(
                task, description=f"{title}: {step}", completed=done, total=total or None
            )

        yield move
