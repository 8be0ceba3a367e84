"""The modules of a quantized model.

In `train()` they fake-quantize in float32, with gradients. In `eval()` they compute what the
hardware computes: each takes and returns scale * (q - zero_point) in float64, recovers the
integers, and works on those, exactly. Accumulators stay below 2**50, so that float64 holds every
partial sum.
"""

__all__ = [
    "QuantActivation",
    "QuantConv2d",
    "QuantInput",
    "QuantLinear",
    "QuantModel",
    "Quantizer",
    "Weighted",
]

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hwgen.compression.quantize.calibration import Placement, weight_scales
from hwgen.compression.quantize.fake import Step, fake_quantize
from hwgen.compression.quantize.fixed_point import fixed_point
from hwgen.errors import FormatError
from hwgen.formats import Fixed

ACCUMULATOR_BITS = 50  # float64 divides scale * acc by scale and rounds back to acc below this


class Quantizer(nn.Module):
    """What `QuantInput` and `QuantActivation` share: a grid and a clamp.

    Attributes
    ----------
    path : name in messages
    format, zero_point, lo, hi : of the integers
    """

    def __init__(
        self, path: str, format: Fixed, placement: Placement, power_of_two: bool, relu: bool
    ):
        super().__init__()
        self.path = path
        self.format = format
        self.zero_point = placement.zero_point
        self.lo = self.zero_point if relu else format.lo
        self.hi = format.hi
        self.step = Step(placement.scale, power_of_two)

    def output_scale(self) -> Tensor:
        """Scale of the output, (1,) float64."""
        return self.step.exact()

    def bound(self) -> int:
        """Largest magnitude of q - zero_point."""
        return max(self.hi - self.zero_point, self.zero_point - self.lo)

    def _fake(self, x: Tensor) -> Tensor:
        step = self.step(x[0].numel(), self.format.hi)
        return fake_quantize(x, step, self.lo, self.hi, self.zero_point)

    def _real(self, q: Tensor) -> Tensor:
        clamped = torch.clamp(q, self.lo, self.hi)
        return self.output_scale() * (clamped - self.zero_point).double()


class QuantInput(Quantizer):
    """q = clamp(zero_point + floor(x / scale + 1/2)) of the real numbers that enter."""

    def forward(self, x: Tensor) -> Tensor:
        """Quantize (batch, ...) real numbers.

        Raises
        ------
        FormatError : in evaluation, an input is NaN
        """
        if self.training:
            return self._fake(x)
        real = x.detach().double()
        if torch.isnan(real).any():
            raise FormatError(f"{self.path}: input must not contain NaN")
        return self._real(self.zero_point + torch.floor(real / self.output_scale() + 0.5))


