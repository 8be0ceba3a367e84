"""What the planner promises, beside synthesis: docs/planning.md, and a table of single layers.

python benchmarks/planning_bench.py            the front of the demo's network, and single layers
python benchmarks/planning_bench.py --layers 6 fewer layers, for a look

The network is that of `make demo`, where that left it. Synthesis is cached: a run that was ended
goes on where it was.
"""

import argparse
import contextlib
import itertools
import random
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from comparison_bench import between
from matplotlib import rc_context
from matplotlib.figure import Figure
from rich.console import Console

import hwgen
from hwgen.cli.progress import bar
from hwgen.errors import PlanError
from hwgen.formats import Fixed
from hwgen.network import Conv2d, Input, Linear, Network, Node, Requantize
from hwgen.planning.layers.find import find_layers
from hwgen.planning.plan import Plan
from hwgen.planning.search.candidates import LayerCandidates
from hwgen.targets import get_target

ROOT = Path(__file__).resolve().parent.parent
NETWORK = ROOT / "build/digits/network.net"
PAGE, PICTURE = ROOT / "docs/planning.md", ROOT / "docs/planning.svg"
TARGET = "ulx3s-85f"
STEP = 1.4  # from the interval of a plan to what the next is asked for
LAYERS = 66
FIRST_SEED = 1000  # coefficients were fitted on others
KINDS = {
    "array": "LUTs",
    "dsp": "DSP",
    "pasm": "by entry",
    "serial": "serial",
    "parallel": "parallel",
}


@dataclass(frozen=True)
class Point:
    """A plan of the network, synthesised."""

    plan: Plan
    luts: int
    ffs: int
    dsps: int
    block_rams: int

    @property
    def ways(self) -> str:
        """How each layer with weights is built."""
        stages = [stage for stage in self.plan.stages if stage.layer.weight is not None]
        return ", ".join(
            f"{s.name} {KINDS[s.folding.implementation]}"
            + ("" if not s.implementation.stored else f" {s.folding.pe}x{s.folding.simd}")
            for s in stages
        )


def synthesised(plan: Plan) -> Point:
    """Return a plan with what yosys makes of it."""
    with tempfile.TemporaryDirectory() as folder:
        found = hwgen.generate(plan, Path(folder) / "net").cost("synth")
    return Point(plan, found.luts, found.ffs, found.dsps, found.block_rams)


def plans(network: Network) -> Iterator[Plan]:
    """Yield plans from the smallest to the quickest, each a step quicker than the one before."""
    least = quickest(network)
    found = hwgen.plan(network, target=TARGET, goal="min area")
    yield found
    while found.interval > least:
        wanted = max(least, int(min(found.interval - 1, found.interval / STEP)))
        found = hwgen.plan(network, target=TARGET, goal=goal_of(wanted))
        yield found


def goal_of(interval: int) -> str:
    """Return the goal that leaves so many clocks a frame."""
    return f"{get_target(TARGET).clock_hz / (interval + 0.5):.12g} fps"


def quickest(network: Network) -> int:
    """Return the fewest clocks a frame that some plan reaches."""
    low, high = 1, 1 << 20
    while low < high:
        middle = (low + high) // 2
        try:
            hwgen.plan(network, target=TARGET, goal=goal_of(middle))
            high = middle
        except PlanError:
            low = middle + 1
    return low


def layer(seed: int) -> tuple[Network, str]:
    """Return a random layer with its requantizer, and a target."""
    rng = np.random.default_rng(seed)
    bits, activations = int(rng.integers(2, 9)), int(rng.integers(2, 9))
    limit = (1 << (bits - 1)) - 1
    x = Fixed(activations, bool(rng.integers(2)))
    outputs = int(rng.integers(2, 17))
    if rng.integers(2):
        shape: tuple[int, ...] = (outputs, int(rng.integers(1, 9)), *[int(rng.integers(1, 4))] * 2)
        first = Input((shape[1], 8, 8), x, [1.0])
    else:
        shape = outputs, int(rng.integers(8, 65))
        first = Input((shape[1],), x, [1.0])
    weight = rng.integers(-limit, limit + 1, shape) * (rng.random(shape) >= rng.choice([0, 0, 0.7]))
    bias = rng.integers(-99, 100, outputs)
    op = (Conv2d if len(shape) == 4 else Linear)(weight, bias, Fixed(bits), [1.0])
    by = rng.integers(100, 500, outputs if rng.integers(2) else 1)
    last = Requantize(by, 7 + bits + activations, Fixed(int(rng.integers(2, 9)), False), [1.0])
    nodes = Node("x", first), Node("layer", op, ("x",)), Node("y", last, ("layer",))
    return Network(nodes), ("ulx3s-85f", "icebreaker")[seed % 2]


