"""A function in a process of its own, with a time limit and a memory limit.

A limit of address space would not do: WebAssembly programs reserve far more than they use. So the
memory that the process and all its descendants really hold is looked at, several times a second.
When the process that waits is killed, the whole group ends with it (`tools.started`).

    python -m hwgen.jobs.confined    is what runs inside; it reads `call` in its folder
"""

__all__ = ["run_confined"]

import pickle
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

from hwgen import tools
from hwgen.errors import HwgenError, ToolError

_CALL = "call"  # our own pickle, in a folder that is ours alone
_ERROR = "error"
_DONE = "done"
_LOOK = 0.1  # seconds between two looks


def run_confined(
    function: Callable[..., None],
    arguments: tuple[Any, ...],
    seconds: float,
    megabytes: float,
    stop: Event | None = None,
) -> None:
    """Call a function of a module in a process of its own, and wait for its end.

    stop : ends it when it is set

    Raises
    ------
    HwgenError : with the text of the error that the function raised
    ToolError : a limit was reached, or it was stopped, and the process was ended; or it ended
        without an answer
    """
    with tools.workspace() as folder:
        (folder / _CALL).write_bytes(pickle.dumps((function, arguments)))
        log = folder / "log"
        command = [sys.executable, "-m", "hwgen.jobs.confined"]
        environment = tools.environment()
        with tools.started(command, cwd=folder, env=environment, log=log) as process:
            _wait(process, seconds, megabytes, stop)
        if (folder / _ERROR).exists():
            raise HwgenError((folder / _ERROR).read_text(encoding="utf-8"))
        if not (folder / _DONE).exists():
            raise ToolError(
                f"Job ended with status {process.returncode} and without a result\n"
                + tools.log_tail(log).rpartition("\n")[0]  # the log goes with its folder
            )


def _wait(
    process: "subprocess.Popen[bytes]", seconds: float, megabytes: float, stop: Event | None
) -> None:
    """Wait for a process, which is ended by whoever started it when a limit is reached."""
    end = time.monotonic() + seconds
    while True:
        try:
            process.wait(_LOOK)
            return
        except subprocess.TimeoutExpired:
            pass
        if stop is not None and stop.is_set():
            raise ToolError("Job was ended with its queue")
        if time.monotonic() > end:
            raise ToolError(f"Job did not finish within {seconds:g} s and was ended")
        held = _memory(process.pid) / 1e6
        if held > megabytes:
            raise ToolError(
                f"Job took {held:,.0f} MB of memory, more than {megabytes:,.0f}, and was ended"
            )


def _memory(pid: int) -> int:
    """Return the bytes that a process and its descendants hold."""
    import psutil

    held = 0
    try:
        top = psutil.Process(pid)
        for process in (top, *top.children(recursive=True)):
            try:
                held += process.memory_info().rss
            except psutil.Error:  # it ended in between
                continue
    except psutil.Error:
        return held
    return held


def main() -> None:
    """Run the call that lies in the working folder; leave word of how it ended."""
    function, arguments = pickle.loads(Path(_CALL).read_bytes())
    try:
        function(*arguments)
    except Exception as error:
        ours = isinstance(error, HwgenError)
        text = str(error) if ours else f"{type(error).__name__}: {error}"
        if not ours:
            traceback.print_exc()
        Path(_ERROR).write_text(text, encoding="utf-8")
        return
    Path(_DONE).touch()


if __name__ == "__main__":
    main()
