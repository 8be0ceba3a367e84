"""Engines that sum up inputs by their weight's entry, against loops over the definition: values
under stalls, and every clock without; and what the arrays are made of."""

import random
from collections import Counter
from dataclasses import replace

import pytest

from hwgen_rtl_templates.bias import BiasParameters
from hwgen_rtl_templates.encodings import Booth, Codebook, PowersOfTwo, Radix4, TwosComplement
from hwgen_rtl_templates.mac import Banks, MacParameters
from hwgen_rtl_templates.weights import WeightParameters
from support.engines import array_case, bias_of, check, check_full_rate, matrices
from support.stream_bench import pack

INNER = (TwosComplement(5), Booth(6), Radix4(7), PowersOfTwo(most=3, terms=2))


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


SEEDS = (*range(10), 31)  # the last has one column


@pytest.mark.parametrize("seed", SEEDS)
def test_engine(seed):
    check(pasm_case, seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3000, 3300))
def test_engine_at_length(seed):
    check(pasm_case, seed)


@pytest.mark.parametrize("seed", range(60))
def test_no_clock_is_idle_at_full_rate(seed):
    check_full_rate(pasm_case(seed)[0], f"seed {seed}")


def test_cases_are_of_every_kind():
    seen = set()
    for seed in SEEDS:
        path = pasm_case(seed)[0].datapath
        seen |= {("signed", path.x_signed), ("columns", path.weights.simd > 1)}
        seen |= {("narrow", path.banks.bits < path.x_bits + 2), ("book", path.rest > 4)}
        seen.add(("beats", max(path.folds) > 1))
    assert len(seen) == 10


def test_messages():
    weights = WeightParameters(2, 1, TwosComplement(4), (0,))
    with pytest.raises(ValueError, match="must be indices into a book .* not TwosComplement"):
        MacParameters(weights, 4, True, 9, True, (1,), banks=Banks(4, 4))
