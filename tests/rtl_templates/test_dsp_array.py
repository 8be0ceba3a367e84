"""Engines whose products come from DSP blocks, against loops over the definition: values under
stalls, and every clock without."""

import random
from dataclasses import replace

import pytest
from stream_bench import pack, unpack
from test_engine import array_case, check

from hwgen_rtl_templates.bias import BiasParameters
from hwgen_rtl_templates.dot_product import offset
from hwgen_rtl_templates.encodings import Ternary, TwosComplement
from hwgen_rtl_templates.engine import EngineParameters
from hwgen_rtl_templates.mac import MacParameters
from hwgen_rtl_templates.multiplier import DspBlocks, Multiplier, packed, shared
from hwgen_rtl_templates.weights import WeightParameters


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


def matrices(weights: WeightParameters):
    """Return the weights of each beat, (rows, columns)."""
    for word in weights.words:
        codes = unpack(word, weights.pe * weights.simd, weights.bits, False)
        beat = [weights.encoding.weight(code) for code in codes]
        yield [beat[n : n + weights.simd] for n in range(0, len(beat), weights.simd)]


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


def bias_of(engine: EngineParameters) -> BiasParameters:
    """Return the biases of an engine without what its encoding of the weights lacks."""
    path, pe = engine.datapath, engine.datapath.weights.pe
    biases = list(engine.bias.biases) if engine.bias else [0] * engine.channels
    groups = [g for g, fold in enumerate(path.folds) for _ in range(fold)]
    for group, beat in zip(groups, matrices(path.weights), strict=True):
        for m, row in enumerate(beat, group * pe):
            if m < engine.channels:
                biases[m] -= offset(path.weights.encoding, row, path.x_bits, path.x_signed)
    return BiasParameters(engine.channels, engine.lanes, 18, True, tuple(biases), 18, True)


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
