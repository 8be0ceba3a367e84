"""Networks of several inputs and outputs in hardware: golden == RTL, predicted clocks == simulated
ones, whenever frames come and whatever becomes of them."""

import json
import random
import shutil

import numpy as np
import pytest
from amaranth.sim import Simulator

import hwgen
from hwgen.building.core import describe
from hwgen.codegen.accelerator import Accelerator
from hwgen.codegen.entries import enter_as, instances_of, leave_as
from hwgen.errors import BoardError, NetworkError, PlanError
from hwgen.formats import Fixed
from hwgen.network import (
    Concat,
    Flatten,
    HostStep,
    Input,
    Network,
    Node,
    Pad,
    Requantize,
    Slice,
    Upsample,
)
from hwgen.planning.search.planner import plan
from hwgen_rtl_templates.fifo import FifoParameters
from support.ends import random_ends, two_ends
from support.networks import random_input
from support.packages import run, tools_only
from support.selection import some
from support.whole import check, check_simulated, planned

FRAMES = 4
PORTS = ["s_axis_image", "s_axis_extra"], ["m_axis_sum", "m_axis_tap"]


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    made = planned(two_ends(HostStep("softmax", 0)), "min area")
    return hwgen.generate(made, tmp_path_factory.mktemp("ends") / "net")


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_every_bit_and_every_clock(seed, tmp_path):
    check(two_ends(side=3 + seed), tmp_path / "net", seed)


@pytest.mark.parametrize("seed", [5, *(pytest.param(n, marks=pytest.mark.slow) for n in range(40))])
def test_random_ends(seed, tmp_path):
    check(random_ends(seed), tmp_path / "net", seed)


IMAGE, SCALE = Fixed(4, False), np.array([1.0])
SHORT = {  # ways on which an input's last beat is taken as the last result leaves
    "concatenation": (Concat(), 2, True),
    "repeats": (Upsample((1, 1, 2)), 1, True),
    "the last pixel": (Slice((0, 1, 1), (2, 1, 1), (1, 1, 1)), 1, True),
    "one channel": (Slice((1, 0, 0), (1, 2, 2), (1, 1, 1)), 1, True),
    "constants at the end": (Pad((0, 1, 0), (0, 1, 1)), 1, False),
    "the first pixel": (Slice((0, 0, 0), (2, 1, 1), (1, 1, 1)), 1, False),
}


@pytest.mark.parametrize("what", some(SHORT, ["concatenation", "repeats"]))
def test_an_input_that_is_nearly_the_output(what, tmp_path):
    """A frame's last result leaves once the whole frame has entered."""
    op, inputs, waits = SHORT[what]
    names = [f"x{n}" for n in range(inputs)]
    nodes = [Node(name, Input((2, 2, 2), IMAGE, SCALE)) for name in names]
    made = planned(Network((*nodes, Node("y", op, names))), "min area")
    assert any(isinstance(p.part, FifoParameters) for p in made.assembly.parts) == waits
    check_simulated(hwgen.generate(made, tmp_path / "net"), made, FRAMES)


def beats_of(stream, values):
    packed, size = stream.pack(values), stream.beat_bytes
    return [int.from_bytes(packed[at : at + size], "big") for at in range(0, len(packed), size)]


@pytest.fixture(scope="module")
def small():
    """A plan of which the simulator knows every cell, frames, and what golden makes of them."""
    network = two_ends(side=3, channels=2)
    made = plan(network, target="ice40-hx8k", goal="1000000 fps")
    x = random_input(network, FRAMES, 1)
    return made, x, network.run(x)


def simulated(made, x, *, later=(0, 0), slower=(0.0, 0.0), cut=None):
    """Return the frames of each output, and whether they are marked.

    Parameters
    ----------
    later : clocks after which the first frame comes to each input
    slower : chance of a stall at each output
    cut : input and frame of which the last beat does not come
    """
    dut = Accelerator(made, instances_of(made))
    outputs = leave_as(made)
    found = {port: ([], []) for port in outputs}
    simulator = Simulator(dut)
    simulator.add_clock(1e-6)

    def source(port, stream, values, number):
        beats = beats_of(stream, values)

        async def bench(ctx):
            await ctx.tick().repeat(1 + later[number])
            for n, beat in enumerate(beats):
                frame, at = divmod(n, stream.beats)
                cuts = (number, frame) == cut
                if cuts and at == stream.beats - 1:
                    continue
                ctx.set(getattr(dut, f"{port}_tdata"), beat)
                ctx.set(getattr(dut, f"{port}_tlast"), at == stream.beats - 1 - cuts)
                ctx.set(getattr(dut, f"{port}_tvalid"), 1)
                await ctx.tick().until(getattr(dut, f"{port}_tready"))
                ctx.set(getattr(dut, f"{port}_tvalid"), 0)

        simulator.add_testbench(bench, background=True)

    def sink(port, stream, number):
        rng = random.Random(number)
        names = ("tdata", "tlast", "tuser", "tvalid")

        async def bench(ctx):
            seen, marks = found[port]
            while len(seen) < FRAMES * stream.beats:
                ready = rng.random() >= slower[number]
                ctx.set(getattr(dut, f"{port}_tready"), ready)
                signals = [getattr(dut, f"{port}_{name}") for name in names]
                _, _, beat, last, user, valid = await ctx.tick().sample(*signals)
                if valid and ready:
                    seen.append(beat.to_bytes(stream.beat_bytes, "big"))
                    assert last == (len(seen) % stream.beats == 0)
                    marks += [user] if last else []

        simulator.add_testbench(bench)

    for number, (port, stream) in enumerate(enter_as(made).items()):
        source(port, stream, list(x.values())[number], number)
    for number, (port, stream) in enumerate(outputs.items()):
        sink(port, stream, number)
    simulator.run()
    return {
        port: (outputs[port].unpack_bytes(b"".join(seen)), marks)
        for port, (seen, marks) in found.items()
    }


