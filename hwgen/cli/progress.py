"""Progress: bars in a terminal, and lines where what is printed is kept."""

__all__ = ["bar", "told", "waiting"]

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich import progress as rich_progress
from rich.console import Console

from hwgen.cli.tables import say
from hwgen.progress import Progress

PAUSE = 1.0  # seconds between two lines in a pipe


@contextmanager
def bar(title: str, console: Console, interrupted: str = "") -> Iterator[Progress]:
    """Show a bar, and yield what moves it: `move(step, done, total)`; a total of 0 is unknown.

    A pipe gets a line a step instead, no more than one in `PAUSE` seconds.

    interrupted : what is said of Ctrl-C: what is left, and how to go on
    """
    with told(interrupted), _shown(title, console) as move:
        yield move


@contextmanager
def waiting(title: str, console: Console, interrupted: str = "") -> Iterator[None]:
    """Show that something runs whose end nobody knows; `interrupted` as `bar` has it."""
    with told(interrupted):
        if console.is_interactive:
            with console.status(title):
                yield
        else:
            say(console, title, wrap=False)
            yield


@contextmanager
def told(interrupted: str) -> Iterator[None]:
    """Say after Ctrl-C what is left, and how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        if interrupted:
            sys.stderr.write(f"hwgen: {interrupted}\n")
        raise


def _lines(title: str, console: Console) -> Progress:
    """Return what tells a pipe which step it is."""
    last, due = "", time.monotonic()

    def move(step: str, done: int, total: int) -> None:
        nonlocal last, due
        if step != last and time.monotonic() >= due:
            last, due = step, time.monotonic() + PAUSE
            of = f" ({done + 1} of {total})" if total > 1 and done < total else ""
            say(console, f"{title}: {step}{of}", wrap=False)

    return move


@contextmanager
def _shown(title: str, console: Console) -> Iterator[Progress]:
    if not console.is_interactive:
        yield _lines(title, console)
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
