"""Many jobs at once, here or on a Dask cluster: each limited, cached, and none lost.

What a job does is a function that others hand in; this knows how to run many.
"""

__all__ = ["Job", "JobQueue", "Limits", "Outcome"]

from hwgen.jobs.job import Job, Limits, Outcome
from hwgen.jobs.queue import JobQueue
