"""Engines whose weights are wired into adders, against loops over the definition: values under
stalls, and every clock without."""

import random

import pytest

from hwgen_rtl_templates.adder_graph import Adder, AdderGraph, Tap
from hwgen_rtl_templates.bias import BiasParameters
from hwgen_rtl_templates.bit_serial import BitSerialParameters
from hwgen_rtl_templates.constant import ConstantParameters
from hwgen_rtl_templates.constant_array import ConstantArrayParameters
from hwgen_rtl_templates.engine import EngineParameters
from hwgen_rtl_templates.window import WindowParameters
from support.engines import check, dot_products, random_frames, random_window
from support.selection import some


def chained(weights):
    """Return a graph of the plainest kind: each output its inputs' multiples, one by one."""
    inputs = len(weights[0])
    adders, taps = [], []
    for row in weights:
        total = None
        for n, w in enumerate(row):
            for bit in range(abs(w).bit_length()):
                if not abs(w) >> bit & 1:
                    continue
                if total is None:  # 2**bit * x, from x - x and what follows
                    adders.append(Adder(n, n, 0, True))
                    total = inputs + len(adders) - 1
                adders.append(Adder(total, n, bit, w < 0))
                total = inputs + len(adders) - 1
        taps.append(Tap(total))
    return AdderGraph(inputs, tuple(adders), tuple(taps))


def constant_case(seed: int):
    """Return an engine with a constant array, frames, and the results by definition."""
    rng = random.Random(seed)
    shape = random_window(rng)
    channels, outputs = shape["channels"], rng.randint(1, 4)
    k = shape["kernel"][0] * shape["kernel"][1] * channels
    simd = rng.choice((1, k, rng.randint(1, k)))
    pad = rng.randint(0, (1 << (shape["bits"] - shape["signed"])) - 1)
    window = WindowParameters(**shape, lanes=simd, pad_value=pad)
    weights = [[rng.choice((0, 0, 1, -1, 2, 3, -5)) for _ in range(k)] for _ in range(outputs)]
    shared = (chained(weights), shape["bits"], shape["signed"], 18, True)
    digit = rng.choice((0, 0, 1, 1, 2, 4))
    values = BitSerialParameters(*shared, digit) if digit else ConstantParameters(*shared, 2)
    path = ConstantArrayParameters(values, simd)
    clocks = min(window.folds) + path.rest
    lanes = rng.choice([n for n in range(1, outputs + 1) if -(-outputs // n) <= clocks])
    bias = tuple(rng.randint(-50, 50) for _ in range(outputs))
    added = BiasParameters(outputs, lanes, 18, True, bias, 18, True)
    engine = EngineParameters(window, path, outputs, lanes, None, outputs, added)
    return engine, random_frames(rng, shape), dot_products(shape, weights, bias, pad)


@pytest.mark.parametrize("seed", some(range(12), (0, 1, 2, 7)))
def test_engine(seed):
    check(constant_case, seed)


@pytest.mark.parametrize("seed", some(range(4000, 4100), (4013,)))  # it rests between windows
def test_engine_at_length(seed):
    check(constant_case, seed)
