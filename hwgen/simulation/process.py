"""A child process with all its descendants: started, waited for, and never left behind."""

__all__ = ["run_process"]

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from hwgen.tools import started


def run_process(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    log: Path,
    deadline: float | None,
    poll: Callable[[], None],
) -> int | None:
    """Run a command in a process group of its own and return its exit status.

    Parameters
    ----------
    log : receives what the command prints
    deadline : `time.monotonic()` at which the whole group is killed; None is returned then
    poll : called about ten times a second

    Whatever ends the wait early, Ctrl-C included, ends the whole group.

    Raises
    ------
    ToolError : it cannot be started
    """
    with started(command, cwd=folder, env=environment, log=log) as process:
        while True:
            try:
                return process.wait(timeout=0.1)
            except subprocess.TimeoutExpired:
                poll()
            if deadline is not None and time.monotonic() > deadline:
                return None
