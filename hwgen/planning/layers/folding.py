"""Folding: what computes a layer, and how many rows and columns of an array it gets."""

__all__ = [
    "ARRAY",
    "SHAPE",
    "Folding",
    "array_foldings",
    "beats",
    "columns",
    "divisors",
    "drains",
    "element_cycles",
    "element_foldings",
    "word_size",
]

from collections.abc import Iterator
from dataclasses import dataclass
from math import gcd

from hwgen.planning.layers.layer import Layer
from hwgen.planning.layers.sparsity import live_words

ARRAY = "array"  # the implementation of a dot product where nothing else is said
SHAPE = ("pe", "simd", "lanes", "skip")


@dataclass(frozen=True, order=True)
class Folding:
    """The shape of a layer's datapath, and what computes in it.

    pe : rows of the array, output channels in parallel; channels in parallel where each is
        on its own
    simd : columns of the array, inputs in parallel
    lanes : of the stream behind it, drained and requantized in parallel
    skip : 1 where words of zero weights take no clock, 0 where all words are read
    implementation : the name of what computes (`hwgen/planning/implementations`)
    parameter : that it takes, 0 where it takes none: of parallel constants how many adders stand
        between two registers, of bit-serial ones the bits of a word that they take a clock
    """

    pe: int
    simd: int
    lanes: int
    skip: int = 0
    implementation: str = ARRAY
    parameter: int = 0

    def choice(self, what: str) -> int:
        """Return a choice as the user writes it (`conv1.pe=4`, `conv1.serial=2`): of the shape its
        number; of an implementation its parameter, 1 where it takes none, 0 where it is another."""
        if what in SHAPE:
            value: int = getattr(self, what)
            return value
        return (self.parameter or 1) if what == self.implementation else 0

    def choices(self, layer: str) -> list[str]:
        """Return what the user would write to have it, its lanes aside."""
        whats = ("pe", "simd", "skip", self.implementation)
        return [f"{layer}.{what}={self.choice(what)}" for what in whats]


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
    """Return the rows worth looking at: the least of those that take as many turns."""
    if layer.groups > 1:  # a group's outputs end with a full row of the array
        return divisors(layer.outputs // layer.groups)
    return _least(layer.outputs)


def _columns(layer: Layer) -> list[int]:
    """Return the columns worth looking at: the least of those that take as many turns, and
    those that suit the memory, divisors and multiples of the channels."""
    channels = layer.x_frame[0] // layer.groups
    columns = {*_least(layer.inputs), *divisors(channels)}
    columns |= {n for n in range(channels, layer.inputs + 1, channels) if layer.inputs % n == 0}
    return sorted(columns)


def array_foldings(layer: Layer) -> Iterator[Folding]:
    """Yield the shapes of an array worth looking at, each with its narrowest drain."""
    if layer.depthwise:
        for lanes in divisors(layer.x_frame[0]):
            yield from _with_skip(layer, lanes, 1)
        return
    rows, columns = _rows(layer), _columns(layer)
    seen = {(pe, simd) for pe in rows for simd in columns}
    for pe in rows:
        for simd in columns:
            yield from _with_skip(layer, pe, simd)
            more = _evened(layer, pe, -(-layer.inputs // simd))
            if more < layer.outputs and (more, simd) not in seen:
                seen.add((more, simd))
                yield from _with_skip(layer, more, simd)


def element_foldings(layer: Layer, implementation: str) -> Iterator[Folding]:
    """Yield the lanes of what takes elements of all its inputs one by one."""
    frames = layer.x_frames[:1] if layer.spreads else layer.x_frames
    for lanes in divisors(gcd(*(frame[0] for frame in frames))):
        yield Folding(lanes, lanes, lanes, implementation=implementation)


def element_cycles(layer: Layer, folding: Folding) -> int:
    """Return the clocks of a frame of what takes elements one by one."""
    return layer.pixels * -(-layer.outputs // folding.lanes)


def _evened(layer: Layer, pe: int, fold: int) -> int:
    """Return the rows, `pe` or a few more, whose drain of least lanes has no partly filled beat in
    the middle of a pixel; a few idle rows may be worth fewer requantizers."""
    lanes = -(-pe // fold)
    return pe if layer.groups > 1 else -(-pe // lanes) * lanes


def _with_skip(layer: Layer, pe: int, simd: int) -> Iterator[Folding]:
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
