"""Where values come together."""

__all__ = ["Add", "Concat"]

from dataclasses import dataclass

from hwgen.errors import NetworkError
from hwgen.network.fields import pair
from hwgen.network.ops.base import Op


@dataclass(frozen=True, eq=False)
class Add(Op):
    """acc = m0 * (a - zero point of a) + m1 * (b - zero point of b), for two inputs of one shape.

    multipliers : (m0, m1), each in [1, 2**15)

    Both inputs are requantized tensors of one scale each, and the unit of the sum, scale of
    a / m0, must be scale of b / m1 to within 0.1 %. The sum is an accumulator: its zero point is
    zero, and a requantizer follows where a tensor is wanted.
    """

    multipliers: tuple[int, int] = (1, 1)

    def __post_init__(self) -> None:
        multipliers = pair(self.multipliers, "Multipliers", 1)
        if max(multipliers) >= 1 << 15:
            raise NetworkError(f"Multipliers of a sum must lie in [1, 2**15), not {multipliers}")
        self._set(multipliers=multipliers)


@dataclass(frozen=True, eq=False)
class Concat(Op):
    """The channels (or features) of two or more inputs, one input after the other.

    Heights and widths are equal, and so are the scale, the zero point and the format.
    """
