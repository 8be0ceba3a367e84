"""The integers that values stand for."""

__all__ = ["integers_of", "is_binary", "pair"]

import torch
from torch import Tensor

from hwgen.compression.quantize.layers.concat import QuantConcat
from hwgen.compression.quantize.layers.rearrange import QuantRearrange
from hwgen.compression.quantize.quantizers import Quantizer, Source
from hwgen.formats import Binary


def integers_of(x: Tensor, source: Source) -> Tensor:
    """Return the q - zero_point, in float64, that a source's values stand for."""
    return torch.round(x.detach() / source.output_scale())  # never near a tie


def is_binary(source: Source) -> bool:
    """Say whether a source gives -1 and +1."""
    if isinstance(source, (QuantConcat, QuantRearrange)):  # all on one grid
        return is_binary(source.sources[0])
    return isinstance(source, Quantizer) and isinstance(source.format, Binary)


def pair(value: int | tuple[int, ...]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[1])
