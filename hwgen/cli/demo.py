"""`hwgen demo`: handwritten digits the whole way, from training to place and route."""

__all__ = ["demo"]

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from hwgen.cache import Cache
from hwgen.cli.output_file import JsonFile, check_file, screen_beside, write_json
from hwgen.cli.plan import print_plan
from hwgen.cli.progress import told
from hwgen.cli.tables import Column, print_table, say, screen
from hwgen.errors import HwgenError, ToolError, bring
from hwgen.targets import DEFAULT_TARGET

if TYPE_CHECKING:
    from hwgen.api import Package
    from hwgen.compression.resume.checkpoints import Checkpoints
    from hwgen.network import Network
    from hwgen.tasks.digits import Digits

GOAL = "100000 fps"
INTERRUPTED = (
    "trained weights, synthesis and routing are kept; the same command goes on where it was"
)
VARIES = (
    "Training varies a little from machine to machine, and with it the accuracies and what the "
    "hardware takes; that every output is equal does not."
)


class Steps:
    """The steps of a run: a bar for each, in a pipe a line, and the seconds it took.

    Attributes
    ----------
    seconds : by step, s; of a step whose result an earlier run found, what it took that one
    cached : those steps
    """

    def __init__(self, console: Console):
        self.seconds: dict[str, float] = {}
        self.cached: list[str] = []
        self._tasks: dict[str, TaskID] = {}
        self._console = console
        self._progress = Progress(
            SpinnerColumn(finished_text="+"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_interactive,
        )

    def __enter__(self) -> "Steps":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    @contextmanager
    def step(self, name: str) -> Iterator[Callable[[int, int], None]]:
        """Show a step while it runs; yields what moves its bar: `move(done, total)`."""
        if not self._console.is_interactive:
            say(screen(stderr=True), f"Demo: {name}", wrap=False)
        task = self._tasks[name] = self._progress.add_task(name, total=None)
        start = time.monotonic()

        def move(done: int, total: int) -> None:
            self._progress.update(task, completed=done, total=total or None)

        yield move
        self.seconds[name] = time.monotonic() - start
        self._progress.update(task, completed=1, total=1)

    def found(self, name: str, seconds: float) -> None:
        """Say that the result of a step came from the cache, and what it took when it was run."""
        self.seconds[name] = seconds
        self.cached.append(name)
        self._progress.update(self._tasks[name], description=f"{name} (cached)")


def demo(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the package.")] = Path(
        "build/digits"
    ),
    json_file: JsonFile = None,
    seed: Annotated[int, typer.Option(help="Of the training.")] = 0,
    target: Annotated[str, typer.Option("--target", help="The device.")] = DEFAULT_TARGET,
    goal: Annotated[str, typer.Option("--goal", help="Throughput to plan for.")] = GOAL,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Train again, whatever an earlier run has kept.")
    ] = False,
) -> None:
    """Train, prune, quantize, generate, simulate, synthesise, place and route a digits CNN.

    A run that was ended goes on where it was: trained weights, synthesis and routing are kept.

    Example: hwgen demo --json demo.json
    """
    console = screen_beside(json_file)
    check_file(json_file)
    start = time.monotonic()
    with told(INTERRUPTED), Steps(console) as steps:
        figures = _run(steps, output, seed, target, goal, fresh, console)
    figures["seconds"] = steps.seconds | {"total": time.monotonic() - start}
    figures["cached"] = steps.cached
    _print(figures, console)
    say(console, f"Package in {output}")
    write_json(json_file, figures)
    equal = figures["outputs"]
    if equal["equal"] != equal["compared"] or figures["violations"]:
        raise typer.Exit(1)


def _run(
    steps: Steps, output: Path, seed: int, target: str, goal: str, fresh: bool, console: Console
) -> dict[str, Any]:
    """Go the whole way and return the figures."""
    from hwgen import api

    try:
        from hwgen.compression.resume.checkpoints import Checkpoints, code_hash
        from hwgen.tasks.digits import Digits
    except ModuleNotFoundError as error:
        raise ToolError(f"Python package {error.name} is missing; {bring('demo')}") from error

    digits = Digits(seed)
    code = code_hash("tasks", "torch_graph", "compression")
    made_from = (code, version("scikit-learn"), seed, repr(digits.recipe))
    checkpoints = Checkpoints(made_from, Cache(), fresh=fresh)
    network, figures = _compressed(steps, digits, checkpoints)
    with steps.step("plan"):
        plan = api.plan(network, target=target, goal=goal)
    print_plan(plan, console)
    with steps.step("generate"):
        package = api.generate(plan, output)
    figures |= _simulated(steps, package, digits)
    figures["accuracy"]["hardware"] = figures.pop("accuracy_hardware")
    figures["busy"], figures["useful_share"] = plan.busy, plan.useful_share
    with steps.step("synthesise"):
        synthesised = package.cost("synth")
    with steps.step("place and route"):
        routed = package.cost("route")
    for name, cost in (("synthesise", synthesised), ("place and route", routed)):
        took = float(str(cost.detail["seconds"]))
        if steps.seconds[name] < took:
            steps.found(name, took)
    figures["cost"] = {"synth": synthesised.to_json(), "route": routed.to_json()}
    figures["target"], figures["goal"] = plan.target.name, goal
    return figures


