"""What follows sums: what it is made of, and what it does."""

__all__ = ["EPILOGUES"]

from functools import lru_cache
from math import ceil

from hwgen.families.cells import lut_inputs
from hwgen.families.memories import block_rams
from hwgen.planning.estimate.lookup_tables import function_luts, words_luts
from hwgen.planning.estimate.structure import Counted, Structure, bits_of, held_table, loop_bits
from hwgen.planning.estimate.work import Work, stored
from hwgen.planning.lowering.dsp import inferred
from hwgen.targets import Target
from hwgen_rtl_templates.affine_thresholds import AffineThresholdParameters
from hwgen_rtl_templates.bias import BiasParameters
from hwgen_rtl_templates.function_table import FunctionTableParameters
from hwgen_rtl_templates.requantize import RequantizerParameters
from hwgen_rtl_templates.threshold import ThresholdParameters


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


def _bias_work(part: BiasParameters, beats: int) -> Work:
    return Work(adder_bits=part.lanes * part.bits * beats)


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


def _thresholds_work(part: ThresholdParameters, beats: int) -> Work:
    comparisons = part.steps.bit_length()
    return Work(adder_bits=part.lanes * comparisons * part.x_shape.width * beats)


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
        if lane.below_zero:
            found += held_table(lane.offsets_below_zero, target)
            logic["turned bit"] += lane.first_bits if part.beats > 1 else 0
        if lane.saturates:
            logic["saturation bit"] = lane.first_bits - rest[0] + levels
            ffs += levels
        found += Structure(logic, ffs)
    return found


def _affine_thresholds_work(part: AffineThresholdParameters, beats: int) -> Work:
    return Work(adder_bits=sum(lane.adder_bits for lane in part.each_lane) * beats)


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
        if part.x_zero_point:
            logic["sum bit"] = x
    if part.rests:
        left = max(1, scaled - part.shift) + 1
        shifts = bits_of(max(part.rests)) if len(part.rests) > 1 else 0
        logic["second rounding bit"] = left
        logic["second shift bit"] = left * shifts
        logic["clamp range bit"] = max(0, left - min(part.rests) - part.bits)
        ffs += left
    found = Structure(logic, ffs).times(part.lanes)
    return found + Structure(dsps=ceil(part.lanes * dsps))


def _requantizer_work(part: RequantizerParameters, beats: int) -> Work:
    x = part.x_shape.width
    by = max(m.bit_length() for m in part.multipliers) if part.scaled else 0
    multiplied = any(m & (m - 1) for m in part.multipliers)
    rounded, clamped = x + by, 2 * part.bits
    element = Work(rounded + clamped, x * by if multiplied else 0)
    return element * (part.lanes * beats)


def _function_table(part: FunctionTableParameters, target: Target) -> Structure:
    loop = loop_bits(part.beats)
    found = Structure(loop, loop.total() + part.latency)
    for lane in range(part.lanes):
        if part.style == "block":
            blocks = block_rams(part.bits, part.depth, target)
            found += Structure(ffs=part.bits, block_rams=blocks)
        else:
            mask = (1 << part.bits) - 1
            words = tuple(entry & mask for entry in part.words(lane))
            found += Structure(_entry_luts(words, part.bits, lut_inputs(target)), part.bits)
    return found


@lru_cache(maxsize=1024)  # of all lanes, mostly
def _entry_luts(words: tuple[int, ...], width: int, inputs: int) -> dict[str, float]:
    tables, choices = function_luts(words, width, inputs)
    return {"function table": tables, "function choice": choices}


def _function_table_work(part: FunctionTableParameters, beats: int) -> Work:
    return stored(part.bits, part.depth, part.lanes * beats)


EPILOGUES: dict[type, Counted] = {
    BiasParameters: Counted(_bias, _bias_work),
    ThresholdParameters: Counted(_thresholds, _thresholds_work),
    AffineThresholdParameters: Counted(_affine_thresholds, _affine_thresholds_work),
    RequantizerParameters: Counted(_requantizer, _requantizer_work),
    FunctionTableParameters: Counted(_function_table, _function_table_work),
}
