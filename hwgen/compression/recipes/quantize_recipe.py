"""What quantization shall do, as validated data."""

__all__ = ["CALIBRATIONS", "SCALES", "STEPS", "QuantizeRecipe"]

from collections.abc import Mapping
from dataclasses import dataclass, field

from hwgen.compression.recipes.prune_recipe import check_epochs
from hwgen.errors import FormatError, HwgenError
from hwgen.formats import Activation, Binary, Codebook, Fixed, Format, parse_format

SCALES = ("free", "power_of_two")
CALIBRATIONS = ("auto", "minmax", "moving_average", "percentile", "mse", "kl")
STEPS = ("tqt", "lsq", "ste")
MAX_ACCUMULATOR = 48
MAX_TABLES = 10  # bits
MAX_ASYMMETRIC = 15  # bits; their distance from a zero point takes one more


@dataclass(frozen=True)
class QuantizeRecipe:
    """Turn weights and activations into integers.

    weights : format of the weights, signed: int4, binary, ternary, pot4, pot4x2, cb4:8
    activations : format after a ReLU; where there is none, the signed format of the same width;
        or binary, the sign, in place of the ReLU
    input : format of the network's input, by default `activations`; an unsigned one gets a zero
        point where the calibration data goes below zero
    output : format of the network's output, one scale for all channels; None leaves the
        accumulators of the last layer as they are
    scales : "free", or "power_of_two" (no multiplier in hardware)
    asymmetric : where there is no ReLU, use an unsigned format and a zero point instead
    epochs : of quantization-aware training, where `train` is given
    tune : epochs of training before that, in which scales stay as they were calibrated
    frozen_norms : epochs of training the float model before it is quantized, with batch norm by its
        running statistics, which stay: what will be folded into the weights (Krishnamoorthi, 2018)
    drop : how much less accuracy than the float model's is enough, such as 0.01: training that is
        not needed for it is left out. None: all that the recipe says is done
    calibration : how far activations reach: "minmax", "moving_average", "percentile", "mse", "kl";
        "auto" is min-max from 8 bits on, and the least squared error below
    per_channel : whether weights have a scale per output channel, or one per layer
    equalize : whether ranges of neighbouring layers are equalized before (Nagel et al., 2019)
    correct_bias : whether biases make up for the mean error of weights (Nagel et al., 2019)
    steps : how scales train: "tqt" in their logarithm, "lsq" as they are, "ste" not at all
    accumulator : bits that no accumulator of weights may exceed (A2Q), None for no limit
    layers : formats of single layers by path: "int8", or "int8/uint4" with that of its output
    asymmetric_weights : whether weights have a zero point, one per channel or per layer; int2 to
        int15, and one bit more in the network, which holds q - zero_point
    levels : integers that weights of a codebook format may be, instead of those of k-means
    incremental : shares of power-of-two weights that are frozen one after the other, with training
        between, such as (0.5, 0.75, 0.875, 1.0)
    budget : bits that all weights together may take; formats of layers that `layers` leaves open
        are then chosen among `candidates` by sensitivity
    candidates : formats of weights to choose from under a budget
    tables : bits of what enters the table of a function such as tanh or GELU, 2 to 10; None for
        those of the activations, but 8 to 10

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
    asymmetric_weights: bool = False
    levels: tuple[int, ...] = ()
    incremental: tuple[float, ...] = ()
    budget: float | None = None
    candidates: tuple[str, ...] = ("int2", "int4", "int8")
    tune: int = 0
    drop: float | None = None
    frozen_norms: int = 0
    tables: int | None = None

    def __post_init__(self) -> None:
        _ = self.weight_format, self.activation_format, self.input_format, self.output_format
        _check_choice("Scales", self.scales, SCALES)
        _check_choice("Calibration", self.calibration, CALIBRATIONS)
        _check_choice("Steps", self.steps, STEPS)
        check_epochs(self.epochs)
        check_epochs(self.tune)
        check_epochs(self.frozen_norms)
        drop = self.drop
        if drop is not None and (
            isinstance(drop, bool) or not isinstance(drop, (int, float)) or not 0 <= drop < 1
        ):
            raise HwgenError(f"Drop of accuracy must lie in [0, 1), not {drop!r}")
        for name in ("asymmetric", "per_channel", "equalize", "correct_bias", "asymmetric_weights"):
            if not isinstance(getattr(self, name), bool):
                raise HwgenError(f"{name} must be True or False, not {getattr(self, name)!r}")
        bits = self.accumulator
        if bits is not None and (isinstance(bits, bool) or not isinstance(bits, int)):
            raise HwgenError(f"Accumulator must be a number of bits or None, not {bits!r}")
        if bits is not None and not 4 <= bits <= MAX_ACCUMULATOR:
            raise HwgenError(f"Accumulator must be 4 to {MAX_ACCUMULATOR} bits wide, not {bits}")
        bits = self.tables
        if bits is not None and (isinstance(bits, bool) or not isinstance(bits, int)):
            raise HwgenError(f"Tables must be a number of bits or None, not {bits!r}")
        if bits is not None and not 2 <= bits <= MAX_TABLES:
            raise HwgenError(f"Tables must take 2 to {MAX_TABLES} bits, not {bits}")
        if not isinstance(self.layers, Mapping):
            raise HwgenError(
                f"Layers must be formats by path, such as {{'conv1': 'int8'}}, not {self.layers!r}"
            )
        object.__setattr__(self, "layers", dict(self.layers))
        for path in self.layers:
            self.layer_weights(path), self.layer_activations(path)
        self._check_levels()
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

    def _check_levels(self) -> None:
        formats = [self.weight_format, *(self.layer_weights(path) for path in self.layers)]
        formats += [_weight_format(name) for name in self.candidates if self.budget is not None]
        object.__setattr__(self, "levels", tuple(self.levels))
        object.__setattr__(self, "incremental", tuple(self.incremental))
        if self.levels:
            books = [format for format in formats if isinstance(format, Codebook)]
            if not books or len(set(self.levels)) < 2:
                raise FormatError(
                    "Levels must be at least two different integers, with weights of a codebook "
                    f"format such as cb4:8, not {self.levels} with {self.weights}"
                )
            for book in books:
                book.with_entries(self.levels)
        if self.asymmetric_weights:
            for format in formats:
                if isinstance(format, Fixed) and format.bits > MAX_ASYMMETRIC:
                    raise FormatError(
                        f"Asymmetric weights must have at most {MAX_ASYMMETRIC} bits, "
                        f"not be {format}"
                    )
            if self.accumulator is not None:
                raise HwgenError(
                    "A bounded accumulator needs symmetric weights; leave asymmetric_weights or "
                    "accumulator out"
                )
        rising = zip((0.0, *self.incremental), self.incremental, strict=False)
        if any(not a < b for a, b in rising) or self.incremental[-1:] not in ((), (1.0,)):
            raise HwgenError(
                "Shares to freeze must rise from above 0 to 1, such as (0.5, 0.75, 1.0), not "
                f"{self.incremental}"
            )

    @classmethod
    def int8(cls) -> "QuantizeRecipe":
        """Return the recipe of 8 bits everywhere, without training."""
        return cls("int8", "uint8", output="int8", epochs=0, correct_bias=True)

    @property
    def weight_format(self) -> Format:
        """Format of the weights."""
        return _weight_format(self.weights)

    @property
    def activation_format(self) -> Activation:
        """Format of what a ReLU gives."""
        return _activation_format(self.activations)

    @property
    def input_format(self) -> Activation:
        """Format of the network's input."""
        return _activation_format(self.activations if self.input is None else self.input)

    @property
    def output_format(self) -> Activation | None:
        """Format of the network's output, None for raw accumulators."""
        return None if self.output is None else _activation_format(self.output)

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

    def layer_weights(self, path: str) -> Format:
        """Format of a layer's weights."""
        return _weight_format(self.layer_names(path)[0])

    def layer_activations(self, path: str) -> Activation | None:
        """Format of a layer's output, None where `layers` does not say."""
        name = self.layer_names(path)[1]
        return None if name is None else _activation_format(name)


def _check_choice(what: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise HwgenError(f"{what} must be one of {', '.join(choices)}, not {value!r}")


def _weight_format(name: str) -> Format:
    format = parse_format(name)
    if isinstance(format, Fixed) and not format.signed:
        raise FormatError(f"Format of weights must be signed, such as int4, not {name}")
    return format


def _activation_format(name: str) -> Activation:
    format = parse_format(name)
    if not isinstance(format, (Fixed, Binary)):
        raise FormatError(f"Format of activations must be like uint4 or binary, not {name}")
    return format
