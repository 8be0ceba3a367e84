"""Parts that streams run through: what they are made of, and what they do."""

__all__ = ["STREAM_PARTS", "fifo_structure", "fifo_work", "narrow_structure"]

from collections import Counter
from collections.abc import Sequence
from math import ceil

from hwgen.families.memories import block_rams
from hwgen.planning.estimate.epilogue_parts import EPILOGUES
from hwgen.planning.estimate.structure import (
    Counted,
    Structure,
    bits_of,
    indexed_table,
    loop_bits,
    storage,
)
from hwgen.planning.estimate.work import Work, no_work, stored
from hwgen.planning.lowering.dsp import inferred
from hwgen.targets import Target
from hwgen_rtl_templates.argmax import ArgMaxParameters
from hwgen_rtl_templates.axi import BorderParameters
from hwgen_rtl_templates.extreme import ExtremeParameters
from hwgen_rtl_templates.fifo import FifoParameters
from hwgen_rtl_templates.join import ConcatParameters, SumParameters
from hwgen_rtl_templates.patterns import Pattern
from hwgen_rtl_templates.position_scale import PositionScaleParameters
from hwgen_rtl_templates.product import ProductParameters
from hwgen_rtl_templates.rearrange import RearrangeParameters
from hwgen_rtl_templates.replay import ReplayParameters
from hwgen_rtl_templates.running_maximum import RunningMaximumParameters
from hwgen_rtl_templates.sift import SiftParameters
from hwgen_rtl_templates.streams import (
    ForkParameters,
    NarrowParameters,
    WidenParameters,
    range_shape,
)
from hwgen_rtl_templates.unrolled import UnrolledParameters
from hwgen_rtl_templates.words import PackParameters, UnpackParameters


def _border(part: BorderParameters, target: Target) -> Structure:
    counters = part.beat_bits + part.inputs * part.frame_bits
    flags = part.inputs if part.frames else 2 + (part.beats > 1)
    # twice one that only counts beats, which is what the coefficient was fitted to
    logic = {"border": 2, "border counter bit": counters, "border join": part.inputs - 1}
    return Structure(logic, counters + flags)


def _fork(part: ForkParameters, target: Target) -> Structure:
    return Structure({"fork branch": part.branches}, part.branches)


def narrow_structure(part: NarrowParameters, target: Target) -> Structure:
    width = part.lanes_in * part.bits
    return Structure({"narrow": 1, "narrow bit": width}, width + 5)


def _widen(part: WidenParameters, target: Target) -> Structure:
    return Structure({"widen": 1}, part.lanes_out * part.bits + 5)


def fifo_structure(part: FifoParameters, target: Target) -> Structure:
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


def fifo_work(part: FifoParameters, beats: int) -> Work:
    return stored(part.lanes * part.bits, part.depth, 2 * beats)


def _sum(part: SumParameters, target: Target) -> Structure:
    adders, ffs = part.tree.counts
    found = Structure({"join": 1, "sum bit": part.lanes * adders}, part.lanes * ffs + 8)
    for unit in part.behind:
        found += EPILOGUES[type(unit)].structure(unit, target)
    return found + fifo_structure(part.fifo, target)


def _sum_work(part: SumParameters, beats: int) -> Work:
    total = Work(adder_bits=part.tree.counts[0] * part.lanes * beats)
    for unit in part.behind:
        total += EPILOGUES[type(unit)].work(unit, beats)
    return total + fifo_work(part.fifo, beats)


def _product(part: ProductParameters, target: Target) -> Structure:
    shapes = [range_shape(*ends) for ends in part.ranges]
    widths = [(shape.width, shape.signed) for shape in shapes]
    blocks, left = inferred(widths[0], widths[1], target)
    moved = sum(w for (w, _), off in zip(widths, part.offsets, strict=True) if off)
    logic: dict[str, float] = {"sum bit": moved}
    if not blocks:
        logic["product bit"] = left
    ffs = widths[0][0] + widths[1][0] + part.result_shape.width
    found = Structure(logic, ffs).times(part.lanes)
    found += Structure({"join": 1}, 9, ceil(part.lanes * blocks))
    for unit in part.behind:
        found += EPILOGUES[type(unit)].structure(unit, target)
    return found + fifo_structure(part.fifo, target)


