"""TFLite's integer arithmetic, where it turns real numbers into integers.

Source: TensorFlow Lite's reference kernels (`QuantizeMultiplier`, `CalculateActivationRange`) and
the quantization specification; each is held to LiteRT in the tests.
"""

__all__ = [
    "NONE",
    "SAME",
    "activation_range",
    "of_15_bits",
    "quantized_multiplier",
    "rescaled",
    "rounded_product_thresholds",
    "same_padding",
]

import math

import numpy as np

from hwgen.errors import StoreError
from hwgen.network.ops import IntArray

SAME = 0  # of `Padding`
NONE, RELU, RELU_N1_TO_1, RELU6 = range(4)  # of `ActivationFunctionType`
CLAMPS: dict[int, tuple[float, float]] = {
    NONE: (-math.inf, math.inf),
    RELU: (0.0, math.inf),
    RELU_N1_TO_1: (-1.0, 1.0),
    RELU6: (0.0, 6.0),
}
Interval = tuple[int, int]


def quantized_multiplier(real: float) -> tuple[int, int]:
    """Return (multiplier, shift): real = multiplier / 2**shift, of 31 bits.

    A real too small to count gives the smallest there is.
    """
    if real == 0:
        return 1, 62
    fraction, exponent = math.frexp(real)
    q = math.floor(fraction * 2**31 + 0.5)
    if q == 1 << 31:
        q, exponent = q >> 1, exponent + 1
    if exponent < -31:
        return 1, 62
    return q, 31 - exponent


def of_15_bits(multiplier: int, shift: int) -> tuple[int, int]:
    """Return a multiplier of 31 bits with 15, and its shift: for accumulators of 64 bits."""
    return min((multiplier + (1 << 15)) >> 16, (1 << 15) - 1), shift - 16


def rescaled(x: IntArray, real: float) -> IntArray:
    """Return x * real, rounded as `Requantize` does by "double".

    Parameters
    ----------
    x : of magnitudes below 2**31
    """
    multiplier, shift = quantized_multiplier(real)
    if shift < 0:
        raise StoreError("scales are too far apart")
    first = min(shift, 31)
    high = (x * multiplier + ((1 << first) >> 1)) >> first
    half, rest = (1 << (shift - first)) >> 1, shift - first
    result: IntArray = np.sign(high) * ((np.abs(high) + half) >> rest)
    return result


def activation_range(function: int, scale: float, zero_point: int, ends: Interval) -> Interval:
    """Return the clamp of a fused activation, as integers of the output.

    Parameters
    ----------
    function : of `ActivationFunctionType`
    ends : of the output's type
    """

    def quantized(real: float) -> int:
        ratio = float(np.float32(real) / np.float32(scale))
        return zero_point + int(math.copysign(math.floor(abs(ratio) + 0.5), ratio))

    lo, hi = CLAMPS[function]
    least, most = ends
    if lo != -math.inf:
        least = max(least, quantized(lo))
    if hi != math.inf:
        most = min(most, quantized(hi))
    return least, most


def same_padding(size: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    """Return (before, behind) of SAME padding along an axis: the larger half is behind."""
    extent = -(-size // stride)
    total = max((extent - 1) * stride + dilation * (kernel - 1) + 1 - size, 0)
    return total // 2, total - total // 2


def rounded_product_thresholds(real: float, ends: Interval) -> IntArray:
    """Return the thresholds of round(acc * real), computed in float64, ties away from zero.

    LiteRT's fully connected layers of int8 requantize so.

    Parameters
    ----------
    ends : (first, last) of the results: thresholds are of those behind the first

    Returns
    -------
    for each of them, the least accumulator that gives it, int64
    """
    wanted = np.arange(ends[0] + 1, ends[1] + 1, dtype=np.int64)
    near = np.floor((wanted - 0.5) / real).astype(np.int64)
    found: IntArray = near + 3
    for accumulator in (near + 2, near + 1, near, near - 1, near - 2):
        product = accumulator.astype(np.float64) * real
        reached = np.copysign(np.floor(np.abs(product) + 0.5), product) >= wanted
        found = np.where(reached, accumulator, found)
    return found
