"""Patterns: numbers that depend on where nested loops are, from tables that are as small as the
numbers allow."""

__all__ = ["Pattern", "looked_up"]

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np
from amaranth import *
from amaranth.utils import ceil_log2

from hwgen_rtl_templates.tables import lookup


@dataclass(frozen=True)
class Pattern:
    """A number for each turn of nested loops.

    extents : turns of each loop, the outermost first
    values : one for each turn of the innermost, as they follow one another

    Turns of a loop in which all numbers are the same are of one class: the first row and the
    others, the last column and the others. The number is looked up by the classes, of which there
    are few where an order is regular.
    """

    extents: tuple[int, ...]
    values: tuple[int, ...]

    def __post_init__(self) -> None:
        if prod(self.extents) != len(self.values):
            raise ValueError(
                f"Loops of {self.extents} must have a number for each of {prod(self.extents)} "
                f"turns, not {len(self.values)}"
            )

    @cached_property
    def classes(self) -> tuple[tuple[int, ...], ...]:
        """Of each loop, the class of each turn; the commonest class is 0."""
        grid = np.array(self.values, dtype=np.int64).reshape(self.extents)
        found = []
        for axis, extent in enumerate(self.extents):
            rows = np.moveaxis(grid, axis, 0).reshape(extent, -1)
            numbers: dict[bytes, int] = {}
            of = [numbers.setdefault(row.tobytes(), len(numbers)) for row in rows]
            counts = np.bincount(of)
            rank = np.argsort(np.argsort(-counts, kind="stable"), kind="stable")
            found.append(tuple(int(rank[number]) for number in of))
        return tuple(found)

    @cached_property
    def axes(self) -> tuple[int, ...]:
        """Loops on which the number depends."""
        return tuple(axis for axis, classes in enumerate(self.classes) if max(classes))

    @cached_property
    def direct(self) -> bool:
        """Whether the number is looked up by the turn of the only loop that it depends on."""
        return len(self.axes) == 1

    @cached_property
    def table(self) -> tuple[int, ...]:
        """The numbers by classes, or of the one loop's turns, the innermost loop's class in the
        lowest bits of the index."""
        grid = np.array(self.values, dtype=np.int64).reshape(self.extents)
        if not self.axes:
            return (self.values[0],)
        if self.direct:
            (axis,) = self.axes
            return tuple(np.moveaxis(grid, axis, 0).reshape(self.extents[axis], -1)[:, 0].tolist())
        index = np.zeros(self.extents, dtype=np.int64)
        for axis in self.axes:
            classes = np.array(self.classes[axis])
            shape = [1] * len(self.extents)
            shape[axis] = self.extents[axis]
            index = (index << ceil_log2(int(classes.max()) + 1)) + classes.reshape(shape)
        table = np.full(1 << sum(self._bits), self.values[0], dtype=np.int64)
        table[index.reshape(-1)] = grid.reshape(-1)
        return tuple(table.tolist())

    @property
    def _bits(self) -> list[int]:
        return [ceil_log2(max(self.classes[axis]) + 1) for axis in self.axes]

    @cached_property
    def tables(self) -> tuple[tuple[int, ...], ...]:
        """All that is looked up: classes by turns, and numbers by classes."""
        if not self.axes:
            return ()
        by_turn = () if self.direct else tuple(self.classes[axis] for axis in self.axes)
        return (*by_turn, self.table)


def looked_up(m: Module, counters: Sequence[Value], pattern: Pattern, name: str) -> Value:
    """Return the number of a pattern.

    Parameters
    ----------
    counters : turns of the loops, the outermost first
    """
    if not pattern.axes:
        return Const(pattern.table[0])
    if pattern.direct:
        return lookup(m, counters[pattern.axes[0]], pattern.table, name)
    parts = []
    for axis, bits in zip(pattern.axes, pattern._bits, strict=True):
        of = lookup(m, counters[axis], pattern.classes[axis], f"{name}_{axis}")
        number = Signal(bits, name=f"{name}_class_{axis}")
        m.d.comb += number.eq(of)
        parts.append(number)
    index = Signal(sum(pattern._bits), name=f"{name}_index")
    m.d.comb += index.eq(Cat(*reversed(parts)))
    return lookup(m, index, pattern.table, name)