def _product_work(part: ProductParameters, beats: int) -> Work:
    a, b = (range_shape(*ends).width for ends in part.ranges)
    total = Work(product_bits=a * b * part.lanes * beats)
    for unit in part.behind:
        total += EPILOGUES[type(unit)].work(unit, beats)
    return total + fifo_work(part.fifo, beats)


def _extreme(part: ExtremeParameters, target: Target) -> Structure:
    width = part.lanes * part.element[0]
    return Structure({"extreme": 1, "extreme bit": width}, width + 1)


def _extreme_work(part: ExtremeParameters, beats: int) -> Work:
    return Work(adder_bits=part.lanes * max(part.bits) * beats)


def _position_scale(part: PositionScaleParameters, target: Target) -> Structure:
    width, x, lanes = part.result_shape.width, part.x_shape.width, part.lanes
    # of a narrow value synthesis adds a factor for each of its bits
    adders = min(part.summands, x) - 1
    loops = loop_bits(part.groups, len(part.columns), len(part.rows))
    logic = Counter({"join": 1, "summand bit": lanes * adders * width, **loops})
    logic["summand choice bit"] = lanes * part.chosen * x
    logic["sum bit"] = lanes * x * (part.offset != 0)
    for values in part.tables:
        logic.update(indexed_table("position", values, target))
    logic["position choice"] += part.factor_bits * (len(part.tables) - 2)
    held = lanes * (width + x) + part.factor_bits
    found = Structure(dict(logic), held + loops.total() + 9)
    for unit in part.behind:
        found += EPILOGUES[type(unit)].structure(unit, target)
    return found + fifo_structure(part.fifo, target)


def _position_scale_work(part: PositionScaleParameters, beats: int) -> Work:
    adders = part.summands - 1 + (part.offset != 0)
    total = Work(adder_bits=adders * part.result_shape.width * part.lanes * beats)
    for unit in part.behind:
        total += EPILOGUES[type(unit)].work(unit, beats)
    return total + fifo_work(part.fifo, beats)


