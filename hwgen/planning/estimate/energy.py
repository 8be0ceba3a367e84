"""Energy of an inference, estimated from what operations and memories take in published figures.

Horowitz, "Computing's energy problem (and what we can do about it)", ISSCC 2014, figure 1.1.9, for
45 nm and 0.9 V: an addition of 8 bits takes 0.03 pJ (of 32 bits 0.1), a multiplication of 8 bits
0.2 pJ (of 32 bits 3.1), and to read 64 bits of a memory of 8 KB takes 10 pJ (of 32 KB 20, of 1 MB
100). Additions are scaled with their bits, multiplications with the product of their operands'
bits, and memories with the square root of their size, on which the three published points lie
within an eighth; each from the smallest figure, which is the nearest to what hwgen makes.

It counts what computes and what is stored: additions, comparisons, products, and bits that are read
from or written to memories, in the clocks of a frame on which a part works. Registers, the clock,
leakage and wires are left out, so it is no forecast of a chip's power; it is for comparing designs.
A binary, ternary or power-of-two weight costs the adders that it takes, and nothing else.
"""

__all__ = ["NODE", "Energy", "Work", "energy_of", "work_of"]

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import singledispatch
from math import sqrt

from hwgen.planning.dataflow import Assembly
from hwgen_rtl_templates.affine_thresholds import AffineThresholdParameters
from hwgen_rtl_templates.argmax import ArgMaxParameters
from hwgen_rtl_templates.bias import BiasParameters
from hwgen_rtl_templates.bit_serial import BitSerialParameters
from hwgen_rtl_templates.constant_array import ConstantArrayParameters
from hwgen_rtl_templates.engine import EngineParameters
from hwgen_rtl_templates.fifo import FifoParameters
from hwgen_rtl_templates.join import ConcatParameters, SumParameters
from hwgen_rtl_templates.mac import MacParameters
from hwgen_rtl_templates.pool import MaximumParameters
from hwgen_rtl_templates.requantize import RequantizerParameters
from hwgen_rtl_templates.streams import ForkParameters, NarrowParameters, WidenParameters
from hwgen_rtl_templates.threshold import ThresholdParameters
from hwgen_rtl_templates.window import WindowParameters

NODE = "45 nm"
ADD_PJ = 0.03 / 8  # a bit of an addition
MULTIPLY_PJ = 0.2 / (8 * 8)  # a bit of one operand by a bit of the other
MEMORY_PJ = 10 / 64  # a bit of a memory of
MEMORY_BITS = 8 * 1024 * 8


@dataclass(frozen=True)
class Work:
    """What parts do in a frame.

    adder_bits : bits of all additions, subtractions and comparisons
    product_bits : of all multiplications, bits of one operand times bits of the other
    memory_bits : bits that are read or written, by the bits of the memory they lie in
    """

    adder_bits: int = 0
    product_bits: int = 0
    memory_bits: Mapping[int, int] = field(default_factory=dict)

    def __add__(self, other: "Work") -> "Work":
        sizes = sorted({*self.memory_bits, *other.memory_bits})
        return Work(
            self.adder_bits + other.adder_bits,
            self.product_bits + other.product_bits,
            {n: self.memory_bits.get(n, 0) + other.memory_bits.get(n, 0) for n in sizes},
        )

    def __mul__(self, times: int) -> "Work":
        memory = {size: bits * times for size, bits in self.memory_bits.items()}
        return Work(self.adder_bits * times, self.product_bits * times, memory)


@dataclass(frozen=True)
class Energy:
    """Energy of an inference, nJ: of additions, multiplications and memories."""

    add_nj: float
    multiply_nj: float
    memory_nj: float

    @property
    def nj(self) -> float:
        """All of it."""
        return self.add_nj + self.multiply_nj + self.memory_nj

    def to_json(self) -> dict[str, float]:
        """Return the figures as plain values."""
        return {**vars(self), "nj": self.nj}


def energy_of(work: Work) -> Energy:
    """Return the estimated energy of what is done in a frame."""
    memory = sum(bits * sqrt(size / MEMORY_BITS) for size, bits in work.memory_bits.items())
    return Energy(
        work.adder_bits * ADD_PJ / 1e3,
        work.product_bits * MULTIPLY_PJ / 1e3,
        memory * MEMORY_PJ / 1e3,
    )


def work_of(assembly: Assembly, beats: int) -> Work:
    """Return what all parts do in a frame.

    Parameters
    ----------
    beats : of a frame that enter
    """
    streams = {0: beats}
    total = Work()
    for placed in assembly.parts:
        entering = streams[placed.inputs[0]]
        total += _work(placed.part, entering)
        streams |= dict.fromkeys(placed.outputs, placed.part.departures(entering))
    return total


