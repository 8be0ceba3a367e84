"""Seeded random small networks and inputs, for every test that compares two meanings of one."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from hwgen.errors import NetworkError
from hwgen.formats import Fixed
from hwgen.network import Conv2d, Flatten, Input, Linear, MaxPool2d, Network, Node, Op, Requantize
from hwgen.network.inference import Tensor, infer
from hwgen.network.ops import ROUNDINGS

IntArray = npt.NDArray[np.int64]


@dataclass
class _Builder:
    """A chain of nodes that grows, and the type of its last value."""

    rng: np.random.Generator
    max_channels: int
    max_bits: int
    nodes: list[Node] = field(default_factory=list)
    tensor: Tensor | None = None

    def add(self, name: str, op: Op) -> None:
        before = [self.tensor] if self.tensor is not None else []
        self.tensor = infer(op, before)
        self.nodes.append(Node(name, op, tuple(node.name for node in self.nodes[-1:])))

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def between(self, lo: int, hi: int) -> int:
        """Return an integer of [lo, hi]."""
        return int(self.rng.integers(lo, hi + 1))

    def pair(self, lo: int, hi: int) -> tuple[int, int]:
        """Return two integers of [lo, hi], more often than not the same."""
        first = self.between(lo, hi)
        return (first, first) if self.chance(0.6) else (first, self.between(lo, hi))

    def zero_point(self, of: Fixed) -> int:
        return self.between(of.lo, of.hi) if self.chance(0.4) else 0

    def input(self) -> None:
        of = Fixed(self.between(2, self.max_bits), self.chance(0.5))
        if self.chance(0.85):
            shape: tuple[int, ...] = (self.between(1, 5), self.between(4, 9), self.between(4, 9))
        else:
            shape = (self.between(1, 20),)
        self.add("input", Input(shape, of, self.scale(), self.zero_point(of)))

    def scale(self) -> list[float]:
        return [float(self.rng.uniform(0.01, 0.5))]

    def weights(self, *shape: int) -> dict[str, object]:
        """Return weight, bias and their formats, now and then with a dead channel."""
        of = Fixed(self.between(2, self.max_bits))
        weight = self.rng.integers(of.lo if self.chance(0.3) else -of.hi, of.hi + 1, shape)
        if self.chance(0.1):
            weight[self.between(0, shape[0] - 1)] = 0
        reach = max(1, int(_spread(weight, self.tensor).max()))
        return {
            "weight": weight,
            "bias": self.rng.integers(-reach, reach + 1, shape[0]),
            "weight_format": of,
            "weight_scale": self.rng.uniform(0.01, 0.5, shape[0] if self.chance(0.7) else 1),
        }

    def conv2d(self, name: str) -> None:
        channels = self.tensor.channels
        for _ in range(20):  # a shape that fits is a matter of a few attempts
            op = Conv2d(
                **self.weights(self.between(1, self.max_channels), channels, *self.pair(1, 5)),
                stride=self.pair(1, 2),
                padding=self.pair(0, 2),
                dilation=self.pair(1, 2) if self.chance(0.3) else (1, 1),
            )
            try:
                return self.add(name, op)
            except NetworkError:
                continue
        self.add(name, Conv2d(**self.weights(self.between(1, self.max_channels), channels, 1, 1)))

    def linear(self, name: str) -> None:
        if len(self.tensor.shape) == 3:
            self.add("flatten", Flatten())
        self.add(
            name, Linear(**self.weights(self.between(1, self.max_channels), *self.tensor.shape))
        )

    def requantize(self, name: str, weight: IntArray, x: Tensor) -> None:
        """Add a requantizer whose outputs spread over its range: four deviations fill it."""
        of = Fixed(self.between(2, self.max_bits), self.chance(0.4))
        zero = self.zero_point(of)
        count = weight.shape[0] if self.chance(0.6) else 1
        spread = np.maximum(_spread(weight, x), 1)
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
                scale=self.scale(),
                zero_point=zero,
                lo=zero if relu else None,
                hi=self.between(max(zero, of.hi // 2), of.hi) if self.chance(0.15) else None,
                rounding=ROUNDINGS[self.between(0, len(ROUNDINGS) - 1)],
            ),
        )

    def pool(self, name: str) -> None:
        """Add a pool if one fits."""
        for _ in range(5):
            op = MaxPool2d(self.pair(2, 3), self.pair(1, 3), self.pair(0, 1))
            try:
                return self.add(name, op)
            except NetworkError:
                continue


def _spread(weight: IntArray, x: Tensor) -> npt.NDArray[np.float64]:
    """Return the deviation of each output channel for inputs spread evenly over their range."""
    deviation = (x.highs - x.lows) / np.sqrt(12)
    square = (weight.astype(np.float64) ** 2).reshape(*weight.shape[:2], -1).sum(axis=2)
    return np.sqrt(square @ deviation**2)


def random_network(
    seed: int, *, max_layers: int = 4, max_channels: int = 13, max_bits: int = 8
) -> Network:
    """Return a small legal network that `seed` determines.

    One to `max_layers` weighted layers (Conv2d of kernel 1 to 5, stride 1 and 2, padding 0 to 2,
    dilation 1 and 2; Linear, after a Flatten where needed), each followed by a Requantize, the
    last one not always, and some by a MaxPool2d. Channel counts up to `max_channels`, weights and
    activations of 2 to `max_bits` bits, zero points, all roundings.
    """
    b = _Builder(np.random.default_rng(seed), max_channels, max_bits)
    b.input()
    layers = b.between(1, max_layers)
    for layer in range(1, layers + 1):
        x = b.tensor
        if len(x.shape) == 3 and b.chance(0.75 if layer == layers else 0.9):
            b.conv2d(f"conv{layer}")
        else:
            b.linear(f"linear{layer}")
            x = b.tensor if x.shape == b.tensor.shape else infer(Flatten(), [x])
        if layer == layers and b.chance(0.3):
            break
        b.requantize(f"requantize{layer}", b.nodes[-1].op.weight, x)
        if len(b.tensor.shape) == 3 and b.chance(0.35):
            b.pool(f"pool{layer}")
    return Network(tuple(b.nodes))


def random_input(network: Network, batch: int, seed: int) -> IntArray:
    """Return (batch, *network.input.shape) integers over the whole range of the input's format.

    The first frame holds extremes only.
    """
    rng = np.random.default_rng(seed)
    of = network.input.format
    x = rng.integers(of.lo, of.hi + 1, (batch, *network.input.shape))
    x[:1] = rng.choice([of.lo, of.hi], (min(batch, 1), *network.input.shape))
    return x


def chain(*ops: Op) -> Network:
    """Return the network of one op after another, named n0, n1 and so on."""
    return Network(
        tuple(Node(f"n{i}", op, (f"n{i - 1}",) if i else ()) for i, op in enumerate(ops))
    )


networks = st.integers(0, 2**32 - 1).map(random_network)
