"""Folding: how many rows and columns of a MAC array a layer gets."""

__all__ = ["Folding", "drains", "foldings"]

from collections.abc import Iterator
from dataclasses import dataclass
from math import gcd

from hwgen.network.ops import Add, ArgMax, Concat
from hwgen.planning.layers import Layer


@dataclass(frozen=True, order=True)
class Folding:
    """pe : rows of the array, output channels in parallel; channels in parallel where each is
        on its own
    simd : columns of the array, inputs in parallel
    lanes : of the stream behind it, drained and requantized in parallel
    """

    pe: int
    simd: int
    lanes: int


def divisors(n: int) -> list[int]:
    """Return the divisors of n, ascending."""
    return [d for d in range(1, n + 1) if n % d == 0]


def _least(n: int) -> list[int]:
    """Return, for each number of turns, the least parallelism that needs no more."""
    return sorted({-(-n // -(-n // p)) for p in range(1, n + 1)})


def drains(outputs: int, pe: int, fold: int) -> list[int]:
    """Return the lanes through which `pe` accumulators can leave within a dot product."""
    return [
        lanes
        for lanes in range(1, pe + 1)
        if -(-pe // lanes) <= fold and (pe >= outputs or pe % lanes == 0)
    ]


def _rows(layer: Layer) -> list[int]:
    """Return the rows worth looking at: the least of those that take the same turns."""
    if layer.groups > 1:  # a group's outputs end with a full row of the array
        return divisors(layer.outputs // layer.groups)
    return _least(layer.outputs)


def _columns(layer: Layer) -> list[int]:
    """Return the columns worth looking at: the least of those that take the same turns, and
    those that suit the memory, divisors and multiples of the channels."""
    channels = layer.x_frame[0] // layer.groups
    columns = {*_least(layer.inputs), *divisors(channels)}
    columns |= {n for n in range(channels, layer.inputs + 1, channels) if layer.inputs % n == 0}
    return sorted(columns)


def foldings(layer: Layer) -> Iterator[Folding]:
    """Yield the foldings worth looking at, each with its narrowest drain."""
    channels = layer.x_frame[0]
    if isinstance(layer.op, ArgMax):
        yield Folding(1, 1, 1)
    elif isinstance(layer.op, (Add, Concat)):
        for lanes in divisors(gcd(*(frame[0] for frame in layer.x_frames))):
            yield Folding(lanes, lanes, lanes)
    elif layer.depthwise:
        for lanes in divisors(channels):
            yield Folding(lanes, 1, drains(layer.outputs, lanes, layer.inputs)[0])
    else:
        for pe in _rows(layer):
            for simd in _columns(layer):
                fold = -(-layer.inputs // simd)
                yield Folding(pe, simd, drains(layer.outputs, pe, fold)[0])


def turns(layer: Layer, folding: Folding) -> int:
    """Return a lower bound of the clocks of a frame, without building the engine."""
    if isinstance(layer.op, (Add, Concat, ArgMax)):
        return layer.pixels * -(-layer.outputs // folding.lanes)
    fold = layer.inputs if layer.depthwise else -(-layer.inputs // folding.simd)
    return layer.pixels * -(-layer.outputs // folding.pe) * fold
