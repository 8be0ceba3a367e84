"""Parts that streams run through: what they are made of, and what they do."""

__all__ = ["STREAM_PARTS", "fifo_structure", "fifo_work", "narrow_structure"]

from math import ceil

from hwgen.families.memories import block_rams
from hwgen.planning.estimate.epilogue_parts import EPILOGUES
from hwgen.planning.estimate.structure import Counted, Structure, bits_of, loop_bits, storage
from hwgen.planning.estimate.work import Work, no_work, stored
from hwgen.planning.lowering.dsp import inferred
from hwgen.targets import Target
from hwgen_rtl_templates.argmax import ArgMaxParameters
from hwgen_rtl_templates.axi import BorderParameters
from hwgen_rtl_templates.extreme import ExtremeParameters
from hwgen_rtl_templates.fifo import FifoParameters
from hwgen_rtl_templates.join import ConcatParameters, SumParameters
from hwgen_rtl_templates.product import ProductParameters
from hwgen_rtl_templates.replay import ReplayParameters
from hwgen_rtl_templates.running_maximum import RunningMaximumParameters
from hwgen_rtl_templates.streams import (
    ForkParameters,
    NarrowParameters,
    WidenParameters,
    range_shape,
)


def _border(part: BorderParameters, target: Target) -> Structure:
    counters = part.beat_bits + part.frame_bits
    flags = 1 if part.frames else 2 + (part.beats > 1)
    # twice one that only counts beats, which is what the coefficient was fitted to
    return Structure({"border": 2, "border counter bit": counters}, counters + flags)


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
    if part.epilogue:
        found += EPILOGUES[type(part.epilogue)].structure(part.epilogue, target)
    return found + fifo_structure(part.fifo, target)


def _sum_work(part: SumParameters, beats: int) -> Work:
    total = Work(adder_bits=part.tree.counts[0] * part.lanes * beats)
    if part.epilogue:
        total += EPILOGUES[type(part.epilogue)].work(part.epilogue, beats)
    return total + fifo_work(part.fifo, beats)


def _product(part: ProductParameters, target: Target) -> Structure:
    shapes = [range_shape(*ends) for ends in part.ranges]
    widths = [(shape.width, shape.signed) for shape in shapes]
    blocks, left = inferred(widths[0], widths[1], target)
    moved = sum(w for (w, _), off in zip(widths, part.offsets, strict=True) if off)
    logic: dict[str, float] = {"sum bit": moved}
    if not blocks:
        logic["product bit"] = left
    ffs = widths[0][0] + widths[1][0] + part.product_shape.width
    found = Structure(logic, ffs).times(part.lanes)
    found += Structure({"join": 1}, 9, ceil(part.lanes * blocks))
    if part.epilogue:
        found += EPILOGUES[type(part.epilogue)].structure(part.epilogue, target)
    return found + fifo_structure(part.fifo, target)


def _product_work(part: ProductParameters, beats: int) -> Work:
    a, b = (range_shape(*ends).width for ends in part.ranges)
    total = Work(product_bits=a * b * part.lanes * beats)
    if part.epilogue:
        total += EPILOGUES[type(part.epilogue)].work(part.epilogue, beats)
    return total + fifo_work(part.fifo, beats)


def _extreme(part: ExtremeParameters, target: Target) -> Structure:
    width = part.lanes * part.element[0]
    return Structure({"maximum bit": width}, width + 1)


def _extreme_work(part: ExtremeParameters, beats: int) -> Work:
    return Work(adder_bits=part.lanes * max(part.bits) * beats)


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


STREAM_PARTS: dict[type, Counted] = {
    BorderParameters: Counted(_border, no_work),
    ForkParameters: Counted(_fork, no_work),
    NarrowParameters: Counted(narrow_structure, no_work),
    WidenParameters: Counted(_widen, no_work),
    FifoParameters: Counted(fifo_structure, fifo_work),
    SumParameters: Counted(_sum, _sum_work),
    ConcatParameters: Counted(_concat, no_work),
    ProductParameters: Counted(_product, _product_work),
    ExtremeParameters: Counted(_extreme, _extreme_work),
    ReplayParameters: Counted(_replay, _replay_work),
    RunningMaximumParameters: Counted(_running_maximum, _running_maximum_work),
    ArgMaxParameters: Counted(_arg_max, _arg_max_work),
}
