"""Pools."""

__all__ = ["AvgPool2d", "MaxPool2d", "Pool"]

from dataclasses import dataclass

from hwgen.errors import NetworkError
from hwgen.network.fields import pair
from hwgen.network.ops.base import Op


class Pool(Op):
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]

    def _check_window(self) -> None:
        self._set(
            kernel=pair(self.kernel, "Kernel", 1),
            stride=pair(self.stride, "Stride", 1),
            padding=pair(self.padding, "Padding", 0),
        )
        if any(2 * p > k for p, k in zip(self.padding, self.kernel, strict=True)):
            raise NetworkError(
                f"Padding of a pool must be at most half its kernel {self.kernel}, "
                f"not {self.padding}"
            )


@dataclass(frozen=True, eq=False)
class MaxPool2d(Pool):
    """The largest value of each window; padding never wins."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        self._check_window()


@dataclass(frozen=True, eq=False)
class AvgPool2d(Pool):
    """acc = sum over the window of (q - zero_point), in units of input scale / (kh * kw).

    Padding contributes nothing, and the whole kernel divides nevertheless (torch's
    count_include_pad=True). The division is in the scale of the accumulator, whose zero point is
    zero; a requantizer carries it out. A kernel of the whole frame is global average pooling.
    """

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        self._check_window()
