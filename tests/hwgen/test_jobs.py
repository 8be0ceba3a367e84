"""Jobs here and on a Dask cluster: none is lost, whoever dies."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from hwgen.errors import HwgenError, ToolError
from hwgen.jobs import Job, JobQueue, Limits
from support import cluster_jobs

SCRIPT = Path(cluster_jobs.__file__)


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    """A cache of the test's own, and where Python finds the jobs."""
    monkeypatch.setenv("HWGEN_CACHE", str(tmp_path / "cache"))
    paths = [str(SCRIPT.parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    return tmp_path


def test_failures_are_outcomes_and_stop_nothing(fresh):
    """One queue: a refusal, a bug, a time-out, too much memory, a worker that dies, and squares."""
    jobs = [
        Job("refuse", cluster_jobs.refuse, (), ("refuse",)),
        Job("crash", cluster_jobs.crash, (), ("crash",)),
        Job("sleep", cluster_jobs.sleep, (60,), ("sleep",)),
        Job("swell", cluster_jobs.swell, (400,), ("swell",)),
        *cluster_jobs.squares(2, fresh),
    ]
    with JobQueue(workers=2, limits=Limits(3.0, 300.0)) as queue:
        for job in jobs:
            queue.put(job)
        found = {outcome.name: outcome for outcome in queue}
    assert set(found) == {job.name for job in jobs} and queue.finished == len(jobs)
    assert found["refuse"].reason == "conv1: network does not fit"
    assert found["crash"].reason == "ZeroDivisionError: nobody caught this"
    assert found["sleep"].reason == "Job did not finish within 3 s and was ended"
    assert "MB of memory, more than 300, and was ended" in found["swell"].reason
    for n in range(2):
        assert found[f"square {n}"].files == {"square": str(n**2).encode()}
    with JobQueue(workers=2) as queue:  # squares are kept, and no worker starts
        for job in jobs[4:]:
            queue.put(job)
        assert all(outcome.cached and outcome.files for outcome in queue)
        assert queue._workers is None


def test_a_killed_driver_goes_on_and_leaves_nobody(fresh):
    """Kill -9 in the middle: its jobs end; the next run computes the rest."""
    command = [sys.executable, str(SCRIPT), "5", "0.2", str(fresh)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as driver:
        lines = [driver.stdout.readline() for _ in range(2)]
        while not (family := psutil.Process(driver.pid).children(recursive=True)):
            time.sleep(0.01)
        driver.send_signal(signal.SIGKILL)
    assert all(line.startswith("square ") for line in lines)
    gone, alive = psutil.wait_procs(family, timeout=20)
    assert not alive
    before = (fresh / "computed").read_text().split()
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    cached = {line.rpartition(" ")[0]: line[-1] for line in done.stdout.splitlines()}
    assert set(cached) == {f"square {n}" for n in range(5)}
    found = [line.rpartition(" ")[0] for line in lines]
    assert all(cached[name] == "1" for name in found), (found, cached)
    again = (fresh / "computed").read_text().split()[len(before) :]
    assert sorted(again) == sorted(name[-1] for name, hit in cached.items() if hit == "0")


@pytest.mark.slow
def test_interrupt_ends_cleanly(fresh):
    """Ctrl-C in a terminal reaches the whole group: no noise of Dask's, and nobody is left."""
    command = [sys.executable, str(SCRIPT), "20", "0.5", str(fresh)]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as driver:
        driver.stdout.readline()
        family = psutil.Process(driver.pid).children(recursive=True)
        start = time.monotonic()
        os.killpg(driver.pid, signal.SIGINT)
        _, text = driver.communicate(timeout=30)
    assert time.monotonic() - start < 20
    assert not psutil.wait_procs(family, timeout=10)[1]
    assert text.rstrip().endswith("KeyboardInterrupt") and "distributed" not in text.split("\n")[0]


@pytest.fixture
def cluster(fresh, monkeypatch):
    """A scheduler that somebody else started, with two workers."""
    import dask
    from distributed import LocalCluster

    with (
        dask.config.set({"temporary-directory": str(fresh)}),
        LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0", memory_limit=0
        ) as found,
    ):
        yield found.scheduler_address


def test_a_cluster_of_the_users(fresh, cluster):
    """The same code; the job that kills its worker, and those that waited behind it, are run by
    others."""
    with JobQueue(address=cluster, limits=Limits(60.0)) as queue:
        queue.put(Job("die once", cluster_jobs.die_once, (str(fresh),), ("die once",)))
        for job in cluster_jobs.squares(4, fresh, 0.1):
            queue.put(job)
        found = {outcome.name: outcome for outcome in queue}
    assert (fresh / "died").exists()
    assert found["die once"].files == {"answer": b"42"}
    assert all(found[f"square {n}"].files for n in range(4)), found


def listening(process):
    """Return the sockets on which a process and its children wait for others."""
    family = [process, *process.children(recursive=True)]
    sockets = [socket for each in family for socket in each.net_connections("all")]
    return [socket for socket in sockets if socket.status == psutil.CONN_LISTEN]


def test_nobody_else_can_send_code(fresh, monkeypatch):
    """While jobs run here, nothing of this process listens, and Dask is not even loaded."""
    monkeypatch.setenv("TMPDIR", str(fresh / "tmp"))
    monkeypatch.setattr("tempfile.tempdir", None)
    (fresh / "tmp").mkdir()
    before = listening(psutil.Process())
    monkeypatch.setitem(sys.modules, "distributed", None)  # importing it would raise
    with JobQueue(workers=2, limits=Limits(60.0)) as queue:
        for job in cluster_jobs.squares(3, fresh, 0.3):
            queue.put(job)
        outcomes = iter(queue)
        assert next(outcomes).files
        assert psutil.Process().children(recursive=True)  # the other jobs
        assert listening(psutil.Process()) == before
        assert all(outcome.files for outcome in outcomes)
    assert not list((fresh / "tmp").iterdir())  # such as dask-scratch-space


def test_what_is_left_is_ended_with_the_queue(fresh):
    """Jobs that run are ended, and those behind them never begin."""
    before = set(psutil.Process().children(recursive=True))
    start = time.monotonic()
    with JobQueue(workers=1, limits=Limits(60.0)) as queue:
        queue.put(Job("sleep", cluster_jobs.sleep, (60,), ("sleep",)))
        queue.put(cluster_jobs.squares(1, fresh)[0])
        while not set(psutil.Process().children(recursive=True)) - before:
            time.sleep(0.05)
    assert time.monotonic() - start < 15
    assert not set(psutil.Process().children(recursive=True)) - before
    assert not (fresh / "computed").exists()


def test_without_psutil_the_extra_is_named(fresh, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with JobQueue() as queue, pytest.raises(ToolError, match=r"psutil is missing; .*jobs"):
        queue.put(cluster_jobs.squares(1, fresh)[0])


def test_no_cluster_at_the_address(fresh, monkeypatch):
    monkeypatch.setattr("hwgen.jobs.cluster._FOUND", 0.5)
    with (
        JobQueue(address="tcp://127.0.0.1:1") as queue,
        pytest.raises(HwgenError, match="no Dask scheduler answers there"),
    ):
        queue.put(cluster_jobs.squares(1, fresh)[0])


@pytest.mark.parametrize("limits", [(0, 1), (1, -1), (float("nan"), 1)])
def test_limits_are_positive(limits):
    with pytest.raises(HwgenError, match="must be positive"):
        Limits(*limits)
