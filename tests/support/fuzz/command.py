"""The command line of the fuzzer: progress while it runs, a table at its end."""

import argparse
import signal
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from support.fuzz.campaign import (
    CLOCKS_EVERY,
    NETLIST_EVERY,
    Options,
    Summary,
    campaign,
    check_index,
    prepare,
)
from support.fuzz.case import KINDS
from support.fuzz.found import FOUND, load, replay_command
from support.fuzz.legs import check_network

LINE_EVERY = 10  # cases, where there is no terminal for a bar


def main(arguments: Sequence[str]) -> int:
    """Run the command line; return the exit status: 1 if anything failed, 130 after Ctrl-C."""
    options = parser().parse_args(arguments)
    console = Console()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C
    if options.replay or options.index is not None:
        with tempfile.TemporaryDirectory(prefix="hwgen-fuzz-") as folder:
            prepare(folder)
            return replay(options, Path(folder), console)
    wanted = Options(
        count=options.count,
        seed=options.seed,
        folder=options.found,
        workers=options.workers,
        shrink_seconds=options.shrink_seconds,
        netlist_every=options.netlist_every,
        clocks_every=options.clocks_every,
        kinds=tuple(options.kinds or KINDS),
    )
    console.print(f"fuzz: {wanted.count} networks of {', '.join(wanted.kinds)}, seed {wanted.seed}")
    with reporter(wanted, console) as report:
        summary = campaign(wanted, report)
    console.print(table(summary))
    for path in summary.saved:
        console.print(f"saved {path}; replay: {replay_command(path)}", soft_wrap=True)
    if summary.interrupted:
        console.print("Ended before all was done.")
        return 130
    return 1 if summary.failed else 0


def parser() -> argparse.ArgumentParser:
    """Return what reads the arguments."""
    made = argparse.ArgumentParser(prog="python tests/fuzz", description=__doc__)
    made.add_argument("--count", type=int, default=30, help="networks to compare three ways")
    made.add_argument("--seed", type=int, default=0)
    made.add_argument("--index", type=int, help="that case of the seed alone, every leg of it")
    made.add_argument("--replay", type=Path, help="a file that a failure was saved to")
    made.add_argument("--found", type=Path, default=FOUND, help="folder for failures")
    made.add_argument("--workers", type=int, default=2, help="processes")
    made.add_argument("--shrink-seconds", type=float, default=120.0, help="for a failure")
    made.add_argument(
        "--netlist-every", type=int, default=NETLIST_EVERY, help="networks of a kind; 0 never"
    )
    made.add_argument("--clocks-every", type=int, default=CLOCKS_EVERY, help="networks; 0 never")
    made.add_argument("--kinds", nargs="+", choices=KINDS, metavar="KIND", help=", ".join(KINDS))
    return made


def replay(options: argparse.Namespace, folder: Path, console: Console) -> int:
    """Check one network again, in cocotb too."""
    seed, index, found = options.seed, options.index, None
    if options.replay:
        found = load(options.replay)
        seed, index = found.seed, found.index
    if found and found.failure.leg != "torch":
        netlist = found.failure.leg == "netlist"
        failure = check_network(found.network, found.settings, folder, clocks=True, netlist=netlist)
    else:
        every = Options(0, seed, folder, netlist_every=options.netlist_every, clocks_every=1)
        failure = check_index(every, index).failure
    console.print("equal" if failure is None else escape(f"differs: {failure}"), soft_wrap=True)
    return 0 if failure is None else 1


@contextmanager
def reporter(options: Options, console: Console) -> Iterator[Callable[[Summary], None]]:
    """Yield what shows a summary: a bar on a terminal, lines elsewhere."""
    columns = (BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(TextColumn("{task.description}"), *columns, console=console) as progress:
        bar = progress.add_task("fuzz", total=options.count, visible=console.is_terminal)
        told = set[int]()

        def report(summary: Summary) -> None:
            counted = sum(outcome.source in options.counted for outcome in summary.outcomes)
            text = f"{len(summary.outcomes)} done, {len(summary.failed)} failed"
            progress.update(bar, completed=counted, description=text)
            for outcome in summary.failed:
                if outcome.index not in told:
                    told.add(outcome.index)
                    where = f"seed {summary.options.seed}, index {outcome.index}"
                    text = f"{where} ({outcome.source}): {outcome.failure}"
                    console.print(escape(text[:600]), soft_wrap=True)
            if not console.is_terminal and len(summary.outcomes) % LINE_EVERY == 0:
                left = summary.seconds / max(1, counted) * (options.count - counted)
                console.print(f"{counted} of {options.count}, {text}, {left:.0f} s left")

        yield report


def table(summary: Summary) -> Table:
    """Return what was compared."""
    outcomes = summary.outcomes
    made = Table("what", "count", title=f"Fuzz, seed {summary.options.seed}")

    def having(*legs: str) -> str:
        return str(sum(set(legs) <= set(outcome.legs) for outcome in outcomes))

    made.add_row("networks", str(len(outcomes)))
    made.add_row("two ways: golden == RTL", having("RTL"))
    made.add_row("three ways: torch == golden == RTL", having("torch", "RTL"))
    made.add_row("four ways: and == netlist", having("torch", "RTL", "netlist"))
    made.add_row("every clock as planned (cocotb)", having("clocks"))
    made.add_row("failed", str(len(summary.failed)))
    refused = Counter(reason for outcome in outcomes for reason in outcome.refused)
    made.add_row("draws refused", str(refused.total()))
    made.add_row("seconds, wall clock", f"{summary.seconds:.0f}")
    if outcomes:
        busy = sum(outcome.seconds for outcome in outcomes) / len(outcomes)
        made.add_row("seconds a network, in one process", f"{busy:.1f}")
    made.add_section()
    for kind, legs in legs_of(summary).items():
        made.add_row(kind, ", ".join(f"{leg} {number}" for leg, number in legs.items()))
    made.add_section()
    for op, number in sum((outcome.ops for outcome in outcomes), Counter[str]()).most_common():
        made.add_row(op, str(number))
    if refused:
        made.add_section()
        for reason, number in refused.most_common(12):
            made.add_row(escape(reason[:100]), str(number))
    return made


def legs_of(summary: Summary) -> dict[str, Counter[str]]:
    """Return how many networks of each kind there were, failed, and held each leg."""
    found: dict[str, Counter[str]] = {}
    for outcome in summary.outcomes:
        legs = found.setdefault(outcome.source, Counter())
        legs.update(["networks", *outcome.legs, *(["failed"] if outcome.failure else [])])
    return found
