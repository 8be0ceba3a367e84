"""The reference models of MLPerf Tiny on ULX3S-85F, as their files are: docs/mlperf-tiny.md.

python benchmarks/mlperf_tiny.py FOLDER           the files of FOLDER; goes on where it was ended
python benchmarks/mlperf_tiny.py FOLDER --page    the page alone, of what has been measured

FOLDER holds kws_ref_model.tflite, ad01_int8.tflite and pretrainedResnet_quant.tflite, as
https://github.com/mlcommons/tiny has them. It takes hours: most of it is synthesis.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from comparison_bench import between
from rich.console import Console

import hwgen
from hwgen.errors import HwgenError
from hwgen.network import Network

ROOT = Path(__file__).resolve().parent.parent
PAGE, RESULTS = ROOT / "docs/mlperf-tiny.md", ROOT / "benchmarks/results/mlperf_tiny.json"
TARGET, GOALS = "ulx3s-85f", ("min area", "min latency")
FILES = {
    "kws_ref_model.tflite": "keyword spotting, DS-CNN",
    "ad01_int8.tflite": "anomaly detection, autoencoder",
    "pretrainedResnet_quant.tflite": "image classification, ResNet-8",
}
TITLES = (
    *("model", "goal", "LUT, estimated", "LUT, synthesised", "DSP", "memories"),
    *("interval, cycles", "latency, cycles", "clock, MHz", "latency, ms", "frames a second"),
    "one frame in RTL",
)
LONGEST = 180  # characters that hwgen keeps of a name
INPUTS, PART = 1000, 50  # frames that are compared, and how many at a time
PATIENCE = 7200.0  # seconds that a tool may take
Ints = npt.NDArray[np.int64]


def frames(network: Network, count: int) -> Iterator[Ints]:
    """Yield batches of inputs: extremes, random ones, and smooth ones, which real ones are."""
    rng, shape = np.random.default_rng(0), network.input.shape
    stripes = np.indices(shape).sum(0) % 2
    extremes = [np.full(shape, -128), np.full(shape, 127), np.zeros(shape, int)]
    yield np.array([*extremes, stripes * 255 - 128, 127 - stripes * 255])
    for start in range(0, count, PART):
        x = rng.integers(-128, 128, (min(PART, count - start), *shape))
        smooth = rng.normal(0, 12, (len(x) // 2, *shape)).cumsum(axis=-1)
        x[: len(smooth)] = smooth.round().clip(-128, 127)
        yield x


def as_file(x: Ints) -> Ints:
    """Return a batch with channels last."""
    return x.transpose(0, 2, 3, 1) if x.ndim == 4 else x


def compare(path: Path, network: Network, count: int) -> dict[str, Any]:
    """Return how many integers of LiteRT's reference kernels golden's were compared with, tensor by
    tensor, and how many differ."""
    runner = Interpreter(
        str(path),
        experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
        experimental_preserve_all_tensors=True,
    )
    runner.allocate_tensors()
    entry, end = runner.get_input_details()[0], runner.get_output_details()[0]
    places = {d["name"][:LONGEST]: d["index"] for d in runner.get_tensor_details()}
    compared = different = seen = 0
    named = [node.name for node in network.nodes[1:] if node.name in places]
    for x in frames(network, count):
        ours, seen = network.trace(x), seen + len(x)
        theirs: dict[str, list[Any]] = {name: [] for name in named}
        last = []
        for frame in as_file(x):
            runner.set_tensor(entry["index"], frame[None].astype(entry["dtype"]))
            runner.invoke()
            for name in named:
                theirs[name].append(runner.get_tensor(places[name])[0])
            last.append(runner.get_tensor(end["index"])[0])
        for name in named:
            y = as_file(ours[name])
            compared += y.size
            different += int((y.reshape(-1) != np.array(theirs[name]).reshape(-1)).sum())
        scale, zero = end["quantization"]
        real = scale * (np.array(last).astype(np.float64) - zero)
        answers = network.dequantize(ours[network.ends[0].node])
        compared, different = compared + real.size, different + int((real != answers).sum())
    return {"frames": seen, "tensors": len(named) + 1, "compared": compared, "different": different}


class Results:
    """What has been measured, in a file after each step."""

    def __init__(self, say: Callable[[str], None]):
        text = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else "{}"
        self.found: dict[str, dict[str, Any]] = json.loads(text)
        self._say = say

    def step(self, model: str, name: str, measure: Callable[[], dict[str, Any]]) -> None:
        """Measure what has not been."""
        steps = self.found.setdefault(model, {})
        if name in steps:
            return
        begin = time.monotonic()
        try:
            steps[name] = measure()
        except HwgenError as error:
            steps[name] = {"error": str(error).splitlines()[0][:200]}
        self._say(f"{model}: {name}, {time.monotonic() - begin:.0f} s: {steps[name]}")
        text = json.dumps(self.found, indent=1, sort_keys=True) + "\n"
        RESULTS.write_text(text, encoding="utf-8")


def measure(folder: Path, results: Results, count: int, work: Path) -> None:
    """Do all that has not been done, what is quick for all models first."""
    networks = {}
    for file in FILES:
        networks[file] = network = hwgen.import_tflite(folder / file)
        results.step(file, "network", lambda n=network: _network(n))
        results.step(file, "equal", lambda f=file, n=network: compare(folder / f, n, count))
    for goal in GOALS:
        for file, network in networks.items():
            needed = [f"{goal}: {what}" for what in ("plan", "rtl", "synth")]
            if set(needed) <= results.found[file].keys():
                continue
            plan = hwgen.plan(network, target=TARGET, goal=goal)
            package = hwgen.generate(plan, work / f"{Path(file).stem}_{goal.replace(' ', '_')}")
            results.step(file, needed[0], lambda p=package: _estimated(p))
            results.step(file, needed[1], lambda p=package: _simulated(p))
    for goal in GOALS:
        for file in FILES:
            package = work / f"{Path(file).stem}_{goal.replace(' ', '_')}"
            if package.exists():
                results.step(file, f"{goal}: synth", lambda p=package: _synthesised(p))


def _network(network: Network) -> dict[str, Any]:
    return {"macs": network.size.macs, "parameters": network.size.parameters}


def _estimated(package: hwgen.Package) -> dict[str, Any]:
    cost, made = package.cost("estimate"), package.manifest
    return {
        **_used(cost),
        "interval": made.predicted.interval,
        "latency": made.predicted.latency,
        "clock_hz": made.clock_hz,
    }


def _used(cost: Any) -> dict[str, Any]:
    return {name: getattr(cost, name) for name in ("luts", "ffs", "dsps", "block_rams")}


def _simulated(package: hwgen.Package) -> dict[str, Any]:
    x = next(frames(package.network, PART))[3:4]
    found = package.simulate(x, timeout=PATIENCE)
    return {
        "frames": len(x),
        "equal": found.equal,
        "latency": found.latency,
        "seconds": round(found.build_seconds + found.run_seconds),
    }


def _synthesised(folder: Path) -> dict[str, Any]:
    return _used(hwgen.Package(folder).cost("synth", timeout=PATIENCE))


def _models(found: dict[str, dict[str, Any]]) -> list[str]:
    lines = [
        "| model | file | MACs | parameters | frames | tensors | integers compared | different |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for file, title in FILES.items():
        network, equal = found[file]["network"], found[file]["equal"]
        lines.append(
            f"| {title} | `{file}` | {network['macs']:,} | {network['parameters']:,} | "
            f"{equal['frames']:,} | {equal['tensors']} | {equal['compared']:,} | "
            f"{equal['different']:,} |"
        )
    return lines


def _designs(found: dict[str, dict[str, Any]]) -> list[str]:
    lines = [
        f"| {' | '.join(TITLES)} |",
        "| --- | --- | " + "---: | " * 9 + "--- |",
    ]
    for file, title in FILES.items():
        for goal in GOALS:
            plan, rtl, synth = (
                found[file].get(f"{goal}: {what}", {}) for what in ("plan", "rtl", "synth")
            )
            if not plan or "error" in plan:
                continue
            hz = plan["clock_hz"]
            said = {True: "equal", False: "differs"}.get(rtl.get("equal"), "not simulated yet")
            lines.append(
                f"| {title} | {goal} | {plan['luts']:,} | {_two(synth, 'luts')} | "
                f"{plan['dsps']} / {_two(synth, 'dsps')} | "
                f"{plan['block_rams']} / {_two(synth, 'block_rams')} | {plan['interval']:,} | "
                f"{plan['latency']:,} | {hz / 1e6:g} | {plan['latency'] / hz * 1e3:.3f} | "
                f"{hz / plan['interval']:,.0f} | {said} |"
            )
    return lines


def _two(synth: dict[str, Any], name: str) -> str:
    return f"{synth[name]:,}" if synth.get(name) is not None else "-"


def write_page(found: dict[str, dict[str, Any]]) -> None:
    """Write the tables of the page."""
    between(PAGE, "models", "\n".join(_models(found)) + "\n")
    between(PAGE, "designs", "\n".join(_designs(found)) + "\n")


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--page", action="store_true", help="of what has been measured")
    parser.add_argument("--inputs", type=int, default=INPUTS, help="frames that are compared")
    arguments = parser.parse_args()
    results = Results(Console(stderr=True).print)
    if not arguments.page:
        with tempfile.TemporaryDirectory() as work:
            measure(arguments.folder, results, arguments.inputs, Path(work))
    write_page(results.found)


if __name__ == "__main__":
    main()
