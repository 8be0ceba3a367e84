"""What a component will cost, before anything is synthesised.

A first estimate: word-level structure times coefficients for a 4-input-LUT fabric with carry
chains (ECP5). Each coefficient says what it stands for.
"""

__all__ = ["Resources", "adder_bit_luts", "estimate", "serial_sum_luts", "weigh"]

from collections.abc import Sequence
from dataclasses import dataclass
from functools import singledispatch

from hwgen.formats import bits_for
from hwgen.planning.blocks import INFERRING
from hwgen.planning.cells import lut_inputs
from hwgen.planning.gates import gate_equivalents
from hwgen.planning.memory import block_rams, lut_memory_luts, register_luts
from hwgen.targets import Target
from rtl_templates.argmax import ArgMaxParameters
from rtl_templates.bias import BiasParameters
from rtl_templates.bit_serial import BitSerialParameters
from rtl_templates.constant import ConstantParameters
from rtl_templates.constant_array import ConstantArrayParameters
from rtl_templates.encodings import TwosComplement
from rtl_templates.engine import EngineParameters
from rtl_templates.fifo import FifoParameters
from rtl_templates.join import ConcatParameters, SumParameters
from rtl_templates.mac import Banks, MacParameters
from rtl_templates.multiplier import DspBlocks, MultiplierParameters
from rtl_templates.pool import MaximumParameters
from rtl_templates.requantize import RequantizerParameters
from rtl_templates.streams import ForkParameters, NarrowParameters, WidenParameters
from rtl_templates.threshold import ThresholdParameters
from rtl_templates.weights import WeightParameters
from rtl_templates.window import WindowParameters

CHAIN = 2.0  # LUTs to start and end a carry chain
TABLE = 0.55  # LUTs a bit and 16 words of a constant table, after minimisation
# fitted to yosys on 36 matrices of 4 to 40 rows and columns, 2 to 7 bits, by family
PARALLEL = {"ecp5": 1.07, "ice40": 1.3}  # LUTs an adder bit of constants
# LUTs a sum of constants, by the bits it takes a clock: tables for one, a carry chain for four; of
# two bits yosys makes wide tables on ECP5
SERIAL = {"ecp5": {1: 2.35, 2: 7.5, 4: 8.5}, "ice40": {1: 2.35, 2: 4.0, 4: 6.5}}
# of an array whose weights never change: synthesis leaves out what they make constant, where the
# adders are not cells of the device that are placed one by one
ONE_WORD = 0.5
PLACED = ("ecp5", "xilinx7")
LOADED = 0.45  # LUTs a bit of a shift register that takes whole words
MULTIPLIER_SIDE = 18  # bits of a DSP block's operand
DSP_LUTS = 150  # LUTs that a DSP block is worth when implementations are compared
BLOCK_RAM_LUTS = 60  # LUTs that a block RAM is worth


@dataclass(frozen=True)
class Resources:
    """LUTs, flip-flops, DSP blocks and block RAMs."""

    luts: float = 0
    ffs: float = 0
    dsps: int = 0
    block_rams: int = 0

    def __add__(self, other: "Resources") -> "Resources":
        return Resources(
            self.luts + other.luts,
            self.ffs + other.ffs,
            self.dsps + other.dsps,
            self.block_rams + other.block_rams,
        )

    def without(self, other: "Resources") -> "Resources":
        """Return what another leaves."""
        return Resources(
            self.luts - other.luts,
            self.ffs - other.ffs,
            self.dsps - other.dsps,
            self.block_rams - other.block_rams,
        )

    def within(self, other: "Resources") -> bool:
        """Say whether nothing exceeds what there is in another."""
        return (
            self.luts <= other.luts
            and self.ffs <= other.ffs
            and self.dsps <= other.dsps
            and self.block_rams <= other.block_rams
        )


def weigh(cost: Resources, target: Target | None = None, dsp_luts: float = DSP_LUTS) -> float:
    """Return one number to compare costs by, in LUTs. Flip-flops come with LUTs, at half price. Of
    an ASIC it is the area, in gates.

    dsp_luts : LUTs that a DSP block is worth
    """
    if target is not None and target.library:
        return gate_equivalents(cost.luts, cost.ffs)
    return (
        max(cost.luts, cost.ffs / 2)
        + cost.ffs / 8
        + dsp_luts * cost.dsps
        + BLOCK_RAM_LUTS * cost.block_rams
    )


def adder_bit_luts(target: Target) -> float:
    """Return the LUTs of a bit of an adder of constants."""
    return PARALLEL.get(target.family, 1.1)


def serial_sum_luts(digit: int, target: Target) -> float:
    """Return the LUTs of a sum of constants that takes so many bits a clock."""
    return SERIAL.get(target.family, SERIAL["ice40"]).get(digit, 2.0 * digit)


def _bits(limit: int) -> int:
    return max(1, limit.bit_length())


@singledispatch
def estimate(part: object, target: Target) -> Resources:
    """Return the estimated cost of a component."""
    raise TypeError(f"No estimate for {type(part).__name__}")


