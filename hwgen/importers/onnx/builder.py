"""The network as it grows: values of the file as integers of nodes, quantizers as thresholds."""

__all__ = ["Builder", "Known", "common_unit", "plain"]

import math
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from hwgen.errors import StoreError
from hwgen.formats import MAX_BITS, MIN_BITS, Binary, Fixed, bits_for
from hwgen.importers.growing import GrowingNetwork, Refusal, counted
from hwgen.importers.onnx.file import OnnxNode
from hwgen.importers.onnx.grids import Grid
from hwgen.importers.onnx.requantizers import as_requantizer
from hwgen.importers.onnx.steps import Affine, Bounds, Clamp, Fractions, Step, as_fractions
from hwgen.importers.onnx.sums import sum_thresholds
from hwgen.importers.onnx.values import Constant, Joined, Sum, Value
from hwgen.network import Add, Concat, Conv1d, Conv2d, Linear, Requantize, Threshold
from hwgen.network.ops import IntArray
from hwgen.network.tensor import Tensor

Known = Constant | Value | Joined | Sum
MOST_THRESHOLDS = 1 << 21  # of a node
QUANTIZE = "put a quantizer before it"


class Builder(GrowingNetwork):
    """A network in the making, and what each tensor of the file is.

    Attributes
    ----------
    known : by the file's names
    entries : the Input's node, and those that hold its integers in another shape
    is_real : whether real numbers enter the file's graph, not integers
    first : of what quantizes the input: nodes, and the grid that each puts it on
    wants_other_layout : whether an operator wants its channels elsewhere than they lie
    """

    def __init__(self) -> None:
        super().__init__()
        self.known: dict[str, Known] = {}
        self.entries: set[str] = set()
        self.is_real = True
        self._pools: dict[tuple[str, int], str] = {}
        self.first: dict[str, tuple[Grid, Affine]] = {}
        self.wants_other_layout = False

    def found_other_layout(self) -> None:
        """Note that an operator wants its channels elsewhere than they lie."""
        self.wants_other_layout = True

    # what a node of the file takes

    def has(self, node: OnnxNode, index: int) -> bool:
        """Say whether an input is there."""
        return index < len(node.inputs) and node.inputs[index] != ""

    def get(self, node: OnnxNode, index: int) -> Known:
        """Return an input of a node.

        Raises
        ------
        StoreError : it has fewer
        """
        if not self.has(node, index):
            raise StoreError(f"{node.kind} must have an input {index}")
        return self.known[node.inputs[index]]

    def constant(self, node: OnnxNode, index: int, what: str) -> Constant:
        """Return an input that must be known.

        Raises
        ------
        Refusal : it is computed
        """
        found = self.get(node, index)
        if not isinstance(found, Constant):
            raise Refusal(f"{what} that are computed", "make them constants")
        return found

    def computed(self, node: OnnxNode, index: int = 0) -> Value | Joined | Sum:
        """Return an input that must be computed."""
        found = self.get(node, index)
        if isinstance(found, Constant):
            raise Refusal(f"{node.kind} of a constant", "fold constants: onnxsim, or qonnx-cleanup")
        return found

    def value(self, node: OnnxNode, index: int = 0) -> Value:
        """Return an input as one value: sums and what is joined become nodes."""
        return self.single(self.computed(node, index), node.inputs[index])

    def give(self, node: OnnxNode, value: Known) -> None:
        """Note what the first output of a node is."""
        self.known[node.outputs[0]] = value

    def unused(self, name: str) -> str:
        """Return a name of no tensor, which begins with a name."""
        while name in self.known:
            name += "_"
        return name

    # types

    def type(self, value: Value) -> Tensor:
        """Return the type of the node that a value is of."""
        return self.types[value.node]

    def per_channel(self, data: npt.NDArray[Any], value: Value | Joined | Sum) -> Fractions:
        """Return what is one for all, or one a channel, in the network's order of channels.

        Raises
        ------
        Refusal : it differs from pixel to pixel, or has another shape
        """
        rank, shape = len(value.shape), value.shape
        array = np.asarray(data)
        while array.ndim > rank and array.shape[0] == 1:
            array = array[0]
        if array.ndim > rank:
            raise Refusal(f"a constant of shape {data.shape} beside {shape}")
        array = array.reshape((1,) * (rank - array.ndim) + array.shape)
        if any(n not in (1, m) for n, m in zip(array.shape, shape, strict=True)):
            raise Refusal(f"a constant of shape {data.shape} beside {shape}")
        for axis in range(rank):
            if axis != value.channel_axis and array.shape[axis] > 1:
                first = array.take([0], axis)
                if (array != first).any():
                    raise Refusal(
                        "a constant that differs from pixel to pixel", "use one a channel"
                    )
                array = first
        row = array.ravel()
        orders = [value.order] if isinstance(value, (Value, Sum)) else _orders(value)
        if row.size > 1 and any(order is not None for order in orders):
            row = row[np.concatenate([o for o in orders if o is not None])]
        return as_fractions(row.tolist())

    # steps

    def step(self, value: Value | Joined | Sum, step: Step) -> Value | Joined | Sum:
        """Return a value with one more step."""
        if isinstance(value, Joined):
            return replace(
                value,
                parts=tuple(
                    _stepped(part, step.part(partial(_channels, at)))
                    for part, at in zip(value.parts, _places(value), strict=True)
                ),
            )
        stepped: Value | Sum = _stepped(value, step)
        return stepped

    def quantize(self, value: Value | Joined | Sum, grid: Grid, name: str) -> Value:
        """Return a value on a grid: the node that counts thresholds, under a name.

        Raises
        ------
        Refusal : a function falls behind a pool
        """
        if isinstance(value, Joined):
            parts = [
                self.quantize(part, _part(grid, at), f"{name}.{n}")
                for n, (part, at) in enumerate(zip(value.parts, _places(value), strict=True))
            ]
            return self._concatenated(replace(value, parts=tuple(parts)), name)
        if value.__class__ is Value and value.last:
            raise Refusal(f"{value.last} inside of a network", "use it as the last node alone")
        if isinstance(value, Value):
            value = self._biased(value)
        to_grid = Affine(as_fractions(1 / grid.scale), as_fractions([grid.before]))
        steps = _stepped(value, to_grid).steps
        if isinstance(value, Sum):
            return self._quantized_sum(value, steps, grid, name)
        if value.padding is not None:
            raise Refusal("a Pad before a quantizer", "pad behind it")
        same = self._already(value, steps, grid)
        if same is not None:
            return same
        bounds, x, source = self._reached(steps, grid), self.type(value), value.node
        if bounds.falls.any():
            if value.pools:
                raise Refusal("a factor below 0 behind a MaxPool", "quantize before the pool")
            rows = np.broadcast_to(bounds.falls, (x.channels,))
            source = self.negated(source, rows, f"{source}.negated")
            bounds, x = bounds.of_rows(x.channels).mirrored(rows), self.types[source]
        if bounds.rows * bounds.strict.shape[1] > MOST_THRESHOLDS:
            raise Refusal("a quantizer of too many thresholds", "use fewer bits")
        found = bounds.thresholds(*_ends(x, bounds.rows)) + x.zero_point
        if grid.binary and isinstance(x.format, Binary) and (abs(2 * found - 1) == 1).all():
            step = Affine(grid.out_scale, as_fractions(-grid.zero_point * grid.out_scale))
            return replace(value, steps=(step,))
        inner = f"{name}.q" if value.pools else name
        gives = self._counting(found, x, source, grid, inner, value, steps)
        if value.node in self.entries and len(steps) == 1:
            before = value.steps[0] if value.steps else Affine.of()
            assert isinstance(before, Affine)
            self.first[gives.node] = grid, before
        return self._pooled(gives, value, name)

    def _biased(self, value: Value) -> Value:
        """Return a value whose sums hold what is added to them, where that is integers."""
        op = self.nodes[value.node].op
        first = value.steps[0] if value.steps else None
        if not isinstance(op, (Conv1d, Conv2d, Linear)) or not isinstance(first, Affine):
            return value
        if (first.factor == 0).any() or (first.offset == 0).all():
            return value
        added = first.offset / first.factor
        if any(a.denominator != 1 or abs(a) >= 1 << 60 for a in added):
            return value
        bias = op.bias + np.array([int(a) for a in added])
        inputs = self.nodes[value.node].inputs
        node = self.add(replace(op, bias=bias), inputs, f"{value.node}.biased")
        steps = (Affine(first.factor, as_fractions([0])), *value.steps[1:])
        return replace(value, node=node, steps=steps)

    def _reached(self, steps: tuple[Step, ...], grid: Grid) -> Bounds:
        bounds = grid.levels()
        for step in reversed(steps):
            bounds = step.before(bounds)
        return bounds

    def _already(self, value: Value, steps: tuple[Step, ...], grid: Grid) -> Value | None:
        """Return the value as it is, where it is on the grid."""
        x = self.type(value)
        if grid.binary or grid.is_truncated or not isinstance(x.format, Fixed) or len(steps) > 1:
            return None
        (step,) = steps
        assert isinstance(step, Affine)
        if step.factor.size != 1 or step.factor[0] != 1 or step.offset.size != 1:
            return None
        offset = step.offset[0] + grid.behind  # from the node's integers to the grid's
        if offset.denominator != 1:
            return None
        ends = (end - x.zero_point + offset for end in (x.lo, x.hi))
        if not all(grid.lo <= end <= grid.hi for end in ends):
            return None
        stands_for = grid.out_scale * (offset - grid.zero_point)
        return replace(value, steps=(Affine(grid.out_scale, as_fractions(stands_for)),))

    def _counting(
        self,
        found: IntArray,
        x: Tensor,
        source: str,
        grid: Grid,
        name: str,
        value: Value,
        steps: tuple[Step, ...] = (),
    ) -> Value:
        """Return what counts thresholds, which stand in rows for the levels of the grid, or
        multiplies and shifts to the same end."""
        base, of = grid.lo, grid.format
        if not grid.binary:  # levels that all reach, and none, are no thresholds
            lows, highs = (end[:, None] + x.zero_point for end in _ends(x, len(found)))
            always, never = (found <= lows).all(axis=0), (found > highs).all(axis=0)
            base += int(always.sum())
            found = found[:, ~(always | never)]
        if len(found) > 1 and (found == found[0]).all():
            found = found[:1]
        scale = grid.out_scale
        zero, exact = grid.zero_point, 0
        if zero.denominator == 1 and of.lo <= zero <= of.hi and not grid.binary:
            exact = int(zero)
        op = counted(found, of, [float(scale[0])], exact, base)
        if isinstance(op, Threshold) and steps and isinstance(of, Fixed) and not grid.is_truncated:
            op = as_requantizer(op, x, steps) or op
        node = self.add(op, [source], name)
        offset = as_fractions(scale * (exact - zero))
        return replace(value, node=node, steps=(Affine(scale, offset),), pools=())

    def _pooled(self, value: Value, before: Value, name: str) -> Value:
        node = value.node
        for n, pool in enumerate(before.pools):
            found = self._pools.get((node, id(pool)))  # of a value that several take
            if found is None:
                last = n == len(before.pools) - 1
                found = self.add(pool, [node], name if last else f"{name}.pool{n}")
                self._pools[node, id(pool)] = found
            node = found
        return replace(value, node=node)

    def _quantized_sum(self, value: Sum, steps: tuple[Step, ...], grid: Grid, name: str) -> Value:
        a, b = value.a, value.b
        found = sum_thresholds(
            (self.type(a), self.type(b)),
            (a.steps[0], b.steps[0]),
            self._reached(steps, grid),
        )
        node = self.add(Add((found.a, found.b)), [a.node, b.node], f"{name}.acc")
        like = Value(node, value.shape, value.axes, order=value.order)
        return self._counting(found.thresholds[None], self.types[node], node, grid, name, like)

    # what a value must be before something else takes it

    def single(self, value: Value | Joined | Sum, name: str) -> Value:
        """Return a value of one node.

        Raises
        ------
        Refusal : a sum whose scales are no small integers, without a quantizer behind it
        """
        if isinstance(value, Sum):
            raise Refusal(
                "a sum of unlike scales that is not quantized", "put a quantizer behind it"
            )
        return self._concatenated(value, name) if isinstance(value, Joined) else value

    def settled(self, value: Value | Joined | Sum, name: str) -> Value:
        """Return a value of a format, whose real numbers are one affine step of its integers.

        Raises
        ------
        Refusal : it is an accumulator of too many bits, or a curve of one
        """
        given = value
        value = self.single(value, name)
        if value.last:
            raise Refusal(f"{value.last} inside of a network", "use it as the last node alone")
        if value.padding is not None:
            raise Refusal("a Pad before something else than a convolution", "pad with it")
        node, x = value.node, self.type(value)
        steps = value.steps or (Affine.of(),)
        if x.format is None:
            bits, signed = bits_for(x.lo, x.hi)
            if bits > MAX_BITS:
                raise Refusal("sums that are not quantized", QUANTIZE)
            op = plain(Fixed(max(bits, MIN_BITS), signed), float(x.scale[0]))
            node = self.add(op, [node], f"{name}.int")
        pooled = value
        value = replace(value, node=node, steps=steps, pools=())
        while len(value.steps) > 1 or not isinstance(value.steps[0], Affine):
            value = self._clamped(value, name)
        value = self._pooled(value, pooled, name)
        if self.known.get(name) is given:
            self.known[name] = value  # for others that take it
        return value

    def _clamped(self, value: Value, name: str) -> Value:
        """Return a value whose first function, a clamp on its grid, is a node."""
        first, *rest = value.steps
        if isinstance(first, Clamp):
            first, rest = Affine.of(), [first, *rest]
        clamp = rest[0]
        assert isinstance(first, Affine)
        x = self.type(value)
        bad = not isinstance(x.format, Fixed) or max(first.factor.size, first.offset.size) > 1
        if bad or not isinstance(clamp, Clamp) or first.factor[0] <= 0:
            raise Refusal("a function whose result is not quantized", "put a quantizer behind it")
        of = x.format
        assert isinstance(of, Fixed)
        ends = []
        for end, else_ in ((clamp.lo, of.lo), (clamp.hi, of.hi)):
            at = None if end is None else (end - first.offset[0]) / first.factor[0] + x.zero_point
            if at is not None and of.lo <= at <= of.hi and at.denominator != 1:
                raise Refusal("a clamp between two integers", "put a quantizer behind it")
            ends.append(else_ if at is None else int(min(max(at, of.lo), of.hi)))
        node = self._between(value.node, ends[0], ends[1], f"{name}.clamp")
        steps: tuple[Step, ...] = (first,)
        after = replace(value, node=node, steps=steps)
        for step in rest[1:]:
            after = _stepped(after, step)
        return after

    def _between(self, source: str, lo: int, hi: int, name: str) -> str:
        """Return a node of a node's integers, clamped: where these are counted, fewer are."""
        x, op = self.types[source], self.nodes[source].op
        of = x.format
        assert isinstance(of, Fixed)
        if isinstance(op, Requantize):
            assert op.lo is not None and op.hi is not None
            lo, hi = min(max(lo, op.lo), op.hi), max(min(hi, op.hi), op.lo)
            bits, signed = bits_for(min(lo, x.zero_point), max(hi, x.zero_point))
            narrow = Fixed(max(bits, MIN_BITS), signed)
            made = replace(op, format=narrow, lo=lo, hi=hi)
            return self.add(made, self.nodes[source].inputs, name)
        if not isinstance(op, Threshold):
            made = replace(plain(of, float(x.scale[0])), zero_point=x.zero_point, lo=lo, hi=hi)
            return self.add(made, [source], name)
        most = op.base + op.thresholds.shape[1]
        lo, hi = min(max(lo, op.base), most), max(min(hi, most), op.base)
        bits, signed = bits_for(min(lo, x.zero_point), max(hi, x.zero_point))
        rows = op.thresholds[:, lo - op.base : hi - op.base]
        narrow = Fixed(max(bits, MIN_BITS), signed)
        made_of = counted(rows, narrow, op.scale, op.zero_point, lo)
        return self.add(made_of, self.nodes[source].inputs, name)

    def plain_binary(self, value: Value, name: str) -> Value:
        """Return -1 and 1 as integers that zeros can stand beside."""
        if not isinstance(self.type(value).format, Binary):
            return value
        op = plain(Fixed(2), float(self.type(value).scale[0]))
        return replace(value, node=self.add(op, [value.node], f"{name}.int"))

    def negated(self, source: str, rows: npt.NDArray[np.bool_], name: str) -> str:
        """Return a node of what some channels' negatives are: sums of negated weights."""
        node, x = self.nodes[source], self.types[source]
        sign = np.where(rows, -1, 1)
        if isinstance(node.op, (Conv1d, Conv2d, Linear)):
            op = node.op
            weight = op.weight * sign.reshape(-1, *[1] * (op.weight.ndim - 1))
            of = op.weight_format
            if not of.holds(weight):
                of = Fixed(bits_for(int(weight.min()), int(weight.max()))[0])
            return self.add(
                replace(op, weight=weight, bias=op.bias * sign, weight_format=of), node.inputs, name
            )
        if x.format is None:
            raise Refusal("a factor below 0 on an average or a sum", "quantize before it")
        return self.add(_signs(sign, len(x.shape)), [source], name)

    def _concatenated(self, value: Joined, name: str) -> Value:
        parts = [self.settled(part, f"{name}.{n}") for n, part in enumerate(value.parts)]
        types = [self.type(part) for part in parts]
        steps = [part.steps[0] for part in parts]
        alike = {(str(t.format), t.zero_point, float(t.scale[0])) for t in types}
        if len(alike) > 1 or any(not _same(steps[0], step) for step in steps):
            parts = self._on_one_grid(parts, name)
        node = self.add(Concat(), [part.node for part in parts], name)
        order = None
        if any(part.order is not None for part in parts):
            offsets = np.cumsum([0, *(part.shape[1] for part in parts)])
            own = [np.arange(part.shape[1]) if part.order is None else part.order for part in parts]
            order = np.concatenate([o + at for o, at in zip(own, offsets, strict=False)])
        return Value(node, value.shape, value.axes, parts[0].steps, order=order)

    def _on_one_grid(self, parts: list[Value], name: str) -> list[Value]:
        """Return values with one unit, of which theirs are multiples."""
        steps = [part.steps[0] for part in parts]
        units = []
        for step in steps:
            assert isinstance(step, Affine)
            if step.factor.size > 1 or step.offset.size > 1 or step.factor[0] <= 0:
                raise Refusal("a Concat of one scale a channel", "put a quantizer behind it")
            if step.offset[0] != 0:
                raise Refusal("a Concat of unlike zero points", "put a quantizer behind it")
            units.append(step.factor[0])
        unit = common_unit(units)
        factors = [int(u / unit) for u in units]
        ends = [
            (f * (end - t.zero_point))
            for f, t in zip(factors, map(self.type, parts), strict=True)
            for end in (t.lo, t.hi)
        ]
        bits, signed = bits_for(min(ends), max(ends))
        if bits > MAX_BITS:
            raise Refusal("a Concat of unlike scales", "put a quantizer behind it")
        of = Fixed(max(bits, MIN_BITS), signed)
        step = Affine(as_fractions([unit]), as_fractions([0]))
        return [
            replace(
                part,
                node=self.add(
                    replace(plain(of, float(unit)), multiplier=np.array([factor])),
                    [part.node],
                    f"{name}.{n}.int",
                ),
                steps=(step,),
            )
            for n, (part, factor) in enumerate(zip(parts, factors, strict=True))
        ]


