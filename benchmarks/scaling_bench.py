"""CPU seconds and peak memory of compress, import, plan and generate: docs/scaling.md.

python benchmarks/scaling_bench.py                     all networks, and the page
python benchmarks/scaling_bench.py LeNet-5 "MLP 1M"    some of them, printed
python benchmarks/scaling_bench.py --json FILE         what stands in the file is not measured again

Each figure is of a process of its own, imports included; of generate it is what generating takes
behind the plan for the first goal. Of some networks a frame is simulated as well. A network that
does not fit the target is planned again for one with 100 times of everything.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from comparison_bench import between
from matplotlib import rc_context
from matplotlib.figure import Figure
from rich.console import Console

ROOT = Path(__file__).resolve().parent.parent
PAGE, PICTURE = ROOT / "docs/scaling.md", ROOT / "docs/scaling.svg"
TARGET = "ulx3s-85f"
LARGER = 100  # times the target, where a network does not fit
GOALS = ("1000 fps", "min area")
LIMIT = 100  # seconds of a plan, after which the larger target is taken
FAMILIES = ("MLP", "CNN")
IMPORTS = 0.9  # seconds of CPU before anything is planned
DEMO = "demo"
FRAMES = ("LeNet-5", "DS-CNN", "ResNet-8", "autoencoder")  # of which one is simulated
PATIENCE = 600  # seconds of clock for that


@dataclass(frozen=True)
class Figures:
    """What a step took: CPU seconds of the process and its children, peak memory in MiB, and what
    it said besides."""

    seconds: float
    mib: float
    said: dict[str, Any]


# ---------------------------------------------------------------------- in a process of its own


def compress(name: str, file: Path) -> dict[str, Any]:
    """Quantize a network after training, import it and store it."""
    import torch
    from scaling_models import MODELS, calibration

    import hwgen

    torch.manual_seed(0)

    if name == DEMO:
        hwgen.load(ROOT / "build/digits/network.net").save(file)
        return {"weights": hwgen.load(file).size.parameters, "import": 0.0}
    model = MODELS[name]
    x = calibration(model)
    quantize = hwgen.QuantizeRecipe(
        weights=model.weights, activations=model.activations, input="uint8", output="int8"
    )
    recipe = hwgen.Recipe(quantize=quantize)
    done = hwgen.compress(model.make(), recipe, calibration=[x], example=x[:1])
    begin = time.process_time()
    network = hwgen.import_torch(done.module, x[:1])
    seconds = time.process_time() - begin
    network.save(file)
    return {"weights": network.size.parameters, "import": seconds}


def enlarged(target: Any, times: int) -> Any:
    """Return a target that holds so many times as much."""
    whats = ("luts", "ffs", "dsps", "block_rams")
    return replace(target, **{what: times * getattr(target, what) for what in whats})


def plan(file: Path, goal: str, times: int) -> dict[str, Any]:
    """Plan a network for so many times the target."""
    import hwgen
    from hwgen.errors import PlanError
    from hwgen.targets import get_target

    target = enlarged(get_target(TARGET), times)
    try:
        made = hwgen.plan(hwgen.load(file), target=target, goal=goal)
    except PlanError as error:
        return {"error": str(error)}
    return {"luts": made.resources.luts, "interval": made.interval}


def generate(file: Path, goal: str, times: int) -> dict[str, Any]:
    """Generate a network's package; its own share of the CPU seconds."""
    import hwgen
    from hwgen.targets import get_target

    target = enlarged(get_target(TARGET), times)
    made = hwgen.plan(hwgen.load(file), target=target, goal=goal)
    before = cpu()
    with tempfile.TemporaryDirectory() as folder:
        package = hwgen.generate(made, Path(folder) / "network")
        lines = (package.folder / package.manifest.verilog).read_text().count("\n")
    return {"own": cpu() - before, "lines": lines}


def frame(file: Path, goal: str, times: int) -> dict[str, Any]:
    """Generate a network's package, build its simulation and simulate a frame."""
    import hwgen
    from hwgen.targets import get_target

    network = hwgen.load(file)
    target = enlarged(get_target(TARGET), times)
    made = hwgen.plan(network, target=target, goal=goal)
    lo, hi = network.input.lo, network.input.hi
    x = np.random.default_rng(0).integers(lo, hi + 1, (1, *network.input.shape))
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        result = hwgen.generate(made, Path(folder) / "network").simulate(x)
    seconds = time.monotonic() - begin
    return {"equal": result.ok, "clock": seconds, "cycles": made.latency}


