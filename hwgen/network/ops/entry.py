"""What enters a network."""

__all__ = ["Input"]

import math
from dataclasses import dataclass

from hwgen.errors import NetworkError
from hwgen.formats import Activation
from hwgen.network.fields import FloatArray, as_int, number_format, scales
from hwgen.network.ops.base import ACTIVATIONS, MAX_CHANNELS, MAX_ELEMENTS, Op


@dataclass(frozen=True, eq=False)
class Input(Op):
    """What enters the network.

    shape : (channels, height, width), (channels, length) or (features,), without the batch
    format : how the integers are written
    scale, zero_point : real = scale * (q - zero_point)
    """

    shape: tuple[int, ...]
    format: Activation
    scale: FloatArray
    zero_point: int = 0

    def __post_init__(self) -> None:
        shape = self.shape
        if (
            not isinstance(shape, (tuple, list))
            or len(shape) not in (1, 2, 3)
            or any(isinstance(n, bool) or not isinstance(n, int) or n < 1 for n in shape)
        ):
            raise NetworkError(
                "Input shape must be (channels, height, width), (channels, length) or (features,), "
                f"not {shape!r}"
            )
        if shape[0] > MAX_CHANNELS or math.prod(shape) > MAX_ELEMENTS:
            raise NetworkError(
                f"Input must have at most {MAX_CHANNELS} channels and {MAX_ELEMENTS} elements, "
                f"not {tuple(shape)}"
            )
        number_format(self.format, "Input format", *ACTIVATIONS)
        scale = scales(self.scale, "Input scale")
        if scale.size != 1:
            raise NetworkError("Input scale must be a single number, not one per channel")
        self._set(shape=tuple(shape), scale=scale, zero_point=as_int(self.zero_point, "Zero point"))