def common_unit(units: Iterable[Fraction]) -> Fraction:
    """Return the largest number that all are multiples of."""
    units = list(units)
    common = math.lcm(*(unit.denominator for unit in units))
    return Fraction(math.gcd(*(int(unit * common) for unit in units)), common)


def _stepped(value: Any, step: Step) -> Any:
    if isinstance(step, Affine):
        falls = any(f < 0 for f in step.factor)
        if falls and isinstance(value, Value) and value.pools:
            raise Refusal("a factor below 0 behind a MaxPool", "quantize before the pool")
        if value.steps and isinstance(value.steps[-1], Affine):
            return replace(value, steps=(*value.steps[:-1], value.steps[-1].then(step)))
    return replace(value, steps=(*value.steps, step))


def _channels(at: slice, values: Fractions) -> Fractions:
    return values[at]


def _orders(value: Joined) -> list[IntArray | None]:
    if all(part.order is None for part in value.parts):
        return [None]
    places, orders = _places(value), []
    for part, at in zip(value.parts, places, strict=True):
        own = np.arange(at.stop - at.start) if part.order is None else part.order
        orders.append(own + at.start)
    return [*orders]


def _places(value: Joined) -> list[slice]:
    ends = np.cumsum([0, *(part.shape[value.channel_axis] for part in value.parts)]).tolist()
    return [slice(a, b) for a, b in zip(ends[:-1], ends[1:], strict=True)]


