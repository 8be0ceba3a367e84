"""`hwgen compress`: from a PyTorch model and a recipe to a stored integer network."""

__all__ = ["compress"]

import hashlib
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from hwgen.cli.output_file import JsonFile, check_file, screen_beside, write_json
from hwgen.cli.progress import bar
from hwgen.cli.tables import Column, print_table, say, screen
from hwgen.errors import HwgenError, HwgenWarning
from hwgen.targets import DEFAULT_TARGET

if TYPE_CHECKING:
    from hwgen.compression import Compressed


def compress(
    task: Annotated[
        str,
        typer.Argument(
            metavar="FILE.py:TASK",
            help="An object with .model, .example, .calibration, and perhaps .train(model, "
            "epochs), .epochs (for .model, unless the recipe says) and .evaluate(model).",
        ),
    ],
    recipe: Annotated[Path, typer.Option("--recipe", metavar="FILE", help="The recipe, TOML.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="File of the network.")],
    checkpoints: Annotated[
        Path | None,
        typer.Option("--checkpoints", help="Folder to keep each step in, and to go on from."),
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Begin anew, whatever checkpoints there are.")
    ] = False,
    measure: Annotated[
        str | None,
        typer.Option(help="What costs and budgets of the recipe count: luts or cycles."),
    ] = None,
    target: Annotated[
        str, typer.Option("--target", help="With --measure: the device.")
    ] = DEFAULT_TARGET,
    goal: Annotated[
        str, typer.Option("--goal", help='With --measure: "10000 fps", "min latency", "min area".')
    ] = "10000 fps",
    json_file: JsonFile = None,
) -> None:
    """Train, prune and quantize a task's model as a recipe says, and store its integer network.

    A run with --checkpoints that was ended goes on where it was when it is started again.

    Example: hwgen compress digits_task.py:task --recipe recipe.toml -o digits.net --checkpoints run
    """
    from hwgen import api
    from hwgen.tasks.python_file import load_object, read_source

    for path in (output, json_file):
        check_file(path)
    if fresh and checkpoints is None:
        raise HwgenError("--fresh begins the checkpoints of a folder anew; give --checkpoints too")
    wanted = api.read_recipe(recipe)
    if wanted.quantize is None:
        raise HwgenError(f"{recipe}: must have a table [quantize] to make an integer network")
    found: Any = load_object(task)
    for name in ("model", "example", "calibration"):
        if not hasattr(found, name):
            raise HwgenError(f"{task}: must have an attribute {name!r}")
    from hwgen.compression.calibration_data import input_batches  # PyTorch is there by now

    calibration = input_batches(found.calibration, found.example)
    cost = None
    if measure is not None:
        cost = api.hardware_cost(
            measure,
            calibration=calibration,
            quantize=wanted.quantize,
            target=target,
            goal=goal,
            example=found.example,
        )
    wanted = wanted.for_task(found)
    source = read_source(Path(task.rpartition(":")[0]))
    console = screen_beside(json_file)
    try:
        caught = warnings.catch_warnings(record=True)
        with bar("Compressing", screen(stderr=True)) as move, caught as warned:
            done = api.compress(
                found.model,
                wanted,
                train=getattr(found, "train", None),
                evaluate=getattr(found, "evaluate", None),
                calibration=calibration,
                example=found.example,
                measure=cost,
                progress=lambda step: move(step, 0, 0),
                checkpoints=checkpoints,
                fresh=fresh,
                made_from={"task file": hashlib.sha256(source).hexdigest()},
            )
    except KeyboardInterrupt:
        again = "the same command without --fresh goes on where this one was"
        lost = "nothing was kept; with --checkpoints FOLDER it could go on"
        typer.echo(f"hwgen: {lost if checkpoints is None else again}", err=True)
        raise
    network = api.import_torch(done.module, found.example)
    network.save(output)
    _print(done, console)
    for warning in warned:
        if issubclass(warning.category, HwgenWarning):
            for line in f"Warning: {warning.message}".splitlines():
                say(console, line, wrap=False)
        else:
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno
            )
    say(console, f"Network in {output}")
    write_json(json_file, _described(done, wanted))


def _described(done: "Compressed", recipe: Any) -> dict[str, Any]:
    """Return what happened as plain values."""
    return {
        "recipe": asdict(recipe),
        "history": [asdict(record) for record in done.history],
        "warnings": list(done.warnings),
        "stopped": done.stopped,
        "sufficed": done.sufficed,
    }


def _print(done: "Compressed", console: Console) -> None:
    """Print the history, a row a step."""
    titles = ("step", "accuracy", "dB", "parameters", "MACs", "zeros", "bytes", "seconds")
    rows = [
        (
            record.step,
            "" if record.accuracy is None else f"{record.accuracy:.2%}",
            _decibel(record.db),
            f"{record.parameters:,}",
            f"{record.macs:,}",
            f"{record.sparsity.weights.share:.1%}",
            f"{record.bytes:,}",
            f"{record.seconds:.1f}",
        )
        for record in done.history
    ]
    print_table(console, [Column(title) for title in titles], rows)
    _print_noise(done, console)
    if done.stopped:
        say(console, f"Pruning ended: {done.stopped}")
    if done.sufficed:
        say(console, f"Enough for the accuracy: {done.sufficed}")


def _print_noise(done: "Compressed", console: Console) -> None:
    """Print the signal to noise of each layer after the last step."""
    rows = []
    for of in done.history[-1].noise:
        known = [(db, number) for number, db in enumerate(of.channels) if db is not None]
        worst, number = min(known, default=(None, ""))
        rows.append((of.layer, _decibel(of.db), str(number), _decibel(worst)))
    titles = ("layer, float against quantized", "dB", "worst channel", "dB of it")
    if rows:
        print_table(console, [Column(title) for title in titles], rows)


def _decibel(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"
