"""Constant datapath: y = x @ W with W wired into pipelined adders, a vector a clock."""

__all__ = [
    "ConstantDatapath",
    "ConstantParameters",
    "ConstantValues",
    "own_adder",
    "term_sum",
    "vector_ports",
]

from dataclasses import dataclass, field
from functools import cached_property

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Member, Out

from hwgen_rtl_templates.adder_graph import Adder, AdderGraph, Tap
from hwgen_rtl_templates.streams import delayed, elements, range_shape


@dataclass(frozen=True)
class ConstantValues:
    """A matrix as adders, and what values there are.

    graph : the adders
    x_bits, x_signed : of an input element
    bits, signed : of an output element; outputs wrap where they need more
    x_range : least and greatest input, where that is less than its bits could be
    """

    graph: AdderGraph
    x_bits: int
    x_signed: bool
    bits: int
    signed: bool
    x_range: tuple[int, int] | None = field(default=None, kw_only=True)

    @property
    def lanes(self) -> int:
        """Outputs, which leave together."""
        return len(self.graph.taps)

    @cached_property
    def shapes(self) -> tuple[Shape, ...]:
        """Exact shape of each term."""
        return tuple(range_shape(least, most) for least, most in self._ranges)

    @cached_property
    def outputs(self) -> tuple[Shape, ...]:
        """Shape of each output: of its exact range, or what is left of it."""
        shapes = []
        for tap in self.graph.taps:
            least, most = (0, 0) if tap.term is None else self._ranges[tap.term]
            least, most = (-most, -least) if tap.negate else (least, most)
            exact = range_shape(least << tap.shift, most << tap.shift)
            fits = exact.width < self.bits
            shapes.append(exact if fits else Shape(self.bits, self.signed))
        return tuple(shapes)

    @cached_property
    def _ranges(self) -> tuple[tuple[int, int], ...]:
        limit = 1 << (self.x_bits - self.x_signed)
        return self.graph.ranges(*self.x_range or ((-limit if self.x_signed else 0), limit - 1))


def vector_ports(p: ConstantValues) -> dict[str, Member]:
    """Return the ports of what multiplies with a constant matrix: i, the vectors; o, the outputs,
    `latency` clocks later."""
    x = elements(p.graph.inputs, p.x_bits, p.x_signed)
    y = elements(p.lanes, p.bits, p.signed)
    return {
        "i": In(stream.Signature(x, always_ready=True)),
        "o": Out(stream.Signature(y, always_ready=True)),
    }


@dataclass(frozen=True)
class ConstantParameters(ConstantValues):
    """A matrix as adders, with registers between them.

    levels : adders one behind the other from register to register
    """

    levels: int = 1

    interval = 1  # clocks from one vector to the next, at least

    def __post_init__(self) -> None:
        if self.levels < 1:
            raise ValueError(f"Adder levels a register must be at least 1, not {self.levels}")

    def stage(self, depth: int) -> int:
        """Return the stage, from 0, on which what stands behind so many adders is computed."""
        return max(0, depth - 1) // self.levels

    @cached_property
    def latency(self) -> int:
        """Clocks from a vector to its outputs; a negated output is one adder deeper."""
        depths = self.graph.depths
        ends = [depths[t.term] + t.negate for t in self.graph.taps if t.term is not None]
        return self.stage(max(ends, default=0)) + 1

    def wired(self, adder: Adder) -> bool:
        """Whether a sum is two terms side by side, which takes no adder."""
        a = self.shapes[adder.a]
        return adder.is_wires(a.width, a.signed)

    @property
    def added_bits(self) -> int:
        """Bits that its adders add up for a vector."""
        return self.adder_bits

    @property
    def adders(self) -> int:
        """Adders and subtractors."""
        negated = sum(tap.negate for tap in self.graph.taps if tap.term is not None)
        return sum(not self.wired(adder) for adder in self.graph.adders) + negated

    @property
    def adder_bits(self) -> int:
        """Bits of all adders: those of a sum below the higher operand pass by.

        An operand that is always the same may be shifted beyond the sum; its adder has none.
        """
        total = 0
        for n, adder in enumerate(self.graph.adders, self.graph.inputs):
            if not self.wired(adder):
                total += max(0, self.shapes[n].width - max(0, adder.shift))
        negated = (tap.term for tap in self.graph.taps if tap.negate and tap.term is not None)
        return total + sum(self.shapes[term].width for term in negated)

    @cached_property
    def registers(self) -> int:
        """Bits of all registers."""
        depths, terms = self.graph.depths, range(len(self.shapes))
        needed = [self.stage(depth) for depth in depths]
        for n, adder in enumerate(self.graph.adders, self.graph.inputs):
            for term in (adder.a, adder.b):
                needed[term] = max(needed[term], self.stage(depths[n]))
        total = self.latency
        for tap, shape in zip(self.graph.taps, self.outputs, strict=True):
            if tap.term is not None:
                needed[tap.term] = max(needed[tap.term], self.latency - 1)
                total += shape.width
        held = (self.shapes[n].width * (needed[n] - self.stage(depths[n])) for n in terms)
        return total + sum(held)

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
        self.parameters = parameters
        super().__init__(vector_ports(parameters))

    def elaborate(self, platform):
        m = Module()
        p = self.parameters
        graph, depths = p.graph, p.graph.depths
        values = {}  # value of each term on each stage

        def at(term: int, stage: int) -> Value:
            for n in range(p.stage(depths[term]), stage):
                if (term, n + 1) not in values:
                    held = Signal(p.shapes[term], name=f"t{term}_{n + 1}", reset_less=True)
                    m.d.sync += held.eq(values[term, n])
                    values[term, n + 1] = held
            return values[term, stage]

        for n in range(graph.inputs):
            values[n, 0] = self.i.payload[n]
        for n, adder in enumerate(graph.adders, graph.inputs):
            stage = p.stage(depths[n])
            value = Signal(p.shapes[n], name=f"t{n}")
            a, b = at(adder.a, stage), at(adder.b, stage)
            m.d.comb += value.eq(term_sum(m, n, adder, a, b, wired=p.wired(adder)))
            values[n, stage] = value
        for n, tap in enumerate(graph.taps):
            if tap.term is not None:
                held = Signal(p.outputs[n], name=f"y{n}", reset_less=True)
                m.d.sync += held.eq(_tapped(tap, at(tap.term, p.latency - 1)))
                m.d.comb += self.o.payload[n].eq(held)
        (valid,) = delayed(m, p.latency, valid=self.i.valid)
        m.d.comb += self.o.valid.eq(valid)
        return m


