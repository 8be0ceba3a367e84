"""Engines whose products come from DSP blocks, against loops over the definition: values under
stalls, and every clock without."""

import random
from dataclasses import replace

import pytest

from hwgen_rtl_templates.encodings import Ternary, TwosComplement
from hwgen_rtl_templates.mac import MacParameters
from hwgen_rtl_templates.multiplier import DspBlocks, Multiplier, packed, shared
from hwgen_rtl_templates.weights import WeightParameters
from support.engines import array_case, bias_of, check, matrices
from support.stream_bench import pack


class Small(Multiplier):
    """A block of another size and latency."""

    latency, side = 2, 11


def stored(weights, rows):
    """Return weights, (rows, columns), as those that share a block are stored."""
    found = []
    for start in range(0, len(weights), rows):
        columns = zip(*weights[start : start + rows], strict=True)
        found += map(list, zip(*map(packed, columns), strict=True))
    return found


def in_blocks(datapath: MacParameters, kind: type[Multiplier], most: int) -> MacParameters:
    """Return the same array with products from blocks."""
    w = datapath.weights
    beats = list(matrices(w))
    found = [weight for beat in beats for row in beat for weight in row]
    ends = (min(0, *found), max(0, *found))
    p = shared(kind, datapath.x_bits, datapath.x_signed, ends, most)
    if p is None:
        return in_blocks(datapath, Multiplier, most)
    if kind.borrows(p):
        beats = [stored(beat, p.weights) for beat in beats]
    words = tuple(pack([n for row in beat for n in row], p.w_bits) for beat in beats)
    encoding = TwosComplement(p.w_bits, p.w_signed)
    return replace(
        datapath,
        weights=WeightParameters(w.pe, w.simd, encoding, words, w.style),
        blocks=DspBlocks(kind, p.weights),
    )


def dsp_case(seed: int):
    """Return an engine with DSP blocks, frames, and the results by definition."""
    rng = random.Random(seed)
    engine, frames, result = array_case(seed)
    kind, most = rng.choice((Multiplier, Multiplier, Small)), rng.choice((1, 2, 2, 3))
    datapath = in_blocks(engine.datapath, kind, most)
    return replace(engine, datapath=datapath, bias=bias_of(engine)), frames, result


@pytest.mark.parametrize("seed", range(16))
def test_engine(seed):
    check(dsp_case, seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2000, 2300))
def test_engine_at_length(seed):
    check(dsp_case, seed)


def test_cases_are_of_every_kind():
    """Blocks of one, two and three rows, with a rest and without, that borrow and that do not."""
    seen = set()
    for seed in range(16):
        datapath = dsp_case(seed)[0].datapath
        rows = datapath.blocks.rows
        seen |= {("rows", rows), ("rest", datapath.weights.pe % rows > 0)}
        seen.add(("signed", datapath.weights.encoding.signed, datapath.x_signed))
    assert {("rows", 1), ("rows", 2), ("rows", 3), ("rest", True), ("rest", False)} <= seen
    assert {("signed", a, b) for a in (True, False) for b in (True, False)} <= seen


def test_messages():
    weights = WeightParameters(2, 1, TwosComplement(4), (0,))
    with pytest.raises(ValueError, match="Rows that share a block must be 1 in a depthwise array"):
        MacParameters(weights, 4, True, 9, True, (1,), True, blocks=DspBlocks(Multiplier, 2))
    weights = replace(weights, encoding=Ternary())
    with pytest.raises(ValueError, match="must be written in two's complement .* not as Ternary"):
        MacParameters(weights, 4, True, 9, True, (1,), blocks=DspBlocks(Multiplier))
