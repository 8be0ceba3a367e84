"""Small random TFLite networks, an operator each or several."""

__all__ = ["OPERATORS", "network_file", "operator_file", "wide_network_file"]

from collections.abc import Callable
from pathlib import Path

import numpy as np

from support.tflite_files import Tensor
from support.tflite_maker import Made, Maker
from support.tflite_more import MORE, pad


def conv_2d(make: Maker, x: Tensor) -> Tensor:
    """Add a convolution of any stride, dilation and padding."""
    rng, (_, height, width, channels) = make.rng, x.shape
    kh, kw = (int(n) for n in rng.integers(1, 4, 2))
    stride = int(rng.integers(1, 3))
    dilation = int(rng.integers(1, 3)) if stride == 1 else 1
    outs, padding = int(rng.integers(1, 6)), int(rng.integers(0, 2))
    w, scales = make.weights((outs, kh, kw, channels), outs, 0)
    size = _extents((height, width), (kh, kw), stride, dilation, padding)
    out = make.tensor((1, *size, outs))
    make.grid_of(out, x.scale * 0.01 * 100 * 60 * np.sqrt(kh * kw * channels))
    settings = _settings(stride, dilation, padding, make.function())
    return make.add("CONV_2D", [x, w, make.bias(x, scales, outs)], out, **settings)


def depthwise_conv_2d(make: Maker, x: Tensor) -> Tensor:
    """Add a depthwise convolution, of one or two outputs a channel."""
    rng, (_, height, width, channels) = make.rng, x.shape
    kh, kw = (int(n) for n in rng.integers(1, 4, 2))
    stride, each = (int(n) for n in rng.integers(1, 3, 2))
    padding = int(rng.integers(0, 2))
    outs = channels * each
    w, scales = make.weights((1, kh, kw, outs), outs, 3)
    out = make.tensor((1, *_extents((height, width), (kh, kw), stride, 1, padding), outs))
    make.grid_of(out, x.scale * 0.01 * 100 * 60 * np.sqrt(kh * kw))
    settings = {**_settings(stride, 1, padding, make.function()), "DepthMultiplier": each}
    return make.add("DEPTHWISE_CONV_2D", [x, w, make.bias(x, scales, outs)], out, **settings)


def fully_connected(make: Maker, x: Tensor) -> Tensor:
    """Add a fully connected layer."""
    outs, features = int(make.rng.integers(1, 9)), x.shape[1]
    w, scales = make.weights((outs, features), outs, 0)
    out = make.tensor((1, outs))
    make.grid_of(out, x.scale * 0.01 * 100 * 60 * np.sqrt(features))
    bias = make.bias(x, scales, outs)
    function = make.function()
    return make.add("FULLY_CONNECTED", [x, w, bias], out, FusedActivationFunction=function)


def add(make: Maker, x: Tensor, y: Tensor) -> Tensor:
    """Add a sum."""
    out = make.tensor(tuple(x.shape))
    make.grid_of(out, 127 * (x.scale + y.scale))
    return make.add("ADD", [x, y], out, FusedActivationFunction=make.function())


def pool(kind: str) -> Callable[[Maker, Tensor], Tensor]:
    """Return what adds a pool."""

    def add_pool(make: Maker, x: Tensor) -> Tensor:
        rng, (_, height, width, channels) = make.rng, x.shape
        kh, kw, stride = (int(n) for n in rng.integers(1, 4, 3))
        padding = int(rng.integers(0, 2))
        out = make.tensor((1, *_extents((height, width), (kh, kw), stride, 1, padding), channels))
        out.scale, out.zero_point = x.scale, x.zero_point
        function = make.function()
        settings = {"Padding": padding, "StrideH": stride, "StrideW": stride}
        settings |= {"FilterHeight": kh, "FilterWidth": kw, "FusedActivationFunction": function}
        return make.add(kind, [x], out, **settings)

    return add_pool


def flatten(make: Maker, x: Tensor) -> Tensor:
    """Add a reshape to features."""
    out = make.tensor((1, int(np.prod(x.shape))))
    out.scale, out.zero_point = x.scale, x.zero_point
    shape = make.constant(np.array(out.shape), None, "INT32")
    return make.add("RESHAPE", [x, shape], out)


def quantize(make: Maker, x: Tensor) -> Tensor:
    """Bring a tensor to another grid."""
    return make.add("QUANTIZE", [x], make.tensor(tuple(x.shape)))


