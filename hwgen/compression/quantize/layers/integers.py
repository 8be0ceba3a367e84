"""The integers that values stand for."""

__all__ = ["ends_of", "extents", "integers_of", "is_binary"]

from typing import cast

import torch
from torch import Tensor

from hwgen.compression.quantize.layers.concat import OneGrid
from hwgen.compression.quantize.layers.rearrange import QuantRearrange
from hwgen.compression.quantize.quantizers import Quantizer, Source
from hwgen.formats import Binary


def integers_of(x: Tensor, source: Source) -> Tensor:
    """Return the q - zero_point, in float64, that a source's values stand for."""
    return torch.round(x.detach() / source.output_scale())  # never near a tie


def ends_of(source: Source) -> tuple[int, int]:
    """Return the range of a source's integers, as their formats and clamps leave it."""
    if isinstance(source, OneGrid):
        lows, highs = zip(*map(ends_of, source.sources), strict=True)
        return min(lows), max(highs)
    if isinstance(source, QuantRearrange):
        lo, hi = ends_of(source.sources[0])
        constant = source.zero_point + source.integer()
        return (min(lo, constant), max(hi, constant)) if source.has_constants else (lo, hi)
    quantizer = cast(Quantizer, source)  # pools hand it on; no accumulator enters a table
    return quantizer.lo, quantizer.hi


def is_binary(source: Source) -> bool:
    """Say whether a source gives -1 and +1."""
    if isinstance(source, (OneGrid, QuantRearrange)):  # all on one grid
        return is_binary(source.sources[0])
    return isinstance(source, Quantizer) and isinstance(source.format, Binary)


def extents(value: int | tuple[int, ...], rank: int) -> tuple[int, ...]:
    """Return what a setting of torch's says of each of `rank` spatial axes."""
    return (value,) * rank if isinstance(value, int) else tuple(value)
