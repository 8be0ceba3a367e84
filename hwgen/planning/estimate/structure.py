"""Structure: what a component is made of, counted before anything is synthesised.

A count has a name that says what it counts; what one of it costs on a family is that family's
coefficient (`coefficients.json`). Flip-flops, DSP blocks and block RAMs are counted as they are.
"""

__all__ = ["Structure", "structure"]

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, singledispatch
from math import ceil

from hwgen.families.cells import lut_inputs
from hwgen.families.memories import block_rams, lut_memory
from hwgen.formats import bits_for
from hwgen.planning.estimate.lookup_tables import table_luts, words_luts
from hwgen.planning.lowering.dsp import inferred
from hwgen.targets import Target
from hwgen_rtl_templates.affine_thresholds import AffineThresholdParameters
from hwgen_rtl_templates.argmax import ArgMaxParameters
from hwgen_rtl_templates.axi import BorderParameters
from hwgen_rtl_templates.bias import BiasParameters
from hwgen_rtl_templates.engine import EngineParameters
from hwgen_rtl_templates.fifo import FifoParameters
from hwgen_rtl_templates.join import ConcatParameters, SumParameters
from hwgen_rtl_templates.pool import MaximumParameters
from hwgen_rtl_templates.requantize import RequantizerParameters
from hwgen_rtl_templates.sequencer import SequencerParameters
from hwgen_rtl_templates.streams import ForkParameters, NarrowParameters, WidenParameters
from hwgen_rtl_templates.threshold import ThresholdParameters
from hwgen_rtl_templates.weights import WeightParameters
from hwgen_rtl_templates.window import WindowParameters


@dataclass(frozen=True)
class Structure:
    """Counts of a component.

    logic : of what takes look-up tables, by name
    ffs, dsps, block_rams : flip-flops, DSP blocks, block RAMs
    """

    logic: Mapping[str, float] = field(default_factory=dict)
    ffs: float = 0
    dsps: int = 0
    block_rams: int = 0

    def __add__(self, other: "Structure") -> "Structure":
        logic = dict(self.logic)
        for name, count in other.logic.items():
            logic[name] = logic.get(name, 0) + count
        return Structure(
            logic,
            self.ffs + other.ffs,
            self.dsps + other.dsps,
            self.block_rams + other.block_rams,
        )

    def times(self, count: int) -> "Structure":
        """Return that many of it."""
        logic = {name: count * each for name, each in self.logic.items()}
        return Structure(logic, count * self.ffs, count * self.dsps, count * self.block_rams)


def bits_of(limit: int) -> int:
    """Return the bits of a number up to a limit, at least one."""
    return max(1, limit.bit_length())


def loop_bits(*extents: int) -> Counter[str]:
    """Return the bits of counters of so many turns; one of a power of two turns over by itself."""
    found: Counter[str] = Counter()
    for extent in extents:
        if extent > 1:
            name = "loop bit" if extent & (extent - 1) else "round loop bit"
            found[name] += bits_of(extent - 1)
    return found


def total(parts: Iterable[Structure]) -> Structure:
    """Return the structure of parts together."""
    return sum(parts, Structure())


@singledispatch
def structure(part: object, target: Target) -> Structure:
    """Return what a component is made of on a target."""
    raise TypeError(f"No structure for {type(part).__name__}")


def parts_of(part: EngineParameters, target: Target) -> dict[str, Structure]:
    """Return what the components of an engine are made of, by their instances."""
    path = part.datapath
    found = {
        "window": window_structure(part.window, path.read, target),
        "sequencer": structure(part.sequencer, target),
        path.name: structure(path, target),
        "fifo": structure(part.fifo, target),
    }
    if part.drained:
        found["drain"] = structure(part.drain, target)
    for unit in part.behind:
        found["bias" if unit is part.bias else "post"] = structure(unit, target)
    return found


@structure.register
def _engine(part: EngineParameters, target: Target) -> Structure:
    return total(parts_of(part, target).values())


