"""`hwgen import`: from a PyTorch model to a stored integer network."""

__all__ = ["import_"]

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from hwgen.cli.tables import Column, print_table, say, screen
from hwgen.errors import HwgenError

if TYPE_CHECKING:
    from hwgen.network import Network


def import_(
    task: Annotated[
        str,
        typer.Argument(
            metavar="FILE.py:TASK",
            help="An object with .model and .example (and .calibration, and perhaps .evaluate).",
        ),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="File of the network.")],
    weights: Annotated[
        str | None, typer.Option(help="Quantize a float model first: weights, such as int8.")
    ] = None,
    activations: Annotated[
        str, typer.Option(help="With --weights: activations, such as uint8.")
    ] = "uint8",
) -> None:
    """Store the integer network of a task's model.

    The model is one that hwgen.compress made, or a float one to be quantized after training with
    --weights, on the task's calibration batches.

    Example: hwgen import my_task.py:task --weights int8 --activations uint8 -o my.net
    """
    from hwgen import api
    from hwgen.tasks.python_file import load_object

    console = screen()
    found: Any = load_object(task)
    for name in ("model", "example", *(("calibration",) if weights else ())):
        if not hasattr(found, name):
            raise HwgenError(f"{task}: must have an attribute {name!r}")
    model, evaluate = found.model, getattr(found, "evaluate", None)
    with console.status("Importing"):
        if weights is not None:
            from hwgen.compression import QuantizeRecipe, Recipe

            recipe = Recipe(quantize=QuantizeRecipe(weights=weights, activations=activations))
            model = api.compress(
                model,
                recipe,
                evaluate=evaluate,
                calibration=found.calibration,
                example=found.example,
            ).module
            evaluate = None  # compress has looked
        network = api.import_torch(model, found.example, evaluate=evaluate)
        network.save(output)
    print_network(network, console)
    say(console, f"Network in {output}")


def print_network(network: "Network", console: Console) -> None:
    """Print a row a node, and the sums."""
    from hwgen.network.text import FIRST_NUMBER, summary_rows

    titles, *rows = summary_rows(network)
    columns = [Column(title, right=number >= FIRST_NUMBER) for number, title in enumerate(titles)]
    print_table(console, columns, rows, sections=(len(rows) - 1,))
