"""Which scales of weights make sense, by what becomes of a channel's accumulators.

With s_x and s_y the scales of a layer's input and of its requantized output, one unit of a
channel's accumulator is r = scale * s_x / s_y steps of the output, and r is the ratio that the
requantizer multiplies by. It follows:

- A finer scale than `least` changes nothing: with n inputs a dot product, of magnitude q at most,
  rounding weights to it moves the output by 1/64 of a step at most. A layer times 1e-12 under a
  bias that counts is zeros under that bias.
- Weights that are all zero say nothing about the scale, but the bias needs one: `idle`.
- All channels share one shift, so that a channel of large ratios takes bits from the multipliers of
  the others. Those may be wide; where even that is not enough, a channel far below the usual gives
  way, and then one far above, whose weights only saturate the output.

Accumulators that no requantizer joins need none of this from each other: of each, `least` and
`idle` follow from the largest value it had on the calibration data.
"""

__all__ = ["ScaleLimits", "after_requantizer", "relative", "without_requantizer"]

from dataclasses import dataclass

import torch
from torch import Tensor

from hwgen.compression.quantize.fixed_point import MAX_MULTIPLIER_BITS

SPREAD = 256.0  # largest over smallest scale of a layer's channels, where nothing else is known
ROUNDING = 2.0**-5  # output steps that all weights of a channel together may be off by, times two
IDLE = 2.0**-8  # output steps, or parts of the largest value, of a unit that only a bias is in
YIELDING = MAX_MULTIPLIER_BITS - 9  # bits of the multiplier that channels of usual scale may take
RAW = 2.0**-13  # part of the largest value that rounding of weights may be off by, times two


@dataclass(frozen=True)
class ScaleLimits:
    """Bounds of a layer's scales, (channels,) or (1,) float64.

    Attributes
    ----------
    least : the finest scale that is of use
    idle : the scale of a channel whose weights are all zero, if no other channel's is finer
    steps : output steps that a channel has to reach; 0 where none is joined with others
    """

    least: Tensor
    idle: Tensor
    steps: Tensor

    def fitting(self, scales: Tensor) -> "ScaleLimits":
        """Return the limits for so many scales, where they are: one for all channels, or each."""
        least, idle, steps = (x.to(scales.device) for x in (self.least, self.idle, self.steps))
        if scales.numel() > 1 or least.numel() == 1:
            return ScaleLimits(least, idle, steps)
        return ScaleLimits(*(x.reshape(1) for x in (least.amin(), idle.amin(), steps.amax())))

    def at_least(self, scales: Tensor) -> "ScaleLimits":
        """Return limits that allow nothing below these scales either."""
        least = torch.maximum(self.least, scales)
        return ScaleLimits(least, torch.maximum(self.idle, scales), self.steps)

    def settled(self, scales: Tensor) -> Tensor:
        """Return scales, (channels,) or (1,), within the limits; 0 is that of channels of zeros."""
        of = self.fitting(scales)
        top = float(scales.max()) or torch.inf
        middle = scales[scales > 0].median() if top < torch.inf else 0.0
        least = torch.maximum(of.least, of.steps * middle * 2.0**-YIELDING)
        idle = torch.maximum(of.idle.clamp(max=top), least).expand_as(scales)
        idle = torch.where(torch.isfinite(idle), idle, torch.ones_like(idle))
        scales = torch.maximum(torch.where(scales > 0, scales, idle), least)
        most = 2.0 ** (MAX_MULTIPLIER_BITS - 1) * (scales / of.steps).amin()  # infinite without
        return scales.clamp(max=float(most))


def relative(scales: Tensor) -> ScaleLimits:
    """Return limits that the scales set each other, where nothing is known of what follows."""
    top = scales.amax().reshape(1)
    return ScaleLimits(top / SPREAD, torch.full_like(top, torch.inf), torch.zeros_like(top))


def after_requantizer(
    reach: Tensor, input_step: float, output_step: float, levels: int, sums: int
) -> ScaleLimits:
    """Return the limits of a layer that a requantizer follows.

    Parameters
    ----------
    reach : (channels,) float64, the largest magnitude that a channel had on the calibration data
    input_step, output_step : scales of the layer's input and of the requantizer's output
    levels : of the output, less one
    sums : the largest sum of magnitudes of inputs that one dot product sees, in integers
    """
    unit = output_step / input_step
    ones = torch.ones_like(reach)
    steps = (reach / output_step).clamp(1, levels)
    return ScaleLimits(ones * ROUNDING * unit / max(sums, 1), ones * IDLE * unit, steps)


def without_requantizer(reach: Tensor, input_step: float, sums: int) -> ScaleLimits:
    """Return the limits of a layer whose accumulators are the output, or only give their sign."""
    unit = reach / input_step
    idle = torch.where(unit > 0, unit * IDLE**2, torch.full_like(unit, torch.inf))
    return ScaleLimits(unit * RAW / max(sums, 1), idle, torch.zeros_like(reach))
