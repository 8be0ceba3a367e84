"""Functions of one value: of the 256 integers of int8 each is a table, by enumeration.

Source: TensorFlow Lite's reference kernels, and gemmlowp's fixed point of 16 bits for HARD_SWISH;
each is held to LiteRT in the tests.
"""

__all__ = ["INTEGERS", "TABLES", "add_table"]

import math
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from hwgen.formats import Fixed
from hwgen.importers.tflite.arithmetic import of_15_bits, quantized_multiplier, rescaled
from hwgen.importers.tflite.builder import Builder, Refusal
from hwgen.importers.tflite.file import TfliteOperator
from hwgen.importers.tflite.settings import Convert
from hwgen.network import Table
from hwgen.network.ops import IntArray

INTEGERS = np.arange(-128, 128)
Reals = npt.NDArray[np.float32]


def add_table(builder: Builder, operator: TfliteOperator, x: int, rows: IntArray) -> None:
    """Add the table that gives an operator's output from one input.

    Parameters
    ----------
    rows : (1, 256) or (channels, 256), of the integers of int8; what is outside is clamped
    """
    (out,) = operator.outputs
    if {builder.format(n) for n in (x, out)} != {Fixed(8)}:
        raise Refusal(f"a {operator.kind} of {builder.tensor(x).type}", "quantize to int8")
    grid = np.array([builder.scale(out)]), builder.zero_point(out)
    table = Table(np.clip(rows, -128, 127), Fixed(8), *grid, lo=-128)
    builder.finish(operator, table, [builder.value(x)])


def _looked_up(function: Callable[[Reals], Reals]) -> Convert:
    """Return what adds a function that the reference computes in float32, once for each integer."""

    def convert(builder: Builder, operator: TfliteOperator) -> None:
        (x,), (out,) = operator.inputs, operator.outputs
        inverse = np.float32(1) / np.float32(builder.scale(out))
        real = np.float32(builder.scale(x)) * (INTEGERS - builder.zero_point(x)).astype(np.float32)
        scaled = function(real) * inverse
        rounded = np.copysign(np.floor(np.abs(scaled.astype(np.float64)) + 0.5), scaled)
        y = rounded.astype(np.float32) + np.float32(builder.zero_point(out))
        add_table(builder, operator, x, y.clip(-128, 127).astype(np.int64)[None])

    return convert


def _float32(
    function: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]],
) -> Callable[[Reals], Reals]:
    """Return a function of float32, rounded from float64 as C libraries do."""
    return lambda x: function(x.astype(np.float64)).astype(np.float32)


def _logistic(x: Reals) -> Reals:
    one = np.float32(1)
    with np.errstate(over="ignore"):
        result: Reals = one / (one + _float32(np.exp)(-x))
    return result


def _leaky_relu(builder: Builder, operator: TfliteOperator) -> None:
    (x,), (out,) = operator.inputs, operator.outputs
    one, other = (np.float32(builder.scale(n)) for n in (x, out))
    alpha = np.float32(operator.options.get("Alpha", 0.0))
    if not alpha >= 0 or not math.isfinite(alpha):
        raise Refusal(f"a LEAKY_RELU of slope {alpha}", "use a slope of at least 0")
    above = INTEGERS - builder.zero_point(x)
    scaled = [rescaled(above, float(real)) for real in (one / other, one * alpha / other)]
    y = builder.zero_point(out) + np.where(above >= 0, *scaled)
    add_table(builder, operator, x, y[None])


def _product16(a: IntArray, b: int | IntArray, nudged: bool = True) -> IntArray:
    """Return a * b / 2**15 of 16 bits, rounded half away from zero or towards zero; saturates."""
    product = a * b
    if nudged:
        product = product + np.where(product >= 0, 1 << 14, 1 - (1 << 14))
    result: IntArray = np.minimum(np.sign(product) * (np.abs(product) >> 15), (1 << 15) - 1)
    return result


def _shifted16(x: IntArray, by: int) -> IntArray:
    """Return x * 2**by of 16 bits: saturated, or rounded half away from zero."""
    half = (1 << -min(by, 0)) >> 1
    rounded = np.sign(x) * ((np.abs(x) + half) >> -min(by, 0))
    result: IntArray = np.clip(rounded << max(by, 0), -(1 << 15), (1 << 15) - 1)
    return result


def _of_16_bits(real: np.float32) -> tuple[int, int]:
    """Return (multiplier, exponent): real = multiplier / 2**15 * 2**exponent."""
    multiplier, shift = of_15_bits(*quantized_multiplier(float(real)))
    return multiplier, 15 - shift


def _hard_swish(builder: Builder, operator: TfliteOperator) -> None:
    (x,), (out,) = operator.inputs, operator.outputs
    fine = np.float32(1 / 128) * np.float32(builder.scale(x))
    by, exponent = _of_16_bits(fine / np.float32(builder.scale(out)))
    gate_by, gate_exponent = _of_16_bits(fine / (np.float32(3) / np.float32(32768)))
    if not -31 <= exponent <= 0 or not -31 <= gate_exponent <= 31:
        raise Refusal("a HARD_SWISH of scales that are too far apart")
    value = (INTEGERS - builder.zero_point(x)) << 7
    gate = _shifted16(value, max(gate_exponent - 1, 0))
    gate = _product16(gate, gate_by)
    gate = _shifted16(gate, min(gate_exponent, 1))
    gate = (gate + (1 << 15)) >> 1
    y = _shifted16(_product16(gate, _product16(value, by), nudged=False), exponent)
    add_table(builder, operator, x, (y + builder.zero_point(out))[None])


TABLES: Mapping[str, Convert] = {
    "LOGISTIC": _looked_up(_logistic),
    "TANH": _looked_up(_float32(np.tanh)),
    "LEAKY_RELU": _leaky_relu,
    "HARD_SWISH": _hard_swish,
}
