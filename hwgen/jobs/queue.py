"""Jobs at once: on this machine, or on the user's Dask cluster by its address.

Results are kept in the driver's cache as they come, so that a run which is ended at any time goes
on where it was.
"""

__all__ = ["JobQueue"]

import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from hwgen.cache import Cache
from hwgen.jobs.cluster import Cluster
from hwgen.jobs.here import Here
from hwgen.jobs.job import Job, Limits, Outcome, read_entry


class JobQueue:
    """Run jobs; what is left when the block ends is cancelled.

    Iterating yields outcomes as they come, and ends when nothing is left; more jobs may be put in
    meanwhile.

    Parameters
    ----------
    address : of a Dask scheduler; None runs jobs here
    workers : how many jobs run here at a time; None: one a processor
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
        self._count = workers or len(os.sched_getaffinity(0))
        self._cache = Cache()
        self._found: deque[Outcome] = deque()
        self._jobs: dict[str, Job] = {}
        self._workers: Here | Cluster | None = None  # from the first job on that must be run

    def __enter__(self) -> "JobQueue":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._workers is not None:
            self._workers.close()

    def put(self, job: Job) -> None:
        """Put a job in; what the cache has is not run again.

        Raises
        ------
        ToolError : a package that is needed is missing
        HwgenError : no cluster answers at the address
        """
        self.put_in += 1
        entry = self._cache.find(job.key)
        if entry is not None:
            self._found.append(Outcome(job.name, read_entry(entry), cached=True))
            return
        if self._workers is None:
            self._workers = Cluster(self._address) if self._address else Here(self._count)
        key = f"{job.name}-{self.put_in}"
        self._jobs[key] = job
        self._workers.put(key, job, self.limits)

    def __iter__(self) -> Iterator[Outcome]:
        while self._found or self._jobs:
            outcome = self._found.popleft() if self._found else self._next()
            self.finished += 1
            yield outcome

    def _next(self) -> Outcome:
        assert self._workers is not None
        key, outcome = self._workers.next()
        job = self._jobs.pop(key)
        if isinstance(outcome, str):
            return Outcome(job.name, None, outcome)
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
