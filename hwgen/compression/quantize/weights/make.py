"""Which quantizer a recipe wants for the weights of a layer."""

__all__ = ["factor_format", "make_weights"]

import torch
from torch import Tensor

from hwgen.compression.quantize.calibration import weight_scales
from hwgen.compression.quantize.learned_scales import LearnedScale, make_scale
from hwgen.compression.quantize.observed import up_to_power_of_two
from hwgen.compression.quantize.scale_limits import ScaleLimits
from hwgen.compression.quantize.weights.asymmetric import AsymmetricWeights
from hwgen.compression.quantize.weights.base import WeightQuantizer
from hwgen.compression.quantize.weights.binary import BinaryWeights
from hwgen.compression.quantize.weights.bounded import (
    BoundedWeights,
    bounded_norm,
    coarse_scales,
)
from hwgen.compression.quantize.weights.codebook import CodebookWeights
from hwgen.compression.quantize.weights.levels import LevelWeights, level_scales
from hwgen.compression.quantize.weights.linear import LinearWeights
from hwgen.compression.quantize.weights.power_of_two import PowerOfTwoWeights
from hwgen.compression.quantize.weights.ternary import TernaryWeights
from hwgen.compression.recipes.quantize_recipe import QuantizeRecipe
from hwgen.errors import FormatError, InternalError
from hwgen.formats import Binary, Codebook, Fixed, Format, PowerOfTwo, Ternary

FACTOR_BITS = range(8, 17)
FACTOR_ERROR = 2.0**-8  # of a factor, relative


def factor_format(weight: Tensor, recipe: QuantizeRecipe, limits: ScaleLimits) -> Fixed:
    """Return the format of a factor a channel: the fewest bits that meet every factor well.

    Parameters
    ----------
    weight : (channels, 1)
    limits : of the scales, below which a factor counts for nothing
    """
    found = [Fixed(bits) for bits in FACTOR_BITS]
    for format in found:
        scales = weight_scales(weight, format, recipe.power_of_two, recipe.per_channel, limits)
        steps = scales.reshape(-1, 1).double()
        error = (torch.round(weight.double() / steps) * steps - weight).abs()
        counts = weight.abs() > limits.fitting(scales).least.reshape(-1, 1)
        if not bool((counts & (error > FACTOR_ERROR * weight.abs())).any()):
            return format
    return found[-1]


def make_weights(
    weight: Tensor,
    format: Format,
    recipe: QuantizeRecipe,
    input_bound: int,
    path: str,
    limits: ScaleLimits | None = None,
) -> WeightQuantizer:
    """Return the quantizer of a layer's weights, its scales those of least error.

    Parameters
    ----------
    weight : (channels, ...)
    format : of this layer
    input_bound : largest magnitude of what the weights are multiplied by
    path : of the layer, for messages
    limits : of the scales, by what follows; None: as far as they set them each other

    Raises
    ------
    FormatError : the format has no quantizer, or the accumulator is too narrow
    """
    power, per_channel = recipe.power_of_two, recipe.per_channel
    if recipe.accumulator is not None and not isinstance(format, Fixed):
        raise FormatError(
            f"{path}: weights must be of a format such as int4 to bound the accumulator, "
            f"not {format}; leave accumulator out"
        )
    if isinstance(format, Codebook) and recipe.levels:
        format = format.with_entries(recipe.levels)

    def level_step() -> LearnedScale:
        scales = level_scales(weight, format, power, per_channel, limits)
        return make_scale(recipe.steps, scales, power)

    match format:
        case Fixed() if recipe.asymmetric_weights:
            return AsymmetricWeights(weight, format.bits, power, per_channel, recipe.steps, limits)
        case Fixed():
            scales = weight_scales(weight, format, power, per_channel, limits)
            if recipe.accumulator is None:
                return LinearWeights(format, make_scale(recipe.steps, scales, power))
            norm = bounded_norm(recipe.accumulator, input_bound, path)
            scales = coarse_scales(weight, scales, format.hi, norm)
            scales = up_to_power_of_two(scales) if power else scales
            return BoundedWeights(format, make_scale(recipe.steps, scales, power), norm)
        case PowerOfTwo():
            return PowerOfTwoWeights(format, level_step(), weight)
        case Codebook(entries=()):
            return CodebookWeights(format, weight, power, limits)
        case Codebook():
            return LevelWeights(format, level_step())
        case Binary():
            return BinaryWeights(power, per_channel, limits)
        case Ternary():
            return TernaryWeights(power, per_channel, limits)
    raise InternalError(f"{path}: no quantizer for weights of {format}")
