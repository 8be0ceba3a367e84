"""`hwgen import`: from a PyTorch model or a model file to a stored integer network."""

__all__ = ["import_"]

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from hwgen.cli.progress import waiting
from hwgen.cli.tables import Column, print_table, say, screen
from hwgen.errors import HwgenError

if TYPE_CHECKING:
    from hwgen.network import Network


FILES = (".tflite", ".onnx", ".pt2")


def import_(
    source: Annotated[
        str,
        typer.Argument(
            metavar="MODEL.tflite|MODEL.onnx|MODEL.pt2|FILE.py:TASK",
            help="A model file, or an object with .model and .example (and .calibration, and "
            "perhaps .evaluate).",
        ),
    ],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="File of the network.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Say what would become of it, and write nothing.")
    ] = False,
    weights: Annotated[
        str | None, typer.Option(help="Quantize a float model first: weights, such as int8.")
    ] = None,
    activations: Annotated[
        str, typer.Option(help="With --weights: activations, such as uint8.")
    ] = "uint8",
    input_format: Annotated[
        str | None,
        typer.Option(help="Of .onnx: integers that enter, such as uint8, if not the file's own."),
    ] = None,
    input_scale: Annotated[
        float | None, typer.Option(help="Of .onnx: what one of these integers stands for.")
    ] = None,
) -> None:
    """Store the integer network of a model file, or of a task's model.

    A file of TFLite gives the integers of LiteRT's reference kernels, an ONNX file (QONNX, or with
    QuantizeLinear and DequantizeLinear) those of its graph in exact arithmetic, and so does a
    program of torch.export that PT2E quantized (.pt2). A task's model is one that hwgen.compress
    made, or a float one to be quantized after training with --weights, on the calibration batches
    of the task.

    Example: hwgen import model.tflite -o my.net

    Example: hwgen import model.onnx --check

    Example: hwgen import my_task.py:task --weights int8 --activations uint8 -o my.net
    """
    if (output is None) != check:
        raise HwgenError("Say where the network goes: -o my.net; or --check, which writes nothing")
    console = screen()
    with waiting("Importing", screen(stderr=True), "nothing is written; run it again"):
        if source.lower().endswith(FILES):
            if weights is not None:
                raise HwgenError(f"{source}: --weights is for a task's float model, not for a file")
            network = _from_file(source, input_format, input_scale)
        else:
            network = _from_task(source, weights, activations)
        if output is not None:
            network.save(output)
    print_network(network, console)
    say(console, "Nothing is written" if output is None else f"Network in {output}")


def _from_file(path: str, input_format: str | None, input_scale: float | None) -> "Network":
    from hwgen import api

    if path.lower().endswith(".onnx"):
        return api.import_onnx(path, input_format=input_format, input_scale=input_scale)
    if path.lower().endswith(".pt2"):
        return api.import_exported(path, input_format=input_format, input_scale=input_scale)
    if input_format is not None or input_scale is not None:
        raise HwgenError(f"{path}: --input-format and --input-scale are for .onnx and .pt2 files")
    return api.import_tflite(path)


def _from_task(task: str, weights: str | None, activations: str) -> "Network":
    from hwgen import api
    from hwgen.tasks.python_file import load_object

    found: Any = load_object(task)
    for name in ("model", "example", *(("calibration",) if weights else ())):
        if not hasattr(found, name):
            raise HwgenError(f"{task}: must have an attribute {name!r}")
    model, evaluate = found.model, getattr(found, "evaluate", None)
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
    return api.import_torch(model, found.example, evaluate=evaluate)


def print_network(network: "Network", console: Console) -> None:
    """Print a row a node, and the sums."""
    from hwgen.network.text import FIRST_NUMBER, summary_rows

    titles, *rows = summary_rows(network)
    columns = [Column(title, right=number >= FIRST_NUMBER) for number, title in enumerate(titles)]
    print_table(console, columns, rows, sections=(len(rows) - 1,))