def _stored(width: int, depth: int, moved: int) -> Work:
    """Return the work of moving words, so many in all, into or out of a memory."""
    return Work(memory_bits={width * depth: width * moved})


@singledispatch
def _work(part: object, beats: int) -> Work:
    """Return what a part does with so many beats that enter."""
    raise TypeError(f"No work of {type(part).__name__}")


@_work.register
def _passed(
    part: ForkParameters | NarrowParameters | WidenParameters | ConcatParameters, beats: int
) -> Work:
    return Work()


@_work.register
def _fifo(part: FifoParameters, beats: int) -> Work:
    return _stored(part.lanes * part.bits, part.depth, 2 * beats)


@_work.register
def _arg_max(part: ArgMaxParameters, beats: int) -> Work:
    return Work(adder_bits=part.bits * beats)


@_work.register
def _sum(part: SumParameters, beats: int) -> Work:
    adders = len(part.bits) - 1 + sum(by.bit_count() - 1 for by in part.multipliers)
    total = Work(adder_bits=adders * part.sum_shape.width * part.lanes * beats)
    if part.epilogue:
        total += _work(part.epilogue, beats)
    return total + _work(part.fifo, beats)


@_work.register
def _engine(part: EngineParameters, beats: int) -> Work:
    rows, columns = part.window.output_size
    windows = rows * columns
    dots = windows * len(part.folds)
    reads = windows * sum(part.folds) - dots * part.datapath.rest
    path = part.datapath
    total = _window(part.window, path.read, beats, reads) + _datapath(path, reads, dots)
    for unit in part.behind:
        total += _work(unit, part.beats_out)
    return total + _work(part.fifo, part.beats_out)


def _window(part: WindowParameters, read: Sequence[bool], beats: int, reads: int) -> Work:
    """Return the work of a window: each port has a copy of what enters."""
    word = part.word
    ports = sum(any(read[n * word : (n + 1) * word]) for n in range(part.ports))
    return _stored(word * part.bits, part.depth, beats + reads) * ports


@singledispatch
def _datapath(part: object, beats: int, dots: int) -> Work:
    """Return what computes the accumulators of so many dot products, of so many beats in all."""
    raise TypeError(f"No work of {type(part).__name__}")


@_datapath.register
def _array(part: MacParameters, beats: int, dots: int) -> Work:
    weights = part.weights
    total = Work()
    if len(weights.words) > 1:
        total += _stored(weights.width, len(weights.words), beats)
    if part.blocks:
        products = weights.pe * weights.simd * beats
        # the tree of a row has an adder fewer than products, and its accumulator is one more
        sums = weights.pe * (weights.simd - (max(part.folds) == 1)) * beats
        return total + Work(sums * part.bits, products * part.x_bits * weights.bits)
    if part.banks:
        places, entries = weights.pe * weights.simd, weights.encoding.entries
        bank = Work(part.banks.bits) + _stored(part.banks.bits, entries, 2)
        after = _datapath(part.column_sums, entries, entries) * weights.pe
        after += _datapath(part.entry_products, entries, 1)
        return total + bank * (places * beats) + after * dots
    return total + Work(adder_bits=weights.pe * part.row.positions * beats)


@_datapath.register
def _constant_array(part: ConstantArrayParameters, beats: int, dots: int) -> Work:
    values = part.values
    if isinstance(values, BitSerialParameters):
        return Work(adder_bits=values.adders * values.interval * dots)
    return Work(adder_bits=values.adder_bits * dots)


@_datapath.register
def _maximum(part: MaximumParameters, beats: int, dots: int) -> Work:
    return Work(adder_bits=part.lanes * part.bits * beats)


@_work.register
def _bias(part: BiasParameters, beats: int) -> Work:
    return Work(adder_bits=part.lanes * part.bits * beats)


@_work.register
def _thresholds(part: ThresholdParameters, beats: int) -> Work:
    comparisons = part.steps.bit_length()
    return Work(adder_bits=part.lanes * comparisons * part.x_shape.width * beats)


@_work.register
def _affine_thresholds(part: AffineThresholdParameters, beats: int) -> Work:
    return Work(adder_bits=sum(lane.adder_bits for lane in part.each_lane) * beats)


@_work.register
def _requantizer(part: RequantizerParameters, beats: int) -> Work:
    x = part.x_shape.width
    by = max(m.bit_length() for m in part.multipliers) if part.scaled else 0
    multiplied = any(m & (m - 1) for m in part.multipliers)
    rounded, clamped = x + by, 2 * part.bits
    element = Work(rounded + clamped, x * by if multiplied else 0)
    return element * (part.lanes * beats)
