"""What sums, products and the like have in common: what follows their results, and a queue."""

__all__ = ["Followed", "follow"]

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from amaranth import *

from hwgen_rtl_templates.epilogue import EpilogueParameters
from hwgen_rtl_templates.fifo import FifoParameters
from hwgen_rtl_templates.function_table import FunctionTableParameters
from hwgen_rtl_templates.streams import range_shape

Part = EpilogueParameters | FunctionTableParameters


class Followed:
    """Parameters of what gives a result for each element that enters, a beat a clock.

    lanes : of a beat
    lo, hi : range of the results
    levels : clocks from the inputs to a result
    beats : of a frame
    epilogue, table : what becomes of a result, or None
    depth : beats of the queue behind
    shifts : whether that is registers that shift
    """

    if TYPE_CHECKING:

        @property
        def lanes(self) -> int: ...
        @property
        def lo(self) -> int: ...
        @property
        def hi(self) -> int: ...
        @property
        def levels(self) -> int: ...
        @property
        def beats(self) -> int: ...
        @property
        def epilogue(self) -> EpilogueParameters | None: ...
        @property
        def table(self) -> FunctionTableParameters | None: ...
        @property
        def depth(self) -> int: ...
        @property
        def shifts(self) -> bool: ...

    @property
    def behind(self) -> tuple[Part, ...]:
        """What follows a result, a beat a clock each."""
        return tuple(part for part in (self.epilogue, self.table) if part)

    @property
    def word(self) -> int:
        """Elements of a beat that enters."""
        return self.lanes

    @property
    def result_shape(self) -> Shape:
        """Shape of a result."""
        return range_shape(self.lo, self.hi)

    @property
    def element(self) -> tuple[int, bool]:
        """(bits, signed) of an output element."""
        for part in reversed(self.behind):
            return part.bits, part.signed
        return self.result_shape.width, self.result_shape.signed

    @property
    def latency(self) -> int:
        """Clocks from the inputs to the queue."""
        return self.levels + sum(part.latency for part in self.behind)

    @property
    def full_rate_depth(self) -> int:
        """Depth of the queue from which on it never holds anything up under a ready sink."""
        return self.latency + 3

    @property
    def busy(self) -> int:
        """Clocks of a frame on which it works."""
        return self.beats

    @cached_property
    def fifo(self) -> FifoParameters:
        """The queue behind."""
        return FifoParameters(self.lanes, *self.element, self.depth, self.shifts)

    def with_depth(self, depth: int) -> Self:
        """Return the same with another queue."""
        this: Any = self
        found: Self = replace(this, depth=depth)
        return found

    def departures(self, beats: int) -> int:
        """Return how many beats leave for `beats` on each input."""
        return beats


def follow(m: Module, parts: tuple[Part, ...], valid: Value, payload: Value) -> tuple[Value, Value]:
    """Put what follows results behind them, and return what it gives."""
    for part in parts:
        m.submodules[part.name] = unit = part.create()
        m.d.comb += [unit.i.valid.eq(valid), unit.i.payload.as_value().eq(payload)]
        valid, payload = unit.o.valid, unit.o.payload.as_value()
    return valid, payload
