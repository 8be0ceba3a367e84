"""Recipes: what compression shall do, as validated data."""

__all__ = ["PruneRecipe", "QuantizeRecipe", "Recipe"]

from collections.abc import Mapping
from dataclasses import dataclass, field

from hwgen.errors import FormatError, HwgenError
from hwgen.formats import Fixed, parse_format

SCALES = ("free", "power_of_two")
CALIBRATIONS = ("auto", "minmax", "moving_average", "percentile", "mse", "kl")
STEPS = ("tqt", "lsq", "ste")
MAX_ACCUMULATOR = 48


def _check_epochs(epochs: object) -> None:
    if isinstance(epochs, bool) or not isinstance(epochs, int) or epochs < 0:
        raise HwgenError(f"Number of epochs must be an integer of at least 0, not {epochs!r}")


@dataclass(frozen=True)
class PruneRecipe:
    """Remove the output channels with the smallest L1 norm from every layer but the last.

    channels : share to remove of each layer, 0.5 removes half
    epochs : of fine-tuning afterwards, where `train` is given

    Raises
    ------
    HwgenError : a value is out of its range
    """

    channels: float = 0.5
    epochs: int = 10

    def __post_init__(self) -> None:
        share = self.channels
        if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 <= share <= 1:
            raise HwgenError(f"Share of channels to prune must lie in [0, 1), not {share!r}")
        _check_epochs(self.epochs)


@dataclass(frozen=True)
class QuantizeRecipe:
    """Turn weights and activations into integers.

    weights : signed format of the weights, symmetric
    activations : format after a ReLU; where there is none, the signed format of the same width
    input : format of the network's input, by default `activations`; an unsigned one gets a zero
        point where the calibration data goes below zero
    output : format of the network's output, one scale for all channels; None leaves the
        accumulators of the last layer as they are
    scales : "free", or "power_of_two" (no multiplier in hardware)
    asymmetric : where there is no ReLU, use an unsigned format and a zero point instead
    epochs : of quantization-aware training, where `train` is given
    calibration : how far activations reach: "minmax", "moving_average", "percentile", "mse", "kl";
        "auto" is min-max from 8 bits on, and the least squared error below
    per_channel : whether weights have a scale per output channel, or one per layer
    equalize : whether ranges of neighbouring layers are equalized before (Nagel et al., 2019)
    correct_bias : whether biases make up for the mean error of weights (Nagel et al., 2019)
    steps : how scales train: "tqt" in their logarithm, "lsq" as they are, "ste" not at all
    accumulator : bits that no accumulator of weights may exceed (A2Q), None for no limit
    layers : formats of single layers by path: "int8", or "int8/uint4" with that of its output
    budget : bits that all weights together may take; formats of layers that `layers` leaves open
        are then chosen among `candidates` by sensitivity
    candidates : formats of weights to choose from under a budget

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
    calibration: str = "auto"
    per_channel: bool = True
    equalize: bool = False
    correct_bias: bool = False
    steps: str = "tqt"
    accumulator: int | None = None
    layers: Mapping[str, str] = field(default_factory=dict)
    budget: float | None = None
    candidates: tuple[str, ...] = ("int2", "int4", "int8")

    def __post_init__(self) -> None:
        _ = self.weight_format, self.activation_format, self.input_format, self.output_format
        _check_choice("Scales", self.scales, SCALES)
        _check_choice("Calibration", self.calibration, CALIBRATIONS)
        _check_choice("Steps", self.steps, STEPS)
        _check_epochs(self.epochs)
        for name in ("asymmetric", "per_channel", "equalize", "correct_bias"):
            if not isinstance(getattr(self, name), bool):
                raise HwgenError(f"{name} must be True or False, not {getattr(self, name)!r}")
        bits = self.accumulator
        if bits is not None and (isinstance(bits, bool) or not isinstance(bits, int)):
            raise HwgenError(f"Accumulator must be a number of bits or None, not {bits!r}")
        if bits is not None and not 4 <= bits <= MAX_ACCUMULATOR:
            raise HwgenError(f"Accumulator must be 4 to {MAX_ACCUMULATOR} bits wide, not {bits}")
        if not isinstance(self.layers, Mapping):
            raise HwgenError(
                f"Layers must be formats by path, such as {{'conv1': 'int8'}}, not {self.layers!r}"
            )
        object.__setattr__(self, "layers", dict(self.layers))
        for path in self.layers:
            self.layer_weights(path), self.layer_activations(path)
        if isinstance(self.candidates, str) or not self.candidates:
            raise HwgenError(
                f"Candidates must be formats, such as ('int4', 'int8'), not {self.candidates!r}"
            )
        object.__setattr__(self, "candidates", tuple(self.candidates))
        for name in self.candidates:
            _weight_format(name)
        budget = self.budget
        if budget is not None and (
            isinstance(budget, bool) or not isinstance(budget, (int, float)) or not budget > 0
        ):
            raise HwgenError(f"Budget must be a positive number of bits, not {budget!r}")

    @classmethod
    def int8(cls) -> "QuantizeRecipe":
        """Return the recipe of 8 bits everywhere, without training."""
        return cls("int8", "uint8", output="int8", epochs=0, correct_bias=True)

    @property
    def weight_format(self) -> Fixed:
        """Format of the weights."""
        return _weight_format(self.weights)

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

    def layer_names(self, path: str) -> tuple[str, str | None]:
        """Return the names of a layer's formats: of its weights, and of its output if given."""
        name = self.layers.get(path, self.weights)
        if not isinstance(name, str):
            raise FormatError(f"Format of layer {path!r} must be written like int8, not {name!r}")
        weights, slash, activations = name.partition("/")
        return weights, activations if slash else None

    def layer_weights(self, path: str) -> Fixed:
        """Format of a layer's weights."""
        return _weight_format(self.layer_names(path)[0])

    def layer_activations(self, path: str) -> Fixed | None:
        """Format of a layer's output, None where `layers` does not say."""
        name = self.layer_names(path)[1]
        return None if name is None else parse_format(name)


def _check_choice(what: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise HwgenError(f"{what} must be one of {', '.join(choices)}, not {value!r}")


def _weight_format(name: str) -> Fixed:
    format = parse_format(name)
    if not format.signed:
        raise FormatError(f"Format of weights must be signed, such as int4, not {name}")
    return format


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