WHO = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)


def cpu() -> float:
    """Return the CPU seconds of this process and of those that it started."""
    return sum(usage.ru_utime + usage.ru_stime for usage in map(resource.getrusage, WHO))


STEPS = {"plan": plan, "generate": generate, "frame": frame}


def step(arguments: list[str]) -> None:
    """Do one step and print what it took."""
    verb, *rest = arguments
    if verb == "compress":
        said = compress(rest[0], Path(rest[1]))
    else:
        file, goal, times = rest
        said = STEPS[verb](Path(file), goal, int(times))
    memory = max(resource.getrusage(who).ru_maxrss for who in WHO)
    print(json.dumps([cpu(), memory / 1024, said]))


# ---------------------------------------------------------------------- all of them


def measured(*arguments: str) -> Figures:
    """Return what a step takes in a fresh process."""
    command = [sys.executable, "-W", "ignore", __file__, "--step", *arguments]
    try:
        limit = LIMIT if arguments[0] == "plan" else PATIENCE
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        return Figures(limit, 0, {"error": f"does not fit, or is not known to in {limit} s"})
    if done.returncode:
        raise RuntimeError(done.stderr)
    return Figures(*json.loads(done.stdout.splitlines()[-1]))


@dataclass(frozen=True)
class Row:
    """A network's figures; plans by goal, and what was said of the target where it is too small."""

    name: str
    weights: int
    compress: Figures
    plans: dict[str, Figures]
    times: int
    refused: str = ""
    generate: Figures | None = None
    frame: Figures | None = None