@structure.register
def _border(part: BorderParameters, target: Target) -> Structure:
    counters = part.beat_bits + part.frame_bits
    flags = 1 if part.frames else 2 + (part.beats > 1)
    # twice one that only counts beats, which is what the coefficient was fitted to
    return Structure({"border": 2, "border counter bit": counters}, counters + flags)


@structure.register
def _fifo(part: FifoParameters, target: Target) -> Structure:
    width = part.lanes * part.bits
    place = bits_of(part.depth - 1)
    counters = place + 1 if part.shifting else bits_of(part.depth) + 2 * place
    control = Structure({"queue": 1, "queue counter bit": counters}, counters)
    if part.shifting:
        choices = {"register choice bit": width * (part.depth - 1)}
        return control + Structure(choices, width * part.depth)
    if part.deep and not target.library:
        held = Structure({"deep queue": 1}, 1, 0, block_rams(width, part.depth, target))
        return control + held
    return control + storage(width, part.depth, None, target)


def storage(width: int, depth: int, style: str | None, target: Target) -> Structure:
    """Return the structure of a writable memory, with one port that writes and one that reads."""
    if style == "block":
        return Structure(block_rams=block_rams(width, depth, target))
    small = lut_memory(width, depth, target)
    if depth == 1:
        return Structure(ffs=width)
    if small is not None:
        cells, choices = small
        return Structure({"memory table": cells, "memory choice bit": choices})
    # a register a bit, what chooses between them, and what says which is written
    logic = {"register choice bit": width * (depth - 1), "register word": depth}
    return Structure(logic, width * depth)


@structure.register
def _fork(part: ForkParameters, target: Target) -> Structure:
    return Structure({"fork branch": part.branches}, part.branches)


@structure.register
def _sum(part: SumParameters, target: Target) -> Structure:
    width = part.sum_shape.width
    adders = len(part.bits) - 1 + sum(by.bit_count() - 1 for by in part.multipliers)
    adders += part.offset != 0
    logic = {"join": 1, "sum bit": part.lanes * adders * width}
    found = Structure(logic, part.lanes * width + 8)
    if part.epilogue:
        found += structure(part.epilogue, target)
    return found + structure(part.fifo, target)


@structure.register
def _concat(part: ConcatParameters, target: Target) -> Structure:
    width = part.lanes * part.bits
    logic = {"join": 1, "join choice bit": width * (len(part.channels) - 1)}
    return Structure(logic, 2 * bits_of(max(part.counts)))


@structure.register
def _arg_max(part: ArgMaxParameters, target: Target) -> Structure:
    counter = bits_of(part.count)
    logic = {"join": 1, "comparison bit": part.bits, "loop bit": counter}
    return Structure(logic, part.bits + 2 * counter + 2)


@structure.register
def _bias(part: BiasParameters, target: Target) -> Structure:
    loop = loop_bits(part.beats)
    found = Structure(loop, loop.total() + 1)
    for lane in range(part.lanes):
        constants = part.constants_of(lane)
        varied = len(set(constants)) > 1
        logic: dict[str, float] = {}
        found += held_table(constants, target)
        if any(constants):
            logic["bias bit" if varied else "constant bias bit"] = part.bits
        found += Structure(logic, part.bits)
    return found


def indexed_table(name: str, values: Sequence[int], target: Target) -> Counter[str]:
    """Return the logic of a table that is read by an index."""
    tables, choices = table_luts(values, lut_inputs(target))
    return Counter({f"{name} table": tables, f"{name} choice": choices})


def held_table(values: Sequence[int], target: Target) -> Structure:
    """Return the structure of a table that a register looks ahead in, none where all are equal."""
    if len(set(values)) == 1:
        return Structure()
    width, _ = bits_for(min(values), max(values))
    words = [value & ((1 << width) - 1) for value in values]
    tables, choices = words_luts(words, width, lut_inputs(target))
    return Structure({"held table": tables, "held choice": choices}, width)


