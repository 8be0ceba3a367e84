"""Quantizers: a grid and a clamp, at the input and after every accumulator.

In `train()` they fake-quantize in float32, with gradients. In `eval()` they compute what the
hardware computes: each takes and returns scale * (q - zero_point) in float64, recovers the
integers, and works on those, exactly.
"""

__all__ = ["QuantActivation", "QuantInput", "Quantizer", "Source", "per_channel"]

import math
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from hwgen.compression.quantize.fake import fake_quantize
from hwgen.compression.quantize.fixed_point import fixed_point
from hwgen.compression.quantize.learned_scales import LearnedScale
from hwgen.errors import FormatError
from hwgen.formats import Activation, Binary, Fixed
from hwgen.torch_graph.one_value import Interval


class Source(Protocol):
    """What gives integers: the scale and zero point they stand for, and how large they are."""

    @property
    def zero_point(self) -> int: ...
    def output_scale(self) -> Tensor: ...
    def bound(self) -> int: ...
    def bounds(self) -> npt.NDArray[np.float64]: ...


class Quantizer(nn.Module):
    """What `QuantInput` and `QuantActivation` share.

    Several quantizers may share one `step`, where their values are to lie on one grid.

    Attributes
    ----------
    path : name in messages
    format, zero_point : of the integers
    clamp : the real numbers between which they stay; (0, inf) of a ReLU
    """

    def __init__(
        self, path: str, format: Activation, zero_point: int, step: LearnedScale, clamp: Interval
    ):
        super().__init__()
        self.path = path
        self.format = format
        self.zero_point = zero_point
        self.clamp = clamp
        self.step = step

    @property
    def lo(self) -> int:
        """The least integer."""
        return self._end(self.clamp[0])

    @property
    def hi(self) -> int:
        """The largest integer."""
        return self._end(self.clamp[1])

    def _end(self, real: float) -> int:
        """Return the integer of an end of the clamp, where the scale is now."""
        if isinstance(self.format, Binary) or math.isinf(real):
            return self.format.lo if real < 0 else self.format.hi
        steps = math.floor(real / float(self.output_scale()) + 0.5) if real else 0
        return min(max(self.zero_point + steps, self.format.lo), self.format.hi)

    def output_scale(self) -> Tensor:
        """Scale of the output, (1,) float64."""
        return self.step.exact()

    def bound(self) -> int:
        """Largest magnitude of q - zero_point."""
        return max(self.hi - self.zero_point, self.zero_point - self.lo)

    def bounds(self) -> npt.NDArray[np.float64]:
        """Largest magnitude of q - zero_point, (1,)."""
        return np.array([self.bound()], dtype=np.float64)

    def _fake(self, x: Tensor) -> Tensor:
        step = self.step(x[0].numel(), self.format.hi)
        if isinstance(self.format, Binary):
            inside = torch.clamp(x / step, -1, 1)
            value: Tensor = (inside + (torch.where(x >= 0, 1.0, -1.0) - inside).detach()) * step
            return value
        # what a clamp other than ReLU's stops stays where it is, however the scale trains
        lo, hi = (end if end else math.copysign(math.inf, side) for end, side in self._sides())
        if not math.isinf(lo) or not math.isinf(hi):
            x = torch.clamp(x, lo, hi)
        return fake_quantize(x, step, self.lo, self.hi, self.zero_point)

    def _sides(self) -> tuple[tuple[float, int], tuple[float, int]]:
        return (self.clamp[0], -1), (self.clamp[1], 1)

    def _real(self, q: Tensor) -> Tensor:
        clamped = torch.clamp(q, self.lo, self.hi)
        return self.output_scale() * (clamped - self.zero_point).double()


class QuantInput(Quantizer):
    """q = clamp(zero_point + floor(x / scale + 1/2)) of the real numbers that enter."""

    def forward(self, x: Tensor) -> Tensor:
        """Quantize (batch, ...) real numbers.

        Raises
        ------
        FormatError : in evaluation, an input is NaN
        """
        if self.training:
            return self._fake(x)
        real = x.detach().double()
        if torch.isnan(real).any():
            raise FormatError(f"{self.path}: input must not contain NaN")
        if isinstance(self.format, Binary):
            return self._real(torch.where(real >= 0, 1.0, -1.0))
        return self._real(self.zero_point + torch.floor(real / self.output_scale() + 0.5))


class QuantActivation(Quantizer):
    """The requantizer, with a ReLU or another clamp in its own.

    q = clamp(zero_point + floor((acc * multiplier + 2**(shift - 1)) / 2**shift), lo, hi)
    """

    format: Fixed

    def __init__(
        self,
        path: str,
        format: Fixed,
        zero_point: int,
        step: LearnedScale,
        clamp: Interval,
        source: Source,
    ):
        super().__init__(path, format, zero_point, step, clamp)
        self._source = (source,)  # in a tuple: not a child

    def requantizer(self) -> tuple[npt.NDArray[np.int64], int]:
        """Return (multipliers, shift): (channels,) or (1,), and one shift for all.

        Raises
        ------
        FormatError : the scales of input and output are too far apart
        """
        (source,) = self._source
        ratios = (source.output_scale() / self.output_scale()).cpu().numpy()
        power_of_two = self.step.power_of_two and _are_powers_of_two(ratios)
        return fixed_point(ratios, self.format.bits, source.bounds(), power_of_two, self.path)

    def forward(self, x: Tensor) -> Tensor:
        """Requantize (batch, channels, ...): fake in training, exact in evaluation."""
        if self.training:
            return self._fake(x)
        multipliers, shift = self.requantizer()
        scale = per_channel(self._source[0].output_scale(), x)
        acc = torch.round(x.detach() / scale).long()  # never near a tie
        product = acc * per_channel(torch.from_numpy(multipliers).to(x.device), x)
        half = (1 << shift) >> 1
        return self._real(self.zero_point + ((product + half) >> shift))


def _are_powers_of_two(ratios: npt.NDArray[np.float64]) -> bool:
    """Say whether they are; an average over a window that is none makes others."""
    return bool((np.frexp(ratios)[0] == 0.5).all())


def per_channel(values: Tensor, like: Tensor) -> Tensor:
    """Return (channels,) or (1,) values shaped to broadcast against (batch, channels, ...)."""
    return values.reshape(-1, *[1] * (like.dim() - 2))
