"""Progress bars."""

__all__ = ["bar"]

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich import progress as rich_progress
from rich.console import Console

from hwgen.progress import Progress, silent


@contextmanager
def bar(title: str, console: Console, interrupted: str = "") -> Iterator[Progress]:
    """Show a bar, and yield what moves it: `move(step, done, total)`; a total of 0 is unknown. A
    pipe gets none, nor the empty line that would be left of it.

    interrupted : what is said of Ctrl-C: what is left, and how to go on
    """
    try:
        with _shown(title, console) as move:
            yield move
    except KeyboardInterrupt:
        if interrupted:
            sys.stderr.write(f"hwgen: {interrupted}\n")
        raise


@contextmanager
def _shown(title: str, console: Console) -> Iterator[Progress]:
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
