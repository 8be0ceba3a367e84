"""Samples of streams: random small networks of what values meet in, change order in or go through,
with next to nothing beside it."""

__all__ = ["KINDS", "STREAM_COUNTS", "stream_sample"]

from collections.abc import Callable

import numpy as np

from hwgen.formats import Fixed
from hwgen.network import (
    Add,
    Gather,
    Input,
    Maximum,
    Minimum,
    Multiply,
    Network,
    Node,
    Op,
    Pad,
    Permute,
    PixelShuffle,
    PixelUnshuffle,
    PositionScale,
    Requantize,
    Slice,
    Table,
    Threshold,
    Upsample,
)

SCALE = np.array([1.0])
Shape = tuple[int, ...]
# counts that are in these samples alone, and are fitted to them; function tables, which are too
# small here, were fitted alone
STREAM_COUNTS = (
    *("border join", "extreme", "extreme bit", "summand bit", "summand choice bit"),
    *("position table", "position choice", "second rounding bit", "second shift bit"),
    *("rearrange", "sift"),
)
FUNCTIONS: tuple[Callable[[np.ndarray], np.ndarray], ...] = (
    np.tanh,
    np.abs,
    np.square,
    lambda x: x / (1 + np.exp(-x)),  # SiLU
    lambda x: x * np.clip(x / 6 + 0.5, 0, 1),  # Hardswish
    lambda x: 0.5 * x * (1 + np.tanh(0.79788456 * (x + 0.044715 * x**3))),  # GELU
    lambda x: np.where(x < 0, -0.4 * x, x),  # PReLU that falls
)


