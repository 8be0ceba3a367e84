"""Trials: a fault planted, and tests run until one fails."""

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from queue import SimpleQueue

from support.mutants.copies import Copy
from support.mutants.faults import Fault, StaleError, near, options_of

KILLED = ("killed", "timed out")
PATIENCE = (30.0, 5.0)  # seconds, and times what a test took without a fault, that it may take
UNKNOWN = 60.0  # seconds of a test that was not tried without a fault
LONGEST_CHECK = 600.0  # seconds of an entry without a fault


@dataclass(frozen=True)
class Verdict:
    """What became of a fault.

    verdict : "killed" by a test that failed; "timed out" where a test of the list took much longer
        than without the fault, which kills it as well; "survives"; or "stale"
    test : that killed it; of one that survives, the one that ran when the time was over
    test_seconds : of that test
    seconds : from the start of the first test
    entry : of the list, or "near" for what comes after it
    """

    name: str
    file: str
    why: str
    verdict: str
    test: str | None = None
    test_seconds: float = 0.0
    seconds: float = 0.0
    entry: str = ""


class Trials:
    """Tries faults, each in a copy of the tree that no other is in at that time.

    time_limit : seconds for a fault
    """

    def __init__(self, copies: Sequence[Copy], time_limit: float) -> None:
        self._copies: SimpleQueue[Copy] = SimpleQueue()
        for copy in copies:
            self._copies.put(copy)
        self._time_limit = time_limit
        self._longest: dict[str, float] = {}  # test of each entry, without a fault

    @contextlib.contextmanager
    def _copy(self) -> Iterator[Copy]:
        copy = self._copies.get()
        try:
            yield copy
        finally:
            self._copies.put(copy)

    def check_copy(self, fault: Fault) -> None:
        """Make sure that what is tested is the copy: where a file is no Python, tests fail."""
        text = "raise SystemError('planted')\n"
        with self._copy() as copy, copy.planted(fault.file, text):
            run = copy.run(options_of(fault.nearest[0]), time.monotonic() + LONGEST_CHECK)
            if run.status == 0:
                raise StaleError(f"{fault.nearest[0]} must run the copy's {fault.file}")

    def check_entry(self, entry: str) -> None:
        """Make sure that tests of the lists pass without a fault, and note how long they take."""
        with self._copy() as copy:
            run = copy.run(options_of(entry), time.monotonic() + LONGEST_CHECK)
            if run.status != 0:
                raise StaleError(f"{entry} must pass without a fault:\n{copy.said()}")
            self._longest[entry] = run.longest

    def try_fault(self, fault: Fault) -> Verdict:
        """Return what became of a fault."""
        about = (fault.name, fault.file, fault.why)
        with self._copy() as copy:
            try:
                text = fault.planted(copy.root)
            except StaleError as error:
                return Verdict(*about, "stale", entry=str(error))
            return self._verdict(fault, text, copy)

    def _verdict(self, fault: Fault, text: str, copy: Copy) -> Verdict:
        about = (fault.name, fault.file, fault.why)
        started = time.monotonic()
        with copy.planted(fault.file, text):
            for entry in (*fault.nearest, "near"):
                if entry == "near":
                    run = copy.run(near(fault, copy.root), started + self._time_limit)
                else:
                    limit = PATIENCE[0] + PATIENCE[1] * self._longest.get(entry, UNKNOWN)
                    run = copy.run(options_of(entry), started + self._time_limit, limit)
                seconds = round(time.monotonic() - started, 1)
                ended = (round(run.seconds, 2), seconds, entry)
                if run.failed:
                    return Verdict(*about, "killed", run.failed, *ended)
                if run.status not in (0, None):  # ended by its limit, or by itself
                    return Verdict(*about, "timed out", run.running, *ended)
                if run.status is None:
                    break
        return Verdict(*about, "survives", run.running, *ended)