def row_of(name: str, console: Console) -> Row:
    """Measure a network."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "network.net"
        made = measured("compress", name, str(file))
        plans: dict[str, Figures] = {}
        times, refused = 1, ""
        for goal in GOALS:
            found = measured("plan", str(file), goal, str(times))
            if "error" in found.said and "does not fit" in found.said["error"]:
                refused = f"{goal}, {found.seconds:.1f} s: {found.said['error']}"
                console.print(f"{name}, {refused}", soft_wrap=True)
                times = LARGER
                found = measured("plan", str(file), goal, str(times))
            plans[goal] = found
            console.print(f"{name}, {goal}: {found}", soft_wrap=True)
        generated = simulated = None
        if "error" not in plans[GOALS[0]].said:
            generated = measured("generate", str(file), GOALS[0], str(times))
            console.print(f"{name}, generate: {generated}", soft_wrap=True)
            if name in FRAMES:
                simulated = measured("frame", str(file), GOALS[0], str(times))
                console.print(f"{name}, a frame: {simulated}", soft_wrap=True)
    return Row(name, made.said["weights"], made, plans, times, refused, generated, simulated)


def rows_in(file: Path | None) -> dict[str, Row]:
    """Return the rows that a file holds, by name."""
    if not file or not file.exists():
        return {}
    found = {}
    for one in json.loads(file.read_text()):
        plans = {goal: Figures(**figures) for goal, figures in one.pop("plans").items()}
        for what in ("compress", "generate", "frame"):
            one[what] = Figures(**one[what]) if one[what] else None
        row = Row(**{**one, "plans": plans})
        found[row.name] = row
    return found


def table(rows: list[Row]) -> str:
    """Return a line a network."""
    lines = [
        "| network | weights | compress, s | import, s | MiB | "
        + " | ".join(f"plan, {goal}, s | MiB | LUT, planned" for goal in GOALS)
        + f" | generate, {GOALS[0]}, s | MiB | target |",
        "| --- " + "| ---: " * (6 + 3 * len(GOALS)) + "| --- |",
    ]
    for row in rows:
        cells = [
            row.name,
            f"{row.weights:,}",
            f"{row.compress.seconds - row.compress.said['import']:.1f}",
            f"{row.compress.said['import']:.1f}",
            f"{row.compress.mib:,.0f}",
        ]
        for goal in GOALS:
            found = row.plans[goal]
            if "error" in found.said:
                cells += ["not done", "-", "-"]
                continue
            cells += [f"{found.seconds:.1f}", f"{found.mib:,.0f}", f"{found.said['luts']:,.0f}"]
        made = row.generate
        cells += ["-", "-"] if made is None else [f"{made.said['own']:.1f}", f"{made.mib:,.0f}"]
        cells.append(TARGET if row.times == 1 else f"{TARGET}, {row.times} times")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def frames_table(rows: list[Row]) -> str:
    """Return a line a network of which a frame was simulated."""
    lines = [
        "| network | generated, built and simulated, s of clock | CPU, s | clocks | equal |",
        "| --- | ---: | ---: | ---: | --- |",
    ]
    for row in rows:
        if row.frame and "error" not in row.frame.said:
            said = row.frame.said
            figures = f"{said['clock']:.0f} | {row.frame.seconds:.0f} | {said['cycles']:,}"
            lines.append(f"| {row.name} | {figures} | {'yes' if said['equal'] else 'NO'} |")
    return "\n".join(lines) + "\n"


def done(rows: list[Row], family: str, goal: str) -> list[Row]:
    """Return the rows of a family whose plan for a goal was made."""
    some = [row for row in rows if row.name.startswith(f"{family} ")]
    return [row for row in some if "error" not in row.plans[goal].said]


def exponent(rows: list[Row], family: str, goal: str) -> float:
    """Return by which power of the weights the plan's CPU time, imports aside, grows from 100,000
    weights on."""
    some = [row for row in done(rows, family, goal) if row.weights > 50_000]
    x = np.log([row.weights for row in some])
    y = np.log([row.plans[goal].seconds - IMPORTS for row in some])
    return float(np.polyfit(x, y, 1)[0])


def draw(rows: list[Row], path: Path) -> None:
    """Draw the CPU seconds of plans over the weights; the same figures give the same file."""
    with rc_context({"svg.hashsalt": "hwgen", "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=(8, 4.5), layout="constrained")
        axis = figure.subplots()
        for family in FAMILIES:
            for goal in GOALS:
                some = done(rows, family, goal)
                axis.plot(
                    [row.weights for row in some],
                    [row.plans[goal].seconds for row in some],
                    "o-" if goal == GOALS[0] else "o--",
                    markersize=4,
                    label=f"{family}, {goal}",
                )
        others = [row for row in rows if row.name.split()[0] not in FAMILIES]
        for row in others:
            seconds = row.plans[GOALS[0]].seconds
            axis.plot(row.weights, seconds, "kx", markersize=5)
            axis.annotate(row.name, (row.weights, seconds), (4, 3), textcoords="offset points")
        axis.set(xscale="log", yscale="log", xlabel="weights", ylabel="CPU seconds of a plan")
        axis.grid(True, which="both", alpha=0.25)
        axis.legend(frameon=False)
        figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Measure, and write the page."""
    if sys.argv[1:2] == ["--step"]:
        step(sys.argv[2:])
        return
    from scaling_models import MODELS

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("networks", nargs="*", help="all where none is named")
    parser.add_argument("--json", type=Path, metavar="FILE", help="figures are kept there")
    arguments = parser.parse_args()
    names = [DEMO, *MODELS]
    if unknown := set(arguments.networks) - set(names):
        parser.error(f"networks must be among {', '.join(names)}, not {', '.join(unknown)}")
    console = Console(stderr=True)
    known = rows_in(arguments.json)
    for name in arguments.networks or names:
        if name not in known:
            known[name] = row_of(name, console)
            if arguments.json:
                arguments.json.write_text(json.dumps([asdict(row) for row in known.values()]))
    rows = [known[name] for name in arguments.networks or names]
    print(table(rows))
    if not arguments.networks:
        growth = "\n".join(
            f"- {family}, {goal}: a plan's time grows as weights to the power of "
            f"{exponent(rows, family, goal):.2f}"
            for family in FAMILIES
            for goal in GOALS
        )
        between(PAGE, "scaling", table(rows) + "\n" + growth + "\n")
        between(PAGE, "frames", frames_table(rows))
        draw(rows, PICTURE)


if __name__ == "__main__":
    main()
