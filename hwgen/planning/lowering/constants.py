"""Constant datapaths of layers: the adder graph of a layer's weights, and what it computes with."""

__all__ = [
    "DIGITS",
    "adder_graph",
    "constant_array",
    "least_adders",
    "least_constant",
    "levels_within",
    "may_be_constant",
]

from functools import lru_cache

import numpy as np

from hwgen.families import family_of
from hwgen.formats import bits_for
from hwgen.network.fields import IntArray
from hwgen.planning.estimate.resources import Resources, adder_bit_luts, serial_sum_luts
from hwgen.planning.layers.dot_output import dot_output_of
from hwgen.planning.layers.layer import Layer
from hwgen.planning.lowering.encodings import x_range_of
from hwgen.targets import Target
from hwgen_rtl_templates.adder_graph import AdderGraph
from hwgen_rtl_templates.bit_serial import BitSerialParameters
from hwgen_rtl_templates.constant import ConstantParameters
from hwgen_rtl_templates.constant_array import ConstantArrayParameters
from hwgen_rtl_templates.window import WindowParameters

STARTS = 3  # runs of the solver, of which the best counts
DIGITS = (1, 2, 4)  # bits that serial adders may take a clock
LARGE = 4096  # weights other than zero, above which no matrix is solved unless it is asked for
SHARE = 0.75  # of a clock that adders may take; a design is given the rest


def may_be_constant(layer: Layer, *, large: bool) -> bool:
    """Say whether the weights of a layer can be wired into adders: those of one matrix, also of a
    large one if that is wanted."""
    if layer.weight is None or layer.groups > 1:
        return False
    return large or int(np.count_nonzero(layer.weight)) <= LARGE


def levels_within(clock_hz: int, target: Target) -> int:
    """Return how many adders may stand one behind the other within a clock."""
    logic = family_of(target).logic
    known = logic.adder_ns_of.get(target.device) or logic.adder_ns
    if known is None:
        return 1
    first, further = known
    return max(1, 1 + int((SHARE * 1e9 / clock_hz - first) / further))


def least_constant(layer: Layer, digit: int, target: Target) -> Resources:
    """Return what a layer's weights take at the least when they are wired into adders.

    Outputs that differ by more than a shift and a sign take an adder each, one of n inputs takes
    n - 1, and each adder is as wide as an input. Each output is held in registers, and where bits
    enter one after the other the inputs are as well, and each adder's sum and carry.

    Parameters
    ----------
    digit : bits that enter a clock, 0 where whole words do
    """
    adders, held = _least_adders(layer), _least_held(layer)
    bits, _ = bits_for(layer.x.lo, layer.x.hi)
    if digit:
        ffs = held + layer.inputs * bits + adders * (digit + 1)
        return Resources(serial_sum_luts(digit, target) * adders, ffs)
    if max(map(abs, layer.values)) >> bits:
        return Resources(0, held)  # inputs side by side are a sum without an adder
    return Resources(adder_bit_luts(target) * bits * adders, held)


@lru_cache(maxsize=64)
def _least_held(layer: Layer) -> int:
    """Return the bits that all outputs have together, without those that a shift makes zero."""
    assert layer.weight is not None
    weight = layer.weight.reshape(layer.outputs, -1)
    x_lo, x_hi = min(0, layer.x.lo), max(0, layer.x.hi)
    found, most = 0, dot_output_of(layer).shape[0]
    for row in weight[weight.any(axis=1)]:
        above, below = int(row[row > 0].sum()), int(row[row < 0].sum())
        width, _ = bits_for(above * x_lo + below * x_hi, above * x_hi + below * x_lo)
        shared = int(np.bitwise_or.reduce(np.abs(row)))
        found += max(0, min(width, most) - (shared & -shared).bit_length() + 1)
    return found


@lru_cache(maxsize=64)  # all foldings of a layer have the same
def _least_adders(layer: Layer) -> int:
    assert layer.weight is not None
    return least_adders(layer.weight.reshape(layer.outputs, -1))


