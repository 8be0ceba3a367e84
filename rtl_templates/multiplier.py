"""Products in DSP blocks: one input with the weights of one row of an array, or of several."""

__all__ = ["DspBlocks", "Multiplier", "MultiplierParameters", "Packing", "packed", "shared"]

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out


def _range(bits: int, is_signed: bool) -> tuple[int, int]:
    return (-(1 << bits - 1), (1 << bits - 1) - 1) if is_signed else (0, (1 << bits) - 1)


@dataclass(frozen=True)
class MultiplierParameters:
    """What one block multiplies.

    x_bits, x_signed : of the input
    w_bits, w_signed : of a weight, as it is stored
    weights : how many share the block
    """

    x_bits: int
    x_signed: bool
    w_bits: int
    w_signed: bool
    weights: int = 1

    def __post_init__(self) -> None:
        if min(self.x_bits, self.w_bits, self.weights) < 1:
            raise ValueError(
                "Bits and number of weights must be positive, not "
                f"{self.x_bits}, {self.w_bits}, {self.weights}"
            )

    @property
    def product_range(self) -> tuple[int, int]:
        """Least and largest product."""
        ends = [
            x * w
            for x in _range(self.x_bits, self.x_signed)
            for w in _range(self.w_bits, self.w_signed)
        ]
        return min(ends), max(ends)


@dataclass(frozen=True)
class Packing:
    """Where the products of several weights lie in a block's one product.

    The weights make one operand, sum of w_i << (i * shift); so the product is the sum of
    w_i * x << (i * shift). A field of it is the product of weight i, one less where what lies below
    is negative. (Xilinx WP486, 2017: two products that share an input.)

    shift : bits of a field
    width : bits of the operand
    borrows : whether a field may lack one
    """

    shift: int
    width: int
    borrows: bool

    @staticmethod
    def of(p: MultiplierParameters) -> "Packing":
        """Return the closest packing in which no operands get in one another's way."""
        lo, hi = p.product_range
        borrows = p.weights > 1 and lo < 0
        ends = (lo - 1, hi) if borrows else (lo, hi)
        shift = max((~n if n < 0 else n).bit_length() for n in ends) + (lo < 0)
        shift = max(shift, p.w_bits)
        return Packing(shift, shift * (p.weights - 1) + p.w_bits, borrows)


def packed(weights: Sequence[int]) -> list[int]:
    """Return what is stored of weights that share an operand: one less where those below it make
    a negative number, so that no adder is needed to put them together."""
    stored, below = [], 0
    for weight in weights:
        stored.append(weight - (below < 0))
        below = weight or below  # the sign of what lies below is that of its highest weight
    return stored


