"""A child process with all its descendants: started, waited for, and never left behind."""

__all__ = ["log_tail", "run_process"]

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

GRACE = 2.0  # seconds between asking and killing
TAIL_LINES = 15


def log_tail(log: Path) -> str:
    """Return the last lines of a log, indented, or a word that there are none."""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    kept = [line for line in lines if line.strip()][-TAIL_LINES:]
    return "\n".join(f"  {line[:300]}" for line in kept) or "  (the log is empty)"


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
    """
    with log.open("w") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        while True:
            try:
                return process.wait(timeout=0.1)
            except subprocess.TimeoutExpired:
                poll()
            if deadline is not None and time.monotonic() > deadline:
                return None
    finally:
        if process.poll() is None:
            _end_group(process)


def _end_group(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        until = time.monotonic() + GRACE
        with suppress(ProcessLookupError):  # nobody of the group is left
            os.killpg(process.pid, number)
            while time.monotonic() < until:
                process.poll()
                time.sleep(0.02)
                os.killpg(process.pid, 0)
