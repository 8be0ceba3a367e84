"""The campaign: many cases on two processes, and what became of them.

A task is a case, or the shrinking of one that failed. A process gets its next one when it is free,
so that nothing waits in a queue when the user ends it all.
"""

import os
import re
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from multiprocessing import active_children, get_context, parent_process
from pathlib import Path
from threading import Thread
from types import FrameType
from typing import Any

import torch
from amaranth.hdl import UnusedElaboratable

from hwgen.errors import HwgenWarning
from hwgen.network import Network
from support.fuzz.case import KINDS, MODELS, draw, source_of
from support.fuzz.found import save
from support.fuzz.legs import Failure, check_case, check_network
from support.fuzz.shrink import shrink

GRACE = 5.0  # seconds a process has between the request to end and the kill
PER_CASE = 900  # seconds after which a case counts as hanging
CLOCKS_EVERY = 9  # cases: that often the cocotb bench holds every clock to the plan
NETLIST_EVERY = 15  # that often the netlist of a kind is simulated too
SHRUNK_OF_A_KIND = 3  # failures that look alike, beyond which they are saved as they are


@dataclass(frozen=True)
class Options:
    """What a campaign does.

    count : networks from torch to compare three ways, with others between; where no kind from
        torch is asked for, networks
    seed : what the campaign depends on, and nothing else
    kinds : of `SOURCES`, all others are passed over
    folder : where failures are saved
    workers : processes
    shrink_seconds : for one failure
    netlist_every, clocks_every : 0 never
    """

    count: int
    seed: int
    folder: Path
    workers: int = 2
    shrink_seconds: float = 120.0
    netlist_every: int = NETLIST_EVERY
    clocks_every: int = CLOCKS_EVERY
    kinds: tuple[str, ...] = KINDS

    @property
    def counted(self) -> frozenset[str]:
        """The kinds that `count` counts."""
        return frozenset(self.kinds) & frozenset(MODELS) or frozenset(self.kinds)


@dataclass(frozen=True)
class Outcome:
    """What became of a case.

    legs : the legs that hold, besides golden
    ops : how many of each op the network has
    refused : what hwgen said of earlier draws
    """

    index: int
    source: str
    legs: tuple[str, ...]
    ops: Counter[str]
    refused: tuple[str, ...]
    seconds: float
    failure: Failure | None

    @property
    def alike(self) -> str:
        """What failures of one kind share: leg, kind, and the text without numbers and names."""
        assert self.failure is not None
        words = re.sub(r"[\d-]+|'.*?'", "#", self.failure.text)[:80]
        return f"{self.failure.leg} {self.failure.kind} {words}"


@dataclass
class Summary:
    """What became of a campaign so far."""

    options: Options
    outcomes: list[Outcome] = field(default_factory=list)
    saved: list[Path] = field(default_factory=list)
    interrupted: bool = False
    seconds: float = 0.0

    @property
    def failed(self) -> list[Outcome]:
        """The cases that failed."""
        return [outcome for outcome in self.outcomes if outcome.failure]


Report = Callable[[Summary], None]


def indices(options: Options) -> Iterator[int]:
    """Yield indices until as many as wanted are of the kinds that count; the last is of them."""
    found = 0
    for index in count():
        if source_of(index) in options.kinds:
            yield index
            found += source_of(index) in options.counted
        if found >= options.count:
            return


def due(number: int, every: int) -> bool:
    """Say whether it is the turn of what happens once in `every` cases."""
    return every > 0 and number % every == every - 1


def netlist_due(options: Options, index: int) -> bool:
    """Say whether a case is to be synthesised: now and then one of each kind, of different kinds
    at different times."""
    source = source_of(index)
    before = sum(source_of(i) == source for i in range(index))
    return due(before + KINDS.index(source), options.netlist_every)


def check_index(options: Options, index: int) -> Outcome:
    """Draw a case and hold it to the equality."""
    begin = time.monotonic()
    netlist, clocks = netlist_due(options, index), due(index, options.clocks_every)
    case, failure = None, None
    with limited(PER_CASE), tempfile.TemporaryDirectory(prefix="case-") as folder:
        try:
            case = draw(options.seed, index, synthesised=netlist)
            failure = check_case(case, Path(folder), clocks=clocks, netlist=netlist)
        except Exception as error:  # what draws a case is code of ours as well
            failure = Failure("draw", type(error).__name__, str(error))
    legs = {"torch": source_of(index) in MODELS, "RTL": True, "clocks": clocks, "netlist": netlist}
    return Outcome(
        index=index,
        source=source_of(index),
        legs=tuple(leg for leg, held in legs.items() if held and failure is None),
        ops=Counter(type(node.op).__name__ for node in case.network.nodes) if case else Counter(),
        refused=case.refused if case else (),
        seconds=time.monotonic() - begin,
        failure=failure,
    )


