"""Calibration data as users have it: tensors, arrays, pairs with labels, single inputs."""

__all__ = ["argument_names", "input_batches"]

import inspect
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hwgen.errors import HwgenError, NetworkError
from hwgen.torch_graph.batches import Batch

TOGETHER = 256  # single inputs that become one batch
BATCHED: tuple[int, ...] = (2, 4)  # dimensions of a batch, where no example says
SIGNALS = (nn.Conv1d, nn.ConvTranspose1d, nn.MaxPool1d, nn.AvgPool1d)
IMAGES = (nn.Conv2d, nn.ConvTranspose2d, nn.MaxPool2d, nn.AvgPool2d)
WAY = (
    "give batches of inputs: a list of tensors, one tensor, or a DataLoader of inputs or of "
    "(inputs, labels)"
)


def argument_names(model: nn.Module, example: object) -> tuple[str, ...]:
    """Return the names of the arguments that get an example's tensors; of one tensor or none the
    first's."""
    if not isinstance(example, tuple):
        return ("x",)
    return tuple(inspect.signature(model.forward).parameters)[: len(example)]


def _batched(example: object, model: nn.Module | None) -> tuple[int, ...]:
    """Return how many dimensions a batch has: the example's, or as the model's layers say."""
    if isinstance(example, Tensor) and example.dim() in (2, 3, 4):
        return (example.dim(),)
    layers = () if model is None else tuple(model.modules())
    signals = any(isinstance(layer, SIGNALS) for layer in layers)
    images = any(isinstance(layer, IMAGES) for layer in layers)
    return (3,) if signals and not images else BATCHED


def input_batches(
    calibration: object,
    example: object = None,
    names: Sequence[str] = ("x",),
    model: nn.Module | None = None,
) -> tuple[Batch, ...]:
    """Return the inputs in calibration data as batches, (batch, ...) float32 on the CPU.

    Parameters
    ----------
    calibration : one batch, or an iterable such as a DataLoader or Dataset of batches, or of
        single inputs, which are put together; each a tensor, an array, or a tuple or list of one
        and its labels
    example : a batch, if there is one, which tells a batch of lengths from an image
    model : where no example is given, its layers tell signals, (batch, channels, length), from
        images
    names : of the model's inputs. Of several, each item is a tuple, list or dict of batches, or a
        tuple or list of one of these and labels, or of as many batches and labels

    Raises
    ------
    NetworkError : something else; says what
    HwgenError : nothing that can be gone through
    """
    batched = _batched(example, model)
    if len(names) > 1:
        return tuple(_several(calibration, tuple(names)))
    if isinstance(calibration, Tensor | np.ndarray):
        return tuple(_together([_inputs(calibration)], batched))
    listed = isinstance(calibration, Iterable) or hasattr(calibration, "__getitem__")
    if not listed or isinstance(calibration, str | bytes | dict):
        raise HwgenError(f"Calibration must not be {describe(calibration)}; {WAY}")
    items: Any = calibration  # a Dataset has no __iter__, and can be gone through all the same
    return tuple(_together(map(_inputs, items), batched))


def _several(calibration: Any, names: tuple[str, ...]) -> Iterator[tuple[Tensor, ...]]:
    """Yield the batches of a model of several inputs."""
    way = f"give a list of tuples of {len(names)} batches, of {' and '.join(names)}, or of dicts"
    if not isinstance(calibration, Iterable) or isinstance(calibration, str | bytes | dict):
        raise HwgenError(f"Calibration must not be {describe(calibration)}; {way}")
    for item in calibration:
        tensors = [_tensor(part) for part in _parts(item, names)]
        known = [part for part in tensors if part is not None and part.dim() in (2, 3, 4)]
        if len(known) != len(names) or len({len(part) for part in known}) != 1:
            raise NetworkError(f"Calibration holds {describe(item)}; {way}, of equally many frames")
        yield tuple(known)


def _parts(item: Any, names: tuple[str, ...]) -> list[Any]:
    """Return what an item gives for each input, labels left out."""
    if isinstance(item, tuple | list) and item and isinstance(item[0], tuple | list | dict):
        item = item[0]
    if isinstance(item, dict):
        return [item.get(name) for name in names]
    return list(item[: len(names)]) if isinstance(item, tuple | list) else [item]


def _inputs(item: object) -> Tensor:
    """Return the inputs of one item: itself, or the first of a pair."""
    first = item[0] if isinstance(item, tuple | list) and item else item
    found = _tensor(first)
    if found is None or not 1 <= found.dim() <= 4:
        raise NetworkError(f"Calibration holds {describe(item)}; {WAY}")
    return found


def _tensor(value: object) -> Tensor | None:
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiub":
        value = torch.from_numpy(np.ascontiguousarray(value))
    if not isinstance(value, Tensor) or value.is_complex():
        return None
    return value.detach().to("cpu", torch.float32)


def _together(found: Iterable[Tensor], batched: tuple[int, ...]) -> Iterator[Tensor]:
    """Yield batches as they are, and single inputs as batches."""
    waiting: list[Tensor] = []
    for tensor in found:
        single = tensor.dim() + 1 in batched
        same = bool(waiting) and single and waiting[0].shape == tensor.shape
        if waiting and (not same or len(waiting) == TOGETHER):
            yield torch.stack(waiting)
            waiting = []
        if single:
            waiting.append(tensor)
        else:
            yield tensor
    if waiting:
        yield torch.stack(waiting)


def describe(value: object) -> str:
    """Return what a value is, in words for a message."""
    if isinstance(value, Tensor | np.ndarray):
        return f"{type(value).__name__} of shape {tuple(value.shape)} and {value.dtype}"
    if isinstance(value, tuple | list) and value:
        parts = ", ".join(describe(part) for part in value[:3])
        return f"a {type(value).__name__} of {parts}{', ...' if len(value) > 3 else ''}"
    if isinstance(value, dict):
        return f"a dict with keys {', '.join(map(repr, list(value)[:5]))}"
    return f"a {type(value).__name__}"
