"""How long a fully parallel network takes to become Verilog: hwgen beside alkaid.

The jet tagger of hls4ml (Duarte et al. 2018), 16-64-32-32-5, with the same integer weights in both:
hwgen plans it at a frame a clock and generates a package; alkaid traces the same products, biases
and clamps and writes its Verilog. Each in a process of its own, one after the other, as often as
said; CPU seconds of the process and what it starts, imports aside and with them, and the ratio of
medians, in docs/planning.md.

python benchmarks/jets_bench.py --peers PYTHON      an interpreter that has alkaid
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "planning.md"
GOAL, CLOCK = "100000000 fps", 100_000_000


def weights(file: str) -> None:
    """Compress the network, store it and print its matrices."""
    import hwgen
    from hwgen.network import Linear

    sys.path.insert(0, str(Path(__file__).parent))
    from scaling_models import MODELS, calibration

    model = MODELS["jets"]
    x = calibration(model)
    quantize = hwgen.QuantizeRecipe(weights="int6", activations="uint8", output="int8")
    done = hwgen.compress(
        model.make(), hwgen.Recipe(quantize=quantize), calibration=[x], example=x[:1]
    )
    network = hwgen.import_torch(done.module, x[:1])
    network.save(file)
    layers = [node.op for node in network.nodes if isinstance(node.op, Linear)]
    print(json.dumps([[op.weight.tolist(), op.bias.tolist()] for op in layers]))


def ours(file: str, folder: str) -> None:
    """Plan the network at a frame a clock, and generate its package."""
    from scaling_bench import enlarged

    import hwgen
    from hwgen.targets import get_target

    target = enlarged(get_target("ulx3s-85f"), 100)
    made = hwgen.plan(hwgen.load(file), target=target, goal=GOAL, clock_hz=CLOCK)
    hwgen.generate(made, folder + "/jets")


def alkaid(file: str, folder: str) -> None:
    """Trace the same network and write its Verilog."""
    import numpy as np
    from alkaid.codegen import RTLModel
    from alkaid.trace import FVArrayInput, HWConfig, trace

    layers = json.loads(Path(file).read_text())
    x = h = FVArrayInput(len(layers[0][0][0]), hwconf=HWConfig(1, -1, 3)).quantize(1, 7, 0)
    for place, (weight, bias) in enumerate(layers):
        h = h @ np.array(weight, dtype=np.float64).T + np.array(bias, dtype=np.float64)
        if place < len(layers) - 1:  # clamped to 8 bits behind a shift, as a requantizer does
            h = (h * 2.0**-7).relu(i=np.array(8), f=np.array(0), round_mode="RND")
    logic = trace(x, h)
    model = RTLModel(logic, folder, "top", flavor="verilog", latency_cutoff=3)
    model.write()


STEPS = {"weights": weights, "ours": ours, "alkaid": alkaid}


def cpu() -> float:
    """Return the CPU seconds of this process and of what it started."""
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(use.ru_utime + use.ru_stime for use in map(resource.getrusage, who))


def run(python: str, *arguments: str) -> Any:
    """Run a step in a fresh process and return what it prints last."""
    command = [python, "-W", "ignore", __file__, "--step", *arguments]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def measured(peers: str, rounds: int) -> str:
    """Return the table of both, in Markdown."""
    with tempfile.TemporaryDirectory() as folder:
        file, matrices = f"{folder}/jets.net", f"{folder}/jets.json"
        Path(matrices).write_text(json.dumps(run(sys.executable, "weights", file)))
        found: dict[str, list[float]] = {"hwgen": [], "alkaid": []}
        for number in range(rounds):
            for name, python, source in (
                ("hwgen", sys.executable, file),
                ("alkaid", peers, matrices),
            ):
                step = "ours" if name == "hwgen" else name
                found[name].append(run(python, step, source, f"{folder}/{name}{number}"))
    rows = ["| | CPU seconds, median | least | most |", "| --- | ---: | ---: | ---: |"]
    for name, seconds in found.items():
        middle = statistics.median(seconds)
        rows.append(f"| {name} | {middle:.1f} | {min(seconds):.1f} | {max(seconds):.1f} |")
    medians = [statistics.median(seconds) for seconds in found.values()]
    rows.append(f"| ratio | {medians[0] / medians[1]:.1f} | | |")
    return "\n".join(rows) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", metavar="PYTHON", help="interpreter with alkaid")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--step", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        verb, *rest = options.step
        if verb == "weights":
            weights(*rest)
            return
        Path(rest[1]).mkdir()
        STEPS[verb](*rest)
        print()
        print(json.dumps(cpu()))
        return
    if not options.peers:
        parser.error("--peers PYTHON: which interpreter has alkaid (pip install alkaid)?")
    start = time.monotonic()
    table = measured(options.peers, options.rounds)
    from comparison_bench import between

    between(PAGE, "jets", table)
    print(table, f"{time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
