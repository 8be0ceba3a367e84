"""Engines with other arrays than adders alone: products in DSP blocks, sums by entry of a book."""

import random
from collections import Counter
from dataclasses import replace

from hwgen_rtl_templates.bias import BiasParameters
from hwgen_rtl_templates.encodings import Booth, Codebook, PowersOfTwo, Radix4, TwosComplement
from hwgen_rtl_templates.mac import Banks, MacParameters
from hwgen_rtl_templates.multiplier import DspBlocks, Multiplier, packed, shared
from hwgen_rtl_templates.weights import WeightParameters
from support.engines import array_case, bias_of, matrices
from support.stream_bench import pack

INNER = (TwosComplement(5), Booth(6), Radix4(7), PowersOfTwo(most=3, terms=2))


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


def in_banks(path: MacParameters, inner) -> MacParameters:
    """Return the same array with registers for the entries, no wider than they must be."""
    beats = list(matrices(path.weights))
    book = tuple(sorted({w for beat in beats for row in beat for w in row}))
    span = (1 << path.x_bits) - 1
    starts = [sum(path.folds[:n]) for n in range(len(path.folds))]
    single, joint = Counter(), Counter()
    for group, (start, fold) in enumerate(zip(starts, path.folds, strict=True)):
        for beat in beats[start : start + fold]:
            for m, row in enumerate(beat):
                for column, w in enumerate(row):
                    single[group, m, column, w] += w != 0
                    joint[group, m, w] += w != 0
    banks = Banks(
        max(1, (max(single.values()) * span).bit_length()),
        max(1, (max(joint.values()) * span).bit_length()),
    )
    index = max(1, (len(book) - 1).bit_length())
    encoding = Codebook(index, inner, book)
    words = tuple(pack([encoding.code(w) for row in beat for w in row], index) for beat in beats)
    weights = replace(path.weights, encoding=encoding, words=words)
    return replace(path, weights=weights, banks=banks)


def biased(bias: BiasParameters, path: MacParameters) -> BiasParameters:
    """Return biases, with what an array with banks leaves to be added."""
    book, pe = path.weights.encoding, path.weights.pe
    least = -(1 << (path.x_bits - 1)) if path.x_signed else 0
    excess = sum(book.inner.excess(code, path.banks.total) for code in book.book)
    biases = [n - excess for n in bias.biases]
    groups = [g for g, fold in enumerate(path.folds) for _ in range(fold)]
    for group, beat in zip(groups, matrices(path.weights), strict=True):
        for m, row in enumerate(beat, group * pe):
            if m < bias.channels:
                biases[m] += sum(row) * least
    return replace(bias, biases=tuple(biases))


def pasm_case(seed: int):
    """Return an engine with banks, frames, and the results by definition."""
    rng = random.Random(seed)
    engine, frames, result = array_case(seed)
    path = in_banks(engine.datapath, rng.choice(INNER))
    return replace(engine, datapath=path, bias=biased(bias_of(engine), path)), frames, result
