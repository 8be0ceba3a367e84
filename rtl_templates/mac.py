"""MAC array: `pe` dot products of `simd` columns, accumulated over the beats of a window."""

__all__ = ["Banks", "MacArray", "MacParameters", "accumulating", "array_ports"]

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Member, Out

from hwgen_rtl_templates.adder_row import AdderRow, AdderRowParameters
from hwgen_rtl_templates.dot_product import DotProduct, RowParameters, dot_product
from hwgen_rtl_templates.encodings import Codebook, TwosComplement
from hwgen_rtl_templates.multiplier import DspBlocks
from hwgen_rtl_templates.streams import delayed, elements
from hwgen_rtl_templates.summation import Bit, chains
from hwgen_rtl_templates.tables import lookup
from hwgen_rtl_templates.weights import WeightParameters
from hwgen_rtl_templates.window import beat_shape


@dataclass(frozen=True)
class Banks:
    """Registers that inputs are summed up in by the index of their weight, for each row and column
    one of each entry of the book.

    bits : of a register, as wide as the largest sum of inputs that share an entry
    total : bits of the sum over the columns of a row
    """

    bits: int
    total: int


@dataclass(frozen=True)
class MacParameters:
    """An array of multiply-accumulate units.

    weights : the weights and how they are encoded
    x_bits, x_signed : of an input element
    bits, signed : of an accumulator, as wide as the range of the result; sums wrap on the way
    folds : beats of the dot product of each group
    depthwise : each row has one column and an input lane of its own
    x_range : least and largest input, where that is less than its bits could be
    adder : the adder cell of the family
    blocks : which DSP blocks make the products, or None for adders alone
    banks : the registers of an array that sums up inputs by their weight's entry and multiplies
        afterwards, or None where each beat is multiplied
    """

    weights: WeightParameters
    x_bits: int
    x_signed: bool
    bits: int
    signed: bool
    folds: tuple[int, ...]
    depthwise: bool = False
    x_range: tuple[int, int] | None = None
    adder: type[AdderRow] = AdderRow
    blocks: DspBlocks | None = None
    banks: Banks | None = None

    def __post_init__(self) -> None:
        if self.depthwise and self.weights.simd != 1:
            raise ValueError(
                f"Number of columns must be 1 in a depthwise array, not {self.weights.simd}"
            )
        if self.depthwise and self.blocks and self.blocks.rows != 1:
            raise ValueError(
                f"Rows that share a block must be 1 in a depthwise array, not {self.blocks.rows}"
            )
        if self.blocks and not isinstance(self.weights.encoding, TwosComplement):
            raise ValueError(
                "Weights must be written in two's complement where DSP blocks make the products, "
                f"not as {type(self.weights.encoding).__name__}"
            )
        if self.banks and not isinstance(self.weights.encoding, Codebook):
            raise ValueError(
                "Weights must be indices into a book where inputs are summed up by entry, not "
                f"{type(self.weights.encoding).__name__}"
            )
        if len(self.weights.words) not in (1, sum(self.folds)):
            raise ValueError(
                f"Weights must be one word or {sum(self.folds)}, not {len(self.weights.words)}"
            )

    name = "array"  # of the instance

    @property
    def read(self) -> tuple[bool, ...]:
        """Of each element of a beat, whether it is needed."""
        return (True,) * self.x_lanes

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

    @cached_property
    def row(self) -> DotProduct:
        """The adders of a row."""
        least = -(1 << (self.x_bits - 1)) if self.x_signed else 0
        return dot_product(
            RowParameters(
                encoding=self.weights.encoding,
                lanes=self.weights.simd,
                x_bits=self.x_bits,
                x_signed=self.x_signed,
                x_range=self.x_range or (least, least + (1 << self.x_bits) - 1),
                modulus=self.bits,
                adder=self.adder,
                accumulates=max(self.folds) > 1,
            )
        )

    @cached_property
    def column_sums(self) -> "MacParameters":
        """Of an array with banks: what sums up one entry's registers over the columns of a row."""
        ones, simd = TwosComplement(1, False), self.weights.simd
        return MacParameters(
            WeightParameters(1, simd, ones, ((1 << simd) - 1,)),
            x_bits=self.banks.bits,
            x_signed=False,
            bits=self.banks.total,
            signed=False,
            folds=(1,),
            adder=self.adder,
        )

    @cached_property
    def entry_products(self) -> "MacParameters":
        """Of an array with banks: what multiplies the sums with the entries of the book, one after
        the other, and adds them up; a row of its own for each row."""
        book, pe = self.weights.encoding, self.weights.pe
        words = tuple(sum(code << row * book.inner.bits for row in range(pe)) for code in book.book)
        return MacParameters(
            WeightParameters(pe, 1, book.inner, words),
            x_bits=self.banks.total,
            x_signed=False,
            bits=self.bits,
            signed=self.signed,
            folds=(book.entries,),
            depthwise=True,
            adder=self.adder,
        )

    @property
    def rest(self) -> int:
        """Clocks that must follow the last beat of a dot product before the next one begins."""
        return self.weights.encoding.entries if self.banks else 0

    @property
    def latency(self) -> int:
        """Clocks from the last beat of a dot product to its accumulators."""
        if self.banks:
            return self.rest + 1 + self.column_sums.latency + self.entry_products.latency
        if self.blocks:
            return self.blocks.latency(self.weights.simd)
        return self.row.latency