@estimate.register
def _engine(part: EngineParameters, target: Target) -> Resources:
    w, path = part.window, part.datapath
    read = path.read if isinstance(path, ConstantArrayParameters) else (True,) * w.lanes
    total = _window_of(w, read, target) + estimate(path, target)
    for unit in part.behind:
        total += estimate(unit, target)
    if part.drained:
        total += estimate(part.drain, target)
    return total + estimate(part.fifo, target)


@estimate.register
def _fifo(part: FifoParameters, target: Target) -> Resources:
    width = part.lanes * part.bits
    control = Resources(3 * _bits(part.depth) + 3, 3 * _bits(part.depth))
    if part.deep and not target.library:
        return control + Resources(4, 1, 0, block_rams(width, part.depth, target))
    return control + _memory(width, part.depth, None, target)


@estimate.register
def _fork(part: ForkParameters, target: Target) -> Resources:
    return Resources(3 * part.branches, part.branches)


@estimate.register
def _sum(part: SumParameters, target: Target) -> Resources:
    width = part.sum_shape.width
    adders = len(part.bits) - 1 + sum(by.bit_count() - 1 for by in part.multipliers)
    total = Resources(part.lanes * adders * (width + CHAIN) + 12, part.lanes * width + 8)
    if part.post:
        total += estimate(part.post, target)
    return total + estimate(part.fifo, target)


@estimate.register
def _concat(part: ConcatParameters, target: Target) -> Resources:
    width = part.lanes * part.bits
    return Resources(width * (len(part.channels) - 1) + 12, 2 * _bits(max(part.counts)))


@estimate.register
def _arg_max(part: ArgMaxParameters, target: Target) -> Resources:
    counter = _bits(part.count)
    return Resources(part.bits + 2 * counter + 8, part.bits + 2 * counter + 2)


