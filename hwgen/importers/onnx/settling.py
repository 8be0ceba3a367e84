"""Values as nodes of integers, whose real numbers are one affine step of them."""

__all__ = ["Settling", "common_unit", "plain", "refuse_host", "stepped"]

import math
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from hwgen.formats import MAX_BITS, MIN_BITS, Binary, Fixed, bits_for
from hwgen.importers.growing import Refusal, counted
from hwgen.importers.onnx.file import OnnxNode
from hwgen.importers.onnx.steps import Affine, Clamp, Fractions, Step, as_fractions
from hwgen.importers.onnx.tensors import Tensors, places_of
from hwgen.importers.onnx.values import Computed, Constant, Joined, Moved, Sum, Value, network_shape
from hwgen.importers.rearrangements import moving
from hwgen.network import Concat, Conv1d, Conv2d, Flatten, Linear, Requantize, Threshold
from hwgen.network.ops import IntArray
from hwgen.network.ops.rearrange import MOST_AXES

QUANTIZE = "put a quantizer before it"


class Settling(Tensors):
    """Of the tensors of a file, those that something takes as integers become nodes."""

    def computed(self, node: OnnxNode, index: int = 0) -> Computed:
        """Return an input that must be computed."""
        found = self.get(node, index)
        if isinstance(found, Constant):
            raise Refusal(f"{node.kind} of a constant", "fold constants: onnxsim, or qonnx-cleanup")
        return found

    def value(self, node: OnnxNode, index: int = 0) -> Value:
        """Return an input as one value: sums, what is joined and what moved become nodes."""
        return self.single(self.computed(node, index), node.inputs[index])

    def step(self, value: Computed, step: Step) -> Computed:
        """Return a value with one more step."""
        if isinstance(value, Moved):
            return self._moved_step(value, step)
        if isinstance(value, Joined):
            parts = zip(value.parts, places_of(value), strict=True)
            made = (self.step(part, step.part(partial(_of_channels, at))) for part, at in parts)
            return replace(value, parts=tuple(made))  # type: ignore[arg-type]
        if isinstance(value, Value):
            refuse_host(value)
            if not step.rises and value.pools:
                value = self.settled(value, f"{value.node}.pooled")
        stepped_: Value | Sum = stepped(value, step)
        return stepped_

    def _moved_step(self, value: Moved, step: Step) -> Computed:
        if step.rows > 1:
            behind = value.channels_behind()
            if behind is None or value.has_constants:
                return self.step(self.single(value, "moved"), step)
            step = step.part(lambda v: v[behind])
        fill = np.array([[value.fill]], dtype=object)
        source = self.step(value.source, step)
        assert not isinstance(source, Moved)
        return replace(value, source=source, fill=Fraction(step.at(fill)[0, 0]))

    def single(self, value: Computed, name: str) -> Value:
        """Return a value of one node.

        Raises
        ------
        Refusal : a sum whose scales are no small integers, without a quantizer behind it
        """
        if isinstance(value, Value):
            return value
        if isinstance(value, Sum):
            raise Refusal(
                "a sum of unlike scales that is not quantized", "put a quantizer behind it"
            )
        if isinstance(value, Joined):
            return self._concatenated(value, name)
        found = self._placed(value, name)
        if self.known.get(name) is value:
            self.known[name] = found  # for others that take it
        return found

    def _placed(self, value: Moved, name: str) -> Value:
        """Return what moved as a node that moves it."""
        source = self.settled(value.source, f"{name}.from")
        fill = 0
        if value.has_constants:
            source, fill = self._filled(source, value.fill, name)
        (step,) = source.steps
        index, shape = value.in_network, network_shape(source)
        if index.ndim > MOST_AXES:
            raise Refusal(f"a value of shape {value.shape}", "use at most four axes")
        step = step.part(lambda v: v[_channels(index, math.prod(shape[1:]))])
        node, order = source.node, None
        elements = np.arange(math.prod(shape))
        flat = index.reshape(-1)
        if index.ndim == 1 and np.array_equal(np.sort(flat), elements):
            order = np.argsort(flat) if (flat != elements).any() else None  # weights take it
            node = self.add(Flatten(), [node], name) if len(shape) > 1 else node
        elif index.shape != shape or (flat != elements).any():
            node = self.add(moving(index, shape, fill), [node], name)
        if source.node in self.entries and not value.has_constants:
            self.entries[node] = self.entries[source.node]
        return Value(node, value.shape, value.axes, (step,), order=order)

    def _filled(self, source: Value, fill: Fraction, name: str) -> tuple[Value, int]:
        """Return a value, and the integer of its node that stands for a number beside it."""
        (step,), of = source.steps, self.type(source).format
        assert isinstance(step, Affine) and of is not None
        if step.rows > 1 or step.factor[0] == 0:
            raise Refusal("constants beside a scale a channel", "use one scale for all channels")
        at = (fill - step.offset[0]) / step.factor[0]
        if isinstance(of, Binary) and abs(at) != 1:
            return self._filled(self.plain_binary(source, name), fill, name)
        at += self.type(source).zero_point
        if at.denominator != 1 or not of.lo <= at <= of.hi:
            raise Refusal(
                "constants that are not on the grid of what they stand beside",
                "quantize in front of them, to a grid that holds them",
            )
        return source, int(at)

    def laid_out(self, value: Value, axes: tuple[int, ...], name: str) -> Value:
        """Return a value with the network's axes at other axes of the file."""
        return self.single(replace(Moved.of(value), axes=axes), name)

    def settled(self, value: Computed, name: str) -> Value:
        """Return a value of a format, whose real numbers are one affine step of its integers.

        Raises
        ------
        Refusal : it is an accumulator of too many bits, or a curve of one
        """
        given = value
        value = self.single(value, name)
        refuse_host(value)
        pooled = value = self._of_format(value, name)
        value = replace(value, steps=value.steps or (Affine.of(),), pools=())
        while len(value.steps) > 1 or not isinstance(value.steps[0], Affine):
            value = self._clamped(value, name)
        value = self._pooled(value, pooled, name)
        if self.known.get(name) is given:
            self.known[name] = value  # for others that take it
        return value

    def _of_format(self, value: Value, name: str) -> Value:
        """Return a value of a node that is no accumulator."""
        x = self.type(value)
        if x.format is not None:
            return value
        bits, signed = bits_for(x.lo, x.hi)
        if bits > MAX_BITS:
            raise Refusal("sums that are not quantized", QUANTIZE)
        op = plain(Fixed(max(bits, MIN_BITS), signed), float(x.scale[0]))
        return replace(value, node=self.add(op, [value.node], f"{name}.int"))

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
            after = stepped(after, step)
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


def stepped(value: Any, step: Step) -> Any:
    """Return a value or a sum with one more step, where one may be put behind it."""
    if isinstance(step, Affine):
        falls = any(f < 0 for f in step.factor)
        if falls and isinstance(value, Value) and value.pools:
            raise Refusal("a factor below 0 behind a MaxPool", "quantize before the pool")
        if value.steps and isinstance(value.steps[-1], Affine):
            return replace(value, steps=(*value.steps[:-1], value.steps[-1].then(step)))
    return replace(value, steps=(*value.steps, step))


def refuse_host(value: Value) -> None:
    """Refuse a value that the host makes something of, where a network goes on.

    Raises
    ------
    Refusal : it is one
    """
    if value.host:
        kinds = ", ".join(step.kind for step in value.host)
        raise Refusal(f"{kinds} inside of a network", "use it as the last node alone")


def _of_channels(at: slice, values: Fractions) -> Fractions:
    return values[at]


def _channels(index: IntArray, area: int) -> IntArray:
    """Return for each channel that one which all its elements come from."""
    own = index.reshape(len(index), -1) // area
    if (own != own[:, :1]).any():
        raise Refusal("channels of unlike scales that move", "use one scale for all channels")
    found: IntArray = own[:, 0]
    return found


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