def _replay(part: ReplayParameters, target: Target) -> Structure:
    width, words = part.lanes_in * part.bits, part.fresh
    if part.period == words:
        return Structure()
    loops = loop_bits(words, part.period // words)
    found = Structure({"join": 0.5, "join choice bit": width, **loops}, loops.total() + 1)
    if part.ring_style is None:
        return found + Structure(ffs=width * words)
    return found + storage(width, words, part.ring_style, target)


def _replay_work(part: ReplayParameters, beats: int) -> Work:
    return stored(part.lanes_in * part.bits, part.fresh, 2 * part.departures(beats))


def _concat(part: ConcatParameters, target: Target) -> Structure:
    width = part.lanes * part.bits
    logic = {"join": 1, "join choice bit": width * (len(part.channels) - 1)}
    return Structure(logic, 2 * bits_of(max(part.counts)))


def _arg_max(part: ArgMaxParameters, target: Target) -> Structure:
    counter = bits_of(part.count)
    logic = {"join": 1, "comparison bit": part.bits, "loop bit": counter}
    return Structure(logic, part.bits + 2 * counter + 2)


def _arg_max_work(part: ArgMaxParameters, beats: int) -> Work:
    return Work(adder_bits=part.bits * beats)


def _running_maximum(part: RunningMaximumParameters, target: Target) -> Structure:
    width = part.lanes * part.bits
    (high, wide), spare = part.kernel, part.height % part.kernel[0]
    columns = part.width if part.width % wide else part.columns
    loops = loop_bits(part.groups, high, wide, columns, part.height if spare else 1)
    joins = (part.across > 0) + (part.down > 0)
    # what is compared is chosen as well
    logic = {"join": 1, "maximum bit": joins * width, "join choice bit": joins * width, **loops}
    found = Structure(logic, loops.total())
    found += Structure(ffs=width + 1) if part.depth == 1 else fifo_structure(part.fifo, target)
    for words, style in part.memories:
        if style is None:
            found += Structure(ffs=width * words)
        else:
            ring = loop_bits(words)
            found += storage(width, words, style, target) + Structure(ring, ring.total())
    return found


def _running_maximum_work(part: RunningMaximumParameters, beats: int) -> Work:
    width = part.lanes * part.bits
    found = Work(adder_bits=width * beats * ((part.across > 0) + (part.down > 0)))
    for words in filter(None, (part.across, part.down)):
        found += stored(width, words, 2 * beats)
    return found if part.depth == 1 else found + fifo_work(part.fifo, part.departures(beats))


def _patterns(patterns: Sequence[Pattern], extents: Sequence[int], target: Target) -> Structure:
    """Return the structure of loops, and of what is looked up where they are."""
    if not any(pattern.axes for pattern in patterns):
        return Structure()
    loops = loop_bits(*extents)
    logic = Counter({"loop": sum(extent > 1 for extent in extents), **loops})
    for pattern in patterns:
        for values in pattern.tables:
            logic.update(indexed_table("sequencer", values, target))
    return Structure(dict(logic), loops.total())


def _sift(part: SiftParameters, target: Target) -> Structure:
    if part.wires:
        return Structure()
    constants = part.patterns[2].axes
    logic = {"join choice bit": part.lanes * part.bits * bool(constants)}
    logic["sift"] = 1
    found = Structure(logic, part.leads) + _patterns(part.patterns, part.extents, target)
    return found + fifo_structure(part.fifo, target) if part.fifo else found


def _sift_work(part: SiftParameters, beats: int) -> Work:
    return fifo_work(part.fifo, part.departures(beats)) if part.fifo else no_work(part, beats)


def _rearrange(part: RearrangeParameters, target: Target) -> Structure:
    width, place = part.word * part.bits, bits_of(part.memory - 1)
    ahead = bits_of(max(-part.ahead_range[0], part.ahead_range[-1])) + 1
    credit = bits_of(part.depth) + 1
    logic = {
        "sequencer": 1,
        "rearrange": 1,
        "ahead bit": ahead + place + 1,  # the room is counted as well
        "credit bit": credit + 4,  # and what joins the conditions to go, take and return
        "origin bit": 2 * place,
        "join choice bit": part.lanes * part.bits * bool(part.constants.axes),
    }
    held = 0 if part.style == "block" else width  # what a memory of LUTs gives
    found = Structure(logic, ahead + 3 * place + credit + 2 + held)
    found += storage(width, part.memory, part.style, target)
    return (
        found + _patterns(part.patterns, part.extents, target) + fifo_structure(part.fifo, target)
    )


def _rearrange_work(part: RearrangeParameters, beats: int) -> Work:
    width, count = part.word * part.bits, part.departures(beats)
    return stored(width, part.memory, beats + count) + fifo_work(part.fifo, count)


def _unrolled(part: UnrolledParameters, target: Target) -> Structure:
    logic = {"constant adder bit": part.adder_bits, "clamp bit": part.chosen_bits}
    found = Structure({**logic, "stage": part.latency}, part.registers)
    for entries in part.tables:
        found += Structure(indexed_table("function", entries, target))
    return found


def _unrolled_work(part: UnrolledParameters, beats: int) -> Work:
    return Work(adder_bits=part.adder_bits * beats)


def _regrouped(part: PackParameters | UnpackParameters, target: Target) -> Structure:
    if part.wires:
        return Structure()
    width, places = max(part.width, *part.chunks), len(part.offsets)
    logic = {"narrow": 1, "narrow bit": width, "join choice bit": width * (places - 1)}
    return Structure(logic, width + max(part.offsets) + 5)


STREAM_PARTS: dict[type, Counted] = {
    BorderParameters: Counted(_border, no_work),
    ForkParameters: Counted(_fork, no_work),
    NarrowParameters: Counted(narrow_structure, no_work),
    WidenParameters: Counted(_widen, no_work),
    PackParameters: Counted(_regrouped, no_work),
    UnpackParameters: Counted(_regrouped, no_work),
    FifoParameters: Counted(fifo_structure, fifo_work),
    SumParameters: Counted(_sum, _sum_work),
    PositionScaleParameters: Counted(_position_scale, _position_scale_work),
    ConcatParameters: Counted(_concat, no_work),
    ProductParameters: Counted(_product, _product_work),
    ExtremeParameters: Counted(_extreme, _extreme_work),
    ReplayParameters: Counted(_replay, _replay_work),
    RunningMaximumParameters: Counted(_running_maximum, _running_maximum_work),
    ArgMaxParameters: Counted(_arg_max, _arg_max_work),
    SiftParameters: Counted(_sift, _sift_work),
    RearrangeParameters: Counted(_rearrange, _rearrange_work),
    UnrolledParameters: Counted(_unrolled, _unrolled_work),
}
