"""Recipes: what compression shall do, as validated data."""

__all__ = ["PruneRecipe", "PruneTarget", "QuantizeRecipe", "Recipe"]

from dataclasses import dataclass

from hwgen.compression.prune_recipe import PruneRecipe, PruneTarget, check_epochs
from hwgen.errors import FormatError, HwgenError
from hwgen.formats import Fixed, parse_format

SCALES = ("free", "power_of_two")


@dataclass(frozen=True)
class QuantizeRecipe:
    """Turn weights and activations into integers.

    weights : signed format of the weights, symmetric, with a scale per output channel
    activations : format after a ReLU; where there is none, the signed format of the same width
    input : format of the network's input, by default `activations`; an unsigned one gets a zero
        point where the calibration data goes below zero
    output : format of the network's output, one scale for all channels; None leaves the
        accumulators of the last layer as they are
    scales : "free", or "power_of_two" (no multiplier in hardware)
    asymmetric : where there is no ReLU, use an unsigned format and a zero point instead
    epochs : of quantization-aware training, where `train` is given

    Raises
    ------
    FormatError : a format is unknown, too wide, or unsigned for weights
    HwgenError : another value is out of its range
    """

    weights: str = "int4"
    activations: str = "uint4"
    input: str | None = None
    output: str | None = "int8"
    scales: str = "free"
    asymmetric: bool = False
    epochs: int = 15

    def __post_init__(self) -> None:
        if not self.weight_format.signed:
            raise FormatError(f"Format of weights must be signed, such as int4, not {self.weights}")
        _ = self.activation_format, self.input_format, self.output_format
        if self.scales not in SCALES:
            raise HwgenError(f"Scales must be one of {', '.join(SCALES)}, not {self.scales!r}")
        check_epochs(self.epochs)

    @property
    def weight_format(self) -> Fixed:
        """Format of the weights."""
        return parse_format(self.weights)

    @property
    def activation_format(self) -> Fixed:
        """Format of what a ReLU gives."""
        return parse_format(self.activations)

    @property
    def input_format(self) -> Fixed:
        """Format of the network's input."""
        return parse_format(self.activations if self.input is None else self.input)

    @property
    def output_format(self) -> Fixed | None:
        """Format of the network's output, None for raw accumulators."""
        return None if self.output is None else parse_format(self.output)

    @property
    def power_of_two(self) -> bool:
        """Whether every scale is a power of two."""
        return self.scales == "power_of_two"


@dataclass(frozen=True)
class Recipe:
    """What `compress` does: prune, quantize, or both in this order.

    Raises
    ------
    HwgenError : there is nothing to do
    """

    prune: PruneRecipe | None = None
    quantize: QuantizeRecipe | None = None

    def __post_init__(self) -> None:
        if self.prune is None and self.quantize is None:
            raise HwgenError(
                "Recipe must prune, quantize or both, not neither; "
                "try Recipe(quantize=QuantizeRecipe())"
            )