def _extents(
    size: tuple[int, int], kernel: tuple[int, int], stride: int, dilation: int, padding: int
) -> tuple[int, ...]:
    if padding == 0:
        return tuple(-(-n // stride) for n in size)
    spans = (dilation * (k - 1) + 1 for k in kernel)
    return tuple(-(-(n - span + 1) // stride) for n, span in zip(size, spans, strict=True))


def _settings(stride: int, dilation: int, padding: int, function: int) -> dict[str, int]:
    return {
        "StrideH": stride,
        "StrideW": stride,
        "DilationHFactor": dilation,
        "DilationWFactor": dilation,
        "Padding": padding,
        "FusedActivationFunction": function,
    }


OPERATORS: dict[str, Callable[[Maker], Tensor]] = {
    "CONV_2D": lambda m: conv_2d(m, m.entry(7, 6, 3)),
    "DEPTHWISE_CONV_2D": lambda m: depthwise_conv_2d(m, m.entry(7, 6, 3)),
    "FULLY_CONNECTED": lambda m: fully_connected(m, m.entry(11)),
    "RESHAPE, FULLY_CONNECTED": lambda m: fully_connected(m, flatten(m, m.entry(3, 4, 2))),
    "ADD of a value and what follows it": lambda m: (lambda x: add(m, x, quantize(m, x)))(
        m.entry(3, 4, 2)
    ),
    "AVERAGE_POOL_2D": lambda m: pool("AVERAGE_POOL_2D")(m, m.entry(7, 6, 3)),
    "MAX_POOL_2D": lambda m: pool("MAX_POOL_2D")(m, m.entry(7, 6, 3)),
    "QUANTIZE": lambda m: quantize(m, m.entry(5, 5, 2)),
    "PAD, CONV_2D": lambda m: conv_2d(m, pad("PAD")(m, m.entry(5, 4, 2))),
    "PAD, DEPTHWISE_CONV_2D": lambda m: depthwise_conv_2d(m, pad("PAD")(m, m.entry(5, 4, 2))),
    **MORE,
}


def operator_file(kind: str, seed: int, path: Path) -> Made:
    """Write a file of one kind of operator, with random settings."""
    make = Maker(seed, path)
    return make.made(OPERATORS[kind](make))


def network_file(seed: int, path: Path) -> Made:
    """Write a small network of all kinds of operators, with a residual branch."""
    make = Maker(seed, path)
    x = conv_2d(make, make.entry(8, 8, 3))
    y = add(make, x, quantize(make, depthwise_same(make, x)))
    pooled = pool("MAX_POOL_2D")(make, y)
    return make.made(fully_connected(make, flatten(make, pooled)))


def wide_network_file(seed: int, path: Path) -> Made:
    """Write a small network of operators that move, join and map values."""
    make = Maker(seed, path)
    x = make.entry(6, 6, 2)
    padded = make.tensor((1, 8, 8, 2), x.scale)
    padded.zero_point = x.zero_point
    sides = make.constant(np.array([[0, 0], [1, 1], [1, 1], [0, 0]]), None, "INT32")
    make.add("PAD", [x, sides], padded)
    y = make.add("HARD_SWISH", [conv := conv_2d(make, padded)], make.tensor(tuple(conv.shape)))
    y.scale = conv.scale
    channels = y.shape[3]
    means = make.tensor((1, channels))
    means.scale = float(np.float32(y.scale * 0.5))
    axes = make.constant(np.array([1, 2]), None, "INT32")
    make.add("MEAN", [y, axes], means, KeepDims=False)
    gate = make.tensor((1, channels), 1 / 256)
    gate.zero_point = -128
    make.add("LOGISTIC", [dense(make, means, channels)], gate)
    scaled = make.tensor(tuple(y.shape))
    make.grid_of(scaled, 127 * y.scale)
    make.add("MUL", [y, gate], scaled)
    both = make.tensor((*y.shape[:3], 2 * channels), scaled.scale)
    both.zero_point = scaled.zero_point
    again = make.add("QUANTIZE", [y], make.tensor(tuple(y.shape), scaled.scale))
    again.zero_point = scaled.zero_point
    make.add("CONCATENATION", [scaled, again], both, Axis=3)
    return make.made(make.add("LEAKY_RELU", [both], make.tensor(tuple(both.shape)), Alpha=0.1))


def dense(make: Maker, x: Tensor, outs: int) -> Tensor:
    """Add a fully connected layer of so many outputs."""
    w, scales = make.weights((outs, x.shape[1]), outs, 0)
    out = make.tensor((1, outs))
    make.grid_of(out, x.scale * 60 * np.sqrt(x.shape[1]))
    return make.add("FULLY_CONNECTED", [x, w, make.bias(x, scales, outs)], out)


def depthwise_same(make: Maker, x: Tensor) -> Tensor:
    """Add a depthwise convolution that keeps the shape."""
    channels = x.shape[3]
    w, scales = make.weights((1, 3, 3, channels), channels, 3)
    out = make.tensor(tuple(x.shape))
    make.grid_of(out, x.scale * 0.01 * 100 * 60 * 3)
    settings = {**_settings(1, 1, 0, make.function()), "DepthMultiplier": 1}
    return make.add("DEPTHWISE_CONV_2D", [x, w, make.bias(x, scales, channels)], out, **settings)
