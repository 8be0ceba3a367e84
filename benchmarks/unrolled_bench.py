"""What whole networks cost at a frame a clock: hwgen's unrolled layers beside da4ml and alkaid.

Run as a script; prints a row when it is measured. `--peers PYTHON` names an interpreter that has
the peers installed; without it hwgen's own columns are filled alone. `--only NAME` measures one
network, `--write` makes docs/unrolled.md. Everybody gets the same integers, and all Verilog goes
through the same two recipes of yosys for Ultrascale+, of which the one with fewer LUTs counts.
"""

import argparse
import json
import re
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from constant_bench import PEERS, ROOT, table, ultrascale

import hwgen
from hwgen.codegen.verilog import to_verilog
from hwgen.formats import Fixed
from hwgen.network import Conv2d, Flatten, Input, Linear, MaxPool2d, Network, Node, Requantize
from hwgen.targets import get_target

TARGET = get_target("ulx3s-85f")
CLOCK = 25_000_000
HEAD = """\
# Networks at a frame a clock

Made by `python benchmarks/unrolled_bench.py --peers PYTHON --write`, with an interpreter that has
da4ml 0.6.0 and alkaid 0.8.2. All layers of a network become adders, cuts and clamps with registers
between them, and take a whole frame a clock (docs/architecture.md). Weights are
`numpy.random.default_rng(seed)`'s, uniform over the signed range, and zero where it draws less than
the share of zeros; biases lie in [-64, 64), in [-16, 16) for the convolutions; clamps keep as many
bits as weights have, behind a shift that rounds half up. LUTs and flip-flops of Ultrascale+ by
yosys (`synth_xilinx -family xcup`, no DSP blocks, no shift registers), for each by the better of
two recipes, the Verilog as it is and with adders made before modules are flattened. "Stages" are
clocks from a frame to its results; all were asked for three adders one behind the other, and hwgen
once more for as many stages as the better peer has, or the next fewer. The ratio is hwgen's LUTs
over the better peer's.

"""
COLUMNS = (
    "network",
    *(f"{name}{what}" for name in ("hwgen", *PEERS) for what in (" LUT", " FF", " stages")),
    "ratio",
)


def matrix(rng: np.random.Generator, shape: tuple[int, ...], bits: int, zeros: float) -> Any:
    """Return weights, a share of them zero."""
    found = rng.integers(-(1 << bits - 1), 1 << bits - 1, shape)
    return found * (rng.random(shape) >= zeros) if zeros else found


def clamp(shift: int, bits: int) -> Requantize:
    """Return what keeps so many bits behind a shift, none below zero."""
    return Requantize([1], [shift], Fixed(bits, False), [1.0], lo=0)


def mlp(sizes: tuple[int, ...], bits: int, zeros: float, seed: int, signed: bool) -> Network:
    """Return linear layers with clamps between them."""
    rng = np.random.default_rng(seed)
    nodes = [Node("x", Input((sizes[0],), Fixed(bits, signed), [1.0]))]
    for n, (a, b) in enumerate(zip(sizes, sizes[1:], strict=False)):
        weight, bias = matrix(rng, (b, a), bits, zeros), rng.integers(-64, 64, b)
        nodes.append(Node(f"fc{n}", Linear(weight, bias, Fixed(bits), [1.0]), (nodes[-1].name,)))
        if n < len(sizes) - 2:  # about half a standard deviation of the sums is kept
            spread = np.sqrt(a * (1 - zeros)) * 0.36 * 2.0 ** (2 * bits - 2)
            shift = max(0, int(np.ceil(np.log2(spread))) - bits + 1)
            nodes.append(Node(f"y{n}", clamp(shift, bits), (nodes[-1].name,)))
    return Network(tuple(nodes))


def cnn(bits: int, seed: int) -> Network:
    """Return two convolutions with a pool between them, and a linear layer."""
    rng = np.random.default_rng(seed)

    def conv(name: str, outputs: int, inputs: int, source: str) -> Node:
        weight = matrix(rng, (outputs, inputs, 3, 3), bits, 0)
        bias = rng.integers(-16, 16, outputs)
        return Node(name, Conv2d(weight, bias, Fixed(bits), [1.0]), (source,))

    nodes = [
        Node("x", Input((1, 8, 8), Fixed(2 * bits), [1.0])),
        conv("conv1", 8, 1, "x"),
        Node("y1", clamp(7, bits), ("conv1",)),
        Node("pool", MaxPool2d((2, 2), (2, 2)), ("y1",)),
        conv("conv2", 16, 8, "pool"),
        Node("y2", clamp(6, bits), ("conv2",)),
        Node("flatten", Flatten(), ("y2",)),
        Node(
            "fc",
            Linear(matrix(rng, (10, 16), bits, 0), rng.integers(-16, 16, 10), Fixed(bits), [1.0]),
            ("flatten",),
        ),
    ]
    return Network(tuple(nodes))


