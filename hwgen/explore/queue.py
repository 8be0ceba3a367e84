"""Jobs on a Dask cluster: a local one, or the user's own by its address; the code is the same.

Dask hands the jobs of a worker that dies to another. Results are kept in the driver's cache as they
come, so that a run which is ended at any time goes on where it was.
"""

__all__ = ["JobQueue"]

import contextlib
import logging
import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from hwgen import tools
from hwgen.cache import Cache
from hwgen.errors import HwgenError, ToolError
from hwgen.explore.job import Job, Limits, Outcome, read_entry, run_job

if TYPE_CHECKING:
    from distributed import Client, Future

_FOUND = 10.0  # seconds for an address to answer
_DEAF = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"  # Ctrl-C is the driver's
_LIVES = 5  # workers that may die of a job before it is the job that is blamed


class JobQueue:
    """Run jobs; what is left when the block ends is cancelled.

    Iterating yields outcomes as they come, and ends when nothing is left; more jobs may be put in
    meanwhile.

    Parameters
    ----------
    address : of a Dask scheduler; None starts one here, with its workers
    workers : how many, of a cluster that is started here; None: one a processor
    limits : of each job

    Attributes
    ----------
    put_in, finished : how many jobs so far
    """

    def __init__(
        self,
        *,
        address: str | None = None,
        workers: int | None = None,
        limits: Limits | None = None,
    ):
        self.limits = limits or Limits()
        self.put_in = self.finished = 0
        self._address = address
        self._workers = workers or len(os.sched_getaffinity(0))
        self._cache = Cache()
        self._found: deque[Outcome] = deque()
        self._jobs: dict[str, Job] = {}
        self._futures: Any = None
        self._client: Client | None = None
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> "JobQueue":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def put(self, job: Job) -> None:
        """Put a job in; what the cache has is not run again.

        Raises
        ------
        ToolError : Dask is missing
        HwgenError : no cluster answers at the address
        """
        self.put_in += 1
        entry = self._cache.find(job.key)
        if entry is not None:
            self._found.append(Outcome(job.name, read_entry(entry), cached=True))
            return
        client = self._connected()
        future = client.submit(
            run_job, job, self.limits, pure=False, retries=0, key=f"{job.name}-{self.put_in}"
        )
        self._jobs[future.key] = job
        self._futures.add(future)

    def __iter__(self) -> Iterator[Outcome]:
        while self._found or self._jobs:
            outcome = self._found.popleft() if self._found else self._next()
            self.finished += 1
            yield outcome

    def _next(self) -> Outcome:
        future: Future = next(self._futures)
        job = self._jobs.pop(future.key)
        if future.status != "finished":
            return Outcome(job.name, None, _why(future, job))
        outcome: Outcome = future.result()
        if outcome.files is not None:
            self._keep(job, outcome.files)
        return outcome

    def _keep(self, job: Job, files: dict[str, bytes]) -> None:
        """Put a result into the driver's cache, where a worker of this machine has not already."""

        def build(folder: Path) -> None:
            for name, data in files.items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(data)

        self._cache.cached(job.key, build)

    def _connected(self) -> "Client":
        if self._client is not None:
            return self._client
        try:
            import dask
            from distributed import Client, LocalCluster, as_completed
        except ModuleNotFoundError as error:
            raise ToolError(
                f"Python package {error.name} is missing; pip install 'hwgen[explore]'"
            ) from error
        self._stack.enter_context(_quiet())
        self._stack.enter_context(
            dask.config.set({"distributed.scheduler.allowed-failures": _LIVES})
        )
        if self._address is None:
            cluster = self._stack.enter_context(
                LocalCluster(
                    n_workers=self._workers,
                    threads_per_worker=1,
                    memory_limit=0,  # a job's own limit counts the programs that it starts
                    dashboard_address="127.0.0.1:0",  # a port that is free, for this machine only
                    preload=[_DEAF],
                    local_directory=str(self._stack.enter_context(tools.workspace())),
                    silence_logs=logging.CRITICAL,
                )
            )
            client = Client(cluster)
        else:
            try:
                client = Client(self._address, timeout=_FOUND)
            except (OSError, ValueError) as error:
                raise HwgenError(
                    f"{self._address}: no Dask scheduler answers there; give --cluster an address "
                    f"such as tcp://host:8786, or leave it out ({type(error).__name__})"
                ) from error
        self._stack.callback(client.close)
        self._stack.callback(self._cancel)
        self._client, self._futures = client, as_completed()
        return client

    def _cancel(self) -> None:
        """Take back what has not been run; what runs ends with its worker, or for the cache."""
        assert self._client is not None
        futures = list(self._futures.futures)
        if futures:
            with contextlib.suppress(OSError, TimeoutError):
                self._client.cancel(futures, force=True)


def _why(future: "Future", job: Job) -> str:
    if future.cancelled():
        return "Job was cancelled by the cluster"
    error = future.exception()
    if type(error).__name__ == "KilledWorker":
        return f"Every worker that took this job died ({_LIVES + 1} of them)"
    return f"{type(error).__name__}: {error}"


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep Dask's own log off the terminal: what matters of it is said in outcomes."""
    logger = logging.getLogger("distributed")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)
