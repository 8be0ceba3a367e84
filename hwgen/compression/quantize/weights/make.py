"""Which quantizer a recipe wants for the weights of a layer."""

__all__ = ["make_weights"]

from torch import Tensor

from hwgen.compression.quantize.calibration import weight_scales
from hwgen.compression.quantize.steps import make_step
from hwgen.compression.quantize.weights.base import WeightQuantizer
from hwgen.compression.quantize.weights.bounded import BoundedWeights
from hwgen.compression.quantize.weights.linear import LinearWeights
from hwgen.compression.recipe import QuantizeRecipe
from hwgen.errors import FormatError
from hwgen.formats import Fixed, Format


def make_weights(
    weight: Tensor, format: Format, recipe: QuantizeRecipe, input_bound: int, path: str
) -> WeightQuantizer:
    """Return the quantizer of a layer's weights, its scales those of least error.

    Parameters
    ----------
    weight : (channels, ...)
    format : of this layer
    input_bound : largest magnitude of what the weights are multiplied by
    path : of the layer, for messages

    Raises
    ------
    FormatError : the format has no quantizer, or the accumulator is too narrow
    """
    if not isinstance(format, Fixed):
        raise FormatError(f"{path}: weights must be of a format such as int4, not {format}")
    scales = weight_scales(weight, format, recipe.power_of_two, recipe.per_channel)
    step = make_step(recipe.steps, scales, recipe.power_of_two)
    if recipe.accumulator is not None:
        return BoundedWeights(format, step, recipe.accumulator, input_bound, path)
    return LinearWeights(format, step)
