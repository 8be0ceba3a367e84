"""How long work tells how far it is."""

__all__ = ["Progress", "silent"]

from collections.abc import Callable

Progress = Callable[[str, int, int], None]  # of (what is done now, how much is done, of how much)


def silent(step: str, done: int, total: int) -> None:
    """Tell nobody."""