@dataclass(frozen=True)
class Case:
    """A network: what it is, and its maker."""

    name: str
    make: Callable[[], Network]


CASES = (
    Case(
        "jets 16-64-32-32-5, 6 bit, half zeros", lambda: mlp((16, 64, 32, 32, 5), 6, 0.5, 0, True)
    ),
    Case("64-32-10, 4 bit", lambda: mlp((64, 32, 10), 4, 0.0, 0, True)),
    Case("digits 64-64-10, 4 bit, 75 % zeros", lambda: mlp((64, 64, 10), 4, 0.75, 0, False)),
    Case("CNN 3x3 1-8, pool, 3x3 8-16, dense, 4 bit", lambda: cnn(4, 0)),
)


def specified(network: Network) -> dict[str, Any]:
    """Return a network as `constant_peers.py` takes it, images with their channels last."""
    said: dict[str, Any] = {"layers": []}
    for node in network.nodes:
        op = node.op
        match op:
            case Input():
                shape = op.shape if len(op.shape) == 1 else (*op.shape[1:], op.shape[0])
                said |= {"shape": shape, "bits": op.format.bits, "signed": op.format.signed}
            case Linear() | Conv2d():
                integers = {"weight": op.weight.tolist(), "bias": op.bias.tolist()}
                said["layers"].append({"op": "weighted", **integers})
            case Requantize():
                layer = {"op": "clamp", "shift": int(op.shift[0]), "bits": op.format.bits}
                said["layers"].append(layer)
            case MaxPool2d():
                said["layers"].append({"op": "pool"})
    return said


def planned(network: Network, levels: int) -> hwgen.Plan:
    """Return the plan with so many adders one behind the other."""
    goal, chosen = f"{CLOCK} fps", [f"{network.nodes[-1].name}.unrolled={levels}"]
    return hwgen.plan(network, target=TARGET, goal=goal, clock_hz=CLOCK, overrides=chosen)


def ours(network: Network, levels: int) -> list[str]:
    """Return LUTs, flip-flops and stages."""
    plan = planned(network, levels)
    (stage,) = plan.stages
    return [*ultrascale(to_verilog(stage.core.create(), "top")), str(plan.latency)]


def at_depth(network: Network, stages: int) -> list[str]:
    """Return the same with as many stages as somebody else, or the next fewer."""
    for levels in range(1, 40):
        found = ours_stages(network, levels)
        if found <= stages:
            return ours(network, levels)
    raise ValueError(f"Not even forty adders make {stages} stages")


def ours_stages(network: Network, levels: int) -> int:
    """Return the stages with so many adders one behind the other."""
    chosen = [f"{network.nodes[-1].name}.unrolled={levels}"]
    goal = f"{CLOCK} fps"
    return hwgen.plan(network, target=TARGET, goal=goal, clock_hz=CLOCK, overrides=chosen).latency


def peers(network: Network, name: str, python: str, levels: int) -> list[str]:
    """Return LUTs, flip-flops and stages of a peer."""
    script = Path(__file__).with_name("constant_peers.py")
    with tempfile.TemporaryDirectory() as folder:
        command = [python, "-W", "ignore", str(script), name, str(levels), folder]
        given = json.dumps(specified(network))
        done = subprocess.run(command, input=given, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr)
        files = [file.read_text(encoding="utf-8") for file in sorted(Path(folder).rglob("*.v"))]
    # a table's module comes along unused and asks for a file; a wrapper is for their simulator
    verilog = "\n".join(f for f in files if "$readmemh" not in f and "_wrapper" not in f)
    stages = len(re.findall(r"^module (?:top_stage|logic)\d+", verilog, re.MULTILINE))
    return [*ultrascale(verilog), str(stages)]


def measure(case: Case, python: str | None) -> list[list[str]]:
    """Return the rows of a network: as all are asked, and as deep as the better peer."""
    network = case.make()
    own = ours(network, 3)
    if not python:
        return [[case.name, *own]]
    others = [peers(network, name, python, 3) for name in PEERS]
    best = min(others, key=lambda other: int(other[0]))
    rows = []
    for made in (own, at_depth(network, int(best[2]))):
        ratio = f"{int(made[0]) / int(best[0]):.3f}"
        rows.append([case.name, *made, *(text for other in others for text in other), ratio])
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", metavar="PYTHON", help="interpreter with da4ml and alkaid")
    parser.add_argument("--only", metavar="NAME", help="networks whose name begins like this")
    parser.add_argument("--write", action="store_true", help="write docs/unrolled.md")
    arguments = parser.parse_args()
    rows: list[list[str]] = []
    for case in CASES:
        if arguments.only and not case.name.startswith(arguments.only):
            continue
        for row in measure(case, arguments.peers):
            print(" | ".join(row), flush=True)
            rows.append(row)
        if arguments.write:
            page = HEAD + table(COLUMNS, rows)
            (ROOT / "docs" / "unrolled.md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