def term_sum(
    m: Module, n: int, adder: Adder, a: Value, b: Value, *, wired: bool, carry: int | None = None
) -> Value:
    """Return the n-th sum of two terms; the lower bits of the lower one pass by the adder.

    Parameters
    ----------
    wired : whether they are side by side
    carry : the place of the sum, its adder's lowest one, where a carry enters, or one is left out
        that a difference has; None where neither is so
    """
    apart = max(0, adder.shift)
    passed = adder.lowest_place(len(a)) if carry is None else carry
    upper, b = a >> passed, b << (apart - passed)
    if wired:
        joined = Cat(a, b)
        return joined.as_signed() if b.shape().signed else joined
    upper <<= max(0, -adder.shift)
    if carry is not None:  # it enters from below the lowest place
        upper, b = _beside(Const(not adder.negate, 1), upper), _beside(Const(1, 1), b)
    total = own_adder(m, n, upper, b, adder.negate)
    if carry is not None:
        total = total[1:].as_signed() if total.shape().signed else total[1:]
        a = Cat(a, (a[-1] & a.shape().signed).replicate(max(0, passed - len(a))))
    return Cat(a[:passed], total).as_signed() if passed else total


def _beside(low: Value, value: Value) -> Value:
    """Return a value with a bit below it."""
    joined = Cat(low, value)
    return joined.as_signed() if value.shape().signed else joined


def own_adder(m: Module, n: int, a: Value, b: Value, negate: bool) -> Value:
    """Return a + b, or a - b, from the n-th module of its own."""
    m.submodules[f"sum{n}"] = one = Sum(a.shape(), b.shape(), negate)
    m.d.comb += [one.a.eq(a), one.b.eq(b)]
    return one.o


class Sum(wiring.Component):
    """a + b, or a - b.

    A module of its own: where several sums stand between two registers, synthesis merges those of
    one module into sums of many operands, which share nothing and take more. Whoever runs yosys'
    `alumacc` before `flatten` keeps them apart.
    """

    alike = True  # those of equal parameters are one module

    def __init__(self, a: Shape, b: Shape, negate: bool):
        self.parameters = a, b, negate
        self._negate = negate
        zero = Signal(a), Signal(b)
        total = zero[0] - zero[1] if negate else zero[0] + zero[1]
        super().__init__({"a": In(a), "b": In(b), "o": Out(total.shape())})

    def elaborate(self, platform):
        m = Module()
        m.d.comb += self.o.eq(self.a - self.b if self._negate else self.a + self.b)
        return m


def _tapped(tap: Tap, value: Value) -> Value:
    """Return an output."""
    return (-value if tap.negate else value) << tap.shift
