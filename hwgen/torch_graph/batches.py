"""Batches of real inputs: a tensor, or of a model of several inputs a tuple of them."""

__all__ = [
    "Batch",
    "Returns",
    "as_batch",
    "frames_of",
    "joined",
    "mapped",
    "shapes_of",
    "split",
    "tensors_of",
]

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from hwgen.errors import NetworkError

Batch = Tensor | tuple[Tensor, ...]  # (batch, ...) each


def tensors_of(x: Batch) -> tuple[Tensor, ...]:
    """Return the tensors of a batch, one for each input."""
    return x if isinstance(x, tuple) else (x,)


def mapped(x: Batch, change: Callable[[Tensor], Tensor]) -> Batch:
    """Return the batch with every tensor changed."""
    return tuple(map(change, x)) if isinstance(x, tuple) else change(x)


def joined(batches: Sequence[Batch]) -> Batch:
    """Return one float32 batch of the frames of several, in order."""
    parts = [
        torch.cat([t.float() for t in each]) for each in zip(*map(tensors_of, batches), strict=True)
    ]
    return tuple(parts) if isinstance(batches[0], tuple) else parts[0]


def split(x: Batch, size: int) -> Iterator[Batch]:
    """Yield a batch in parts of so many frames."""
    for start in range(0, frames_of(x), size):
        yield mapped(x, lambda t, start=start: t[start : start + size])  # type: ignore[misc]


def frames_of(x: Batch) -> int:
    """Return how many frames a batch has."""
    return len(tensors_of(x)[0])


def shapes_of(x: Batch) -> tuple[tuple[int, ...], ...]:
    """Return the shape of each input, without the batch."""
    return tuple(tuple(t.shape[1:]) for t in tensors_of(x))


def as_batch(model: nn.Module, given: Any) -> Any:
    """Return an example as a batch: a dict of arguments becomes a tuple, in their order.

    What is no tensor, tuple, list or dict comes back as it is, for others to refuse.

    Raises
    ------
    NetworkError : a dict with other names than the arguments of the model's forward
    """
    if isinstance(given, Mapping):
        names = [name for name in inspect.signature(model.forward).parameters if name in given]
        if len(names) < len(given):
            odd = next(name for name in given if name not in names)
            raise NetworkError(
                f"Example has {odd!r:.60}, which is no argument of the model's forward; name each "
                "tensor as forward does, or give a tuple in the order of its arguments"
            )
        given = tuple(given[name] for name in names)
    if isinstance(given, list | tuple) and not hasattr(given, "_fields"):
        given = tuple(given)
        return given[0] if len(given) == 1 else given
    return given


@dataclass(frozen=True)
class Returns:
    """What a model returns: one value, or several in a tuple, list or dict.

    names : of the values, one after another
    values : where each comes from, by path
    kind : how they are put together: None for one value alone, else tuple, list, dict or a
        NamedTuple's class
    """

    names: tuple[str, ...]
    values: tuple[str, ...]
    kind: type | None = None

    def build(self, values: Mapping[str, Any]) -> Any:
        """Return values in the form that the user's model has."""
        found = [values[path] for path in self.values]
        if self.kind is None:
            return found[0]
        if issubclass(self.kind, dict):
            return dict(zip(self.names, found, strict=True))
        make: Any = self.kind
        return make(*found) if hasattr(make, "_fields") else make(found)

    def flat(self, returned: Any) -> list[Any]:
        """Return what a model returned in this form as a list, in the order of the names."""
        if self.kind is None:
            return [returned]
        if issubclass(self.kind, dict):
            return [returned[name] for name in self.names]
        return list(returned)
