"""Plant small faults, one after the other, in a copy of the tree, and say which test finds each.

The faults are in tests/mutants/faults/*.toml: a file, an exact text in it and what it becomes, why
that is wrong, and the tests that should find it first. After those come the test files that name
or import the fault's module, then the rest of the suite, until the time limit.

    scripts/mutants --list
    scripts/mutants --only fork-drops-a-branch rtl_templates/fifo.py
    scripts/mutants --count 10 --seed 3 --time-limit 60     ten of them, others with each seed
    scripts/mutants --jobs 2 --json after.json --before before.json

A fault is `killed` by a test that fails, `timed out` where a test of the list takes much longer
than without it (which kills it as well), `survives` when all tests ran or the time is over, and
`stale` where its text is not in the file exactly once. The exit status is 0 when all were killed,
1 when not, 130 after Ctrl-C.
"""

import argparse
import json
import random
import signal
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from support.mutants.copies import Copy
from support.mutants.faults import ROOT, Fault, StaleError, load
from support.mutants.trials import KILLED, Trials, Verdict


def parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    made = argparse.ArgumentParser(
        prog="scripts/mutants",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--only", nargs="+", metavar="NAME", help="these faults, or those of files")
    made.add_argument("--count", type=int, metavar="N", help="so many, chosen by the seed")
    made.add_argument("--seed", type=int, default=0, help="of the order, and of Hypothesis")
    made.add_argument(
        "--time-limit", type=float, default=180.0, metavar="S", help="seconds a fault (180)"
    )
    made.add_argument("--jobs", type=int, default=1, help="copies at work at the same time (1)")
    made.add_argument("--json", type=Path, metavar="FILE", help="write the verdicts")
    made.add_argument("--markdown", type=Path, metavar="FILE", help="write them as a table")
    made.add_argument("--before", type=Path, metavar="FILE", help="an earlier run's, to compare")
    made.add_argument(
        "--unchecked", action="store_true", help="do not try first whether tests pass without"
    )
    made.add_argument("--list", action="store_true", help="name the faults, and end")
    return made


def chosen(options: argparse.Namespace) -> list[Fault]:
    """Return the faults to try, in their order.

    Raises
    ------
    StaleError : a name that is none
    """
    faults = load()
    if options.only:
        wanted = set(options.only)
        if unknown := wanted - {name for fault in faults for name in (fault.name, fault.file)}:
            raise StaleError(f"There is no fault {', '.join(sorted(unknown))}; see --list")
        faults = [fault for fault in faults if {fault.name, fault.file} & wanted]
    random.Random(options.seed).shuffle(faults)
    return faults[: options.count] if options.count else faults


def attempt(faults: Sequence[Fault], options: argparse.Namespace, verdicts: list[Verdict]) -> None:
    """Try faults, with a bar of progress; verdicts are appended as they come."""
    stop = threading.Event()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    rooms = {f.file.partition("/")[0]: f for f in faults if (ROOT / f.file).is_file()}
    entries = sorted({entry for fault in faults for entry in fault.nearest})
    with (
        tempfile.TemporaryDirectory(prefix="hwgen-mutants-", ignore_cleanup_errors=True) as folder,
        Progress(*columns, TimeElapsedColumn()) as progress,
        ThreadPoolExecutor(options.jobs) as pool,
    ):
        copies = [Copy(Path(folder, str(n)), stop, options.seed) for n in range(options.jobs)]
        trials = Trials(copies, options.time_limit)
        work: tuple[tuple[str, Any, Sequence[Any]], ...] = (
            ("is it the copy?", trials.check_copy, list(rooms.values())),
            ("without faults", trials.check_entry, [] if options.unchecked else entries),
            ("faults", trials.try_fault, faults),
        )
        try:
            for what, kind, items in work:
                bar = progress.add_task(what, total=len(items))
                for done in as_completed([pool.submit(kind, item) for item in items]):
                    if verdict := done.result():
                        verdicts.append(verdict)
                        by = f"{verdict.test or verdict.entry}, {verdict.seconds:.0f} s"
                        line = escape(f"{verdict.name}: {verdict.verdict}, {by}")
                        progress.print(line, soft_wrap=True)
                    progress.advance(bar)
        except BaseException:  # Ctrl-C too: what runs is ended, what waits never starts
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise


def lines_of(verdicts: Sequence[Verdict], before: Mapping[str, Any]) -> list[list[str]]:
    """Return the table of verdicts, with those of a run before where there was one."""
    lines = [["fault", "file", "verdict", "by", "test's seconds", *(["before"] if before else [])]]
    for v in verdicts:
        line = [v.name, v.file, v.verdict, v.test or v.entry, f"{v.test_seconds:.1f}"]
        was = before.get(v.name, {})
        old = f"{was.get('verdict', 'none')} by {was.get('test')}"
        lines.append([*line, *([old] if before else [])])
    return lines


def report(verdicts: list[Verdict], before: Mapping[str, Any], options: argparse.Namespace) -> None:
    """Print the table, and write the files that were asked for."""
    verdicts.sort(key=lambda verdict: (verdict.file, verdict.name))
    head, *lines = lines_of(verdicts, before)
    table = Table()
    for title in head:
        table.add_column(title, overflow="fold")
    for verdict, line in zip(verdicts, lines, strict=True):
        table.add_row(*map(escape, line), style=None if verdict.verdict in KILLED else "red")
    console = Console()
    console.print(table)
    killed = sum(verdict.verdict in KILLED for verdict in verdicts)
    console.print(f"{killed} of {len(verdicts)} killed")
    if options.json:
        told = {"seed": options.seed, "time_limit": options.time_limit}
        told["faults"] = [asdict(verdict) for verdict in verdicts]
        options.json.write_text(json.dumps(told, indent=1) + "\n")
    if options.markdown:
        rows = [head, ["---"] * len(head), *lines]
        options.markdown.write_text("".join(f"| {' | '.join(row)} |\n" for row in rows))


def main(arguments: Sequence[str]) -> int:
    """Do what the command line says; return the exit status."""
    options = parser().parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGINT):  # as Ctrl-C, also in the background
        signal.signal(number, signal.default_int_handler)
    verdicts: list[Verdict] = []
    status = 0
    try:
        faults = chosen(options)
        if options.list:
            for fault in faults:
                print(f"{fault.name}: {fault.why} ({fault.file})")
            return 0
        told = json.loads(options.before.read_text())["faults"] if options.before else []
        before = {verdict["name"]: verdict for verdict in told}
        attempt(faults, options, verdicts)
    except StaleError as error:
        print(f"scripts/mutants: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Ended before all was done.", file=sys.stderr)
        status = 130
    report(verdicts, before, options)
    return status or int(any(verdict.verdict not in KILLED for verdict in verdicts))
