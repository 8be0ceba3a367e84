"""Builders of random networks, which grow node by node; `strategies` makes networks of them."""

import math
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from hwgen.errors import NetworkError
from hwgen.formats import Binary, Codebook, Fixed, Format, PowerOfTwo, Ternary
from hwgen.network import (
    Add,
    ArgMax,
    AvgPool1d,
    AvgPool2d,
    Concat,
    Conv1d,
    Conv2d,
    Flatten,
    Input,
    Linear,
    MaxPool1d,
    MaxPool2d,
    Node,
    Op,
    PositionScale,
    Requantize,
    Table,
    Threshold,
)
from hwgen.network.inference import Tensor, infer
from hwgen.network.ops import ROUNDINGS, Conv
from hwgen.network.thresholds import as_threshold

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

CONV = {2: Conv1d, 3: Conv2d}  # by the dimensions of a value
MAXIMUM = {2: MaxPool1d, 3: MaxPool2d}
AVERAGE = {2: AvgPool1d, 3: AvgPool2d}


@dataclass
class Builder:
    """Nodes, and the type of each by name; the next one grows from `here`.

    tables : share of the values that a table may follow which one does
    """

    rng: np.random.Generator
    max_channels: int
    max_bits: int
    length: bool = False  # (channels, length) in place of images
    unequal: float = 0.0  # share of windows whose padding may differ, and of averages with factors
    tables: float = 0.0
    nodes: list[Node] = field(default_factory=list)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    here: str = ""

    @property
    def tensor(self) -> Tensor:
        """The type of the value to grow from."""
        return self.tensors[self.here]

    def add(self, name: str, op: Op, *inputs: str) -> None:
        if not inputs and self.nodes:
            inputs = (self.here,)
        self.tensors[name] = infer(op, [self.tensors[source] for source in inputs])
        self.nodes.append(Node(name, op, inputs))
        self.here = name

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def between(self, lo: int, hi: int) -> int:
        """Return an integer of [lo, hi]."""
        return int(self.rng.integers(lo, hi + 1))

    def pair(self, lo: int, hi: int) -> tuple[int, int]:
        """Return two integers of [lo, hi], more often than not the same."""
        first = self.between(lo, hi)
        return (first, first) if self.chance(0.6) else (first, self.between(lo, hi))

    def axes(self, lo: int, hi: int) -> tuple[int, ...]:
        """Return an integer of [lo, hi] for each spatial axis."""
        return self.pair(lo, hi) if len(self.tensor.shape) == 3 else (self.between(lo, hi),)

    def sides(self, hi: int) -> object:
        """Return the padding of a window."""
        padding = self.axes(0, hi)
        if not self.unequal or not self.chance(self.unequal):
            return padding
        return tuple((before, self.between(0, hi)) for before in padding)

    def zero_point(self, of: Fixed) -> int:
        return self.between(of.lo, of.hi) if self.chance(0.4) else 0

    def input(self) -> None:
        of = Fixed(self.between(2, self.max_bits), self.chance(0.5))
        if self.length:
            shape: tuple[int, ...] = (self.between(1, 5), self.between(5, 16))
        elif self.chance(0.85):
            shape = (self.between(1, 5), self.between(4, 9), self.between(4, 9))
        else:
            shape = (self.between(1, 20),)
        self.add("input", Input(shape, of, self.scale(), self.zero_point(of)))

    def scale(self) -> list[float]:
        return [float(self.rng.uniform(0.01, 0.5))]

    def weights(self, *shape: int, groups: int = 1) -> dict[str, object]:
        """Return weight, bias and their formats, now and then with a dead channel."""
        of = Fixed(self.between(2, self.max_bits))
        weight = self.rng.integers(of.lo if self.chance(0.3) else -of.hi, of.hi + 1, shape)
        if self.chance(0.1):
            weight[self.between(0, shape[0] - 1)] = 0
        reach = max(1, int(spread_of(weight, self.tensor, groups).max()))
        return {
            "weight": weight,
            "bias": self.rng.integers(-reach, reach + 1, shape[0]),
            "weight_format": of,
            "weight_scale": self.rng.uniform(0.01, 0.5, shape[0] if self.chance(0.7) else 1),
        }

    def conv(self, name: str) -> None:
        channels, kind = self.tensor.channels, CONV[len(self.tensor.shape)]
        for _ in range(20):  # a shape that fits is a matter of a few attempts
            op = kind(
                **self.weights(self.between(1, self.max_channels), channels, *self.axes(1, 5)),
                stride=self.axes(1, 2),
                padding=self.sides(2),
                dilation=self.axes(1, 2) if self.chance(0.3) else 1,
            )
            try:
                return self.add(name, op)
            except NetworkError:
                continue
        ones = [1] * kind.rank
        self.add(name, kind(**self.weights(self.between(1, self.max_channels), channels, *ones)))

    def linear(self, name: str) -> None:
        if len(self.tensor.shape) > 1:
            self.add("flatten", Flatten())
        self.add(
            name, Linear(**self.weights(self.between(1, self.max_channels), *self.tensor.shape))
        )

    def requantize(self, name: str, spread: FloatArray, like: Tensor | None = None) -> None:
        """Add a requantizer whose outputs spread over its range: four deviations fill it.

        Its output has the format, scale and zero point of `like`, where there is one.
        """
        of = like.format if like else Fixed(self.between(2, self.max_bits), self.chance(0.4))
        zero = like.zero_point if like else self.zero_point(of)
        count = len(spread) if self.chance(0.6) else 1
        spread = np.maximum(spread, 1)
        spread = spread if count > 1 else spread.mean(keepdims=True)
        factor = (of.hi - of.lo) / (self.rng.uniform(2, 6) * spread)
        bits = int(self.rng.choice([1, 4, 8, 12]))
        if bits == 1:
            shift = np.maximum(np.rint(-np.log2(factor)), 0).astype(np.int64)
            multiplier = np.ones(count, dtype=np.int64)
        else:
            least = factor if self.chance(0.5) else factor.max(keepdims=True)
            shift = np.maximum(bits - 1 - np.floor(np.log2(least)), 0).astype(np.int64)
            multiplier = np.maximum(np.rint(factor * np.exp2(shift)), 1).astype(np.int64)
        relu = of.signed and self.chance(0.4)
        self.add(
            name,
            Requantize(
                multiplier=multiplier,
                shift=shift,
                format=of,
                scale=like.scale if like else self.scale(),
                zero_point=zero,
                lo=zero if relu else None,
                hi=self.between(max(zero, of.hi // 2), of.hi) if self.chance(0.15) else None,
                rounding=ROUNDINGS[self.between(0, len(ROUNDINGS) - 1)],
            ),
        )

    def tabled(self, name: str) -> None:
        """Add a table now and then; never, and no random number is drawn, where there are none."""
        if self.tables and self.chance(self.tables):
            of = Fixed(self.between(2, self.max_bits), self.chance(0.5))
            self.add(name, self.table(Binary() if self.chance(0.15) else of))

    def table(self, of: Fixed | Binary) -> Table:
        """Return a table of what there is, of which some rows rise, some fall, some do neither;
        with entries beyond what can occur."""
        x, steps = self.tensor, (of.hi - of.lo) // of.step
        lo, rows = x.lo - self.between(0, 3), x.channels if self.chance(0.4) else 1
        size = (rows, x.hi - lo + 1 + self.between(0, 3))
        entries = of.lo + of.step * self.rng.integers(0, steps + 1, size)
        kind = self.between(0, 3)
        entries = np.sort(entries, axis=1)[:, :: -1 if kind == 3 else 1] if kind > 1 else entries
        zero = self.zero_point(of) if isinstance(of, Fixed) else 0
        return Table(entries, of, self.scale(), zero, lo)

    def pool(self, name: str) -> None:
        """Add a pool if one fits."""
        for _ in range(5):
            kind = MAXIMUM[len(self.tensor.shape)]
            op = kind(self.axes(2, 3), self.axes(1, 3), self.sides(1))
            try:
                return self.add(name, op)
            except NetworkError:
                continue


@dataclass
class GraphBuilder(Builder):
    """Grows by blocks, each from a requantized value to a requantized value."""

    orders: ClassVar[bool] = False  # whether values may have to be put in order

    def name(self, kind: str) -> str:
        return f"{kind}{len(self.nodes)}"

    def weighted(self, out: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> FloatArray:
        """Add a convolution that keeps a frame's size but for its stride, or a linear layer.

        Returns the deviation of its outputs.
        """
        x = self.tensor
        if len(x.shape) == 1:
            op: Conv | Linear = Linear(**self.weights(out, x.channels))
        else:
            kind = CONV[len(x.shape)]
            op = kind(
                **self.weights(out, x.channels // groups, *[kernel] * kind.rank, groups=groups),
                stride=stride,
                padding=kernel // 2,
                groups=groups,
            )
        self.add(self.name(type(op).__name__.lower()), op)
        return spread_of(op.weight, x, groups)

    def narrow(self, spread: FloatArray, like: Tensor | None = None) -> None:
        """Add a requantizer, or the thresholds that equal it, or any thresholds, and perhaps a
        table."""
        self._narrow(spread, like)
        if like is None:
            self.tabled(self.name("table"))

    def _narrow(self, spread: FloatArray, like: Tensor | None = None) -> None:
        x, before = self.tensor, self.here
        if like is None and self.chance(0.15):
            return self.add(self.name("threshold"), self.thresholds(spread))
        self.requantize(self.name("requantize"), spread, like)
        if self.tensor.hi - self.tensor.lo <= 15 and self.chance(0.4):
            absorbed = as_threshold(self.nodes[-1].op, x)
            if absorbed is not None:
                del self.tensors[self.nodes.pop().name]
                self.add(self.name("threshold"), absorbed, before)

    def thresholds(self, spread: FloatArray) -> Threshold:
        x, of = self.tensor, Fixed(self.between(2, min(4, self.max_bits)), self.chance(0.4))
        steps = self.between(1, of.hi - of.lo)
        centre = (x.lows + x.highs) / 2
        if self.chance(0.4):
            centre, spread = centre.mean(keepdims=True), spread.mean(keepdims=True)
        drawn = self.rng.normal(0, 1.5, (len(spread), steps)) * spread[:, None] + centre[:, None]
        base = self.between(of.lo, of.hi - steps)
        return Threshold(
            np.sort(np.rint(drawn), axis=1), of, self.scale(), self.zero_point(of), base
        )

    def plain(self) -> None:
        x, name = self.tensor, self.name("conv2d")
        if len(x.shape) == 1:
            return self.narrow(self.weighted(self.between(1, self.max_channels)))
        self.conv(name)
        self.narrow(spread_of(self.nodes[-1].op.weight, x))
        if self.chance(0.3):
            self.pool(self.name("pool"))

    def residual(self) -> None:
        start, project = self.here, self.chance(0.5)
        stride = self.between(1, 2) if project else 1
        out = self.between(1, self.max_channels) if project else self.tensor.channels
        if project:
            self.narrow(self.weighted(out, 1, stride))
        skip, self.here = self.here, start
        spread, around = self.weighted(out, 1 + 2 * self.between(0, 1), stride), self.tensors[skip]
        m_skip, m_branch = (1, 1) if self.chance(0.4) else self.pair(1, 9)
        if self.chance(0.6):
            of = Fixed(self.between(2, self.max_bits), self.chance(0.5))
            scale = around.scale * m_branch / m_skip
            like = replace(around, format=of, zero_point=self.zero_point(of), scale=scale)
            self.narrow(spread, like)
        else:
            self.narrow(spread)
            ratio = float(self.tensor.scale[0] / around.scale[0])
            m_skip, m_branch = (600, round(600 * ratio)) if ratio > 1 else (round(600 / ratio), 600)
        pairs = [(skip, m_skip), (self.here, m_branch)]
        first, second = pairs if self.chance(0.5) else pairs[::-1]
        values = [self.tensors[name] for name, _ in (first, second)]
        self.add(self.name("add"), Add((first[1], second[1])), first[0], second[0])
        self.narrow(
            np.hypot(
                *(
                    deviation(x) * m
                    for x, m in zip(values, self.nodes[-1].op.multipliers, strict=True)
                )
            )
        )

    def concat(self) -> None:
        start, stride = self.here, self.between(1, 2)
        ends = [start] if stride == 1 and self.chance(0.4) else []
        while len(ends) < 2 or (len(ends) < 4 and self.chance(0.3)):
            self.here = start
            out, kernel = (
                self.between(1, max(1, self.max_channels // 2)),
                1 + 2 * self.between(0, 1),
            )
            like = self.tensors[ends[0]] if ends else None
            self.narrow(self.weighted(out, kernel, stride), like)
            ends.append(self.here)
        self.add(self.name("concat"), Concat(), *(ends if self.chance(0.5) else ends[::-1]))

    def separable(self) -> None:
        channels = self.tensor.channels
        divisors = [n for n in range(1, channels + 1) if channels % n == 0]
        groups = channels if self.chance(0.7) else int(self.rng.choice(divisors))
        out = groups * self.between(1, max(1, min(2, self.max_channels // groups)))
        self.narrow(self.weighted(out, 1 + 2 * self.between(0, 1), self.between(1, 2), groups))
        self.narrow(self.weighted(self.between(1, self.max_channels)))

    def average(self, whole: bool = False) -> None:
        x = self.tensor
        for _ in range(5):
            kind = AVERAGE[len(x.shape)]
            op = kind(self.axes(2, 3), self.axes(1, 3), self.sides(1))
            if whole:
                op = kind(x.shape[1:], 1)
            try:
                self.add(self.name("average"), op)
            except NetworkError:
                continue
            deviations = deviation(x) * np.sqrt(math.prod(op.kernel))
            if self.unequal and self.chance(self.unequal):
                factors = [[self.between(1, 6) for _ in range(n)] for n in self.tensor.shape[1:]]
                self.add(self.name("factors"), PositionScale(factors, self.between(1, 6)))
                deviations = deviations * math.prod(map(np.mean, factors))
            return self.narrow(deviations)

    def end(self) -> None:
        """Add a head now and then, and leave the last requantizer away now and then."""
        if len(self.tensor.shape) > 1 and self.chance(0.4):
            self.average(whole=True)
        if self.chance(0.6):
            if len(self.tensor.shape) > 1:
                self.add(self.name("flatten"), Flatten())
            if self.chance(0.7):
                self.narrow(self.weighted(self.between(1, self.max_channels)))
        if isinstance(self.nodes[-1].op, (Requantize, Threshold)) and self.chance(0.3):
            del self.tensors[self.nodes.pop().name]
            self.here = self.nodes[-1].name
        if len(self.tensor.shape) == 1 and self.tensor.scale.size == 1 and self.chance(0.5):
            nodes = {node.name: node for node in self.nodes}
            node = nodes[self.here]
            while node.inputs and not isinstance(node.op, (Linear, Flatten)):
                node = nodes[node.inputs[0]]
            flat = isinstance(node.op, Flatten) and self.tensors[node.inputs[0]].shape
            if self.orders or not flat or math.prod(flat[1:]) == 1:
                self.add(self.name("argmax"), ArgMax())


@dataclass
class MixedBuilder(GraphBuilder):
    """Weights of every number format, and signs for activations, in that share of the places."""

    signs: float = 0.4

    def format(self) -> Format:
        """Return a format of weights; a codebook with entries, some twice, some missing."""
        kind = self.between(0, 5)
        if kind < 5:
            power = PowerOfTwo(self.between(2, 5), self.between(1, 2))
            return (Fixed(self.between(2, self.max_bits)), Binary(), Ternary(), power, power)[kind]
        index_bits, entry_bits = self.between(1, 4), self.between(2, self.max_bits)
        count = 1 << index_bits if self.chance(0.7) else self.between(1, 1 << index_bits)
        entries = self.rng.choice(Fixed(entry_bits).levels, count)
        return Codebook(index_bits, entry_bits).with_entries(entries.tolist())

    def input(self) -> None:
        super().input()
        if self.chance(0.25):
            node = self.nodes.pop()
            self.add("input", Input(node.op.shape, Binary(), node.op.scale))

    def weights(self, *shape: int, groups: int = 1) -> dict[str, object]:
        of = self.format()
        weight = self.rng.choice(of.levels, shape)
        reach = max(1, int(spread_of(weight, self.tensor, groups).max()))
        return {
            "weight": weight,
            "bias": self.rng.integers(-reach, reach + 1, shape[0]),
            "weight_format": of,
            "weight_scale": self.rng.uniform(0.01, 0.5, shape[0] if self.chance(0.7) else 1),
        }

    def narrow(self, spread: FloatArray, like: Tensor | None = None) -> None:
        """Add what `GraphBuilder` adds, or a sign."""
        if like.format != Binary() if like else self.chance(1 - self.signs):
            return super().narrow(spread, like)
        x, scale = self.tensor, like.scale if like else self.scale()
        rows = x.channels if self.chance(0.7) else 1
        centre = np.zeros(rows) if self.chance(0.5) else self.rng.normal(0, 0.5 * spread[:rows])
        if self.chance(0.2):  # a sign that never changes
            centre[self.between(0, rows - 1)] = x.hi + 1 if self.chance(0.5) else x.lo
        sign = Threshold(np.rint(centre)[:, None], Binary(), scale, base=-1)
        self.add(self.name("sign"), sign)


def deviation(x: Tensor) -> FloatArray:
    """Return the deviation of each channel of a value spread evenly over its range."""
    return (x.highs - x.lows) / np.sqrt(12)


def spread_of(weight: IntArray, x: Tensor, groups: int = 1) -> FloatArray:
    """Return the deviation of each output channel for inputs spread evenly over their range."""
    square = (weight.astype(np.float64) ** 2).reshape(
        groups, -1, *weight.shape[1:2], weight[0, 0].size
    )
    return np.sqrt(square.sum(axis=3) @ (deviation(x) ** 2).reshape(groups, -1, 1)).reshape(-1)
