"""Jobs for the tests of `hwgen.jobs`, and a driver that can be killed.

python cluster_jobs.py COUNT SECONDS FOLDER    run so many sleepers; print a line for each
"""

import sys
import time
from pathlib import Path

from hwgen.errors import PlanError
from hwgen.jobs import Job, JobQueue, Limits


def square(folder, number, seen, seconds=0.0):
    """Write the square of a number, and leave word in `seen` that it was computed."""
    with (Path(seen) / "computed").open("a") as file:
        file.write(f"{number}\n")
    time.sleep(seconds)
    (folder / "square").write_text(str(number**2))


def die_once(folder, seen):
    """Kill the worker at the first try, as a crash of its machine would."""
    import os
    import signal

    import psutil

    mark = Path(seen) / "died"
    if not mark.exists():
        mark.touch()
        worker = psutil.Process(os.getppid())
        os.kill(worker.pid, signal.SIGKILL)
        time.sleep(60)
    (folder / "answer").write_text("42")


def refuse(folder):
    """Fail as a plan that does not fit does."""
    raise PlanError("conv1: network does not fit")


def crash(folder):
    """Fail as a bug does."""
    raise ZeroDivisionError("nobody caught this")


def sleep(folder, seconds):
    """Take long."""
    time.sleep(seconds)


def swell(folder, megabytes):
    """Take much memory, in a child of its own."""
    import subprocess

    code = f"import time; x = bytearray({megabytes} * 1000000); time.sleep(60)"
    subprocess.run([sys.executable, "-c", code], check=True)


def squares(count, seen, seconds=0.0):
    """Return jobs that square the numbers below `count`."""
    return [
        Job(f"square {n}", square, (n, str(seen), seconds), ("square", n)) for n in range(count)
    ]


def main(count, seconds, seen):
    """Run sleepers two at a time."""
    from support.cluster_jobs import squares  # by a name that other processes know, not as __main__

    with JobQueue(workers=2, limits=Limits(60.0)) as queue:
        for job in squares(count, seen, seconds):
            queue.put(job)
        for outcome in queue:
            print(outcome.name, int(outcome.cached), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3])