def layer_plans() -> Iterator[Plan]:
    """Yield plans of random layers, each built in one of the ways that there are, evenly by kind;
    none that its device has no room for."""
    for seed in itertools.count(FIRST_SEED):
        network, name = layer(seed)
        target = get_target(name)
        (found,) = find_layers(network)
        rng = random.Random(seed)
        kinds: dict[str, list] = {}
        for folding in LayerCandidates(found, target, target.clock_hz, {}).foldings:
            kinds.setdefault(folding.implementation, []).append(folding)
        folding = rng.choice(kinds[rng.choice(sorted(kinds))])
        choices = folding.choices("layer")
        with contextlib.suppress(PlanError):
            yield hwgen.plan(network, target=target, goal="min area", overrides=choices)


def front_table(points: list[Point]) -> str:
    """Return a line a plan."""
    lines = [
        "| interval, clocks | latency | LUT, planned | LUT, yosys | FF | DSP | memories | layers |",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |",
    ]
    for p in points:
        lines.append(
            f"| {p.plan.interval:,} | {p.plan.latency:,} | {p.plan.resources.luts:,.0f} | "
            f"{p.luts:,} | {p.ffs:,} | {p.dsps} | {p.block_rams} | {p.ways} |"
        )
    return "\n".join(lines) + "\n"


def errors_table(points: list[Point]) -> str:
    """Return how far estimates are from synthesis, in all and by kind."""
    groups: dict[str, list[Point]] = {"all": points}
    for p in points:
        groups.setdefault(p.plan.stages[0].folding.implementation, []).append(p)
        groups.setdefault(p.plan.target.family, []).append(p)
    lines = [
        "| layers | how many | LUT, median | LUT, 90th percentile | FF, median | DSP, memories |"
    ]
    lines.append("| --- | ---: | ---: | ---: | ---: | --- |")
    for name, group in groups.items():
        luts = [abs(p.plan.resources.luts / p.luts - 1) for p in group]
        ffs = [abs(p.plan.resources.ffs / max(1, p.ffs) - 1) for p in group]
        blocks = sum(
            (p.plan.resources.dsps, p.plan.resources.block_rams) == (p.dsps, p.block_rams)
            for p in group
        )
        lines.append(
            f"| {name} | {len(group)} | {np.median(luts):.1%} | {np.quantile(luts, 0.9):.1%} | "
            f"{np.median(ffs):.1%} | exact in {blocks} |"
        )
    return "\n".join(lines) + "\n"


def draw(points: list[Point], path: Path) -> None:
    """Draw LUTs over the interval; the same points give the same file."""
    with rc_context({"svg.hashsalt": "hwgen", "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=(8, 4.5), layout="constrained")
        axis = figure.subplots()
        x = [p.plan.interval for p in points]
        axis.plot(x, [p.luts for p in points], "o-", markersize=4, label="yosys")
        axis.plot(x, [p.plan.resources.luts for p in points], "x", markersize=5, label="planned")
        axis.set(xscale="log", yscale="log", xlabel="clocks a frame", ylabel="LUTs, ECP5")
        axis.grid(True, which="both", alpha=0.25)
        axis.legend(frameon=False)
        figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Plan, synthesise, and write the document."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--layers", type=int, default=LAYERS, help=f"of {LAYERS}")
    parser.add_argument("--network", type=Path, default=NETWORK, help="a stored network")
    arguments = parser.parse_args()
    network = hwgen.load(arguments.network)
    console = Console(stderr=True)
    wanted = list(plans(network))
    front, layers = [], []
    with bar("Synthesising", console) as move:
        total = len(wanted) + arguments.layers
        for plan in wanted:
            front.append(synthesised(plan))
            move("the front", len(front), total)
        for plan in itertools.islice(layer_plans(), arguments.layers):
            layers.append(synthesised(plan))
            move("layers", len(front) + len(layers), total)
    draw(front, PICTURE)
    between(PAGE, "front", front_table(front))
    console.print(errors_table(layers), soft_wrap=True)
    for p in layers:
        need, kind = p.plan.resources, p.plan.stages[0].folding
        console.print(
            f"{p.plan.target.family} {kind}: LUT {need.luts:.0f} {p.luts}, DSP {need.dsps} "
            f"{p.dsps}, memories {need.block_rams} {p.block_rams}",
            soft_wrap=True,
        )


if __name__ == "__main__":
    main()
