"""TFLite's softmax of int8, in its own fixed point.

The reference kernel computes exponentials and a reciprocal in 32-bit fixed point. This follows it
bit by bit, so that what a host makes of a network's last integers is what LiteRT makes of them.

Source: gemmlowp's fixed point (`exp_on_negative_values`, `one_over_one_plus_x_for_x_in_0_1`) and
TensorFlow Lite's reference kernel of softmax; held to LiteRT in the tests.
"""

__all__ = ["LEAST_SCALE", "int8_softmax"]

import math

import numpy as np
import numpy.typing as npt

from hwgen.network.fields import IntArray

ONE = (1 << 31) - 1  # of a number without integer bits, as near as it comes
SCALED_BITS, SUM_BITS = 5, 12  # integer bits of differences, and of sums of exponentials
LEAST_SCALE = 2.0 ** (SCALED_BITS - 31)  # the reference takes larger ones
FACTORS = (  # exp(-2**k), k from -2 on, in 31 bits
    1672461947,
    1302514674,
    790015084,
    290630308,
    39332535,
    720401,
    242,
)
EXP_OF_MINUS_EIGHTH, THIRD = 1895147668, 715827883
C48_OVER_17, C32_OVER_17 = 1515870810, -1010580540  # of two integer bits


def int8_softmax(values: npt.ArrayLike, scale: float) -> IntArray:
    """Return 256 times the softmax of integers, as the reference kernel rounds it.

    Parameters
    ----------
    values : (..., classes), differences between them count alone
    scale : of the values, times beta; above `LEAST_SCALE`

    Returns
    -------
    (..., classes) int64, 0 to 255
    """
    q = np.asarray(values, np.int64)
    below = q - q.max(axis=-1, keepdims=True)
    multiplier, left = _scaling(scale)
    least = -math.floor(((1 << SCALED_BITS) - 1) * (1 << (31 - SCALED_BITS)) / (1 << left))
    counts = below >= least
    scaled = _product(np.where(counts, below, 0) << left, np.int64(multiplier))
    powers = np.where(counts, _exp(scaled), 0)
    total = _shifted(powers, SUM_BITS).sum(axis=-1, keepdims=True)
    leading = 32 - np.frexp(total.astype(np.float64))[1]  # zero bits before the first one, of 32
    reciprocal = _one_over_one_plus((total << leading) - (1 << 31))
    result = _shifted(_product(reciprocal, powers), SUM_BITS - leading + 31 - 8)
    return np.minimum(np.where(counts, result, 0), 255)


def _scaling(scale: float) -> tuple[int, int]:
    """Return the multiplier of 31 bits and the shift to the left that bring differences to 5
    integer bits."""
    fraction, exponent = math.frexp(min(scale * (1 << (31 - SCALED_BITS)), float(ONE)))
    multiplier = math.floor(fraction * (1 << 31) + 0.5)
    return (multiplier >> 1, exponent + 1) if multiplier == 1 << 31 else (multiplier, exponent)


def _product(a: IntArray, b: IntArray | np.int64) -> IntArray:
    """Return a * b / 2**31, rounded half away from zero; saturates where both are least."""
    raw = a * b
    nudged = raw + np.where(raw >= 0, 1 << 30, 1 - (1 << 30))
    quotient = np.sign(nudged) * (np.abs(nudged) >> 31)  # as C divides
    result: IntArray = np.minimum(quotient, ONE)
    return result


def _shifted(x: IntArray, by: IntArray | int) -> IntArray:
    """Return x / 2**by, rounded half away from zero."""
    mask = (np.int64(1) << by) - 1
    threshold = (mask >> 1) + (x < 0)
    result: IntArray = (x >> by) + ((x & mask) > threshold)
    return result


def _exp(a: IntArray) -> IntArray:
    """Return exp(a) without integer bits, of numbers at most 0 with 5 integer bits."""
    quarter = 1 << (31 - SCALED_BITS - 2)
    part = (a & (quarter - 1)) - quarter
    result = _exp_near_zero(part << SCALED_BITS)
    rest = part - a
    for exponent, factor in enumerate(FACTORS, -2):
        if exponent < SCALED_BITS:
            taken = rest & (1 << (31 - SCALED_BITS + exponent)) != 0
            result = np.where(taken, _product(result, np.int64(factor)), result)
    whole: IntArray = np.where(a == 0, ONE, result)
    return whole


def _exp_near_zero(a: IntArray) -> IntArray:
    """Return exp(a), a from -1/4 to 0, by its series around -1/8."""
    x = a + (1 << 28)
    square = _product(x, x)
    cube, fourth = _product(square, x), _product(square, square)
    rest = _shifted(_product(_shifted(fourth, 2) + cube, np.int64(THIRD)) + square, 1)
    return EXP_OF_MINUS_EIGHTH + _product(x + rest, np.int64(EXP_OF_MINUS_EIGHTH))


def _one_over_one_plus(a: IntArray) -> IntArray:
    """Return 1 / (1 + a) without integer bits, a from 0 to 1, by Newton's method."""
    total = a + ONE
    half = (total + 1) // 2  # rounded half away from zero: the sum is not negative
    x = C48_OVER_17 + _product(half, np.int64(C32_OVER_17))
    for _ in range(3):
        left = (1 << 29) - _product(half, x)
        x = x + np.clip(_product(x, left) << 2, -ONE - 1, ONE)
    result: IntArray = np.clip(x << 1, -ONE - 1, ONE)
    return result