def _compressed(
    steps: Steps, digits: "Digits", checkpoints: "Checkpoints"
) -> "tuple[Network, dict[str, Any]]":
    from hwgen import api

    # The recipe's two trainings are the fine-tuning and the quantization-aware one, in this order.
    names = iter(("train", "prune, fine-tune", "quantize, train on"))

    def train(model: Any, epochs: int) -> None:
        name = next(names)
        with steps.step(name) as move:
            done = checkpoints.train(model, epochs, lambda: digits.train(model, epochs, move))
        if done.cached:
            steps.found(name, done.seconds)

    train(digits.model, digits.epochs)
    done = api.compress(
        digits.model,
        digits.recipe,
        train=train,
        evaluate=digits.evaluate,
        calibration=digits.calibration,
    )
    history = {record.step: record for record in done.history}
    with steps.step("import"):
        network = api.import_torch(done.module, digits.example)
    x = network.quantize(digits.test_inputs.numpy())
    with steps.step("golden"):
        y = network.run(x)
    if not _same_as_torch(done.module, digits, network, y):
        raise HwgenError("Golden differs from PyTorch; this is a bug of hwgen, please report it")
    return network, {
        "accuracy": {
            "float": history["float"].accuracy,
            "pruned": history["fine-tune"].accuracy,
            "quantized": history["qat"].accuracy,
        },
        "parameters": {name: record.parameters for name, record in history.items()},
        "macs": {name: record.macs for name, record in history.items()},
    }


def _same_as_torch(module: Any, digits: "Digits", network: "Network", y: Any) -> bool:
    """Say whether golden equals the PyTorch module on all held-out images, bit for bit."""
    import numpy as np
    import torch

    with torch.no_grad():
        real = module.eval()(digits.test_inputs).numpy()
    tensor = network.output
    return bool(np.array_equal(np.rint(real / tensor.scale) + tensor.zero_point, y))


def _simulated(steps: Steps, package: "Package", digits: "Digits") -> dict[str, Any]:
    x = package.network.quantize(digits.test_inputs.numpy())
    with steps.step("simulate") as move:
        result = package.simulate(x, progress=lambda step, done, total: move(done, total))
    right = result.outputs.reshape(len(x), -1).argmax(1) == digits.test_labels.numpy()
    predicted = package.manifest.predicted
    return {
        "accuracy_hardware": float(right.mean()),
        "outputs": {"equal": result.compared - result.different, "compared": result.compared},
        "frames": len(x),
        "first_difference": None if result.equal else str(result.first_difference),
        "violations": list(result.violations),
        "interval": {"predicted": predicted.interval, "measured": result.interval},
        "latency": {"predicted": predicted.latency, "measured": result.latency},
    }


def _print(figures: dict[str, Any], console: Console) -> None:
    rows: list[tuple[str, str]] = []
    sections = []
    for name, share in figures["accuracy"].items():
        rows.append((f"accuracy, {name}", f"{share:.2%}"))
    counts = figures["outputs"]
    rows.append(("outputs equal", f"{counts['equal']:,} of {counts['compared']:,}"))
    for name in ("interval", "latency"):
        found = figures[name]
        clocks = f"{found['predicted']:,} / {found['measured']:,} clocks"
        rows.append((f"{name}, predicted / measured", clocks))
    busy = figures["busy"] / figures["interval"]["measured"]
    rows.append(("busiest component / useful MACs", f"{busy:.1%} / {figures['useful_share']:.1%}"))
    sections.append(len(rows))
    cost = figures["cost"]["route"]
    synth = figures["cost"]["synth"]
    rows.append(("LUT, synthesised / placed", f"{synth['luts']:,} / {cost['luts']:,}"))
    rows.append(("FF", f"{cost['ffs']:,}"))
    rows.append(("DSP", f"{cost['dsps']:,}"))
    rows.append(("block memories", f"{cost['block_rams']:,}"))
    rows.append(("Fmax", f"{cost['fmax_mhz']:.1f} MHz"))
    rows.append(("frames per second at Fmax", f"{cost['frames_per_second']:,.0f}"))
    sections.append(len(rows))
    for name, seconds in figures["seconds"].items():
        cached = " (cached)" if name in figures["cached"] else ""
        rows.append((f"seconds, {name}", f"{seconds:.1f}{cached}"))
    title = f"Digits on {figures['target']}, {figures['goal']}"
    columns = (Column("figure"), Column("value"))
    print_table(console, columns, rows, title=title, sections=sections, header=False)
    say(console, VARIES)
    if figures["first_difference"]:
        say(console, f"First difference: {figures['first_difference']}")
