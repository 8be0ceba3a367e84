"""Constant datapaths of layers: the adder graph of a layer's weights, and what it computes with."""

__all__ = ["constant_array", "may_be_constant"]

from functools import lru_cache

import numpy as np

from hwgen.planning.encodings import x_range_of
from hwgen.planning.folding import Folding
from hwgen.planning.layers import Layer
from rtl_templates.adder_graph import AdderGraph
from rtl_templates.bit_serial import BitSerialParameters
from rtl_templates.constant import ConstantParameters
from rtl_templates.constant_array import ConstantArrayParameters
from rtl_templates.window import WindowParameters

STARTS = 3  # runs of the solver, of which the best counts
LEVELS = 1  # adders between two registers


def may_be_constant(layer: Layer) -> bool:
    """Say whether the weights of a layer can be wired into adders: those of one matrix."""
    return layer.weight is not None and layer.groups == 1


def constant_array(
    layer: Layer, folding: Folding, window: WindowParameters, bits: int, is_signed: bool
) -> ConstantArrayParameters:
    """Return the constant array of a layer: whole words at once, or `folding.serial` bits a clock.

    bits, is_signed : of an output
    """
    assert layer.weight is not None
    matrix = layer.weight.reshape(layer.outputs, -1).T
    x_range = x_range_of(layer, window)
    graph = _graph(matrix.tobytes(), matrix.shape, *x_range)
    shape = (graph, window.bits, window.signed, bits, is_signed)
    values: ConstantParameters | BitSerialParameters
    if folding.serial:
        values = BitSerialParameters(*shape, folding.serial, x_range=x_range)
    else:
        values = ConstantParameters(*shape, LEVELS, x_range=x_range)
    return ConstantArrayParameters(values, folding.simd)


@lru_cache(maxsize=64)  # of a layer, all foldings have the same
def _graph(matrix: bytes, shape: tuple[int, int], low: int, high: int) -> AdderGraph:
    from hwgen.planning.adder_graphs import solve  # numba, which most plans do without

    weights = np.frombuffer(matrix, dtype=np.int64).reshape(shape)
    return solve(weights, [low] * shape[0], [high] * shape[0], starts=STARTS)