def _part(grid: Grid, at: slice) -> Grid:
    return grid if grid.scale.size == 1 else replace(grid, scale=as_fractions(grid.scale[at]))


def _ends(x: Tensor, rows: int) -> tuple[IntArray, IntArray]:
    """Return the range of each row, without the zero point."""
    if rows == 1:
        return np.array([x.lo]) - x.zero_point, np.array([x.hi]) - x.zero_point
    return x.lows - x.zero_point, x.highs - x.zero_point


def _same(a: Step, b: Step) -> bool:
    assert isinstance(a, Affine) and isinstance(b, Affine)
    return bool(np.array_equal(a.factor, b.factor) and np.array_equal(a.offset, b.offset))


def plain(of: Fixed, scale: float) -> Requantize:
    """Return the requantizer that changes nothing but the format."""
    return Requantize(np.array([1]), np.array([0]), of, np.array([scale]))


def _signs(sign: IntArray, rank: int) -> Conv1d | Conv2d | Linear:
    """Return the op that multiplies each channel by a sign."""
    channels, one, bias = len(sign), np.ones(1), np.zeros(len(sign), np.int64)
    if rank == 1:
        if channels > 4096:
            raise Refusal("a factor below 0 on so many features", "quantize without it")
        return Linear(np.diag(sign), bias, Fixed(2), one)
    shape = (channels, 1, *[1] * (rank - 1))
    made = Conv1d if rank == 2 else Conv2d
    return made(sign.reshape(shape), bias, Fixed(2), one, groups=channels)
