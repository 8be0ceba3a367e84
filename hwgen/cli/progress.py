"""Progress bars."""

__all__ = ["bar"]

from collections.abc import Iterator
from contextlib import contextmanager

from rich import progress as rich_progress
from rich.console import Console

from hwgen.progress import Progress, silent


@contextmanager
def bar(title: str, console: Console) -> Iterator[Progress]:
    """Show a bar, and yield what moves it: `move(step, done, total)`; a total of 0 is unknown. A
    pipe gets none, nor the empty line that would be left of it."""
    if not console.is_interactive:
        yield silent
        return
    columns = (
        rich_progress.TextColumn("{task.description}"),
        rich_progress.BarColumn(),
        rich_progress.TimeElapsedColumn(),
        rich_progress.TimeRemainingColumn(),
    )
    with rich_progress.Progress(*columns, console=console, transient=True) as shown:
        task = shown.add_task(title, total=None)

        def move(step: str, done: int, total: int) -> None:
            shown.update(task, description=f"{title}: {step}", completed=done, total=total or None)

        yield move
