"""Workers of a Dask cluster that the user has started; Dask hands the jobs of one that dies to
another."""

__all__ = ["Cluster"]

import contextlib
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

from hwgen.errors import HwgenError, ToolError, bring
from hwgen.jobs.job import Job, Limits, Outcome, run_job

if TYPE_CHECKING:
    from distributed import Future

_FOUND = 10.0  # seconds for an address to answer
_LIVES = 5  # workers that may die of a job before it is the job that is blamed


class Cluster:
    """Jobs on a cluster.

    Parameters
    ----------
    address : of its scheduler. Keys, where it wants any, are Dask's configuration's
        (`distributed.comm.tls`)

    Raises
    ------
    ToolError : Dask is missing
    HwgenError : no cluster answers at the address
    """

    def __init__(self, address: str) -> None:
        try:
            import dask
            from distributed import Client, as_completed
        except ModuleNotFoundError as error:
            raise ToolError(f"Python package {error.name} is missing; {bring('jobs')}") from error
        with contextlib.ExitStack() as stack:
            stack.enter_context(_quiet())
            stack.enter_context(dask.config.set({"distributed.scheduler.allowed-failures": _LIVES}))
            try:
                self._client = Client(address, timeout=_FOUND)
            except (OSError, ValueError) as error:
                raise HwgenError(
                    f"{address}: no Dask scheduler answers there; give --cluster an address "
                    f"such as tcp://host:8786, or leave it out ({type(error).__name__})"
                ) from error
            stack.callback(self._client.close)
            self._futures = as_completed()
            self._stack = stack.pop_all()

    def put(self, key: str, job: Job, limits: Limits) -> None:
        """Run a job as soon as a worker is free."""
        self._futures.add(self._client.submit(run_job, job, limits, pure=False, retries=0, key=key))

    def next(self) -> tuple[str, Outcome | str]:
        """Wait for a job's end; return its key, and its outcome or why there is none."""
        future: Future = next(self._futures)
        return future.key, future.result() if future.status == "finished" else _why(future)

    def close(self) -> None:
        """Take back what has not been run; what runs ends with its worker, or for the cache."""
        futures = list(self._futures.futures)
        with self._stack, contextlib.suppress(OSError, TimeoutError):
            if futures:
                self._client.cancel(futures, force=True)


def _why(future: "Future") -> str:
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
