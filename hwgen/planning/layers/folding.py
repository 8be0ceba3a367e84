"""Folding: how many rows and columns of a MAC array a layer gets."""

__all__ = ["Folding", "beats", "columns", "drains", "foldings", "min_cycles", "word_size"]

from collections.abc import Iterator
from dataclasses import dataclass
from math import gcd

from hwgen.network.ops import Add, ArgMax, Concat
from hwgen.planning.layers.layer import Layer
from hwgen.planning.layers.sparsity import live_words


@dataclass(frozen=True, order=True)
class Folding:
    """pe : rows of the array, output channels in parallel; channels in parallel where each is
        on its own
    simd : columns of the array, inputs in parallel
    lanes : of the stream behind it, drained and requantized in parallel
    skip : 1 where words of zero weights take no clock, 0 where all words are read
    dsp : 1 where DSP blocks make the products, 0 where the array is made of adders
    pasm : 1 where inputs are summed up by their weight's entry of the book, and multiplied
        afterwards (PASM), 0 where each is multiplied
    parallel : where the weights are wired into adders that take whole words, how many of these
        stand between two registers; 0 where they are not
    serial : bits of a word that such adders take a clock, 0 where they do not
    """

    pe: int
    simd: int
    lanes: int
    skip: int = 0
    dsp: int = 0
    pasm: int = 0
    parallel: int = 0
    serial: int = 0

    @property
    def constant(self) -> bool:
        """Whether the weights are wired into adders."""
        return bool(self.parallel or self.serial)

    @property
    def kind(self) -> str:
        """What computes, in words."""
        if self.constant:
            return "bit-serial constants" if self.serial else "parallel constants"
        if self.pasm:
            return "array that sums up by entry"
        return "array in DSP blocks" if self.dsp else "array in LUTs"


def divisors(n: int) -> list[int]:
    """Return the divisors of n, ascending."""
    return [d for d in range(1, n + 1) if n % d == 0]


def _least(n: int) -> list[int]:
    """Return, for each number of min_cycles, the least parallelism that needs no more."""
    return sorted({-(-n // -(-n // p)) for p in range(1, n + 1)})


def drains(outputs: int, pe: int, fold: int) -> list[int]:
    """Return the lanes through which `pe` accumulators can leave within a dot product."""
    return [
        lanes
        for lanes in range(1, pe + 1)
        if -(-pe // lanes) <= fold and (pe >= outputs or pe % lanes == 0)
    ]


def _rows(layer: Layer) -> list[int]:
    """Return the rows worth looking at: the least of those that take the same min_cycles."""
    if layer.groups > 1:  # a group's outputs end with a full row of the array
        return divisors(layer.outputs // layer.groups)
    return _least(layer.outputs)


def _columns(layer: Layer) -> list[int]:
    """Return the columns worth looking at: the least of those that take the same min_cycles, and
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
            yield from _ways(layer, lanes, 1)
    else:
        rows = _rows(layer)
        for pe in rows:
            for simd in _columns(layer):
                yield from _ways(layer, pe, simd)
                more = _evened(layer, pe, -(-layer.inputs // simd))
                if more < layer.outputs and more not in rows:
                    yield from _ways(layer, more, simd)


def _evened(layer: Layer, pe: int, fold: int) -> int:
    """Return the rows, `pe` or a few more, whose drain of least lanes has no partly filled beat in
    the middle of a pixel; a few idle rows may be worth fewer requantizers."""
    lanes = -(-pe // fold)
    return pe if layer.groups > 1 else -(-pe // lanes) * lanes


def _ways(layer: Layer, pe: int, simd: int) -> Iterator[Folding]:
    """Yield a folding, and where weights are zero the one that skips them."""
    for skip in (0, 1):
        folds = beats(layer, pe, simd, skip)
        if folds:
            yield Folding(pe, simd, drains(layer.outputs, pe, min(folds))[0], skip)


def columns(layer: Layer, folding: Folding) -> int:
    """Return the columns of a row: one where each channel is on its own."""
    return 1 if layer.depthwise else folding.simd


def word_size(layer: Layer, pe: int, simd: int) -> tuple[int, int]:
    """Return the elements of a word of the window, and the words of a beat."""
    if layer.depthwise:
        return pe, 1
    word = gcd(simd, layer.x_frame[0] // layer.groups)
    return word, simd // word


def beats(layer: Layer, pe: int, simd: int, skip: int) -> list[int]:
    """Return the beats of each dot product of a pixel; none where there is nothing to skip."""
    groups = -(-layer.outputs // pe)
    if not skip:
        return [layer.inputs if layer.depthwise else -(-layer.inputs // simd)] * groups
    word, ports = word_size(layer, pe, simd)
    live = live_words(layer, pe, word, ports)
    if live is None:
        return []
    folds = [-(-len(words) // ports) for words in live]
    return folds if len(folds) == groups else folds * groups


def min_cycles(layer: Layer, folding: Folding) -> int:
    """Return a lower bound of the clocks of a frame, without building the engine."""
    if isinstance(layer.op, (Add, Concat, ArgMax)):
        return layer.pixels * -(-layer.outputs // folding.lanes)
    folds = beats(layer, folding.pe, folding.simd, folding.skip)
    rest = len(layer.values) if folding.pasm else 0
    return layer.pixels * (sum(folds) + rest * len(folds))