@structure.register
def _thresholds(part: ThresholdParameters, target: Target) -> Structure:
    x, levels = part.x_shape.width, part.steps.bit_length()
    rows = -(-len(part.thresholds) // part.lanes)
    tables, choices = _threshold_tables(part, lut_inputs(target))
    first = min(levels, int(rows == 1))  # comparison is with a constant, if any is left
    logic = {
        "threshold table": tables,
        "threshold choice": choices,
        "threshold bit": part.lanes * x * (levels - first),
        "constant threshold bit": part.lanes * x * first,
        "counted bit": part.lanes * part.bits,
        **loop_bits(rows),
    }
    return Structure(logic, part.lanes * (levels * (x + levels) + part.bits))


@lru_cache(maxsize=1024)  # a planner asks for the same ones over and over
def _threshold_tables(part: ThresholdParameters, inputs: int) -> tuple[int, int]:
    """Return how many look-up tables the thresholds take, and how many bits more choose."""
    width = part.x_shape.width
    mask = (1 << width) - 1
    tables = choices = 0
    for bit in range(part.steps.bit_length()):
        rows = part.level(bit)
        for lane in range(part.lanes):
            own = rows[lane :: part.lanes] if len(rows) > 1 else rows
            words = [threshold & mask for row in own for threshold in row]
            more, chosen = words_luts(words, width, inputs)
            tables, choices = tables + more, choices + chosen
    return tables, choices


@structure.register
def _affine_thresholds(part: AffineThresholdParameters, target: Target) -> Structure:
    levels, below = part.levels, part.levels - 1
    loop = loop_bits(part.beats)
    found = Structure(loop, loop.total() + part.latency)
    for lane in part.each_lane:
        rest = lane.remainder_bits
        turned = lane.pitch_bits * below if len(set(lane.pitches)) > 1 else 0
        logic: dict[str, float] = {
            "remainder bit": lane.adder_bits,
            "turned bit": turned,
            "counted bit": part.bits,
        }
        ffs = sum(rest[:-1]) + below * (below - 1) // 2 + turned + levels + part.bits
        found += held_table(lane.offsets, target) + held_table(lane.pitches, target)
        if lane.saturates:
            logic["saturation bit"] = lane.first_bits - rest[0] + levels
            ffs += levels
        found += Structure(logic, ffs)
    return found


@structure.register
def _window(part: WindowParameters, target: Target) -> Structure:
    return window_structure(part, (True,) * part.lanes, target)


def window_structure(part: WindowParameters, read: Sequence[bool], target: Target) -> Structure:
    """Return the structure of a window of which some elements of a beat are read."""
    width, depth = part.word * part.bits, part.depth
    address = bits_of(depth - 1)
    found = Structure({"window": 1, "window address bit": address}, 4 * address + 14)
    memory = storage(width, depth, part.style, target)
    if part.style == "block":
        memory = Structure()
    minor = part.inner + (0 if part.varied else (part.slices - 1) * part.slice_words)
    for n in range(part.ports):
        word = read[n * part.word : (n + 1) * part.word]
        if part.style == "block":
            elements = [element for element in word for _ in range(part.bits)]
            found += Structure(block_rams=block_rams(width, depth, target, elements))
        if not any(word):
            continue
        taps = [step[n] for step in part.steps]
        offsets = tuple(tap.offset % depth for tap in taps)
        moves, reaches = len(set(offsets)) > 1, minor > 1
        adders = int(moves and reaches) + int(moves or reaches or offsets[0] > 0)
        logic = indexed_table("window", offsets, target)
        logic.update({"window port": 1, "window port bit": address * adders})
        if part.padded:
            logic["padding bit"] = width
            for axis, size in ((0, part.height), (1, part.width)):
                if part.padding[axis]:
                    steps = tuple(tap.dy if axis == 0 else tap.dx for tap in taps)
                    place = bits_of(size + 2 * part.padding[axis] + part.reach[axis]) + 1
                    logic["padding place bit"] += place
                    logic.update(indexed_table("window", steps, target))
        found += memory + Structure(dict(logic), 2 * width + 3 * address)
    return found


@structure.register
def _sequencer(part: SequencerParameters, target: Target) -> Structure:
    w = part.window
    rows, columns = w.output_size
    around = (len(w.steps), columns, rows)
    extents = (w.inner, *around) if w.varied else (w.inner, part.groups, w.slices, *around)
    loops = loop_bits(*extents)
    ahead = bits_of(max(-part.ahead_range[0], part.ahead_range[-1])) + 1
    credit = bits_of(part.depth) + 1
    across, down = part.advances
    tables = (down, across, w.releases, part.pieces)
    address = bits_of(w.depth - 1)
    places = 0
    if w.padded:
        places = bits_of(w.height + w.padding[0]) + bits_of(w.width + w.padding[1]) + 2
    logic: Counter[str] = Counter()
    for values in tables:
        logic.update(indexed_table("sequencer", values, target))
    logic.update(
        {
            "sequencer": 1,
            "loop": sum(extent > 1 for extent in extents),
            "ahead bit": ahead,
            "credit bit": credit,
            "origin bit": address * (1 + (rows > 1)),
            "place bit": places,
            "rest bit": bits_of(part.rest) + 1 if part.rest else 0,
            **loops,
        }
    )
    return Structure(dict(logic), loops.total() + ahead + credit + 2 * address + places + 4)


@structure.register
def _weights(part: WeightParameters, target: Target) -> Structure:
    depth = len(part.words)
    tables = (0, 0)
    if part.style != "block" and depth > 1:
        tables = words_luts(part.words, part.width, lut_inputs(target))
    return weights_structure(part.width, depth, part.style, tables, target)


def weights_structure(
    width: int, depth: int, style: str, tables: tuple[int, int], target: Target
) -> Structure:
    """Return the structure of a memory of weights.

    tables : look-up tables that hold it, and bits more that choose between them
    """
    if depth == 1:
        return Structure()
    counter = bits_of(depth - 1)
    logic: dict[str, float] = {"weight counter bit": counter}
    rams = block_rams(width, depth, target) if style == "block" else 0
    logic |= {"weight table": tables[0], "weight choice": tables[1]}
    return Structure(logic, counter + 4 + width, 0, rams)


@structure.register
def _maximum(part: MaximumParameters, target: Target) -> Structure:
    return Structure({"maximum bit": part.lanes * part.bits}, part.lanes * part.bits)


@structure.register
def _requantizer(part: RequantizerParameters, target: Target) -> Structure:
    x = part.x_shape.width
    by = max(m.bit_length() for m in part.multipliers)
    rows = -(-len(part.multipliers) // part.lanes)
    logic: dict[str, float] = {"requantizer": 1, "clamp bit": part.bits}
    ffs, dsps = x + part.bits + 6, 0.0
    scaled = x + by if part.scaled else x
    if part.shift:
        logic["rounding bit"] = max(0, scaled - part.shift)
    logic["clamp range bit"] = max(0, scaled - part.shift - part.bits)
    if part.scaled and all(m & (m - 1) == 0 for m in part.multipliers):
        logic["shift bit"] = x * bits_of(by - 1)
        ffs += x + by
    elif part.scaled:
        ffs += x + by
        blocks, left = inferred((x, part.x_shape.signed), (by, False), target)
        if not blocks and len(part.multipliers) == 1:
            ones = part.multipliers[0].bit_count()  # words that are added, two by an adder
            logic["constant product bit"] = x
            logic["carry save bit"] = x * max(0, ones - 2)
        else:
            logic["product bit"] = left
        dsps = blocks
        if rows > 1:
            logic["multiplier table"] = by * -(-rows // (1 << lut_inputs(target)))
    found = Structure(logic, ffs).times(part.lanes)
    return found + Structure(dsps=ceil(part.lanes * dsps))


@structure.register
def _narrow(part: NarrowParameters, target: Target) -> Structure:
    width = part.lanes_in * part.bits
    return Structure({"narrow": 1, "narrow bit": width}, width + 5)


@structure.register
def _widen(part: WidenParameters, target: Target) -> Structure:
    return Structure({"widen": 1}, part.lanes_out * part.bits + 5)
