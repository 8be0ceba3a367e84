"""Weights on any given levels, such as an uneven grid.

    q = the level nearest to w / scale, the upper one of two that are equally near

The gradient of the levels is that of the identity within them. Levels that a monotone mapping
gives are such codebooks (Zhang et al., "LQ-Nets", ECCV 2018, learn theirs).
"""

__all__ = ["LevelWeights", "level_scales", "levels_of"]

from collections.abc import Callable

import torch
from torch import Tensor

from hwgen.compression.quantize.calibration import search_scales
from hwgen.compression.quantize.learned_scales import LearnedScale
from hwgen.compression.quantize.scale_limits import ScaleLimits
from hwgen.compression.quantize.weights.base import StepWeights, rows_of
from hwgen.errors import FormatError
from hwgen.formats import Codebook, Fixed, Format


class LevelWeights(StepWeights):
    """Weights on the integers that a format holds.

    Parameters
    ----------
    format : any that lists its levels
    step : of (channels,) or (1,) scales
    """

    levels: Tensor

    def __init__(self, format: Format, step: LearnedScale):
        super().__init__(format)
        self.step = step
        self.register_buffer("levels", torch.from_numpy(format.levels.copy()).double())

    @torch.no_grad()
    def integers(self, weight: Tensor) -> Tensor:
        """Return the nearest levels, in float64."""
        return _nearest(weight.double() / rows_of(self.step.exact(), weight), self.levels.double())

    def forward(self, weight: Tensor) -> Tensor:
        """Return the weights on their levels, in float32, differentiable."""
        levels = self.levels.to(weight.dtype)
        most = int(self.levels.abs().max())
        step = rows_of(self.step(weight.numel() // self.step.base.numel(), most), weight)
        inside = torch.clamp(weight / step, float(levels[0]), float(levels[-1]))
        return (inside + (_nearest(inside, levels) - inside).detach()) * step


def level_scales(
    weight: Tensor,
    format: Format,
    power_of_two: bool,
    per_channel: bool,
    limits: ScaleLimits | None = None,
) -> Tensor:
    """Return the scales of least squared error on a format's levels, (channels,) or (1,)."""
    levels = torch.from_numpy(format.levels.copy()).double().to(weight.device)

    def error(rows: Tensor, step: Tensor) -> Tensor:
        return ((_nearest(rows / step[:, None], levels) * step[:, None] - rows) ** 2).mean(1)

    return search_scales(weight, format.lo, format.hi, error, power_of_two, per_channel, limits)


def levels_of(mapping: Callable[[float], float], format: Codebook) -> tuple[int, ...]:
    """Return as many levels as a codebook has entries, evenly spaced ones of [-1, 1] mapped.

    Parameters
    ----------
    mapping : rises over [-1, 1], such as `lambda t: t ** 3`; its largest magnitude becomes the
        largest entry

    Raises
    ------
    FormatError : the mapping falls somewhere, or is zero or not finite
    """
    count = 1 << format.index_bits
    values = [float(mapping(2 * i / (count - 1) - 1)) for i in range(count)]
    most = max(abs(value) for value in values)
    rises = all(a <= b for a, b in zip(values, values[1:], strict=False))  # NaN does not
    if not rises or not 0 < most < float("inf"):
        raise FormatError("Mapping must rise from -1 to 1, be finite, and not be zero everywhere")
    hi = Fixed(format.entry_bits).hi
    return tuple(int((torch.tensor(value / most * hi).double() + 0.5).floor()) for value in values)


def _nearest(x: Tensor, levels: Tensor) -> Tensor:
    between = (levels[1:] + levels[:-1]) / 2
    return levels[torch.bucketize(x.detach(), between, right=True)]
