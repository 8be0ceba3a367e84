"""From real ratios of scales to the integer multipliers and the shift of a requantizer."""

__all__ = ["fixed_point", "summand_multipliers"]

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from hwgen.errors import FormatError

EXTRA_BITS = 8  # of the largest multiplier, beyond the output's bits
PRODUCT_BITS = 61  # products with an accumulator stay exact in int64
MAX_MULTIPLIER_BITS = 31
MAX_SHIFT = 62
SUMMAND_BITS = 15  # of the multipliers of a sum
SUMMAND_ERROR = 0.999e-3  # relative, of one summand's unit; the network allows 0.1 %


def fixed_point(
    ratios: npt.NDArray[np.float64],
    bits: int,
    bound: int | npt.NDArray[np.float64],
    power_of_two: bool,
    path: str,
) -> tuple[npt.NDArray[np.int64], int]:
    """Return (multipliers, shift) with multiplier / 2**shift close to each ratio.

    One shift serves all channels. Free ratios give the largest multiplier bits + 8 bits: more where
    the smallest would else be off by more than a quarter of an output step, fewer where wide
    accumulators leave less room. Ratios that are powers of two are met exactly, with the smallest
    multiplier that all channels share taken out.

    Parameters
    ----------
    ratios : (channels,), input scale over output scale, positive
    bits : of the output
    bound : largest magnitude of an accumulator, of each channel or of all
    path : of the layer, for the message

    Returns
    -------
    multipliers (channels,), or (1,) where all are equal; shift in [0, 62]

    Raises
    ------
    FormatError : the ratios are too large, too small or too far apart
    """
    if not np.isfinite(ratios).all() or (ratios <= 0).any():
        raise FormatError(f"{path}: scales must be positive and finite; calibrate again")
    bounds = np.max(bound) if ratios.size == 1 else bound
    sizes = [int(size).bit_length() for size in np.broadcast_to(bounds, ratios.shape)]
    if power_of_two:
        exponents = [math.frexp(float(ratio))[1] - 1 for ratio in ratios]
        shift = max(0, -min(exponents))
        multipliers = [1 << (exponent + shift) for exponent in exponents]
    else:
        tops = [math.frexp(float(ratio))[1] for ratio in ratios]
        pairs = list(zip(sizes, tops, strict=True))
        exact = max(min(size, bits + 1 - top) + 1 for size, top in pairs)  # what reaches the output
        room = min(PRODUCT_BITS - size - top for size, top in pairs)
        room = min(room, MAX_MULTIPLIER_BITS - max(tops))
        shift = min(max(bits + EXTRA_BITS - max(tops), exact), room, MAX_SHIFT)
        shift = max(shift, 0)
        multipliers = [math.floor(math.ldexp(float(ratio), shift) + 0.5) for ratio in ratios]
        most = (1 << max(max(tops) + shift, 1)) - 1  # rounding up to a power takes another bit
        multipliers = [min(max(m, 1), most) for m in multipliers]
    fits = all(
        m.bit_length() + size <= PRODUCT_BITS + 1
        for m, size in zip(multipliers, sizes, strict=True)
    )
    if shift > MAX_SHIFT or max(multipliers).bit_length() > MAX_MULTIPLIER_BITS or not fits:
        raise FormatError(
            f"{path}: scales of its channels must be closer to each other and to its output's, "
            f"not need a multiplier of {max(multipliers).bit_length()} bits and a shift of "
            f"{shift}; calibrate with data of the size the layer sees, or use fewer bits"
        )
    if len(set(multipliers)) == 1:
        multipliers = multipliers[:1]
    return np.array(multipliers, dtype=np.int64), shift


def summand_multipliers(scales: Sequence[float], path: str) -> tuple[int, ...]:
    """Return the smallest integers for which scales divided by them agree to within 0.1 %.

    Scales that are powers of two apart are met exactly.

    Parameters
    ----------
    scales : of the summands, positive
    path : of the sum, for the message

    Raises
    ------
    FormatError : the scales are too far apart
    """
    least, most = min(scales), max(scales)
    for small in range(1, 1 << SUMMAND_BITS if least > 0 else 1):
        found = [math.floor(scale / least * small + 0.5) for scale in scales]
        if max(found) >= 1 << SUMMAND_BITS:
            break
        units = [scale / m for scale, m in zip(scales, found, strict=True)]
        if max(units) - min(units) <= SUMMAND_ERROR * max(units):
            return tuple(found)
    raise FormatError(
        f"{path}: scales of its inputs must be positive and less than 2**{SUMMAND_BITS} apart, "
        f"not {least:.3g} and {most:.3g}; calibrate with data of the size the layer sees, or leave "
        "out the branch that is nearly zero"
    )