@dataclass(frozen=True)
class DspBlocks:
    """What makes the products of an array.

    kind : the component, a block each
    rows : rows of the array that share a block
    """

    kind: "type[Multiplier]"
    rows: int = 1

    def count(self, pe: int, simd: int) -> int:
        """Return the blocks of an array of `pe` rows and `simd` columns."""
        return -(-pe // self.rows) * simd

    def latency(self, simd: int) -> int:
        """Return the clocks from a beat to accumulators that hold its products."""
        return self.kind.latency + (simd - 1).bit_length() + 1


class Multiplier(wiring.Component):
    """Products of an input with weights, exact for every operand; plain Amaranth.

    Members
    -------
    x : the input
    w_0, w_1, ... : the weights, those above the first as `packed` has them where `borrows` says so
    o_0, o_1, ... : `latency` clocks later
    carry_0, carry_1, ... : product n is o_n + carry_n, which costs nothing in an adder that sums
        up products

    Registers stand before and behind the multiplication, and in it where the block has one there.
    None of them is ever reset or held.
    """

    latency: ClassVar[int] = 3
    side: ClassVar[int] = 18
    """Bits of an operand."""

    @classmethod
    def packing(cls, parameters: MultiplierParameters) -> Packing | None:
        """Return how weights share an operand, None where each has a multiplier of its own."""
        return Packing.of(parameters)

    @classmethod
    def borrows(cls, parameters: MultiplierParameters) -> bool:
        """Say whether weights are stored less what `packed` takes from them."""
        return parameters.w_signed and parameters.weights > 1 and bool(cls.packing(parameters))

    @classmethod
    def fits(cls, parameters: MultiplierParameters) -> bool:
        """Say whether a block can do it."""
        packing = cls.packing(parameters)
        return packing is None or max(parameters.x_bits, packing.width) <= cls.side

    def __init__(self, parameters: MultiplierParameters):
        self.parameters = p = parameters
        if not self.fits(p):
            raise ValueError(
                f"Operands must fit {self.side} bits, not {p.x_bits} bits and {p.weights} "
                f"weights of {p.w_bits}"
            )
        lo, hi = p.product_range
        members = {"x": In(Shape(p.x_bits, p.x_signed))}
        for n in range(p.weights):
            least = lo - self.incomplete(n)
            members |= {
                f"w_{n}": In(Shape(p.w_bits, p.w_signed)),
                f"o_{n}": Out(Shape.cast(range(least, hi + 1))),
                f"carry_{n}": Out(1),
            }
        super().__init__(members)

    def incomplete(self, n: int) -> bool:
        """Say whether output n may lack a carry."""
        packing = self.packing(self.parameters)
        return n > 0 and packing is not None and packing.borrows

    def _weights(self) -> list[Value]:
        return [getattr(self, f"w_{n}") for n in range(self.parameters.weights)]

    def _operand(self) -> Value:
        """Return the packed weights, bits whose sign is that of the weights."""
        *lower, last = self._weights()
        shift = Packing.of(self.parameters).shift
        return Cat(*(_extended(w, shift) for w in lower), last)

    def _split(self, m: Module, product: Value) -> None:
        """Drive the outputs from the fields of a product, whose sign bit is its last."""
        p, shift = self.parameters, Packing.of(self.parameters).shift
        is_signed = p.product_range[0] < 0
        product = product.as_signed() if is_signed else product
        product = _extended(product, max(len(product), p.weights * shift))
        for n in range(p.weights):
            field = product[n * shift : (n + 1) * shift]
            m.d.comb += getattr(self, f"o_{n}").eq(field.as_signed() if is_signed else field)
            if self.incomplete(n):
                m.d.comb += getattr(self, f"carry_{n}").eq(product[n * shift - 1])

    def elaborate(self, platform):
        m = Module()
        p = self.parameters
        operand = self._operand()
        x = Signal(Shape(p.x_bits, p.x_signed), name="x_held", reset_less=True)
        w = Signal(Shape(len(operand), p.w_signed), name="w_held", reset_less=True)
        m.d.sync += [x.eq(self.x), w.eq(operand)]
        product = x * w
        for stage in range(self.latency - 1):
            later = Signal(product.shape(), name=f"product_{stage}", reset_less=True)
            m.d.sync += later.eq(product)
            product = later
        self._split(m, product)
        return m


def _extended(value: Value, bits: int) -> Value:
    """Return a value's two's complement in so many bits."""
    sign = value[-1] if value.shape().signed else Const(0, 1)
    return Cat(value, sign.replicate(bits - len(value)))


def shared(
    kind: type[Multiplier], x_bits: int, x_signed: bool, weights: tuple[int, int], most: int
) -> MultiplierParameters | None:
    """Return what a block multiplies when as many weights share it as fit.

    Parameters
    ----------
    weights : least and largest weight
    most : weights that may share it

    Returns
    -------
    None where not even one fits
    """
    lo, hi = weights
    for count in range(most, 0, -1):
        for least in (lo, lo - 1):  # what is stored may be one less
            bits = max((~n if n < 0 else n).bit_length() for n in (least, hi)) + (lo < 0)
            found = MultiplierParameters(x_bits, x_signed, max(1, bits), lo < 0, count)
            if kind.borrows(found) == (least < lo) and kind.fits(found):
                return found
    return None
