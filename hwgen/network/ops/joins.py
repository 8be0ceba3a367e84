"""Where values come together."""

__all__ = ["MAX_INPUTS", "Add", "Concat"]

from dataclasses import dataclass, field

import numpy as np

from hwgen.errors import NetworkError
from hwgen.network.fields import FloatArray, as_int, scales
from hwgen.network.ops.base import Op

MAX_INPUTS = 1 << 10  # of a sum or a concatenation


@dataclass(frozen=True, eq=False)
class Add(Op):
    """acc = sum of m * (x - zero point of x), for two or more inputs x of one shape; all
    but the first may also be one number a channel, one a pixel, or one number for all.

    multipliers : one an input, none of them zero, of magnitudes below 2**15; a negative one takes
        its input off
    factors : (1,) or one an input, positive: what an input's real numbers count for in the sum

    All inputs are requantized tensors of one scale each, and the unit of the sum, factor * scale of
    x / |m|, must be the same for all to within 0.1 %. The sum is an accumulator: its zero point is
    zero, and a requantizer follows where a tensor is wanted.
    """

    multipliers: tuple[int, ...] = (1, 1)
    factors: FloatArray = field(default_factory=lambda: np.ones(1))

    def __post_init__(self) -> None:
        given = self.multipliers
        if not isinstance(given, (tuple, list)) or not 2 <= len(given) <= MAX_INPUTS:
            raise NetworkError(
                f"Multipliers of a sum must be 2 to {MAX_INPUTS} integers, not {given!r}"
            )
        multipliers = tuple(as_int(m, "Multiplier of a sum") for m in given)
        if any(not 0 < abs(m) < 1 << 15 for m in multipliers):
            raise NetworkError(
                "Multipliers of a sum must not be zero, and of magnitudes below 2**15, "
                f"not {multipliers}"
            )
        factors = scales(self.factors, "Factors of a sum")
        if factors.size not in (1, len(multipliers)):
            raise NetworkError(
                f"Factors of a sum must be one number or {len(multipliers)}, not {factors.size}"
            )
        self._set(multipliers=multipliers, factors=factors)


@dataclass(frozen=True, eq=False)
class Concat(Op):
    """The channels (or features) of two or more inputs, one input after the other.

    Heights and widths are equal, and so are the scale, the zero point and the format.
    """