def least_adders(weight: IntArray) -> int:
    """Return the adders that a graph of a matrix, (outputs, inputs), has at the least.

    Outputs that differ by more than a shift and a sign take one each, and one of n inputs takes
    n - 1. Beyond that, of m outputs one of d signed digits, or of so many beside another one, is
    taken to share sums of at most 1.5 + log2(m) / 2 digits with others; of 2 + log2(m) where the
    outputs are made of few sums. That is no theorem: it is what the solver stays above, on
    matrices of all kinds (`test_bounds.py`).
    """
    rows: dict[bytes, IntArray] = {}
    for row in weight[np.count_nonzero(weight, axis=1) > 0]:
        bits = int(np.bitwise_or.reduce(np.abs(row)))
        row = row // (bits & -bits) * int(np.sign(row[np.flatnonzero(row)[0]]))
        if np.abs(row).sum() > 1:
            rows[row.tobytes()] = row
    most = int(np.count_nonzero(weight, axis=1).max(initial=0)) - 1
    if not rows:
        return most
    matrix = np.array(list(rows.values()))
    few = 2 * np.linalg.matrix_rank(matrix) < min(matrix.shape)
    shared = (2 + np.log2(len(matrix))) / (1 if few else 2) + (0 if few else 0.5)
    found = 0
    for n, row in enumerate(matrix):
        nearest = int(_digits(row).sum())
        for by in (1, -1) if n else ():
            nearest = min(nearest, int(_digits(row + by * matrix[:n]).sum(axis=1).min()))
        found += max(1, int(nearest / shared))
    return max(found, most)


def _digits(values: IntArray) -> IntArray:
    """Return how many signed digits each value has: NAF, Reitwiesner 1960."""
    magnitude = np.abs(values)
    found: IntArray = np.bitwise_count(magnitude ^ 3 * magnitude).astype(np.int64)
    return found


def constant_array(
    layer: Layer, simd: int, window: WindowParameters, *, levels: int = 0, digit: int = 0
) -> ConstantArrayParameters:
    """Return the constant array of a layer.

    Parameters
    ----------
    simd : elements of a beat
    levels : adders between two registers, where whole words enter at once
    digit : bits that enter a clock, where they enter one after the other
    """
    assert layer.weight is not None
    matrix = layer.weight.reshape(layer.outputs, -1).T
    shape = (window.bits, window.signed, *dot_output_of(layer).shape)
    x_range = x_range_of(layer, window)
    values = _values(levels, digit, matrix.tobytes(), matrix.shape, shape, x_range)
    return ConstantArrayParameters(values, simd)


@lru_cache(maxsize=64)  # all ways to compute with a matrix have the same
def adder_graph(
    matrix: bytes, size: tuple[int, int], lows: tuple[int, ...], highs: tuple[int, ...]
) -> AdderGraph:
    """Return the adders of a matrix, (inputs, outputs), for inputs of these ranges.

    Parameters
    ----------
    matrix : its int64 as they lie in memory
    """
    from hwgen.planning.lowering.adder_graphs import solve  # numba, which most plans do without

    weights = np.frombuffer(matrix, dtype=np.int64).reshape(size)
    return solve(weights, lows, highs, starts=STARTS)


@lru_cache(maxsize=256)  # of a layer, all columns have the same
def _values(
    levels: int,
    digit: int,
    matrix: bytes,
    size: tuple[int, int],
    shape: tuple[int, bool, int, bool],
    x_range: tuple[int, int],
) -> ConstantParameters | BitSerialParameters:
    lows, highs = ((end,) * size[0] for end in x_range)
    graph = adder_graph(matrix, size, lows, highs)
    if digit:
        return BitSerialParameters(graph, *shape, digit, x_range=x_range)
    return ConstantParameters(graph, *shape, levels, x_range=x_range)
