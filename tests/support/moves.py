"""Random ways of PyTorch to put the elements of a value in another order, shape or number."""

__all__ = ["MOVES", "Move"]

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

Call = Callable[..., torch.Tensor]
Shape = tuple[int, ...]  # without the batch
# Of a value of that shape, or None where there is none
Move = Callable[[np.random.Generator, Shape], Call | None]


def _axis(rng: np.random.Generator, shape: Shape) -> int:
    """Return an axis as torch counts, batch included."""
    return int(rng.integers(1, len(shape) + 1))


def _at(axis: int, what: object) -> tuple[object, ...]:
    return (*[slice(None)] * axis, what)


def _flip(rng: np.random.Generator, shape: Shape) -> Call:
    axis = _axis(rng, shape)
    return lambda v: v.flip(axis)


def _roll(rng: np.random.Generator, shape: Shape) -> Call:
    axis, count = _axis(rng, shape), int(rng.integers(1, 4))
    return lambda v: torch.roll(v, count, axis)


def _permute(rng: np.random.Generator, shape: Shape) -> Call:
    order = (1 + rng.permutation(len(shape))).tolist()
    return lambda v: v.permute(0, *order)


def _transpose(rng: np.random.Generator, shape: Shape) -> Call:
    one, other = _axis(rng, shape), _axis(rng, shape)
    return lambda v: v.transpose(one, other).contiguous()


def _slice(rng: np.random.Generator, shape: Shape) -> Call:
    axis = _axis(rng, shape)
    start = int(rng.integers(0, shape[axis - 1]))
    stop = int(rng.integers(start + 1, shape[axis - 1] + 1))
    taken = _at(axis, slice(start, stop, int(rng.integers(1, 3))))
    return lambda v: v[taken]


def _chunk(rng: np.random.Generator, shape: Shape) -> Call | None:
    axis, number = _axis(rng, shape), int(rng.integers(2))
    return (lambda v: torch.chunk(v, 2, axis)[number]) if shape[axis - 1] > 1 else None


def _split(rng: np.random.Generator, shape: Shape) -> Call | None:
    axis = _axis(rng, shape)
    if shape[axis - 1] < 2:
        return None
    first = int(rng.integers(1, shape[axis - 1]))
    sizes, number = [first, shape[axis - 1] - first], int(rng.integers(2))
    return lambda v: v.split(sizes, axis)[number]


def _picked(rng: np.random.Generator, shape: Shape) -> Call:
    axis = _axis(rng, shape)
    taken = _at(axis, rng.integers(0, shape[axis - 1], rng.integers(1, 5)).tolist())
    return lambda v: v[taken]


def _sides(rng: np.random.Generator, shape: Shape, most: int) -> list[int]:
    return rng.integers(0, most + 1, 2 * (len(shape) - 1)).tolist()


def _pad(rng: np.random.Generator, shape: Shape) -> Call | None:
    sides, value = _sides(rng, shape, 2), float(rng.choice([0, 0, 0, 0, 0.1]))
    return (lambda v: F.pad(v, sides, value=value)) if sides else None


def _cut(rng: np.random.Generator, shape: Shape) -> Call | None:
    """Padding that takes away at the end: causal convolutions are written so."""
    return (lambda v: F.pad(v, (1, -1))) if len(shape) > 1 and shape[-1] > 1 else None


def _mirrored(rng: np.random.Generator, shape: Shape) -> Call | None:
    mode = str(rng.choice(["reflect", "replicate", "circular"]))
    sides = _sides(rng, shape, min(2, *(n - 1 for n in shape[1:])) if shape[1:] else 0)
    return (lambda v: F.pad(v, sides, mode=mode)) if sides else None


def _upsampled(rng: np.random.Generator, shape: Shape) -> Call | None:
    if len(shape) == 1:
        return None
    factors = [float(n) for n in rng.integers(1, 3, len(shape) - 1)]
    size = [n + int(rng.integers(0, 4)) for n in shape[1:]]
    calls = (
        nn.Upsample(scale_factor=tuple(factors)),
        lambda v: F.interpolate(v, scale_factor=2),
        lambda v: F.interpolate(v, size=size, mode="nearest"),
    )
    return calls[rng.integers(len(calls))]


def _repeated(rng: np.random.Generator, shape: Shape) -> Call:
    axis = _axis(rng, shape)
    return lambda v: v.repeat_interleave(2, axis)


def _shuffled(rng: np.random.Generator, shape: Shape) -> Call | None:
    factor = 2 if shape[0] % 4 == 0 else 3 if shape[0] % 9 == 0 else 1
    return nn.PixelShuffle(factor) if len(shape) == 3 and factor > 1 else None


def _unshuffled(rng: np.random.Generator, shape: Shape) -> Call | None:
    fits = len(shape) == 3 and shape[1] % 2 == shape[2] % 2 == 0
    return nn.PixelUnshuffle(2) if fits else None


def _mixed(rng: np.random.Generator, shape: Shape) -> Call | None:
    """A channel shuffle, as a module or by hand."""
    groups = next((n for n in (2, 3) if shape[0] % n == 0), 0)
    if not groups:
        return None
    if len(shape) == 3 and rng.integers(2):
        return nn.ChannelShuffle(groups)
    sizes = (groups, shape[0] // groups, *shape[1:])
    return lambda v: v.view(-1, *sizes).transpose(1, 2).reshape(-1, *shape)


def _reshaped(rng: np.random.Generator, shape: Shape) -> Call:
    left, sizes = int(np.prod(shape)), []
    for _ in range(rng.integers(0, 3)):
        sizes.append(int(rng.choice([n for n in range(1, left + 1) if left % n == 0])))
        left //= sizes[-1]
    return lambda v: v.reshape(-1, *sizes, left)


def _flattened(rng: np.random.Generator, shape: Shape) -> Call | None:
    start = int(rng.integers(1, 3))
    return (lambda v: v.flatten(start)) if len(shape) >= start else None


def _squeezed(rng: np.random.Generator, shape: Shape) -> Call | None:
    axis = 1 + shape.index(1) if 1 in shape and len(shape) > 1 else 0
    if axis:
        return lambda v: v.squeeze(axis)
    axis = int(rng.integers(1, len(shape) + 2))
    return (lambda v: v.unsqueeze(axis)) if len(shape) < 3 else None


def _reduced(rng: np.random.Generator, shape: Shape) -> Call | None:
    """A mean, a sum or the largest over an axis of positions, which stays in images."""
    if len(shape) == 1:
        return None
    axis, keep = int(rng.integers(2, len(shape) + 1)), len(shape) > 2 or bool(rng.integers(2))
    calls = (
        lambda v: v.mean(axis, keepdim=keep),
        lambda v: v.sum(axis, keepdim=keep),
        lambda v: v.amax(axis, keepdim=keep),
        lambda v: v.max(axis, keepdim=keep)[0],
    )
    return calls[rng.integers(len(calls))]


MOVES: tuple[Move, ...] = (
    *(_flip, _roll, _permute, _transpose, _slice, _chunk, _split, _picked, _pad, _cut, _mirrored),
    *(_upsampled, _repeated, _shuffled, _unshuffled, _mixed, _reshaped, _flattened, _squeezed),
    *(_reduced, _slice, _pad, _upsampled),
)
