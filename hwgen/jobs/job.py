"""A job: a function that fills a folder, what its result depends on, and what it may take."""

__all__ = ["Job", "Limits", "Outcome", "run_job"]

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

from hwgen.cache import Cache, Part
from hwgen.errors import HwgenError
from hwgen.jobs.confined import run_confined

_LIST = "complete.json"  # of the cache, not of the job


@dataclass(frozen=True)
class Limits:
    """What one job may take.

    seconds : after which it is ended
    megabytes : of memory, of all its processes together, over which it is ended
    """

    seconds: float = 1800.0
    megabytes: float = 6000.0

    def __post_init__(self) -> None:
        if not self.seconds > 0 or not self.megabytes > 0:
            raise HwgenError(
                f"Limits of a job must be positive, not {self.seconds:g} s and "
                f"{self.megabytes:g} MB"
            )


@dataclass(frozen=True)
class Job:
    """Something to compute.

    Attributes
    ----------
    name : in messages
    function : `function(folder, *arguments)` fills an empty folder with files; of a module that
        can be imported where the job runs
    arguments : plain values, bytes and arrays
    key : everything that the result depends on
    """

    name: str
    function: Callable[..., None]
    arguments: tuple[Any, ...]
    key: tuple[Part, ...]


@dataclass(frozen=True)
class Outcome:
    """What became of a job.

    Attributes
    ----------
    name : of the job
    files : that it made, by path; None where it failed
    reason : why it failed; empty where it did not
    seconds : that this run spent on it, s
    cached : whether an earlier run had made them
    """

    name: str
    files: dict[str, bytes] | None
    reason: str = ""
    seconds: float = 0.0
    cached: bool = False


def run_job(job: Job, limits: Limits, stop: Event | None = None) -> Outcome:
    """Run a job within its limits, or take what an equal job left in this machine's cache.

    stop : ends it when it is set

    A failure is an outcome like any other, and is not kept: the next run tries again.
    """
    start = time.monotonic()
    ran = False

    def build(folder: Path) -> None:
        nonlocal ran
        ran = True
        run_confined(job.function, (folder, *job.arguments), limits.seconds, limits.megabytes, stop)

    try:
        files = read_entry(Cache().cached(job.key, build))
    except HwgenError as error:
        return Outcome(job.name, None, str(error), time.monotonic() - start)
    return Outcome(job.name, files, "", time.monotonic() - start, not ran)


def read_entry(entry: Path) -> dict[str, bytes]:
    """Return the files of a cache entry, by path."""
    files = sorted(path for path in entry.rglob("*") if path.is_file() and path.name != _LIST)
    return {path.relative_to(entry).as_posix(): path.read_bytes() for path in files}
