"""Constant datapath: y = x @ W with W wired into pipelined adders, a vector a clock."""

__all__ = ["ConstantDatapath", "ConstantParameters"]

from dataclasses import dataclass
from functools import cached_property

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.adder_graph import AdderGraph
from rtl_templates.streams import elements


@dataclass(frozen=True)
class ConstantParameters:
    """A matrix as adders, with registers between them.

    graph : the adders
    x_bits, x_signed : of an input element
    levels : adders one behind the other from register to register
    """

    graph: AdderGraph
    x_bits: int
    x_signed: bool
    levels: int = 1

    def __post_init__(self) -> None:
        if self.levels < 1:
            raise ValueError(f"Adder levels a register must be at least 1, not {self.levels}")

    @cached_property
    def ranges(self) -> tuple[tuple[int, int], ...]:
        """Exact least and greatest value of each term."""
        limit = 1 << (self.x_bits - self.x_signed)
        low, high = (-limit if self.x_signed else 0), limit - 1
        n = self.graph.inputs
        rows = [[int(i == j) for j in range(n)] for i in range(n)]
        for adder in self.graph.adders:
            up, factor = max(0, -adder.shift), 1 << max(0, adder.shift)
            factor = -factor if adder.negate else factor
            pairs = zip(rows[adder.a], rows[adder.b], strict=True)
            rows.append([(p << up) + factor * q for p, q in pairs])
        return tuple(
            (
                sum(c * (low if c > 0 else high) for c in row),
                sum(c * (high if c > 0 else low) for c in row),
            )
            for row in rows
        )

    @cached_property
    def output_ranges(self) -> tuple[tuple[int, int], ...]:
        """Exact least and greatest value of each output."""
        found = []
        for tap in self.graph.taps:
            low, high = (0, 0) if tap.term is None else self.ranges[tap.term]
            low, high = low << tap.shift, high << tap.shift
            found.append((-high, -low) if tap.negate else (low, high))
        return tuple(found)

    @property
    def y_shape(self) -> Shape:
        """Shape of an output element: all outputs fit."""
        low = min(low for low, _ in self.output_ranges)
        return Shape.cast(range(min(low, 0), max(high for _, high in self.output_ranges) + 1))

    def stage(self, depth: int) -> int:
        """Return the stage, from 0, on which what stands behind so many adders is computed."""
        return max(0, depth - 1) // self.levels

    @property
    def latency(self) -> int:
        """Clocks from a vector to its outputs; a negated output is one adder deeper."""
        depths = self.graph.depths
        ends = [depths[t.term] + t.negate for t in self.graph.taps if t.term is not None]
        return self.stage(max(ends, default=0)) + 1

    def create(self) -> "ConstantDatapath":
        """Return the component."""
        return ConstantDatapath(self)


class ConstantDatapath(wiring.Component):
    """All dot products of a vector with constants, a vector a clock.

    Members
    -------
    i : stream of the vectors
    o : stream of the outputs, `latency` clocks later

    Every value is exactly as wide as its range; one that is needed stages later is delayed once
    for all that need it. Data has no reset. It never stalls.
    """

    def __init__(self, parameters: ConstantParameters):
        self.parameters = p = parameters
        x = elements(p.graph.inputs, p.x_bits, p.x_signed)
        y = elements(len(p.graph.taps), p.y_shape.width, p.y_shape.signed)
        super().__init__(
            {
                "i": In(stream.Signature(x, always_ready=True)),
                "o": Out(stream.Signature(y, always_ready=True)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        p = self.parameters
        graph, depths = p.graph, p.graph.depths
        delayed = {}  # value of each term on each stage

        def at(term: int, stage: int) -> Value:
            first = p.stage(depths[term])
            for n in range(first, stage):
                if (term, n + 1) not in delayed:
                    low, high = p.ranges[term]
                    shape = Shape.cast(range(min(low, 0), high + 1))
                    held = Signal(shape, name=f"t{term}_{n + 1}", reset_less=True)
                    m.d.sync += held.eq(delayed[term, n])
                    delayed[term, n + 1] = held
            return delayed[term, stage]

        for n in range(graph.inputs):
            delayed[n, 0] = self.i.payload[n]
        for n, adder in enumerate(graph.adders, graph.inputs):
            stage = p.stage(depths[n])
            a, b = at(adder.a, stage), at(adder.b, stage)
            # the lower bits of the lower operand pass by the adder
            apart = adder.shift if adder.shift > 0 else 0
            passed = min(apart, len(a))
            high_a, b = a >> passed, (b << (apart - passed))
            a = high_a << max(0, -adder.shift)
            low, high = p.ranges[n]
            value = Signal(Shape.cast(range(min(low, 0), high + 1)), name=f"t{n}")
            total = a - b if adder.negate else a + b
            m.d.comb += value.eq(Cat(at(adder.a, stage)[:passed], total) if passed else total)
            delayed[n, stage] = value
        for n, tap in enumerate(graph.taps):
            if tap.term is None:
                continue
            value = at(tap.term, p.latency - 1)
            low, high = p.output_ranges[n]
            held = Signal(Shape.cast(range(min(low, 0), high + 1)), name=f"y{n}", reset_less=True)
            m.d.sync += held.eq((-value if tap.negate else value) << tap.shift)
            m.d.comb += self.o.payload[n].eq(held)
        valid = self.i.valid
        for stage in range(p.latency):
            after = Signal(name=f"valid_{stage}")
            m.d.sync += after.eq(valid)
            valid = after
        m.d.comb += self.o.valid.eq(valid)
        return m
