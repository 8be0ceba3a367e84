"""The type of a value of a network: shape, range, scale, format."""

__all__ = ["Tensor"]

from dataclasses import dataclass

from hwgen.formats import Fixed
from hwgen.network.fields import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Tensor:
    """The type of a value.

    shape : (channels, height, width) or (features,)
    lows, highs : (channels,) or (features,): the exact range of each channel
    scale : (1,) or (channels,)
    zero_point : real = scale * (q - zero_point)
    format : how it is written, or None for an accumulator, which is as wide as its range
    """

    shape: tuple[int, ...]
    lows: IntArray
    highs: IntArray
    scale: FloatArray
    zero_point: int
    format: Fixed | None

    @property
    def lo(self) -> int:
        """Smallest value of any channel."""
        return int(self.lows.min())

    @property
    def hi(self) -> int:
        """Largest value of any channel."""
        return int(self.highs.max())

    @property
    def channels(self) -> int:
        """Number of channels, or of features."""
        return self.shape[0]
