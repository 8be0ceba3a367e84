"""One format of a task: trained, quantized, turned into integers, and judged on test data.

A task has `model`, `example` and `calibration`, and perhaps

    train(model, epochs)     without it, quantization is done after training
    evaluate(model)          accuracy of a torch module, for the record
    epochs                   of training `model` before all else, where it comes untrained
    recipe                   of compression, whose formats are then replaced
    test_inputs              (frames, *shape) of real values, held out
    test_labels              (frames,) classes: accuracy is how often the largest output is there
    score(outputs)           instead: judges (frames, *shape) outputs, real values, itself
"""

__all__ = ["FIGURES", "FRAMES", "NETWORK", "split_formats", "train_format"]

import json
import math
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hwgen import api
from hwgen.errors import HwgenError
from hwgen.formats import parse_format
from hwgen.network import Network
from hwgen.tasks.python_file import load_text

if TYPE_CHECKING:
    from hwgen.compression import Recipe

NETWORK = "network.net"
FRAMES = "frames.npy"
FIGURES = "figures.json"
EPOCHS = 15  # of quantization-aware training, where the task has no recipe


def split_formats(text: str) -> tuple[str, str | None]:
    """Return the formats of weights and activations in "int4/uint4"; of "int4" the second is None.

    Raises
    ------
    FormatError : one is no format
    """
    weights, slash, activations = text.partition("/")
    for part in (weights, activations) if slash else (weights,):
        parse_format(part)
    return weights, activations if slash else None


def train_format(
    folder: Path, source: bytes, file: str, name: str, formats: str, recipe: str | None
) -> None:
    """Fill a folder with the network of a task in one format, its test frames, and figures.

    Parameters
    ----------
    source : text of the task's file; it need not be on the machine that this runs on
    file, name : of the task
    formats : such as "int4/uint4"; without the second, activations are as in the recipe
    recipe : a TOML text, to be used instead of the task's own
    """
    task: Any = load_text(source, Path(file), name)
    for needed in ("model", "example", "calibration"):
        if not hasattr(task, needed):
            raise HwgenError(f"{file}:{name}: must have an attribute {needed!r}")
    start = time.monotonic()
    done = api.compress(
        task.model,
        _recipe(task, formats, recipe),
        train=getattr(task, "train", None),
        evaluate=getattr(task, "evaluate", None),
        calibration=task.calibration,
        example=task.example,
    )
    network = api.import_torch(done.module, task.example)
    network.save(folder / NETWORK)
    figures: dict[str, Any] = {"seconds": time.monotonic() - start}
    figures["float_accuracy"] = done.history[0].accuracy
    figures["snr_db"] = done.history[-1].db
    figures["layers_db"] = {of.layer: of.db for of in done.history[-1].noise}
    figures["warnings"] = done.warnings
    if hasattr(task, "test_inputs"):
        if len(network.inputs) > 1 or len(network.ends) > 1:
            raise HwgenError(
                f"{file}:{name}: model must have one input and one output to be judged by "
                "test_inputs; leave them out, to be measured with random frames"
            )
        real = np.asarray(task.test_inputs)
        frames = network.quantize(real)
        outputs = network.run(frames)
        _check_torch(done.module, task, network, outputs)
        figures["accuracy"] = _judge(task, network, outputs, f"{file}:{name}")
        np.save(folder / FRAMES, frames)
    (folder / FIGURES).write_text(json.dumps(figures))


def _recipe(task: Any, formats: str, text: str | None) -> "Recipe":
    """Return the recipe of the task, or the user's, with the formats in it."""
    from hwgen.compression import QuantizeRecipe, Recipe

    trains = hasattr(task, "train")
    if text is not None:
        base = Recipe.parse(text)
    else:
        own = getattr(task, "recipe", None)
        base = own or Recipe(quantize=QuantizeRecipe(epochs=EPOCHS if trains else 0))
    base = base.for_task(task)
    weights, activations = split_formats(formats)
    quantize = replace(base.quantize or QuantizeRecipe(), weights=weights, layers={}, budget=None)
    if activations is not None:
        quantize = replace(quantize, activations=activations)
    return replace(base, quantize=quantize)


def _check_torch(module: Any, task: Any, network: Network, outputs: npt.NDArray[Any]) -> None:
    """Refuse to go on where golden differs from the torch module in a single bit."""
    import torch

    with torch.no_grad():
        real = module.eval()(torch.as_tensor(np.asarray(task.test_inputs))).numpy()
    tensor = network.output
    if network.ends[0].steps:  # what the host makes of it has no integers
        same = np.array_equal(real, network.dequantize(outputs))
    else:
        same = np.array_equal(np.rint(real / tensor.scale) + tensor.zero_point, outputs)
    if not same:
        raise HwgenError("Golden differs from PyTorch; this is a bug of hwgen, please report it")


def _judge(task: Any, network: Network, outputs: npt.NDArray[Any], name: str) -> float | None:
    """Return how good the outputs of golden are, None where the task does not say."""
    if hasattr(task, "score"):
        score = float(task.score(network.dequantize(outputs)))
        if not math.isfinite(score):
            raise HwgenError(f"{name}: score(outputs) must return a finite number, not {score}")
        return score
    if not hasattr(task, "test_labels"):
        return None
    labels = np.asarray(task.test_labels)
    if labels.shape != (len(outputs),):
        raise HwgenError(
            f"{name}: test_labels must be {len(outputs)} classes, one a frame of test_inputs, not "
            f"of shape {labels.shape}; or give score(outputs)"
        )
    flat = outputs.reshape(len(outputs), -1)
    classes = flat[:, 0] if flat.shape[1] == 1 else flat.argmax(1)
    return float((classes == labels).mean())
