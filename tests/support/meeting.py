"""Blocks of random networks in which values meet: products, sums of either sign, the larger of two,
what spreads over another value, and a factor and an offset a channel."""

__all__ = ["meeting"]

from dataclasses import replace

import numpy as np

from hwgen.network import Add, Affine, AvgPool2d, Maximum, Minimum, Multiply
from hwgen.network.inference import Tensor
from support.builders import GraphBuilder, deviation


def meeting(b: GraphBuilder) -> None:
    """Add one of them, from a requantized value to a requantized value."""
    kinds = (_affine, _product, _sum, _extreme)
    kinds[b.between(0, len(kinds) - 1)](b)


def _affine(b: GraphBuilder) -> None:
    channels = b.tensor.channels
    fields = b.weights(channels, 1, groups=channels)
    weight = np.asarray(fields.pop("weight")).reshape(channels)
    b.add(b.name("affine"), Affine(weight=weight, **fields))
    b.narrow(np.maximum(deviation(b.tensor), 1))


def _product(b: GraphBuilder) -> None:
    start = b.here
    b.add(b.name("multiply"), Multiply(), start, _other(b, start, spreads=True))
    b.narrow(np.maximum(deviation(b.tensor), 1))


def _sum(b: GraphBuilder) -> None:
    start, count = b.here, b.between(2, 4)
    inputs = [start, *(_other(b, start, spreads=b.chance(0.5)) for _ in range(count - 1))]
    multipliers = [b.between(1, 9) * (-1 if b.chance(0.5) else 1) for _ in inputs]
    scales = np.array([float(b.tensors[name].scale[0]) for name in inputs])
    factors = np.abs(multipliers) / scales * scales[0]  # so that all have one unit
    b.add(b.name("sum"), Add(tuple(multipliers), factors), *inputs)
    b.narrow(np.maximum(deviation(b.tensor), 1))


def _extreme(b: GraphBuilder) -> None:
    start = b.here
    other = _other(b, start, spreads=False, like=b.tensor)
    inputs = (start, other) if b.chance(0.5) else (other, start)
    b.add(b.name("extreme"), Maximum() if b.chance(0.5) else Minimum(), *inputs)


def _other(b: GraphBuilder, start: str, spreads: bool, like: Tensor | None = None) -> str:
    """Add a value that meets another one, of its shape or less, and return its name."""
    b.here = start
    channels, is_image = b.tensor.channels, len(b.tensor.shape) == 3
    if spreads and is_image and b.chance(0.5):
        x = b.tensor
        b.add(b.name("average"), AvgPool2d(x.shape[1:], (1, 1)))
        b.narrow(deviation(x) * np.sqrt(x.shape[1] * x.shape[2]))
    out = 1 if spreads and b.chance(0.4) else channels
    if like is not None:
        like = replace(like, lows=like.lows[:1], highs=like.highs[:1])
    b.narrow(b.weighted(out, 1 + 2 * b.between(0, 1)), like)
    return b.here
