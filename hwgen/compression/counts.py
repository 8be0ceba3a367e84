"""Parameters, MACs and bits of a model, counted as its integer network will have them."""

__all__ = ["Counts", "count"]

import math
from dataclasses import dataclass

from torch import Tensor, nn

from hwgen.compression.quantize.layers import Weighted
from hwgen.compression.quantize.model import QuantModel
from hwgen.torch_graph.trace import evaluating, float_graph_of

FLOAT_BITS = 32


@dataclass(frozen=True)
class Counts:
    """Size of a network.

    parameters : weights, and one bias per output channel (batch norm is folded into them)
    macs : multiplications of one input; taps on the padding count
    bits : that parameters are stored in, zeros included: of a float model 32 each; of a quantized
        one weights in their formats with their codebooks, biases as wide as the layer's largest
    """

    parameters: int
    macs: int
    bits: int


def count(model: nn.Module, example: Tensor) -> Counts:
    """Return the counts of a float model, or of a `QuantModel`.

    Parameters
    ----------
    example : (batch, channels, height, width) or (batch, features), a float tensor
    """
    modules: list[nn.Module]
    if isinstance(model, QuantModel):
        modules = [m for m in model.modules() if isinstance(m, Weighted)]
    else:
        layers = float_graph_of(model, example).layers
        modules = [la.module for la in layers if isinstance(la.module, (nn.Conv2d, nn.Linear))]
    outputs: dict[nn.Module, int] = {}

    def note(module: nn.Module, _: object, output: Tensor) -> None:
        outputs[module] = output[0].numel()

    hooks = [module.register_forward_hook(note) for module in modules]
    try:
        with evaluating(model):
            model(example[:1])
    finally:
        for hook in hooks:
            hook.remove()
    bits = sum(_bits(module) for module in modules)
    weights = [module.get_parameter("weight") for module in modules]
    return Counts(
        parameters=sum(weight.numel() + weight.shape[0] for weight in weights),
        macs=sum(
            outputs[module] * math.prod(weight.shape[1:])
            for module, weight in zip(modules, weights, strict=True)
        ),
        bits=bits,
    )


def _bits(module: nn.Module) -> int:
    weight = module.get_parameter("weight")
    if not isinstance(module, Weighted):
        return FLOAT_BITS * (weight.numel() + weight.shape[0])
    format, biases = module.format, module.integer_bias().tolist()
    width = max(int(bias if bias >= 0 else ~bias).bit_length() + 1 for bias in map(int, biases))
    return weight.numel() * format.storage_bits + format.table_bits + width * len(biases)