@pytest.mark.parametrize(
    ("later", "slower"), [((0, 300), (0.0, 0.0)), ((300, 0), (0.0, 0.8)), ((0, 0), (0.8, 0.0))]
)
def test_frames_may_come_and_go_at_different_times(small, later, slower):
    made, x, y = small
    found = simulated(made, x, later=later, slower=slower)
    for port, should in zip(PORTS[1], y.values(), strict=True):
        assert np.array_equal(found[port][0], should) and found[port][1] == [0] * FRAMES


@pytest.mark.parametrize("number", [0, 1])
def test_a_damaged_frame_of_one_input_is_marked_at_every_output(small, number):
    made, x, y = small
    found = simulated(made, x, cut=(number, 1))
    whole = [0, 2, 3]
    for port, should in zip(PORTS[1], y.values(), strict=True):
        assert found[port][1] == [0, 1, 0, 0], port
        assert np.array_equal(found[port][0][whole], should[whole]), port


def test_the_manifest_knows_them_by_name(package):
    manifest = package.manifest
    assert [end.name for end in manifest.inputs] == ["image", "extra"]
    assert [end.port for end in manifest.inputs] == PORTS[0]
    assert [end.port for end in manifest.outputs] == PORTS[1]
    assert [end.steps for end in manifest.outputs] == [(), ("softmax(0)",)]
    names = {port.name for port in manifest.border.ports}
    assert {f"{port}_tvalid" for port in (*PORTS[0], *PORTS[1])} < names


def test_simulation_takes_and_gives_them_by_name(package):
    x = random_input(package.network, 3, 0)
    y = package.network.run(x)
    for given, trace in ((x, False), ((x["image"], x["extra"]), True)):
        result = package.simulate(given, simulator="icarus", trace=trace)
        assert result.ok and list(result.outputs) == ["sum", "tap"]
        assert all(np.array_equal(result.outputs[name], y[name]) for name in y)
        assert result.compared == sum(part.size for part in y.values())
    with pytest.raises(NetworkError, match="Network has 2 inputs: 'image', 'extra'"):
        package.simulate(x["image"], simulator="icarus")


def test_a_difference_names_its_output(package):
    from hwgen.simulation import simulate

    x = random_input(package.network, 3, 0)
    y = {name: values.copy() for name, values in package.network.run(x).items()}
    y["tap"][1, 2, 0, 1] += 1
    result = simulate(package.folder, x, y, simulator="icarus")
    assert not result.equal and result.different == 1
    found = result.first_difference
    assert (found.layer, found.frame, found.coordinate) == ("output tap", 1, (2, 0, 1))


def test_the_package_checks_itself(package, tmp_path):
    env = tools_only(tmp_path / "bin", "make", "iverilog", "vvp")
    folder = tmp_path / "net"
    shutil.copytree(package.folder, folder)
    beats = 4 * sum(end.beats for end in package.manifest.outputs)
    for words in (["make", "sim"], ["make", "sim", "STALL=50", "SEED=3"]):
        status, text = run(words, folder, env)
        assert status == 0 and text.rstrip().endswith(f"PASS: {beats} beats equal"), text
    for name in ("input_image", "output_tap"):
        path = folder / "vectors" / f"{name}.hex"
        lines = path.read_text().split()
        kept = lines.copy()
        lines[5] = f"{int(lines[5], 16) ^ 7:02x}"
        path.write_text("\n".join(lines) + "\n")
        status, text = run(["make", "sim"], folder, env)
        assert status != 0 and text.count("FAIL") == 1, text
        path.write_text("\n".join(kept) + "\n")
    assert "FAIL: m_axis_tap lane 0 (channel 2) must be" in text and "(frame 0, beat 5" in text


def test_the_readme_has_a_section_of_each(package):
    text = (package.folder / "README.md").read_text()
    for words in (
        "**Input image**: 2 channels",
        "**Output tap**: 3 channels",
        "computes softmax(0) of the real values",
        "first frame in `vectors/output_sum.hex`",
        "32 beats of `s_axis_image` and 48 beats of `s_axis_extra`",
    ):
        assert words in text, words


def test_a_board_of_one_serial_line_refuses_them(package):
    with pytest.raises(BoardError, match=r"not 2 inputs and 2 outputs; join them in the model"):
        describe(package.manifest)


def test_an_output_that_is_an_input_in_other_axes_is_refused():
    nodes = (
        Node("x", Input((2, 2, 2), Fixed(4), [1.0])),
        Node("flat", Flatten(), ("x",)),
        Node("y", Requantize([1], [1], Fixed(4), [1.0]), ("x",)),
    )
    with pytest.raises(PlanError, match="flat: output is the input x as it came"):
        planned(Network(nodes, ["y", "flat"]), "min area")


def test_the_command_prints_and_takes_them(package, tmp_path):
    from typer.testing import CliRunner

    from hwgen.cli import app

    x = random_input(package.network, 2, 0)
    np.savez(tmp_path / "frames.npz", **x)
    words = ["simulate", str(package.folder), "--simulator", "icarus", "--json", "-"]
    for more in (["--frames", "2"], ["--inputs", str(tmp_path / "frames.npz")]):
        done = CliRunner().invoke(app, [*words, *more])
        assert done.exit_code == 0, done.output
        assert json.loads(done.stdout)["compared"] == 2 * 2 * 48
