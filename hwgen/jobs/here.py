"""Workers here: threads of this process, each of which waits for a job in a process of its own.

Nothing listens, on no socket: whoever else is on this machine has nowhere to send code to.
"""

__all__ = ["Here"]

import importlib.util
import threading
from queue import SimpleQueue

from hwgen.errors import ToolError, bring
from hwgen.jobs.job import Job, Limits, Outcome, run_job

_PATIENCE = 10.0  # seconds that jobs are given to end; what is left ends with this process


class Here:
    """So many jobs at a time.

    Parameters
    ----------
    workers : how many

    Raises
    ------
    ToolError : what watches the memory of jobs is missing
    """

    def __init__(self, workers: int) -> None:
        if importlib.util.find_spec("psutil") is None:
            raise ToolError(f"Python package psutil is missing; {bring('jobs')}")
        self._stop = threading.Event()
        self._waiting: SimpleQueue[tuple[str, Job, Limits] | None] = SimpleQueue()
        self._done: SimpleQueue[tuple[str, Outcome | str]] = SimpleQueue()
        # they do not keep this process from its end
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(workers)]
        for thread in self._threads:
            thread.start()

    def _work(self) -> None:
        while (task := self._waiting.get()) is not None and not self._stop.is_set():
            key, job, limits = task
            try:
                outcome: Outcome | str = run_job(job, limits, self._stop)
            except Exception as error:  # whatever it is, the others go on
                outcome = f"{type(error).__name__}: {error}"
            self._done.put((key, outcome))

    def put(self, key: str, job: Job, limits: Limits) -> None:
        """Run a job as soon as a worker is free."""
        self._waiting.put((key, job, limits))

    def next(self) -> tuple[str, Outcome | str]:
        """Wait for a job's end; return its key, and its outcome or why there is none."""
        return self._done.get()

    def close(self) -> None:
        """Take back what has not been run, and end what runs."""
        self._stop.set()
        for _ in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join(_PATIENCE)
