"""Dot products: convolution and fully connected layers."""

__all__ = ["QuantAffine", "QuantConv", "QuantConv1d", "QuantConv2d", "QuantLinear", "Weighted"]

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hwgen.compression.quantize.layers.integers import extents, integers_of, is_binary
from hwgen.compression.quantize.quantizers import Source, per_channel
from hwgen.compression.quantize.weights import WeightQuantizer
from hwgen.errors import FormatError
from hwgen.formats import Format
from hwgen.torch_graph.modules import Affine
from hwgen.torch_graph.modules.windows import Sides, padded

ACCUMULATOR_BITS = 50  # float64 divides scale * acc by scale and rounds back to acc below this


class Weighted(nn.Module):
    """What convolutions and `QuantLinear` share: weights by any quantizer of weights.

    Attributes
    ----------
    path : name in messages
    weight, bias : float32, as trained
    quantizer : makes integers of the weights
    largest_bias : magnitudes that the integer biases are clamped to, float64, (channels,) or (1,)
    zero_point : of an accumulator
    """

    zero_point = 0
    largest_bias: Tensor

    def __init__(
        self,
        path: str,
        float_layer: nn.Conv1d | nn.Conv2d | nn.Linear | Affine,
        quantizer: WeightQuantizer,
        source: Source,
        largest_bias: Tensor,
    ):
        super().__init__()
        self.path = path
        self.weight = nn.Parameter(float_layer.weight.detach().clone())
        assert float_layer.bias is not None  # fold_batch_norm gives every layer one
        self.bias = nn.Parameter(float_layer.bias.detach().clone())
        self.quantizer = quantizer
        self.register_buffer("largest_bias", largest_bias)
        self._source = (source,)  # in a tuple: not a child

    @property
    def format(self) -> Format:
        """Format of the integer weights."""
        return self.quantizer.format(self.weight)

    def weight_scale(self) -> Tensor:
        """Scale of the weights, (channels,) or (1,) float64."""
        return self.quantizer.scale(self.weight)

    def input_scale(self) -> Tensor:
        """Scale of what enters, (1,) float64."""
        return self._source[0].output_scale()

    def output_scale(self) -> Tensor:
        """Scale of the accumulators, (channels,) or (1,) float64."""
        return self.input_scale() * self.weight_scale()

    @torch.no_grad()
    def integer_weight(self) -> Tensor:
        """Integer weights in float64, shape of `weight`.

        Raises
        ------
        FormatError : a weight is NaN or infinite
        """
        if not torch.isfinite(self.weight).all():
            raise FormatError(f"{self.path}: weight must be finite, not NaN or infinity")
        return self.quantizer.integers(self.weight)

    @torch.no_grad()
    def integer_bias(self) -> Tensor:
        """Integer bias in float64, (channels,), in units of the accumulator.

        Raises
        ------
        FormatError : a bias is NaN or infinite
        """
        if not torch.isfinite(self.bias).all():
            raise FormatError(f"{self.path}: bias must be finite, not NaN or infinity")
        q = torch.floor(self.bias.double() / self.output_scale() + 0.5)
        return torch.maximum(torch.minimum(q, self.largest_bias), -self.largest_bias)

    def bounds(self) -> npt.NDArray[np.float64]:
        """Bounds of the magnitudes of accumulators, (channels,).

        Raises
        ------
        FormatError : accumulators may not be exact in float64
        """
        sums = self.integer_weight().abs().flatten(1).sum(1) * self._source[0].bound()
        bounds: npt.NDArray[np.float64] = (sums + self.integer_bias().abs()).cpu().numpy()
        if bounds.max() >= 1 << ACCUMULATOR_BITS:
            raise FormatError(
                f"{self.path}: accumulators must stay below 2**{ACCUMULATOR_BITS}, "
                f"not reach {bounds.max():.3g}; use fewer bits, or train with a smaller bias"
            )
        return bounds

    def bound(self) -> int:
        """Bound of the magnitude of an accumulator; `bounds` says when there is none."""
        return int(self.bounds().max())

    def forward(self, x: Tensor) -> Tensor:
        """Return the accumulators of x: fake-quantized in training, exact in evaluation."""
        if self.training:
            return self._dot(x, self.quantizer(self.weight), self._fake_bias())
        self.bound()
        acc = self._dot(integers_of(x, self._source[0]), self.integer_weight(), self.integer_bias())
        return acc * per_channel(self.output_scale(), acc)

    def _fake_bias(self) -> Tensor:
        limit = (self.largest_bias * self.output_scale()).to(self.bias.dtype)
        return torch.maximum(torch.minimum(self.bias, limit), -limit)

    def _dot(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        raise NotImplementedError


class QuantConv(Weighted):
    """A convolution of any number of spatial axes.

    stride, dilation : of each spatial axis
    padding : (before, after) of each spatial axis
    groups : divides both channel counts
    """

    convolve: Callable[..., Tensor]

    def __init__(
        self,
        path: str,
        float_layer: nn.Conv1d | nn.Conv2d,
        quantizer: WeightQuantizer,
        source: Source,
        largest_bias: Tensor,
    ):
        super().__init__(path, float_layer, quantizer, source, largest_bias)
        rank = len(float_layer.kernel_size)
        self.stride = extents(float_layer.stride, rank)
        self.dilation = extents(float_layer.dilation, rank)
        self.padding = _padding(float_layer, rank)
        self.groups = float_layer.groups

    @property
    def pads_below_zero(self) -> bool:
        """Whether it pads with -1: binary values have no zero."""
        return any(map(any, self.padding)) and is_binary(self._source[0])

    def _dot(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        value = 0.0
        if self.pads_below_zero:
            value = -float(self.input_scale()) if self.training else -1.0
        x = padded(x, self.padding, value)
        return type(self).convolve(x, weight, bias, self.stride, 0, self.dilation, self.groups)


class QuantConv1d(QuantConv):
    """A convolution along a length."""

    convolve = staticmethod(F.conv1d)


class QuantConv2d(QuantConv):
    """A convolution of images."""

    convolve = staticmethod(F.conv2d)


class QuantLinear(Weighted):
    """A fully connected layer, of each position where there are several."""

    def _dot(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return F.linear(x.movedim(1, -1), weight, bias).movedim(-1, 1)


class QuantAffine(Weighted):
    """A factor and an offset of each channel; weights are (channels, 1)."""

    def _dot(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return x * per_channel(weight, x) + per_channel(bias, x)


def _padding(layer: nn.Conv1d | nn.Conv2d, rank: int) -> Sides:
    if layer.padding_mode != "zeros":  # which a layer before it puts around the frame
        return ((0, 0),) * rank
    if layer.padding == "valid":
        return ((0, 0),) * rank
    if isinstance(layer.padding, str):  # "same": of an odd sum, torch puts more behind
        spans = zip(layer.dilation, layer.kernel_size, strict=True)
        sums = [d * (k - 1) for d, k in spans]
        return tuple((n // 2, n - n // 2) for n in sums)
    return tuple((n, n) for n in extents(layer.padding, rank))
