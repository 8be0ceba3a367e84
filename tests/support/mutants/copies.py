"""A copy of the tree, in which faults are planted and tests run."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from support.mutants.faults import ROOT

LEFT_OUT = (".git", ".venv", "__pycache__", ".*_cache", ".hypothesis", "build", "dist")
POLL = 0.1  # seconds

# Tells of each test when it starts and when it fails; what is ended cannot say so at its end.
WATCH = """
import json, os, time

def _say(*event):
    with open(os.environ["MUTANTS_EVENTS"], "a") as file:
        file.write(json.dumps(event) + "\\n")

def pytest_runtest_logstart(nodeid):
    _say("start", nodeid, time.time())

def pytest_runtest_logfinish(nodeid):
    _say("finish", nodeid, 0.0)

def pytest_runtest_logreport(report):
    _say("failed" if report.failed else "done", report.nodeid, report.duration)

def pytest_collectreport(report):
    if report.failed:
        _say("failed", report.nodeid, 0.0)
"""


@dataclass(frozen=True)
class Run:
    """One run of pytest.

    status : its own, None where it was ended
    failed, running : the test that failed; the one that had not ended
    longest : seconds of the longest test
    seconds : of the test that failed, or had not ended
    """

    status: int | None
    failed: str | None
    running: str | None
    longest: float
    seconds: float


class Copy:
    """A copy of the tree.

    Its packages come before the installed ones, which are an editable install of the original; so
    they do in every process that tests start, since PYTHONPATH reaches them all.
    """

    def __init__(
        self, folder: Path, stop: threading.Event, seed: int = 0, source: Path = ROOT
    ) -> None:
        self.root = folder / "tree"
        self._folder, self._stop, self._seed = folder, stop, seed
        self._touched = time.time() - 1e6
        shutil.copytree(source, self.root, ignore=shutil.ignore_patterns(*LEFT_OUT), symlinks=True)
        (folder / "watch").mkdir()
        (folder / "watch" / "mutants_watch.py").write_text(WATCH)

    @contextlib.contextmanager
    def planted(self, name: str, text: str) -> Iterator[None]:
        """Put a text into a file; afterwards it is as before, and what its runs left is gone."""
        file = self.root / name
        original = file.read_text(encoding="utf-8")
        numba = "njit" in original  # whose cache knows a function by its own file alone
        try:
            self._write(file, text, numba)
            yield
        finally:
            self._write(file, original, numba)

    def _write(self, file: Path, text: str, numba: bool) -> None:
        file.write_text(text, encoding="utf-8")
        self._touched += 10  # bytecode is known by the seconds of its source
        os.utime(file, (self._touched, self._touched))
        # what a faulty tool run left in a cache must not reach another fault's tests
        for name in ("cache", "tmp", *(["numba"] if numba else [])):
            shutil.rmtree(self._folder / name, ignore_errors=True)
        (self._folder / "tmp").mkdir(exist_ok=True)

    def _sources(self) -> list[Path]:
        """Return the folders that an editable install would have on the path."""
        project = self.root / "pyproject.toml"
        table = tomllib.loads(project.read_text(encoding="utf-8")) if project.is_file() else {}
        build = table.get("tool", {}).get("hatch", {}).get("build", {})
        return [self.root / folder for folder in build.get("dev-mode-dirs", ["."])]

    def _environment(self) -> dict[str, str]:
        return os.environ | {
            "PYTHONPATH": os.pathsep.join(map(str, [*self._sources(), self._folder / "watch"])),
            "MUTANTS_EVENTS": str(self._folder / "events"),
            "HWGEN_CACHE": str(self._folder / "cache"),
            "NUMBA_CACHE_DIR": str(self._folder / "numba"),
            "TMPDIR": str(self._folder / "tmp"),
        }

    def run(self, arguments: Sequence[str], deadline: float, limit: float | None = None) -> Run:
        """Run pytest until its first failure, a moment, or Ctrl-C.

        Parameters
        ----------
        deadline : `time.monotonic()` at which it is ended
        limit : seconds for one test
        """
        events = self._folder / "events"
        events.write_text("")
        (self._folder / "tmp").mkdir(exist_ok=True)
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
        command += ["-p", "mutants_watch", f"--hypothesis-seed={self._seed}", *arguments]
        command += [f"--timeout={limit:.0f}"] if limit else []
        with (self._folder / "log").open("w") as log:
            process = subprocess.Popen(
                command,
                cwd=self.root,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            status = None
            try:
                while status is None and time.monotonic() < deadline and not self._stop.is_set():
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        status = process.wait(POLL)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        return _read(status, events.read_text())

    def said(self) -> str:
        """Return the end of what the last run printed."""
        return (self._folder / "log").read_text(errors="replace")[-2000:]


def _read(status: int | None, events: str) -> Run:
    times: dict[str, float] = {}  # of each test, its set-up included
    failed = running = None
    began = 0.0
    for what, test, number in map(json.loads, events.splitlines()):
        if what == "start":
            running, began = test, number
        elif what == "finish":
            running = None
        else:
            times[test] = times.get(test, 0.0) + number
            failed = failed or (test if what == "failed" else None)
    took = time.time() - began if running and not failed else times.get(failed or "", 0.0)
    return Run(status, failed, running, max(times.values(), default=0.0), took)