def save_failure(options: Options, index: int, failure: Failure, seconds: float) -> Path | None:
    """Shrink what failed for so long, save it, and return where; None where not even a network
    came of the draw.

    A module of torch is not shrunk, only what is a network.
    """
    if failure.leg == "draw":
        return None
    case = draw(options.seed, index, synthesised=netlist_due(options, index))

    def failing(network: Network) -> Failure | None:
        with limited(PER_CASE), tempfile.TemporaryDirectory(prefix="shrink-") as folder:
            return check_network(
                network,
                case.settings,
                Path(folder),
                clocks=failure.leg == "clocks",
                netlist=failure.leg == "netlist",
            )

    smallest = case.network
    if failure.leg != "torch" and seconds and failure.like(failing(smallest)):
        smallest = shrink(smallest, lambda network: failure.like(failing(network)), seconds=seconds)
        failure = failing(smallest) or failure
    return save(case, smallest, failure, options.folder)


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise TimeoutError in what takes longer."""

    def late(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"not done within {seconds:g} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def prepare(folder: str) -> None:
    """Make a process of ours ready: what it writes goes below `folder`, and its parent alone ends
    it, be it by being killed."""

    def end(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)  # tools that run are ended on the way out

    def follow() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(GRACE)
        os._exit(1)

    def lost(raised: Any) -> None:
        if raised.exc_type is not SystemExit:  # of `end`, within a finalizer
            sys.__unraisablehook__(raised)

    parent = parent_process()
    if parent is not None:
        sys.unraisablehook = lost
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        Thread(target=follow, daemon=True).start()
    warnings.simplefilter("ignore", UnusedElaboratable)  # said of every design that fails
    warnings.simplefilter("ignore", HwgenWarning)  # of noise, which is no fault here
    os.environ["HWGEN_CACHE"] = f"{folder}/cache"
    tempfile.tempdir = folder
    torch.set_num_threads(1)
    if parent is not None:  # last: until here no tool runs, and the plain signal is quiet
        signal.signal(signal.SIGTERM, end)


def end_children(pool: Executor) -> None:
    """End the processes: ask, wait a moment, kill.

    A process that is asked in mid-case gives the answer for the case's result and goes on; one
    whose neighbour was killed while it held the queue's lock would then wait for ever.
    """
    children = active_children()
    for process in children:
        process.terminate()
    pool.shutdown(wait=False, cancel_futures=True)
    deadline = time.monotonic() + GRACE
    for process in children:
        process.join(max(0.0, deadline - time.monotonic()))
        if process.is_alive():  # an exception may be lost, in a finalizer say
            process.kill()
            process.join()


@contextmanager
def deaf() -> Iterator[None]:
    """Have processes that start meanwhile not hear of Ctrl-C: it is for their parent."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def campaign(options: Options, report: Report) -> Summary:
    """Run a campaign; `report` hears of every case.

    Ctrl-C ends it; what is known by then is returned.
    """
    summary = Summary(options)
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="hwgen-fuzz-") as folder:
        pool = ProcessPoolExecutor(
            options.workers, get_context("spawn"), initializer=prepare, initargs=(folder,)
        )
        try:
            for result in results(pool, options):
                if isinstance(result, Outcome):
                    summary.outcomes.append(result)
                elif result is not None:
                    summary.saved.append(result)
                summary.seconds = time.monotonic() - begin
                report(summary)
        except KeyboardInterrupt:
            summary.interrupted = True
        finally:
            end_children(pool)
            pool.shutdown()
    return summary


def crashed(index: int) -> Outcome:
    """Return what is known of a case whose process, or the other one, was killed or crashed."""
    failure = Failure("process", "BrokenExecutor", "a process crashed or was killed meanwhile")
    return Outcome(index, source_of(index), (), Counter(), (), 0.0, failure)


def results(pool: Executor, options: Options) -> Iterator[Outcome | Path | None]:
    """Yield what becomes of every case, and of every failure, as they are done.

    A process that dies ends it: then the cases at hand have failed, whichever was to blame.
    """
    failures: list[tuple[int, Failure, float]] = []
    cases, alike = indices(options), Counter[str]()
    running: dict[Future[Outcome] | Future[Path | None], int] = {}
    while True:
        while len(running) < options.workers:
            index = None if failures else next(cases, None)
            if not failures and index is None:
                break
            with deaf():
                if failures:
                    failure = failures.pop()
                    running[pool.submit(save_failure, options, *failure)] = failure[0]
                else:
                    running[pool.submit(check_index, options, index)] = index
        if not running:
            return
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        if any(isinstance(task.exception(), BrokenExecutor) for task in done):
            yield from (crashed(index) for index in running.values())
            return
        for task in done:
            del running[task]
            result = task.result()
            if isinstance(result, Outcome) and result.failure:
                alike[result.alike] += 1
                seldom = alike[result.alike] <= SHRUNK_OF_A_KIND
                seconds = options.shrink_seconds if seldom else 0.0
                failures.append((result.index, result.failure, seconds))
            yield result