@estimate.register
def _bias(part: BiasParameters, target: Target) -> Resources:
    total = Resources(2 * _bits(part.beats), _bits(part.beats))
    for lane in range(part.lanes):
        constants = part.constants_of(lane)
        luts: float = part.bits + CHAIN if any(constants) else 0
        ffs = part.bits
        if len(set(constants)) > 1:
            table = bits_for(min(constants), max(constants))[0]
            luts, ffs = luts + TABLE * table * -(-part.beats // 16), ffs + table
        total += Resources(luts, ffs)
    return total


@estimate.register
def _thresholds(part: ThresholdParameters, target: Target) -> Resources:
    x, levels = part.x_shape.width, part.steps.bit_length()
    rows = -(-len(part.thresholds) // part.lanes)
    tables = sum(TABLE * x * max(0.1, -(-(rows << n) // 16)) for n in range(levels))
    if rows == 1:
        tables = TABLE * x * levels / 2
    lane = Resources(levels * (x + CHAIN) + tables + part.bits, levels * (x + levels) + part.bits)
    return Resources(lane.luts * part.lanes, lane.ffs * part.lanes)


@estimate.register
def _window(part: WindowParameters, target: Target) -> Resources:
    return _window_of(part, (True,) * part.lanes, target)


def _window_of(part: WindowParameters, read: Sequence[bool], target: Target) -> Resources:
    """Return the cost of a window of which some elements of a beat are read."""
    width, depth = part.word * part.bits, part.depth
    address = _bits(depth - 1)
    counters = sum(
        _bits(n - 1) for n in (part.inner, len(part.steps), part.slices, *part.output_size)
    )
    total = Resources(4 * address + 3 * counters + 40, 6 * address + counters + 24)
    memory = _memory(width, depth, part.style, target)
    port = Resources(
        memory.luts + 2 * address + (width + 12 if part.padded else 0) + TABLE * len(part.steps),
        memory.ffs + 2 * width + 3 * address,
    )
    for n in range(part.ports):
        word = read[n * part.word : (n + 1) * part.word]
        if any(word):
            total += port
        if part.style == "block":
            bits = [element for element in word for _ in range(part.bits)]
            total += Resources(block_rams=block_rams(width, depth, target, bits))
    return total


def _memory(width: int, depth: int, style: str | None, target: Target) -> Resources:
    """Return the cost of a writable memory."""
    if style == "block":
        return Resources(0, 0, 0, block_rams(width, depth, target))
    luts = lut_memory_luts(width, depth, target)
    # without LUT memory: a register a bit, and what chooses between them
    return (
        Resources(register_luts(width, depth, target), width * depth)
        if luts is None
        else Resources(luts)
    )


@estimate.register
def _weights(part: WeightParameters, target: Target) -> Resources:
    depth = len(part.words)
    if depth == 1:
        return Resources()
    counter = Resources(1.5 * _bits(depth), _bits(depth) + 4)
    if part.style == "block":
        return counter + Resources(0, part.width, 0, block_rams(part.width, depth, target))
    return counter + Resources(TABLE * part.width * -(-depth // 16), part.width)


@estimate.register
def _array(part: MacParameters, target: Target) -> Resources:
    if part.blocks:
        return _array_in_blocks(part, part.blocks) + estimate(part.weights, target)
    if part.banks:
        return _array_in_banks(part, part.banks, target) + estimate(part.weights, target)
    row = part.row
    # a chain of one sum starts and ends on its own; a cell that shares chains packs several
    ends = len(row.additions) * (1 + (CHAIN if part.adder.longest == 1 else 0))
    encoding = part.weights.encoding
    decoding = part.weights.simd * encoding.decoded.bits * -(-encoding.entries // 16)
    pe = part.weights.pe
    left = ONE_WORD if len(part.weights.words) == 1 and target.family not in PLACED else 1.0
    rows = Resources(
        left * pe * (row.positions + row.tables(lut_inputs(target)) + ends + decoding),
        pe * sum(word.width for word in row.words[2 * part.weights.simd :]) + 3 * part.latency,
    )
    return rows + estimate(part.weights, target)


def _array_in_blocks(part: MacParameters, blocks: DspBlocks) -> Resources:
    """Return what products in DSP blocks cost, and trees of adders behind them."""
    weights = part.weights
    is_signed = isinstance(weights.encoding, TwosComplement) and weights.encoding.signed
    lo, hi = MultiplierParameters(part.x_bits, part.x_signed, weights.bits, is_signed).product_range
    luts = ffs = 0.0
    counts = [1] * weights.simd  # of products in each term
    while len(counts) > 1:
        sums = [a + b for a, b in zip(counts[::2], counts[1::2], strict=False)]
        rest = counts[-1:] if len(counts) % 2 else []
        widths = [min(part.bits, bits_for(n * lo, n * hi)[0]) for n in (*sums, *rest)]
        luts += sum(widths[: len(sums)]) + (CHAIN + 1) * len(sums)
        ffs += sum(widths) + len(widths)
        counts = sums + rest
    if max(part.folds) > 1:
        luts += 2 * part.bits + CHAIN
    elif blocks.rows > 1:
        luts += bits_for(weights.simd * lo, weights.simd * hi)[0] + CHAIN  # for a last carry
    rows = Resources(luts * weights.pe, (ffs + part.bits) * weights.pe + 3 * part.latency)
    return rows + Resources(dsps=blocks.count(weights.pe, weights.simd))


def _array_in_banks(part: MacParameters, banks: Banks, target: Target) -> Resources:
    """Return what registers by entry cost, and the sums and products behind them."""
    weights = part.weights
    entries = weights.encoding.entries
    adder = banks.bits + 1 + (CHAIN if part.adder.longest == 1 else 0)
    bank = Resources(adder + weights.bits, weights.bits) + _memory(
        banks.bits, entries, None, target
    )
    row = estimate(part.column_sums, target) + sum((bank for _ in range(weights.simd)), Resources())
    total = estimate(part.entry_products, target)  # its words come out of a table of one
    for _ in range(weights.pe):
        total += row
    return total + Resources(4 * _bits(entries), 2 * _bits(entries) + part.x_lanes * part.x_bits)


@estimate.register
def _constant_array(part: ConstantArrayParameters, target: Target) -> Resources:
    values = part.values
    gathered = (part.beats - 1) * part.simd * values.x_bits
    return estimate(values, target) + Resources(0, gathered)


@estimate.register
def _constant(part: ConstantParameters, target: Target) -> Resources:
    return Resources(adder_bit_luts(target) * part.adder_bits, part.registers)


@estimate.register
def _bit_serial(part: BitSerialParameters, target: Target) -> Resources:
    sums = serial_sum_luts(part.digit, target) * part.adders / part.digit
    return Resources(sums + LOADED * part.graph.inputs * part.x_bits, part.registers)


@estimate.register
def _maximum(part: MaximumParameters, target: Target) -> Resources:
    return Resources(part.lanes * (2 * part.bits + CHAIN), part.lanes * part.bits)


@estimate.register
def _requantizer(part: RequantizerParameters, target: Target) -> Resources:
    x = part.x_shape.width
    by = max(m.bit_length() for m in part.multipliers)
    lane = Resources(3 * part.bits + 10, x + part.bits + 6)
    if part.scaled and all(m & (m - 1) == 0 for m in part.multipliers):
        lane += Resources(x * _bits(by - 1), x + by)
    elif part.scaled:
        blocks = -(-x // MULTIPLIER_SIDE) * -(-by // MULTIPLIER_SIDE)
        if target.dsps and target.family in INFERRING:
            lane += Resources(x + by, x + by, blocks)
        else:
            lane += Resources(x * by + x + by, x + by)
        if len(part.multipliers) > 1:
            lane += Resources(TABLE * by * -(-len(part.multipliers) // part.lanes // 16))
    return Resources(
        lane.luts * part.lanes, lane.ffs * part.lanes, lane.dsps * part.lanes, lane.block_rams
    )


@estimate.register
def _narrow(part: NarrowParameters, target: Target) -> Resources:
    width = part.lanes_in * part.bits
    return Resources(width + 10, width + 5)


@estimate.register
def _widen(part: WidenParameters, target: Target) -> Resources:
    return Resources(8, part.lanes_out * part.bits + 5)
