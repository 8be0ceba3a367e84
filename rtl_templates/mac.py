"""Fixed-point MAC array: `pe` dot products of `simd` columns, accumulated over the beats of a
window."""

__all__ = ["MacArray", "MacParameters", "Term", "planes"]

from collections.abc import Sequence
from dataclasses import dataclass

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from rtl_templates.streams import elements
from rtl_templates.weights import WeightParameters
from rtl_templates.window import beat_shape


@dataclass(frozen=True)
class MacParameters:
    """An array of multiply-accumulate units.

    weights : shape of the weights
    x_bits, x_signed : of an input element
    bits, signed : of an accumulator, as wide as the range of the result; sums wrap on the way
    folds : beats of the dot product of each group
    depthwise : each row has one column and an input lane of its own
    """

    weights: WeightParameters
    x_bits: int
    x_signed: bool
    bits: int
    signed: bool
    folds: tuple[int, ...]
    depthwise: bool = False

    def __post_init__(self) -> None:
        if self.depthwise and self.weights.simd != 1:
            raise ValueError(
                f"Number of columns must be 1 in a depthwise array, not {self.weights.simd}"
            )
        if len(self.weights.words) not in (1, sum(self.folds)):
            raise ValueError(
                f"Weights must be one word or {sum(self.folds)}, not {len(self.weights.words)}"
            )

    @property
    def groups(self) -> int:
        """Groups of `lanes` output channels."""
        return len(self.folds)

    @property
    def lanes(self) -> int:
        """Accumulators that leave together."""
        return self.weights.pe

    @property
    def x_lanes(self) -> int:
        """Input elements of a beat."""
        return self.lanes if self.depthwise else self.weights.simd

    @property
    def latency(self) -> int:
        """Clocks from the last beat of a dot product to its accumulators."""
        return _levels(self.weights.simd) + _levels(self.weights.bits) + 1


def _levels(terms: int) -> int:
    return (terms - 1).bit_length()


@dataclass(frozen=True)
class Term:
    """A partial sum: (-1 if negative) * value * 2**shift, with its exact range."""

    value: Value
    lo: int
    hi: int
    shift: int = 0
    negative: bool = False


def planes(
    x: Sequence[Value], w: Sequence[Value], x_range: tuple[int, int], bits: int, is_signed: bool
) -> list[list[Term]]:
    """Return, for each bit of the weights, the inputs whose weight has that bit set.

    The sum of products is the sum over the planes, each shifted by its place, the sign plane
    subtracted.
    """
    lo, hi = min(0, x_range[0]), max(0, x_range[1])
    return [
        [
            Term(Mux(weight[bit], value, 0), lo, hi, bit, is_signed and bit == bits - 1)
            for value, weight in zip(x, w, strict=True)
        ]
        for bit in range(bits)
    ]


def _add(m: Module, a: Term, b: Term, name: str) -> Term:
    """Register a + b, the second being of at least the first one's weight."""
    distance = b.shift - a.shift
    lo, hi = b.lo << distance, b.hi << distance
    if b.negative and not a.negative:
        lo, hi = -hi, -lo
        total = a.value - (b.value << distance)
    else:
        total = a.value + (b.value << distance)
    lo, hi = a.lo + lo, a.hi + hi
    value = Signal(Shape.cast(range(lo, hi + 1)), name=name, reset_less=True)
    m.d.sync += value.eq(total)
    return Term(value, lo, hi, a.shift, a.negative)


def _hold(m: Module, term: Term, name: str) -> Term:
    value = Signal(Shape.cast(range(term.lo, term.hi + 1)), name=name, reset_less=True)
    m.d.sync += value.eq(term.value)
    return Term(value, term.lo, term.hi, term.shift, term.negative)


def _tree(m: Module, terms: list[Term], name: str) -> Term:
    """Sum terms pair by pair, a register after each level of adders."""
    level = 0
    while len(terms) > 1:
        sums = [
            _add(m, a, b, f"{name}_{level}_{n}")
            for n, (a, b) in enumerate(zip(terms[::2], terms[1::2], strict=False))
        ]
        if len(terms) % 2:
            sums.append(_hold(m, terms[-1], f"{name}_{level}_{len(sums)}"))
        terms, level = sums, level + 1
    return terms[0]


class MacArray(wiring.Component):
    """`pe` dot products side by side, on LUTs: plane by plane of the weights' bits.

    Members
    -------
    x : beats of a window
    w : beats of a weight source, on the same clocks
    o : the accumulators of each dot product, `latency` clocks after its last beat

    Products are never formed: for each bit of the weights the inputs that it selects are summed
    over the columns, then the planes are summed with their shifts. A register follows each adder.
    Accumulators start from 0: biases and zero points are constants, added behind the drain.
    """

    def __init__(self, parameters: MacParameters):
        self.parameters = p = parameters
        beat = beat_shape(p.x_lanes, p.x_bits, p.x_signed)
        out = elements(p.weights.pe, p.bits, p.signed)
        super().__init__(
            {
                "x": In(stream.Signature(beat, always_ready=True)),
                "w": In(stream.Signature(p.weights.shape, always_ready=True)),
                "o": Out(stream.Signature(out, always_ready=True)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        p = self.parameters
        valid = self.x.valid
        first, last = self.x.payload.first, self.x.payload.last
        for stage in range(p.latency - 1):
            flags = [Signal(name=f"{n}_{stage}") for n in ("valid", "first", "last")]
            m.d.sync += [a.eq(b) for a, b in zip(flags, (valid, first, last), strict=True)]
            valid, first, last = flags
        done = Signal()
        m.d.sync += done.eq(valid & last)
        m.d.comb += self.o.valid.eq(done)

        limit = 1 << (p.x_bits - p.x_signed)
        x_range = (-limit if p.x_signed else 0, limit - 1)
        for row in range(p.weights.pe):
            lanes = [row] if p.depthwise else range(p.weights.simd)
            x = [self.x.payload.x[lane] for lane in lanes]
            w = [self.w.payload[row][column] for column in range(p.weights.simd)]
            terms = [
                _tree(m, plane, f"row{row}_plane{bit}")
                for bit, plane in enumerate(planes(x, w, x_range, p.weights.bits, p.weights.signed))
            ]
            dot = _tree(m, terms, f"row{row}_dot")
            product = -dot.value if dot.negative else dot.value
            acc = Signal(p.bits, name=f"row{row}_acc", reset_less=True)
            start = 0 if max(p.folds) == 1 else Mux(first, 0, acc)
            with m.If(valid):
                m.d.sync += acc.eq(start + product)
            m.d.comb += self.o.payload[row].eq(acc)
        return m
