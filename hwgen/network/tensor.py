"""The type of a value of a network: shape, range, scale, format."""

__all__ = ["Tensor"]

from dataclasses import dataclass

from hwgen.formats import Activation, Binary
from hwgen.network.fields import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Tensor:
    """The type of a value.

    shape : (channels, height, width), (channels, length) or (features,)
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
    format: Activation | None

    @property
    def pad_value(self) -> int:
        """What a convolution pads with: the zero point; -1 where values are binary."""
        return -1 if isinstance(self.format, Binary) else self.zero_point

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