class Weighted(nn.Module):
    """What `QuantConv2d` and `QuantLinear` share: symmetric weights, a scale per output channel.

    Attributes
    ----------
    path : name in messages
    weight, bias : float32, as trained
    format : of the integer weights, which lie in [-format.hi, format.hi]
    """

    def __init__(
        self,
        path: str,
        float_layer: nn.Conv2d | nn.Linear,
        format: Fixed,
        power_of_two: bool,
        source: Quantizer,
    ):
        super().__init__()
        self.path = path
        self.format = format
        self.weight = nn.Parameter(float_layer.weight.detach().clone())
        assert float_layer.bias is not None  # fold_batch_norm gives every layer one
        self.bias = nn.Parameter(float_layer.bias.detach().clone())
        self.step = Step(weight_scales(self.weight, format, power_of_two), power_of_two)
        self._source = (source,)  # in a tuple: not a child

    def weight_scale(self) -> Tensor:
        """Scale of the weights, (channels,) float64."""
        return self.step.exact()

    def output_scale(self) -> Tensor:
        """Scale of the accumulators, (channels,) float64."""
        return self._source[0].output_scale() * self.weight_scale()

    @torch.no_grad()
    def integer_weight(self) -> Tensor:
        """Integer weights in float64, shape of `weight`.

        Raises
        ------
        FormatError : a weight is NaN or infinite
        """
        if not torch.isfinite(self.weight).all():
            raise FormatError(f"{self.path}: weight must be finite, not NaN or infinity")
        scale = self._rows(self.weight_scale())
        q = torch.floor(self.weight.double() / scale + 0.5)
        return torch.clamp(q, -self.format.hi, self.format.hi)

    @torch.no_grad()
    def integer_bias(self) -> Tensor:
        """Integer bias in float64, (channels,), in units of the accumulator.

        Raises
        ------
        FormatError : a bias is NaN or infinite
        """
        if not torch.isfinite(self.bias).all():
            raise FormatError(f"{self.path}: bias must be finite, not NaN or infinity")
        return torch.floor(self.bias.double() / self.output_scale() + 0.5)

    def bound(self) -> int:
        """Bound of the magnitude of an accumulator.

        Raises
        ------
        FormatError : accumulators may not be exact in float64
        """
        sums = self.integer_weight().abs().flatten(1).sum(1) * self._source[0].bound()
        bound = float((sums + self.integer_bias().abs()).max())
        if bound >= 1 << ACCUMULATOR_BITS:
            raise FormatError(
                f"{self.path}: accumulators must stay below 2**{ACCUMULATOR_BITS}, "
                f"not reach {bound:.3g}; use fewer bits, or train with a smaller bias"
            )
        return int(bound)

    def forward(self, x: Tensor) -> Tensor:
        """Return the accumulators of x: fake-quantized in training, exact in evaluation."""
        if self.training:
            step = self._rows(self.step(self.weight[0].numel(), self.format.hi))
            hi = self.format.hi
            return self._dot(x, fake_quantize(self.weight, step, -hi, hi, 0), self.bias)
        self.bound()
        q = torch.round(x.detach() / self._source[0].output_scale())  # never near a tie
        acc = self._dot(q, self.integer_weight(), self.integer_bias())
        return acc * _channels(self.output_scale(), acc)

    def _rows(self, scale: Tensor) -> Tensor:
        return scale.reshape(-1, *[1] * (self.weight.dim() - 1))

    def _dot(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        raise NotImplementedError


class QuantConv2d(Weighted):
    """A convolution; stride, padding and dilation are pairs."""

    def __init__(
        self,
        path: str,
        float_layer: nn.Conv2d,
        format: Fixed,
        power_of_two: bool,
        source: Quantizer,
    ):
        super().__init__(path, float_layer, format, power_of_two, source)
        self.stride = _pair(float_layer.stride)
        self.dilation = _pair(float_layer.dilation)
        self.padding = _padding(float_layer)

    def _dot(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return F.conv2d(x, weight, bias, self.stride, self.padding, self.dilation)


class QuantLinear(Weighted):
    """A fully connected layer."""

    def _dot(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return F.linear(x, weight, bias)


class QuantActivation(Quantizer):
    """The requantizer, with the ReLU in its clamp.

    q = clamp(zero_point + floor((acc * multiplier + 2**(shift - 1)) / 2**shift), lo, hi)
    """

    def __init__(
        self,
        path: str,
        format: Fixed,
        placement: Placement,
        power_of_two: bool,
        relu: bool,
        source: Weighted | Quantizer,
    ):
        super().__init__(path, format, placement, power_of_two, relu)
        self._source = (source,)

    def requantizer(self) -> tuple[npt.NDArray[np.int64], int]:
        """Return (multipliers, shift): (channels,) or (1,), and one shift for all.

        Raises
        ------
        FormatError : the scales of input and output are too far apart
        """
        (source,) = self._source
        ratios = (source.output_scale() / self.output_scale()).cpu().numpy()
        power_of_two = self.step.power_of_two
        return fixed_point(ratios, self.format.bits, source.bound(), power_of_two, self.path)

    def forward(self, x: Tensor) -> Tensor:
        """Requantize (batch, channels, ...): fake in training, exact in evaluation."""
        if self.training:
            return self._fake(x)
        multipliers, shift = self.requantizer()
        scale = _channels(self._source[0].output_scale(), x)
        acc = torch.round(x.detach() / scale).long()  # never near a tie
        product = acc * _channels(torch.from_numpy(multipliers).to(x.device), x)
        half = (1 << shift) >> 1
        return self._real(self.zero_point + ((product + half) >> shift))


class QuantModel(nn.Module):
    """Quantized layers, one after another, each under its path in the user's model.

    Parameters
    ----------
    layers : (path, module), in order; the first is a `QuantInput`
    """

    def __init__(self, layers: Sequence[tuple[str, nn.Module]]):
        super().__init__()
        for path, module in sorted(layers, key=lambda layer: layer[0].count(".")):
            self._place(path, module)
        self.__paths = tuple(path for path, _ in layers)

    def forward(self, x: Tensor) -> Tensor:
        """Run (batch, ...) real inputs; see the module's docstring for the two modes."""
        for path in self.__paths:
            x = self.get_submodule(path)(x)
        return x

    def _place(self, path: str, module: nn.Module) -> None:
        *parents, name = path.split(".")
        at: nn.Module = self
        for parent in parents:
            if parent not in dict(at.named_children()):
                at.add_module(parent, nn.Module())
            at = at.get_submodule(parent)
        at.add_module(name, module)


def _pair(value: int | tuple[int, ...]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def _padding(layer: nn.Conv2d) -> tuple[int, int]:
    if layer.padding == "valid":
        return 0, 0
    if isinstance(layer.padding, str):  # "same": find_layers let odd spans through only
        spans = zip(_pair(layer.dilation), _pair(layer.kernel_size), strict=True)
        height, width = (d * (k - 1) // 2 for d, k in spans)
        return height, width
    return _pair(layer.padding)


def _channels(values: Tensor, like: Tensor) -> Tensor:
    return values.reshape(-1, *[1] * (like.dim() - 2))
