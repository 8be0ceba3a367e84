"""Bit-serial constant datapath: y = x @ W with W wired into full adders, a digit a clock."""

__all__ = ["BitSerial", "BitSerialParameters"]

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property

from amaranth import *
from amaranth.lib import wiring

from hwgen_rtl_templates.adder_graph import Adder
from hwgen_rtl_templates.constant import ConstantValues, vector_ports
from hwgen_rtl_templates.streams import delayed


@dataclass(frozen=True)
class BitSerialParameters(ConstantValues):
    """A matrix as adders that take a digit a clock, the lowest first.

    A term starts, with its lowest digit, so many clocks after the inputs do; a term that is
    shifted up is wanted later than the one that it is added to, so that shifts hide latency.

    digit : bits a clock
    """

    digit: int = 1

    def __post_init__(self) -> None:
        if self.digit < 1:
            raise ValueError(f"Bits of a digit must be at least 1, not {self.digit}")

    @cached_property
    def interval(self) -> int:
        """Clocks from one vector to the next, at least: the digits of the longest output, without
        those that a shift makes zero."""
        taps = zip(self.graph.taps, self.outputs, strict=True)
        bits = [shape.width - tap.shift for tap, shape in taps if tap.term is not None]
        return -(-max([1, *bits]) // self.digit)

    def _lower(self, adder: Adder) -> tuple[tuple[int, bool], tuple[int, bool], int]:
        """Return the operands of an adder, (term, negated), the one that is shifted last, and by
        how much."""
        a, b = (adder.a, False), (adder.b, adder.negate)
        return (a, b, adder.shift) if adder.shift >= 0 else (b, a, -adder.shift)

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """Clock of the lowest digit of each term, from that of the inputs."""
        starts = [0] * self.graph.inputs
        for adder in self.graph.adders:
            (low, _), (high, _), shift = self._lower(adder)
            starts.append(max(starts[low], starts[high] - shift // self.digit) + 1)
        return tuple(starts)

    def tapped(self, n: int) -> tuple[int, int]:
        """Return the digits of output n that are not zero by a shift, and the clock of the first,
        behind what negates it."""
        tap, shape = self.graph.taps[n], self.outputs[n]
        digits = -(-max(0, shape.width - tap.shift) // self.digit)
        return digits, self.starts[tap.term] + tap.negate

    @cached_property
    def end(self) -> int:
        """Clock on which the last digit of any output is there."""
        taps = (n for n, tap in enumerate(self.graph.taps) if tap.term is not None)
        return max((sum(self.tapped(n)) - 1 for n in taps), default=0)

    @property
    def latency(self) -> int:
        """Clocks from a vector to its outputs: one into the shift registers, one out of them."""
        return self.end + 2

    @property
    def added_bits(self) -> int:
        """Bits that its adders add up for a vector."""
        return self.adders * self.interval

    @property
    def adders(self) -> int:
        """Full adders: as many as bits of a digit for each sum."""
        negated = sum(tap.negate for tap in self.graph.taps if tap.term is not None)
        return self.digit * (len(self.graph.adders) + negated)

    @cached_property
    def registers(self) -> int:
        """Bits of all registers: of inputs, sums, carries, delays, outputs, and flags."""
        late, windows, last = list(self.starts), {}, self.end + 1
        for n, adder in enumerate(self.graph.adders, self.graph.inputs):
            (low, _), (high, _), shift = self._lower(adder)
            start, digits = self.starts[n] - 1, -(-shift // self.digit)
            last = max(last, start - 1)
            late[low] = max(late[low], start)
            late[high] = max(late[high], start + digits)
            for clocks in {-(-(shift - k) // self.digit) for k in range(min(shift, self.digit))}:
                windows[clocks] = max(windows.get(clocks, 0), start + 1)
                last = max(last, clocks - 2)
        held = 0
        for n, tap in enumerate(self.graph.taps):
            if tap.term is not None and self.tapped(n)[0]:
                count, _ = self.tapped(n)
                late[tap.term] = max(late[tap.term], self.end - count + 1 - tap.negate)
                held += count * self.digit + tap.negate * (self.digit + 1)
        delays = sum(a - b for a, b in zip(late, self.starts, strict=True)) * self.digit
        sums = len(self.graph.adders) * (self.digit + 1)
        flags = last + 1 + sum(windows.values())
        return self.graph.inputs * self.x_bits + sums + delays + held + flags

    def create(self) -> "BitSerial":
        """Return the component."""
        return BitSerial(self)


class BitSerial(wiring.Component):
    """All dot products of a vector with constants, a digit of each a clock.

    Members
    -------
    i : stream of the vectors, at least `interval` clocks apart
    o : stream of the outputs, `latency` clocks later

    Inputs go through shift registers that repeat their sign; each sum is full adders with a
    register behind and one for the carry; shifts are delays; outputs are collected in shift
    registers. Sums are kept to as many digits as the outputs have, so that no width is wrong. It
    never stalls.

    References
    ----------
    Hartley and Parhi, Digit-Serial Computation, Springer 1995.
    """

    def __init__(self, parameters: BitSerialParameters):
        self.parameters = parameters
        super().__init__(vector_ports(parameters))

    def elaborate(self, platform):
        m = Module()
        p = self.parameters
        clock = _Clock(m, self.i.valid)
        terms = _Terms(m, p, clock)
        for n in range(p.graph.inputs):
            terms.enter(self._input(m, n))
        for n, adder in enumerate(p.graph.adders, p.graph.inputs):
            (low, minus_low), (high, minus_high), shift = p._lower(adder)
            start = p.starts[n] - 1
            a = _signed(terms.at(low, start), minus_low)
            b = _signed(terms.shifted(high, start, shift), minus_high)
            terms.enter(_added(m, clock, a, b, start, minus_low or minus_high, f"t{n}"))
        for n, tap in enumerate(p.graph.taps):
            if tap.term is not None:
                m.d.comb += self.o.payload[n].eq(self._output(m, clock, terms, n))
        m.d.comb += self.o.valid.eq(clock.at(p.end + 1))
        return m

    def _input(self, m: Module, n: int) -> list[Value]:
        """Return the digit of an input, from a shift register that repeats its sign."""
        p = self.parameters
        x = Value.cast(self.i.payload[n])
        held = Signal(x.shape(), name=f"x{n}", reset_less=True)
        m.d.sync += held.eq(Mux(self.i.valid, x, held >> p.digit))
        last = held[-1] if p.x_signed else Const(0, 1)
        return [held[k] if k < len(held) else last for k in range(p.digit)]

    def _output(self, m: Module, clock: "_Clock", terms: "_Terms", n: int) -> Value:
        """Return an output, from a shift register that is complete on the last clock."""
        p = self.parameters
        tap, (count, start) = p.graph.taps[n], p.tapped(n)
        if not count:
            return Const(0)
        wait = p.end - (start + count - 1)
        if tap.negate:
            base = p.starts[tap.term]
            zero = [Const(0, 1)] * p.digit
            minus = _signed(terms.at(tap.term, base + wait), True)
            digit = _added(m, clock, zero, minus, base + wait, True, f"y{n}")
        else:
            digit = terms.at(tap.term, start + wait)
        held = Signal(count * p.digit, name=f"y{n}_held", reset_less=True)
        m.d.sync += held.eq(Cat(held, Cat(digit))[p.digit :])
        shape = p.outputs[n]
        value = Cat(Const(0, tap.shift), held)[: shape.width]
        return value.as_signed() if shape.signed else value


class _Clock:
    """When words start: flags that are high so many clocks after a vector's first digit."""

    def __init__(self, m: Module, valid: Value):
        self._m = m
        self._flags = [valid]  # a clock before the first digit, and on every later one
        self._windows: dict[int, list[Value]] = defaultdict(list)

    def at(self, clock: int) -> Value:
        """Return a flag that is high on a clock, -1 being that of the vector itself."""
        while len(self._flags) <= clock + 1:
            (later,) = delayed(self._m, 1, **{f"start_{len(self._flags)}": self._flags[-1]})
            self._flags.append(later)
        return self._flags[clock + 1]

    def during(self, start: int, clocks: int) -> Value:
        """Return a flag that is high on so many clocks from one on."""
        found = self._windows[clocks]
        if not found:
            name = f"first_{clocks}"
            window = Signal(name=name)
            self._m.d.sync += window.eq(Cat(self.at(n - 1) for n in range(clocks)).any())
            found.append(window)
        while len(found) <= start:
            later = Signal(name=f"first_{clocks}_{len(found)}")
            self._m.d.sync += later.eq(found[-1])
            found.append(later)
        return found[start]


class _Terms:
    """The digits of each term, on the clock on which it starts and later."""

    def __init__(self, m: Module, p: BitSerialParameters, clock: _Clock):
        self._m, self._p, self._clock = m, p, clock
        self._digits: list[list[list[Value]]] = []

    def enter(self, digit: list[Value]) -> None:
        """Take the next term's digit."""
        self._digits.append([digit])

    def at(self, term: int, clock: int) -> list[Value]:
        """Return a term's digit so that its lowest is there on a clock."""
        history, late = self._digits[term], clock - self._p.starts[term]
        while len(history) <= late:
            later = Signal(self._p.digit, name=f"t{term}_{len(history)}", reset_less=True)
            self._m.d.sync += later.eq(Cat(history[-1]))
            history.append(list(later))
        return history[late]

    def shifted(self, term: int, start: int, shift: int) -> list[Value]:
        """Return a term's digits times 2**shift, zeros first."""
        digit = self._p.digit
        bits = []
        for k in range(digit):
            whole, place = divmod(k - shift, digit)  # of the term's bits, this many digits before
            bit = self.at(term, start - whole)[place]
            bits.append(bit & ~self._clock.during(start, -whole) if whole < 0 else bit)
        return bits


def _signed(digit: list[Value], minus: bool) -> list[Value]:
    return [~bit for bit in digit] if minus else digit


def _added(
    m: Module,
    clock: _Clock,
    a: list[Value],
    b: list[Value],
    start: int,
    minus: bool,
    name: str,
) -> list[Value]:
    """Return the registered sum of two digits and the carry of those before; a word starts with a
    carry that completes the complement of a negated operand."""
    carry = Signal(name=f"{name}_carry", reset_less=True)
    total = Signal(len(a), name=name, reset_less=True)
    if len(a) == 1:  # two tables, where a carry chain would take four
        (x,), (y,) = a, b
        sums, c = x ^ y ^ carry, (x & y) | (x & carry) | (y & carry)
    else:  # the carry enters a chain beside a one
        chain = Cat(1, a) + Cat(carry, b)
        sums, c = chain[1:-1], chain[-1]
    m.d.sync += total.eq(sums)
    with m.If(clock.at(start - 1)):
        m.d.sync += carry.eq(int(minus))
    with m.Else():
        m.d.sync += carry.eq(c)
    return list(total)
