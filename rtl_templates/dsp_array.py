"""MAC array in DSP blocks: products, summed up in trees of adders."""

__all__ = ["DspArray"]

from dataclasses import dataclass

from amaranth import *
from amaranth.lib import wiring

from hwgen_rtl_templates.mac import MacParameters, accumulating, array_ports
from hwgen_rtl_templates.multiplier import MultiplierParameters


@dataclass(frozen=True)
class Partial:
    """A sum of products that may lack carries.

    value : sum of the products, less that of the carries
    carries : single bits, on the same clock
    lo, hi : range of the sum of the products
    """

    value: Value
    carries: tuple[Value, ...]
    lo: int
    hi: int

    def shape(self, bits: int) -> Shape:
        """Return what holds the value, modulo 2**bits."""
        exact = Shape.cast(range(self.lo - len(self.carries), self.hi + 1))
        return exact if exact.width <= bits else signed(bits)


class DspArray(wiring.Component):
    """`pe` dot products side by side, their products from DSP blocks.

    Members
    -------
    x : beats of a window
    w : beats of a weight source, on the same clocks; the weights of rows that share a block as
        `hwgen_rtl_templates.multiplier.packed` has them, where the block borrows
    o : the accumulators of each dot product, `latency` clocks after its last beat

    Rows share blocks as `parameters.blocks` says. Products are summed over the columns by a tree of
    adders with a register behind each; what a product lacks goes into a later adder's carry.
    Accumulators start from 0, and sums wrap to their width.
    """

    def __init__(self, parameters: MacParameters):
        self.parameters = parameters
        super().__init__(array_ports(parameters))

    def elaborate(self, platform):
        m = Module()
        p = self.parameters
        valid, first = accumulating(m, self)
        pe, rows = p.weights.pe, p.blocks.rows
        for start in range(0, pe, rows):
            sharing = range(start, min(start + rows, pe))
            lanes = [start] if p.depthwise else range(p.weights.simd)
            products = [self._block(m, sharing, lane, n) for n, lane in enumerate(lanes)]
            for row, terms in zip(sharing, zip(*products, strict=True), strict=True):
                dot = self._tree(m, list(terms), f"row{row}")
                acc = Signal(p.bits, name=f"row{row}_acc", reset_less=True)
                base = Const(0) if max(p.folds) == 1 else Mux(first, 0, acc)
                with m.If(valid):
                    m.d.sync += acc.eq(_plus(dot.value, base, dot.carries))
                m.d.comb += self.o.payload[row].eq(acc)
        return m

    def _block(self, m: Module, rows: range, lane: int, column: int) -> list[Partial]:
        """Return the products of an input with the weights of some rows in one column."""
        p = self.parameters
        encoding = p.weights.encoding
        multiplied = MultiplierParameters(
            p.x_bits, p.x_signed, encoding.bits, encoding.signed, len(rows)
        )
        block = p.blocks.kind(multiplied)
        m.submodules[f"row{rows[0]}_block{column}"] = block
        m.d.comb += block.x.eq(self.x.payload.x[lane])
        lo, hi = multiplied.product_range
        products = []
        for n, row in enumerate(rows):
            m.d.comb += getattr(block, f"w_{n}").eq(self.w.payload[row][column])
            value, carry = getattr(block, f"o_{n}"), getattr(block, f"carry_{n}")
            carries = (carry,) if block.incomplete(n) else ()
            products.append(Partial(value, carries, lo, hi))
        return products

    def _tree(self, m: Module, terms: list[Partial], name: str) -> Partial:
        """Sum terms up pair by pair, each adder taking one of the carries."""
        level = 0
        while len(terms) > 1:
            pairs = list(zip(terms[::2], terms[1::2], strict=False))
            sums = [self._add(m, a, b, f"{name}_{level}_{n}") for n, (a, b) in enumerate(pairs)]
            if len(terms) % 2:
                sums.append(self._hold(m, terms[-1], f"{name}_{level}_{len(sums)}"))
            terms, level = sums, level + 1
        return terms[0]

    def _add(self, m: Module, a: Partial, b: Partial, name: str) -> Partial:
        carries = (*a.carries, *b.carries)
        total = _plus(a.value, b.value, carries[:1])
        return self._hold(m, Partial(total, carries[1:], a.lo + b.lo, a.hi + b.hi), name)

    def _hold(self, m: Module, term: Partial, name: str) -> Partial:
        """Return a term a clock later."""
        value = Signal(term.shape(self.parameters.bits), name=name, reset_less=True)
        carries = tuple(
            Signal(name=f"{name}_carry{n}", reset_less=True) for n in range(len(term.carries))
        )
        m.d.sync += value.eq(term.value)
        m.d.sync += [later.eq(carry) for later, carry in zip(carries, term.carries, strict=True)]
        return Partial(value, carries, term.lo, term.hi)


def _plus(a: Value, b: Value, carries: tuple[Value, ...]) -> Value:
    """Return a + b + at most one carry, which enters the chain as a bit below the lowest."""
    if not carries:
        return a + b
    (carry,) = carries
    low = Const(1, 1)
    return (_above(a, low) + _above(b, carry)) >> 1


def _above(value: Value, bit: Value) -> Value:
    joined = Cat(bit, value)
    return joined.as_signed() if Value.cast(value).shape().signed else joined
