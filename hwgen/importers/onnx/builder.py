"""Quantizers as nodes: thresholds, or what gives the same."""

__all__ = ["Builder"]


from dataclasses import replace

import numpy as np

from hwgen.formats import Binary, Fixed
from hwgen.importers.growing import Refusal, counted
from hwgen.importers.onnx.grids import Grid
from hwgen.importers.onnx.requantizers import as_requantizer
from hwgen.importers.onnx.settling import Settling, refuse_host, stepped
from hwgen.importers.onnx.steps import Affine, Bounds, Fractions, Step, as_fractions
from hwgen.importers.onnx.sums import sum_thresholds
from hwgen.importers.onnx.tables import table_of
from hwgen.importers.onnx.tensors import places_of
from hwgen.importers.onnx.values import Computed, Joined, Moved, Sum, Value
from hwgen.network import Add, Conv1d, Conv2d, Linear, Threshold
from hwgen.network.ops import IntArray
from hwgen.network.tensor import Tensor

MOST = 1 << 21  # thresholds of a node


class Builder(Settling):
    """The network of a file in the making: with what quantizers make of values."""

    def quantize(self, value: Computed, grid: Grid, name: str) -> Value | Moved:
        """Return a value on a grid: the node that counts thresholds, under a name.

        Raises
        ------
        Refusal : a function falls behind a pool
        """
        if isinstance(value, Moved):
            return self._quantized_moved(value, grid, name)
        if isinstance(value, Joined):
            parts = [
                self.quantize(part, _part(grid, at), f"{name}.{n}")
                for n, (part, at) in enumerate(zip(value.parts, places_of(value), strict=True))
            ]
            return self._concatenated(replace(value, parts=tuple(parts)), name)  # type: ignore[arg-type]
        if isinstance(value, Value):
            refuse_host(value)
            value = self._biased(value)
        to_grid = Affine(as_fractions(1 / grid.scale), as_fractions([grid.before]))
        steps = stepped(value, to_grid).steps
        if isinstance(value, Sum):
            return self._quantized_sum(value, steps, grid, name)
        same = self._already(value, steps, grid)
        if same is not None:
            return same
        if not all(step.rises for step in steps):
            return self._tabled(value, grid, name)
        if max(grid.scale.size, *(step.rows for step in steps)) * (grid.hi - grid.lo) > MOST:
            raise Refusal("a quantizer of too many thresholds", "use fewer bits, or powers of two")
        bounds, x, source = self._reached(steps, grid), self.type(value), value.node
        if bounds.falls.any():
            if value.pools:
                raise Refusal("a factor below 0 behind a MaxPool", "quantize before the pool")
            rows = np.broadcast_to(bounds.falls, (x.channels,))
            source = self.negated(source, rows, f"{source}.negated")
            bounds, x = bounds.of_rows(x.channels).mirrored(rows), self.types[source]
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

    def _quantized_moved(self, value: Moved, grid: Grid, name: str) -> Value | Moved:
        """Return what moved with its source on a grid."""
        if max(grid.scale.size, grid.out_scale.size) > 1:
            behind = value.channels_behind()
            if behind is None or value.has_constants:
                return self.quantize(self.single(value, f"{name}.moved"), grid, name)
            grid = _part(grid, behind)
        source = self.quantize(value.source, grid, f"{name}.q")
        assert isinstance(source, Value)
        return replace(value, source=source, fill=grid.real(value.fill))

    def _tabled(self, value: Value, grid: Grid, name: str) -> Value:
        """Return a value on a grid, entry by entry of a table."""
        value = self._of_format(value, name)
        op = table_of(self.type(value), value.steps, grid)
        node = self.add(op, [value.node], name)
        offset = grid.out_scale * (op.zero_point - grid.zero_point)
        return replace(value, node=node, steps=(Affine(grid.out_scale, as_fractions(offset)),))

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


def _part(grid: Grid, at: slice | IntArray) -> Grid:
    """Return the grid of some channels."""

    def part(v: Fractions) -> Fractions:
        return v if v.size == 1 else as_fractions(v[at])

    return replace(grid, scale=part(grid.scale), out=None if grid.out is None else part(grid.out))


def _ends(x: Tensor, rows: int) -> tuple[IntArray, IntArray]:
    """Return the range of each row, without the zero point."""
    if rows == 1:
        return np.array([x.lo]) - x.zero_point, np.array([x.hi]) - x.zero_point
    return x.lows - x.zero_point, x.highs - x.zero_point