def array_ports(p: MacParameters) -> dict[str, Member]:
    """Return the ports of an array: x, beats of a window; w, beats of a weight source on the same
    clocks; o, the accumulators of each dot product."""
    beat = beat_shape(p.x_lanes, p.x_bits, p.x_signed)
    out = elements(p.lanes, p.bits, p.signed)
    return {
        "x": In(stream.Signature(beat, always_ready=True)),
        "w": In(stream.Signature(p.weights.shape, always_ready=True)),
        "o": Out(stream.Signature(out, always_ready=True)),
    }


def accumulating(m: Module, array: wiring.Component) -> tuple[Value, Value]:
    """Return when an array's accumulators take a sum, and whether it is the first of a dot product;
    drive the output's valid, a clock behind the last."""
    x = array.x.payload
    valid, first, last = delayed(
        m, array.parameters.latency - 1, valid=array.x.valid, first=x.first, last=x.last
    )
    done = Signal()
    m.d.sync += done.eq(valid & last)
    m.d.comb += array.o.valid.eq(done)
    return valid, first


class _Row:
    """The words of one row as signals, and what they were on the clocks before.

    known : the histories of the row's inputs; those of elements that rows share are shared
    """

    def __init__(
        self, m: Module, plan: DotProduct, name: str, known: Sequence[list[Value]]
    ) -> None:
        self._m, self._plan, self._name = m, plan, name
        self._histories = list(known)
        for n, word in enumerate(plan.words[len(known) :], len(known)):
            self._histories.append([Signal(word.width, name=f"{name}_word{n}", reset_less=True)])

    def word(self, number: int) -> Value:
        """Return a word."""
        return self._histories[number][0]

    def bits(self, bits: Iterable[Bit], clock: int) -> list[Value]:
        """Return the inputs of functions, as they were when their words were ready, on a later
        clock."""
        return [self._late(number, clock)[n] for bit in bits for number, n in bit.inputs]

    def _late(self, number: int, clock: int) -> Value:
        history, age = self._histories[number], clock - self._plan.words[number].ready
        while len(history) <= age:
            name = f"{self._name}_word{number}_{len(history)}"
            later = Signal(len(history[0]), name=name, reset_less=True)
            self._m.d.sync += later.eq(history[-1])
            history.append(later)
        return history[age]


class MacArray(wiring.Component):
    """`pe` dot products side by side, on LUTs.

    Members
    -------
    x : beats of a window
    w : beats of a weight source, on the same clocks
    o : the accumulators of each dot product, `latency` clocks after its last beat

    Products are never formed: each digit of the weights selects multiples of the inputs, which
    are summed over the columns, then over the digits with their shifts, in rows of adders with a
    register behind each. What is delivered lacks a constant of the weights
    (`hwgen_rtl_templates.dot_product.offset`), which is added behind the drain with the bias.
    """

    def __init__(self, parameters: MacParameters):
        self.parameters = parameters
        super().__init__(array_ports(parameters))

    def elaborate(self, platform):
        m = Module()
        p = self.parameters
        valid, first = accumulating(m, self)
        x = [[Value.cast(self.x.payload.x[lane]).as_unsigned()] for lane in range(p.x_lanes)]
        for row in range(p.weights.pe):
            codes = [self.w.payload[row][column] for column in range(p.weights.simd)]
            weights = ([code] for code in self._decoded(m, row, codes))
            known = [*(x[row : row + 1] if p.depthwise else x), *weights]
            result = self._result(m, _Row(m, p.row, f"row{row}", known), f"row{row}", valid, first)
            m.d.comb += self.o.payload[row].eq(result)
        return m

    def _decoded(self, m: Module, row: int, codes: list[Value]) -> list[Value]:
        """Return the weights' codes, looked up and registered where they are indices."""
        encoding = self.parameters.weights.encoding
        if not encoding.latency:
            return codes
        decoded = []
        for column, code in enumerate(codes):
            held = Signal(encoding.decoded.bits, name=f"row{row}_w{column}", reset_less=True)
            m.d.sync += held.eq(lookup(m, code, encoding.book, f"row{row}_entry{column}"))
            decoded.append(held)
        return decoded

    def _result(self, m: Module, row: _Row, name: str, valid: Value, first: Value) -> Value:
        """Return the result of one row of adders."""
        p, plan = self.parameters, self.parameters.row
        if plan.accumulator is not None:
            m.d.comb += row.word(plan.accumulator + 1).eq(first)
        for part in plan.settled:
            table = [bit.function(*row.bits((bit,), part.clock)) for bit in part.bits]
            m.d.sync += row.word(part.word).eq(Cat(table))
        sums = [addition.row for addition in plan.additions]
        for number, chain in enumerate(chains(sums, p.adder.longest)):
            made = [plan.additions[n] for n in chain]
            cell = p.adder(AdderRowParameters(tuple(addition.row for addition in made)))
            m.submodules[f"{name}_adder{number}"] = cell
            for n, part in enumerate(made):
                for port, bits in {"p": part.p, "q": part.q, "c": (part.carry,)}.items():
                    driven = row.bits(bits, part.clock)
                    m.d.comb += getattr(cell, f"{port}_{n}").eq(Cat(driven)) if driven else []
                with m.If(valid if part.word == plan.accumulator else Const(1)):
                    m.d.sync += row.word(part.word).eq(getattr(cell, f"o_{n}"))
        bits = plan.result.bits[: p.bits]
        return Cat(bit.function(*row.bits((bit,), plan.latency)) for bit in bits)