class _Sample:
    """Nodes of a sample as they come."""

    def __init__(self, seed: int):
        self.rng = np.random.default_rng([seed, 20261])
        self.nodes: list[Node] = []

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def between(self, lo: int, hi: int) -> int:
        return int(self.rng.integers(lo, hi + 1))

    def shape(self) -> Shape:
        sizes = self.between(2, 6), self.between(2, 6)
        return (int(self.rng.choice([1, 2, 3, 4, 4, 6, 8])), *sizes)

    def format(self) -> Fixed:
        return Fixed(int(self.rng.choice([2, 3, 4, 4, 6, 8, 8])), self.chance(0.5))

    def zero_point(self, of: Fixed) -> int:
        return self.between(of.lo // 2, of.hi // 2) if self.chance(0.25) else 0

    def input(self, shape: Shape, of: Fixed, zero_point: int = 0) -> str:
        op = Input(shape, of, SCALE, zero_point)
        return self.add(f"x{len(self.nodes)}", op)

    def add(self, name: str, op: Op, *inputs: str) -> str:
        self.nodes.append(Node(name, op, inputs))
        return name

    def requantize(
        self, reach: int, channels: int, of: Fixed | None = None, *, twice: bool = False
    ) -> Fixed:
        """Add a requantizer of values up to about `reach`, which may round twice; return its
        format."""
        of = of or Fixed(int(self.rng.choice([2, 3, 4, 4, 6, 8])), self.chance(0.5))
        many = channels if self.chance(0.5) else 1
        bits = 31 if twice else int(self.rng.choice([1, 8, 8, 12]))  # 1 is a shift alone
        by = self.rng.integers(1 << bits - 1, 1 << bits, many) if bits > 1 else np.array([1])
        shift = max(0, reach.bit_length() + bits - of.bits) + twice * self.rng.integers(0, 3, many)
        rounding = "double" if twice else ("half_up", "half_up", "half_even")[self.between(0, 2)]
        point = self.zero_point(of)
        op = Requantize(by, np.atleast_1d(shift), of, SCALE, point, rounding=rounding)
        self.add("y", op, self.nodes[-1].name)
        return of

    def behind(self, reach: int, channels: int) -> None:
        """Add what comes behind: mostly a requantizer."""
        if self.chance(0.85):
            self.requantize(reach, channels)


def _product(s: _Sample) -> None:
    shape, of, other = s.shape(), s.format(), s.format()
    spread = ((1, 1, 1), (shape[0], 1, 1), (1, *shape[1:]), shape, shape, shape)
    second = spread[s.between(0, len(spread) - 1)]
    a = s.input(shape, of, s.zero_point(of))
    b = s.input(second, other, s.zero_point(other))
    s.add("product", Multiply(), a, b)
    s.behind((of.hi - of.lo) * (other.hi - other.lo) // 4, shape[0])


def _extreme(s: _Sample) -> None:
    """Alone, or before a sum, whose queue stands between it and the border."""
    shape, of = s.shape(), s.format()
    names = [s.input(shape, of) for _ in range(s.between(2, 3))]
    s.add("extreme", Maximum() if s.chance(0.5) else Minimum(), *names[:2])
    if len(names) > 2:
        s.add("sum", Add((1, 1), np.ones(2)), "extreme", names[2])
        s.behind(2 * of.hi, shape[0])


def _sum(s: _Sample) -> None:
    shape, count = s.shape(), s.between(2, 3)
    of = [s.format() for _ in range(count)]
    names = [s.input(shape, each, s.zero_point(each)) for each in of]
    most = 1 if s.chance(0.4) else 9
    by = [s.between(1, most) * (-1 if s.chance(0.4) else 1) for _ in names]
    s.add("sum", Add(tuple(by), np.abs(by).astype(float)), *names)
    reach = sum(abs(n) * each.hi for n, each in zip(by, of, strict=True))
    s.behind(reach, shape[0])


def _rounded_twice(s: _Sample) -> None:
    """A requantizer as TFLite has it, behind a sum, of more bits than thresholds are made for."""
    shape, of = s.shape(), Fixed(s.between(9, 10), True)
    names = [s.input(shape, of) for _ in range(2)]
    by = s.between(1, 99)
    s.add("sum", Add((by, 1), np.array([by, 1.0])), *names)
    s.requantize(1 << s.between(8, 14), shape[0], of, twice=True)


def _table(s: _Sample) -> None:
    """A function of a sum, of the format that a requantizer makes."""
    shape, of = s.shape(), s.format()
    names = [s.input(shape, of) for _ in range(2)]
    s.add("sum", Add((1, 1), np.ones(2)), *names)
    x, y = Fixed(s.between(4, 8), s.chance(0.8)), Fixed(s.between(3, 8), True)
    s.requantize(2 * of.hi, shape[0], x)
    places = np.arange(x.lo, x.hi + 1) / x.hi
    rows = []
    for _ in range(shape[0] if s.chance(0.15) else 1):
        if s.chance(0.1):
            rows.append(s.rng.integers(y.lo, y.hi + 1, places.size))
            continue
        made = FUNCTIONS[s.between(0, len(FUNCTIONS) - 1)](places * s.rng.uniform(1, 5))
        rows.append(np.rint(made / np.abs(made).max() * y.hi).astype(np.int64))
    s.add("table", Table(np.array(rows), y, SCALE, lo=x.lo), s.nodes[-1].name)


def _steps_by_sign(s: _Sample) -> None:
    """LeakyReLU of a sum, whose thresholds lie on a line for each sign."""
    shape, of = s.shape(), Fixed(s.between(4, 8), True)
    names = [s.input(shape, of) for _ in range(2)]
    s.add("sum", Add((1, 1), np.ones(2)), *names)
    y = Fixed(s.between(3, 8), True)
    many = shape[0] if s.chance(0.5) else 1
    pitch = s.rng.uniform(0.6, 1.4, (many, 1)) * 2 * of.hi / y.hi
    below = pitch * s.rng.uniform(1.5, 10)
    counts = np.arange(y.lo + 1, y.hi + 1)
    steps = np.where(counts > 0, pitch * (counts - 0.5), below * (counts - 0.5))
    op = Threshold(np.ceil(steps).astype(np.int64), y, SCALE, base=y.lo)
    s.add("y", op, "sum")


def _position_scale(s: _Sample) -> None:
    shape, of = s.shape(), s.format()
    most = s.between(2, 12)
    factors = tuple(tuple(s.between(1, most) for _ in range(size)) for size in shape[1:])
    x = s.input(shape, of, s.zero_point(of))
    s.add("scaled", PositionScale(factors), x)
    s.behind(most * most * of.hi, shape[0])


def _in_order(s: _Sample) -> None:
    """An order that goes forward alone: parts of a frame, or more than that."""
    shape, of = s.shape(), s.format()
    x = s.input(shape, of)
    kind = s.between(0, 3)
    if kind == 0:
        start = tuple(s.between(0, size - 1) for size in shape)
        count = tuple(s.between(1, size - at) for size, at in zip(shape, start, strict=True))
        s.add("slice", Slice(start, count, (1, 1, 1)), x)
    elif kind == 1:
        s.add("step", Slice((0, s.between(0, 1), 0), (shape[0], 1, shape[2]), (1, 1, 1)), x)
    elif kind == 2:
        before, after = ((0, s.between(0, 2), s.between(0, 2)) for _ in range(2))
        mode = "constant" if s.chance(0.7) else "replicate"
        value = s.between(of.lo, of.hi) if mode == "constant" else 0
        s.add("pad", Pad(before, after, mode, value), x)
    else:
        s.add("up", Upsample((1, 1, s.between(2, 3))), x)


def _any_order(s: _Sample) -> None:
    shape, of = s.shape(), s.format()
    kind = s.between(0, 5)
    if kind == 3:
        shape = (4 * s.between(1, 2), *shape[1:])
    if kind == 4:
        shape = (shape[0], *(2 * -(-size // 2) for size in shape[1:]))
    x = s.input(shape, of)
    count = int(np.prod(shape))
    ops: tuple[Op, ...] = (
        Permute(tuple(s.rng.permutation(3).tolist())),
        Upsample((1, 2, s.between(1, 2))),
        Slice(tuple(n - 1 for n in shape), shape, (-1, -1, -1)),
        PixelShuffle((2, 2)) if shape[0] % 4 == 0 else Permute((1, 0, 2)),
        PixelUnshuffle((2, 2)) if not (shape[1] | shape[2]) % 2 else Permute((2, 1, 0)),
        Gather(s.rng.integers(-1, count, count), shape, of.lo),
    )
    s.add("order", ops[kind], x)


KINDS = (
    *(_product, _extreme, _sum, _rounded_twice, _table),
    *(_steps_by_sign, _position_scale, _in_order, _any_order),
)


def stream_sample(seed: int) -> Network:
    """Return a small network that the seed determines: what two values meet in, a function's table,
    factors of positions, another order of elements; of each kind in turn."""
    s = _Sample(seed)
    KINDS[seed % len(KINDS)](s)
    return Network(tuple(s.nodes))
