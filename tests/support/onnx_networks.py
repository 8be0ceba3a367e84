"""Small ONNX files: one of each operator and setting that the importer takes, whole networks."""

import numpy as np
from onnx import TensorProto

from support.onnx_graphs import CHANNELS_LAST, DOMAIN, Graph

IMAGE = (3, 6, 7)
F = 12  # features


def _image(g, bits=5, signed=1, **more):
    return g.quant("x", bits, -3, signed, **more)


def _conv(g, **attributes):
    y = g.conv(_image(g), 3, 4, **attributes)
    return g.quant(y, 4, -2)


def _behind_conv(g, step, bits=4, near=-2, signed=1):
    return g.quant(step(g.conv(_image(g), 3, 4, bias=True)), bits, near, signed)


def _channels(g, *ends, n=4):
    return g.constant(g.rng.uniform(*ends, (1, n, 1, 1)))


def _features(g, bits=4, **more):
    return g.quant("x", bits, -2, **more)


def _per_channel_input(g):
    x = g.add("Mul", _image(g), g.constant([[[0.5]], [[2]], [[-1]]]))
    return g.quant(g.conv(x, 3, 4), 4, -1)


def _depthwise(g):
    x = g.quant("x", 5, -3, shape=(1, 3, 1, 1))
    return g.quant(g.conv(x, 3, 6, group=3, pads=[1, 0, 0, 1]), 4, -2)


def _asymmetric(g):
    x = g.quant("x", 5, -3, signed=0, zero=9)
    return g.quant(g.conv(x, 3, 4, pads=[1, 1, 1, 1]), 5, -2, signed=0, zero=11)


def _half_zero(g):
    y = g.quant(g.conv(g.quant("x", 5, -3, zero=0.5), 3, 4), 5, -2, zero=-1.5)
    return g.quant(g.conv(y, 4, 3, 1), 4, -2)


def _binary(g, padded):
    x = g.bipolar(g.norm(g.conv(_image(g), 3, 4), 4))
    y = g.conv(x, 4, 5, bits=1, **({"pads": [1, 1, 1, 1]} if padded else {}))
    return g.bipolar(g.norm(y, 5))


def _max_behind(g):
    y = g.add("MaxPool", g.norm(g.conv(_image(g), 3, 4), 4), kernel_shape=[2, 2], strides=[1, 2])
    return g.quant(y, 4, -2)


def _max_of_binary(g):
    x = g.bipolar(g.conv(_image(g), 3, 4))
    x = g.add("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    return g.quant(g.conv(x, 4, 3, 2, pads=[1, 1, 0, 0]), 4, 0)


def _max(g, **attributes):
    return g.quant(g.conv(g.add("MaxPool", _image(g), **attributes), 3, 4, 1), 4, -2)


def _average(g, **attributes):
    return g.quant(g.add("AveragePool", _image(g), **attributes), 6, -4)


def _trunc(g, version, **more):
    scale = g.constant(g.scale(-3))
    x = g.add(
        *("Quant", "x", scale, g.constant(0), g.constant(6)),
        domain=DOMAIN,
        signed=1,
        narrow=0,
        rounding_mode="ROUND",
    )
    y = g.add("Mul", g.add("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2]), g.constant(4))
    rest = [g.constant(8)]
    g.dialect = version
    if version == 2:
        rest.append(g.constant(4 * np.float32(g.constants[0].float_data or _first(g))))
    rest.append(g.constant(6))
    return g.add("Trunc", y, scale, g.constant(0), *rest, domain=DOMAIN, **more)


def _first(g):
    return np.frombuffer(g.constants[0].raw_data, np.float32)[0]


def _concat(g, alike):
    x = _image(g)
    a = g.conv(x, 3, 4)
    b = g.conv(x, 3, 2)
    if alike:
        scale, rest = g.constant(g.scale(-2)), (g.constant(0), g.constant(4))
        how = dict(domain=DOMAIN, signed=1, narrow=0, rounding_mode="ROUND")
        a, b = (g.add("Quant", y, scale, *rest, **how) for y in (a, b))
    y = g.add("Concat", a, b, axis=1)
    y = g.norm(y, 6)
    return g.quant(y, 4, -2)


def _concat_of_grids(g):
    x = _image(g)
    y = g.add("Concat", g.quant(x, 4, -2), g.quant(x, 3, -1), axis=1)
    return g.quant(g.conv(g.add("MaxPool", y, kernel_shape=[2, 2]), 6, 4), 4, 0)


def _add(g, kind="Add", **more):
    x = _image(g)
    a, b = g.quant(g.conv(x, 3, 4), 4, -2), g.quant(g.conv(x, 3, 4), 5, -2, **more)
    return g.quant(g.add("Relu", g.add(kind, a, b)), 4, -2, signed=0)


def _between(g, step):
    """A step between a quantizer and the next layer."""
    return g.quant(g.conv(step(_image(g)), 3, 4), 4, -1)


def _flat(g, nodes):
    y = g.quant(g.conv(_image(g), 3, 4), 4, -2)
    return g.quant(g.linear(nodes(y), 4 * 4 * 5, 6), 4, 0)


def _flat_last(g):
    y = g.quant(g.conv(_image(g), 3, 4), 4, -2)
    y = g.add("Transpose", y, perm=[0, 2, 3, 1])
    y = g.add("Flatten", y)
    y = g.add("Mul", y, g.constant(g.rng.choice([0.5, 1, 2], (1, 80))))
    return g.quant(g.linear(y, 80, 6), 4, 0)


def _channels_last(g):
    weight = g.quant(g.constant(g.rng.normal(0, 0.5, (4, 3, 3, 3))), 4, -3, narrow=1)
    x = g.quant("x", 5, -3)
    y = g.add(
        *("Conv", x, weight),
        domain=CHANNELS_LAST,
        pads=[1, 1, 1, 1],
        kernel_shape=[3, 3],
        strides=[1, 1],
        dilations=[1, 1],
        group=1,
    )
    y = g.add("Add", y, g.constant(g.rng.normal(0, 1, 4)))
    y = g.quant(g.add("LeakyRelu", y, alpha=0.125), 4, -2)
    y = g.add(
        "MaxPool",
        y,
        domain=CHANNELS_LAST,
        kernel_shape=[2, 2],
        strides=[2, 2],
        pads=[0, 0, 0, 0],
        ceil_mode=0,
    )
    w = g.add("Transpose", g.weights((5, 4)), perm=[1, 0])
    return g.quant(g.add("MatMul", y, w), 4, -1)


def _tensorflow(g):
    """Channels last outside, transposed before each convolution."""
    x = g.add("Transpose", g.quant("x", 5, -3), perm=[0, 3, 1, 2])
    y = g.add("Transpose", g.conv(x, 3, 4), perm=[0, 2, 3, 1])
    y = g.add("Add", y, g.constant(g.rng.normal(0, 1, 4)))
    return g.quant(g.add("Relu", y), 4, -2, signed=0)


def _pad(g):
    pads = g.constant([0, 0, 1, 2, 0, 0, 0, 1], np.int64)
    return g.quant(g.conv(g.add("Pad", _image(g), pads), 3, 4, pads=[1, 1, 1, 1]), 4, -2)


def _gemm(g, **more):
    y = g.add(
        *("Gemm", _features(g), g.weights((5, F))),
        g.constant(g.rng.normal(0, 1, 5)),
        transB=1,
        **more,
    )
    return g.quant(y, 4, -1)


def _sequence(g):
    weight = g.weights((4, 3, 3))
    y = g.add("Conv", g.quant("x", 5, -3), weight, pads=[2, 0], dilations=[2])
    y = g.quant(g.add("Relu", y), 4, -2, signed=0)
    return g.add("MaxPool", y, kernel_shape=[2], strides=[2])


def _folded_constants(g):
    """Scales and shapes that nodes compute of constants."""
    x = _image(g)
    y = g.conv(x, 3, 4)
    root = g.add("Pow", g.constant([4.0]), g.constant(0.5))
    y = g.quant(g.add("Div", y, g.add("Mul", root, g.constant(2.0))), 4, -4)
    shape = g.add("Gather", g.add("Shape", y), g.constant(0, np.int64), axis=0)
    shape = g.add("Unsqueeze", shape, g.constant([0], np.int64))
    shape = g.add("Concat", shape, g.constant([-1], np.int64), axis=0)
    return g.quant(g.linear(g.add("Reshape", y, shape), 80, 6), 4, -2)


def _plain_weights(g):
    """Integers times a power of two, without a quantizer."""
    weight = g.constant(g.rng.integers(-7, 8, (4, 3, 3, 3)) / 4)
    return g.quant(g.add("Conv", _image(g), weight), 4, 0)


def _weights_on_ties(g):
    weight = g.constant(g.rng.integers(-15, 16, (4, 3, 3, 3)) / 8)
    scale, rest = g.constant(0.25), (g.constant(0), g.constant(4))
    weight = g.add(
        *("Quant", weight, scale, *rest),
        domain=DOMAIN,
        signed=1,
        narrow=1,
        rounding_mode="ROUND",
    )
    return g.quant(g.add("Conv", _image(g), weight), 4, 0)


def _moved(g, *steps, channels=4, near=-1):
    """Steps on a quantized image, and a convolution behind them."""
    y = _image(g)
    for step in steps:
        y = step(y)
    return g.quant(g.conv(y, channels, 4, 1), 4, near)


def _ints(g, *values):
    return g.constant(values, np.int64)


def _resized(g, scales, **how):
    return lambda y: g.add("Resize", y, "", g.constant([1, 1, *scales]), **how)


def _split(g):
    a, b, c = g.add("Split", _image(g, bits=4), axis=3, outputs=3, num_outputs=3)
    y = g.add("Add", g.add("Add", a, b), g.add("Pad", c, _ints(g, *[0] * 7, 2)))
    return g.quant(y, 5, -1)


def _shuffled(g):
    """Channels of groups in turn, as ShuffleNet has them."""
    y = g.quant(g.conv(_image(g), 3, 6, 1), 4, -2)
    y = g.add("Reshape", y, _ints(g, 0, 2, 3, 6, 7))
    y = g.add("Transpose", y, perm=[0, 2, 1, 3, 4])
    y = g.add("Reshape", y, _ints(g, 0, 6, 6, 7))
    return g.quant(g.conv(y, 6, 4, 1), 4, 0)


def _upscaled(g, kind="DepthToSpace"):
    """Sums that move before they are quantized."""
    y = g.conv(_image(g), 3, 8, pads=[1, 1, 1, 1], bias=True)
    y = g.add("DepthToSpace", y, blocksize=2, mode="CRD")
    y = g.add("LeakyRelu", g.norm(y, 2), alpha=0.125)
    return g.quant(g.conv(g.quant(y, 4, -2), 2, 3), 4, -1)


def _rows_of_features(g):
    """Features that become an image, and features again, in another order."""
    y = g.add("Reshape", _features(g), _ints(g, 0, 3, 2, 2))
    y = g.quant(g.conv(y, 3, 4, 2, pads=[1, 0, 0, 1]), 4, -1)
    y = g.add("Flatten", g.add("Transpose", y, perm=[0, 3, 2, 1]))
    return g.quant(g.linear(y, 16, 5), 4, 0)


def _transposed(g, out=4, kernel=3, group=1, bias=True, norm=False, **how):
    weight = g.weights((3, out // group, kernel, kernel), 4, per_channel=False)
    biases = [g.constant(g.rng.normal(0, 0.3, out))] if bias else []
    y = g.add("ConvTranspose", _image(g), weight, *biases, group=group, **how)
    y = g.norm(y, out) if norm else y
    return g.quant(g.conv(g.quant(y, 4, -2), out, 3, 1), 4, -1)


def _function(g, kind, **how):
    return g.quant(g.add(kind, _image(g, bits=6), **how), 6, -3)


def _functions_of_one(g, step):
    return g.quant(step(_image(g, bits=6)), 6, -3)


def _hard_swish(g, x):
    y = g.add("Clip", g.add("Add", x, g.constant(3.0)), g.constant(0.0), g.constant(6.0))
    return g.add("Div", g.add("Mul", x, y), g.constant(6.0))


def _gelu(g, x):
    y = g.add("Erf", g.add("Div", x, g.constant(np.sqrt(2))))
    y = g.add("Mul", x, g.add("Add", y, g.constant(1.0)))
    return g.add("Mul", y, g.constant(0.5))


def _product(g, shape=(4, 6, 7)):
    x = _image(g)
    a = g.quant(g.conv(x, 3, 4, 1), 5, -2)
    b = g.quant(g.conv(x, 3, shape[0], 1), 4, -2, signed=0)
    if shape[1:] == (1, 1):
        b = g.quant(g.add("Sigmoid", g.add("GlobalAveragePool", b)), 6, -6, signed=0)
    return g.quant(g.add("Mul", b, a), 5, -2)


def _sum_of_channels(g):
    x = _image(g)
    a = g.quant(g.conv(x, 3, 4, 1), 5, -2)
    b = g.quant(g.add("GlobalMaxPool", g.conv(x, 3, 4, 1)), 4, -2)
    return g.quant(g.add("Sub", b, a), 5, -2)


def _padded_grid(g):
    """Zeros around a value that is quantized again behind them."""
    pads = _ints(g, 0, 0, 1, 2, 0, 0, 0, 1)
    y = g.quant(g.add("Pad", g.add("Relu", _image(g)), pads), 4, -2, signed=0)
    return g.quant(g.conv(y, 3, 4), 4, -1)


def _padded_conv(g):
    pads, fill = _ints(g, 1, 0, 2, 1), g.constant(0.5)
    y = g.conv(_image(g), 3, 4, bias=True)
    y = g.add("Sigmoid", g.add("Pad", y, pads, fill, _ints(g, 2, -1)))
    return g.quant(g.conv(g.quant(y, 6, -6, signed=0), 4, 3), 4, -1)


MOVED = {
    "resize": (IMAGE, lambda g: _moved(g, _resized(g, (2, 3)), channels=3)),
    "resize: down, half a pixel": (
        IMAGE,
        lambda g: _moved(
            g,
            lambda y: g.add(
                *("Resize", y, "", "", _ints(g, 64, 3, 4, 5)),
                nearest_mode="ceil",
                coordinate_transformation_mode="pytorch_half_pixel",
            ),
            channels=3,
        ),
    ),
    "resize: align corners": (
        IMAGE,
        lambda g: _moved(
            g,
            _resized(g, (2, 3), coordinate_transformation_mode="align_corners"),
            channels=3,
        ),
    ),
    "resize: floor": (
        IMAGE,
        lambda g: _moved(
            g,
            _resized(
                g, (1.5, 2), coordinate_transformation_mode="asymmetric", nearest_mode="floor"
            ),
            channels=3,
        ),
    ),
    "slice": (
        IMAGE,
        lambda g: _moved(
            g,
            lambda y: g.add(
                "Slice", y, _ints(g, 1, -1), _ints(g, 99, -6), _ints(g, 1, 3), _ints(g, 1, -2)
            ),
            channels=2,
        ),
    ),
    "split": (IMAGE, _split),
    "gather": (
        IMAGE,
        lambda g: _moved(g, lambda y: g.add("Gather", y, _ints(g, 2, 0, -2, 2), axis=1)),
    ),
    "tile, expand": (
        IMAGE,
        lambda g: _moved(
            g,
            lambda y: g.add("Tile", y, _ints(g, 1, 2, 1, 1)),
            lambda y: g.add("GlobalMaxPool", y),
            lambda y: g.add("Expand", y, _ints(g, 1, 1, 3, 2)),
            channels=6,
        ),
    ),
    "reshape: groups of channels in turn": (IMAGE, _shuffled),
    "reshape: of features": ((F,), _rows_of_features),
    "transpose: rows and columns": (
        IMAGE,
        lambda g: _moved(g, lambda y: g.add("Transpose", y, perm=[0, 1, 3, 2]), channels=3),
    ),
    "unsqueeze, squeeze": (
        (3, 9),
        lambda g: g.quant(
            g.conv(g.add("Unsqueeze", g.quant("x", 5, -3), _ints(g, 2)), 3, 4, 1), 4, -1
        ),
    ),
    "depth to space": (IMAGE, _upscaled),
    "depth to space: columns first": (
        IMAGE,
        lambda g: _moved(
            g,
            lambda y: g.add("Tile", y, _ints(g, 1, 4, 1, 1)),
            lambda y: g.add("DepthToSpace", y, blocksize=2),
            channels=3,
        ),
    ),
    "space to depth": (
        (3, 6, 4),
        lambda g: _moved(g, lambda y: g.add("SpaceToDepth", y, blocksize=2), channels=12),
    ),
    "pad: behind relu": (IMAGE, _padded_grid),
    "pad: of sums": (IMAGE, _padded_conv),
    **{
        f"pad: {mode}": (
            IMAGE,
            lambda g, mode=mode: _moved(
                g,
                lambda y: g.add("Pad", y, _ints(g, 0, 0, 1, 2, 0, 0, 0, 1), mode=mode),
                channels=3,
            ),
        )
        for mode in ("reflect", "edge", "wrap")
    },
    "conv transpose": (
        IMAGE,
        lambda g: _transposed(g, strides=[2, 2], pads=[1, 0, 1, 1], output_padding=[1, 0]),
    ),
    "conv transpose: groups, then norm": (
        IMAGE,
        lambda g: _transposed(g, 6, 4, 3, False, True, strides=[2, 3], pads=[1, 1, 1, 1]),
    ),
    "conv transpose: dilations": (
        IMAGE,
        lambda g: _transposed(g, dilations=[2, 1], strides=[1, 2]),
    ),
    "conv transpose: a shape": (
        IMAGE,
        lambda g: _transposed(g, strides=[2, 2], output_shape=[12, 14], auto_pad="SAME_UPPER"),
    ),
}
FUNCTIONS = {
    "hard swish": (IMAGE, lambda g: _function(g, "HardSwish")),
    "gelu": (IMAGE, lambda g: _function(g, "Gelu")),
    "gelu: tanh": (IMAGE, lambda g: _function(g, "Gelu", approximate="tanh")),
    "mish": (IMAGE, lambda g: _function(g, "Mish")),
    "abs": (IMAGE, lambda g: _function(g, "Abs")),
    "leaky relu: slope below 0": (IMAGE, lambda g: _function(g, "LeakyRelu", alpha=-0.25)),
    "hard swish: of parts": (IMAGE, lambda g: _functions_of_one(g, lambda x: _hard_swish(g, x))),
    "gelu: of parts": (IMAGE, lambda g: _functions_of_one(g, lambda x: _gelu(g, x))),
    "silu: of parts": (
        IMAGE,
        lambda g: _functions_of_one(g, lambda x: g.add("Mul", g.add("Sigmoid", x), x)),
    ),
    "prelu: slopes of both signs": (
        IMAGE,
        lambda g: _functions_of_one(g, lambda x: g.add("PRelu", x, _channels(g, -0.5, 0.5, n=3))),
    ),
    "mul: two values": (IMAGE, _product),
    "mul: a number a channel": (IMAGE, lambda g: _product(g, (4, 1, 1))),
    "mul: a number a pixel": (IMAGE, lambda g: _product(g, (1, 6, 7))),
    "sub: a number a channel": (IMAGE, _sum_of_channels),
}
QONNX = {
    **MOVED,
    **FUNCTIONS,
    "conv": (IMAGE, _conv),
    "conv: pads of four sides, strides": (
        IMAGE,
        lambda g: _conv(g, pads=[1, 0, 2, 1], strides=[2, 1]),
    ),
    "conv: same, upper": (IMAGE, lambda g: _conv(g, auto_pad="SAME_UPPER", strides=[2, 2])),
    "conv: same, lower": (IMAGE, lambda g: _conv(g, auto_pad="SAME_LOWER", strides=[2, 2])),
    "conv: dilations": (IMAGE, lambda g: _conv(g, dilations=[2, 1])),
    "conv: a scale a channel": (IMAGE, _depthwise),
    "conv: input of unlike scales": (IMAGE, _per_channel_input),
    "conv: of a sequence": ((3, 9), _sequence),
    "conv: channels last": ((6, 7, 3), _channels_last),
    "conv: transposes": ((6, 7, 3), _tensorflow),
    "conv: plain weights": (IMAGE, _plain_weights),
    "quant: zero points": (IMAGE, _asymmetric),
    "quant: zero points of a half": (IMAGE, _half_zero),
    "quant: narrow": (IMAGE, lambda g: g.quant(g.conv(_image(g, narrow=1), 3, 4), 3, -1, narrow=1)),
    "quant: one bit, unsigned": (IMAGE, lambda g: g.quant(g.conv(_image(g), 3, 4), 1, 0, signed=0)),
    "quant: one bit, signed": (IMAGE, lambda g: g.quant(g.conv(_image(g), 3, 4), 1, 0)),
    "quant: 12 bits": (IMAGE, lambda g: g.quant(g.conv(_image(g), 3, 4), 12, -8)),
    "quant: a scale a channel": (
        IMAGE,
        lambda g: g.quant(
            g.conv(g.quant(g.conv(_image(g), 3, 4), 4, -1, shape=(1, 4, 1, 1)), 4, 8, 1, group=4),
            4,
            -1,
        ),
    ),
    **{
        f"quant: {mode}": (
            IMAGE,
            lambda g, mode=mode: g.quant(g.conv(_image(g), 3, 4), 4, -1, mode=mode),
        )
        for mode in ("FLOOR", "CEIL", "UP", "DOWN", "HALF_UP", "HALF_DOWN")
    },
    "binary": (IMAGE, lambda g: _binary(g, False)),
    "binary: padded": (IMAGE, lambda g: _binary(g, True)),
    "trunc: first version": (IMAGE, lambda g: _trunc(g, 1, rounding_mode="FLOOR")),
    "trunc: second version": (
        IMAGE,
        lambda g: _trunc(g, 2, rounding_mode="ROUND", signed=1, narrow=0),
    ),
    "norm": (IMAGE, lambda g: _behind_conv(g, lambda y: g.norm(y, 4))),
    "norm: then relu, then norm": (
        IMAGE,
        lambda g: _behind_conv(g, lambda y: g.norm(g.add("Relu", g.norm(y, 4)), 4)),
    ),
    "relu": (IMAGE, lambda g: _behind_conv(g, lambda y: g.add("Relu", y), signed=0)),
    "relu: between": (IMAGE, lambda g: _between(g, lambda x: g.add("Relu", x))),
    "relu: of a falling factor": (
        IMAGE,
        lambda g: _behind_conv(g, lambda y: g.add("Relu", g.add("Neg", y)), signed=0),
    ),
    "leaky relu": (
        IMAGE,
        lambda g: _behind_conv(g, lambda y: g.add("LeakyRelu", y, alpha=0.1015625)),
    ),
    "prelu": (
        IMAGE,
        lambda g: _behind_conv(g, lambda y: g.add("PRelu", y, _channels(g, 0, 0.5))),
    ),
    "clip": (
        IMAGE,
        lambda g: _behind_conv(
            g, lambda y: g.add("Clip", y, g.constant(-0.375), g.constant(0.875))
        ),
    ),
    "max, min": (
        IMAGE,
        lambda g: _behind_conv(
            g, lambda y: g.add("Min", g.constant(1.5), g.add("Max", y, g.constant(-0.5)))
        ),
    ),
    "sigmoid": (IMAGE, lambda g: _behind_conv(g, lambda y: g.add("Sigmoid", y), 6, -6, 0)),
    "tanh": (IMAGE, lambda g: _behind_conv(g, lambda y: g.add("Tanh", y), 6, -5)),
    "elu": (IMAGE, lambda g: _behind_conv(g, lambda y: g.add("Elu", y, alpha=0.75), 5, -4)),
    "selu": (IMAGE, lambda g: _behind_conv(g, lambda y: g.add("Selu", y), 5, -4)),
    "softplus": (IMAGE, lambda g: _behind_conv(g, lambda y: g.add("Softplus", y), 5, -4, 0)),
    "softsign": (IMAGE, lambda g: _behind_conv(g, lambda y: g.add("Softsign", y), 5, -4)),
    "hard sigmoid": (
        IMAGE,
        lambda g: _behind_conv(g, lambda y: g.add("HardSigmoid", y, alpha=0.25), 5, -5, 0),
    ),
    "mul, add, sub, div": (
        IMAGE,
        lambda g: _behind_conv(
            g,
            lambda y: g.add(
                "Div",
                g.add("Sub", _channels(g, -1, 1), g.add("Mul", y, _channels(g, -2, 2))),
                g.constant(1.5),
            ),
        ),
    ),
    "factor of zero": (
        IMAGE,
        lambda g: _behind_conv(
            g,
            lambda y: g.add(
                "Add",
                g.add("Mul", y, g.constant([[[0]], [[1]], [[0]], [[-1]]])),
                _channels(g, -2, 2),
            ),
        ),
    ),
    "maxpool": (IMAGE, lambda g: _max(g, kernel_shape=[2, 2], strides=[2, 2])),
    "maxpool: pads": (
        IMAGE,
        lambda g: _max(g, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 0, 1]),
    ),
    "maxpool: ceil": (
        IMAGE,
        lambda g: _max(g, kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1),
    ),
    "maxpool: before a quantizer": (IMAGE, _max_behind),
    "maxpool: of binary": (IMAGE, _max_of_binary),
    "maxpool: global": (
        IMAGE,
        lambda g: g.quant(g.conv(g.add("GlobalMaxPool", _image(g)), 3, 4, 1), 4, -2),
    ),
    "averagepool": (IMAGE, lambda g: _average(g, kernel_shape=[2, 3], strides=[2, 2])),
    "averagepool: pads": (
        IMAGE,
        lambda g: _average(g, kernel_shape=[2, 2], pads=[1, 0, 0, 1], count_include_pad=1),
    ),
    "averagepool: global": (IMAGE, lambda g: g.quant(g.add("GlobalAveragePool", _image(g)), 6, -4)),
    "averagepool: of sums": (
        IMAGE,
        lambda g: g.quant(
            g.add("GlobalAveragePool", g.norm(g.conv(_image(g), 3, 4), 4, False)), 6, -4
        ),
    ),
    "mean": (
        IMAGE,
        lambda g: g.quant(
            g.linear(
                g.quant(
                    g.add("ReduceMean", _image(g), g.constant([2, 3], np.int64), keepdims=0), 6, -4
                ),
                3,
                4,
            ),
            4,
            -3,
        ),
    ),
    "concat: one grid": (IMAGE, lambda g: _concat(g, True)),
    "concat: of sums": (IMAGE, lambda g: _concat(g, False)),
    "add": (IMAGE, _add),
    "sub": (IMAGE, lambda g: _add(g, "Sub")),
    "add: zero points": (IMAGE, lambda g: _add(g, zero=3)),
    "flatten": (IMAGE, lambda g: _flat(g, lambda y: g.add("Flatten", y))),
    "reshape": (
        IMAGE,
        lambda g: _flat(g, lambda y: g.add("Reshape", y, g.constant([0, -1], np.int64))),
    ),
    "flatten: channels last": (IMAGE, _flat_last),
    "pad": (IMAGE, _pad),
    "gemm": ((F,), _gemm),
    "gemm: alpha, beta": ((F,), lambda g: _gemm(g, alpha=0.5, beta=-1.5)),
    "matmul": ((F,), lambda g: g.quant(g.linear(_features(g), F, 5, bias=True), 4, -1)),
    "matmul: no quantizer behind": ((F,), lambda g: g.linear(_features(g), F, 5)),
    "constants that are computed": (IMAGE, _folded_constants),
}
# With which there are ties; free scales of a concatenation are refused
POWERS_OF_TWO = {
    "concat: grids": (IMAGE, _concat_of_grids),
    "relu: then neg, then floor": (
        IMAGE,
        lambda g: g.quant(
            g.add("Neg", g.add("Relu", g.conv(_image(g), 3, 4))), 4, -1, mode="FLOOR"
        ),
    ),
    "conv: weights on ties": (IMAGE, _weights_on_ties),
    "relu: then floor": (
        IMAGE,
        lambda g: g.quant(g.add("Relu", g.conv(_image(g), 3, 4)), 4, -1, mode="FLOOR"),
    ),
}


def _qdq_conv(g, x, channels, out, kernel=3, per_channel=True, **attributes):
    weight = g.qdq_weights((out, channels, kernel, kernel), per_channel)
    return g.add("Conv", x, weight, g.qdq_bias(out), **attributes)


def _qdq_residual(g, kind="Add"):
    x = g.qdq("x")
    a, b = g.qdq(_qdq_conv(g, x, 3, 4), -5), g.qdq(_qdq_conv(g, x, 3, 4), -4, np.int8)
    return g.qdq(g.add("Relu", g.add(kind, a, b)), -4, zero=0)


def _qdq_network(g):
    y = g.qdq(g.add("Relu", _qdq_conv(g, g.qdq("x"), 3, 8, pads=[1, 1, 1, 1])), -5, zero=0)
    y = g.add("MaxPool", y, kernel_shape=[2, 2], strides=[2, 2])
    y = g.qdq(_qdq_conv(g, y, 8, 6, per_channel=False, pads=[1, 0, 1, 1]), -4, np.int8)
    y = g.qdq(g.add("GlobalAveragePool", y), -6, np.int8)
    y = g.add("Flatten", y)
    y = g.add("Gemm", y, g.qdq_weights((5, 6)), g.qdq_bias(5), transB=1)
    return g.qdq(y, -6, np.int8)


def _qlinear(g, kind):
    scale, zero = g.constant(g.scale(-5)), g.constant(-9, np.int8)
    x = g.add("QuantizeLinear", "x", scale, zero)
    ends = g.constant(g.scale(-2)), g.constant(17, np.int8)
    if kind == "QLinearConv":
        integers = g.constant(g.rng.integers(-127, 128, (4, 3, 3, 3)), np.int8)
        weight = integers, g.constant(g.scale(-7, (4,))), g.constant(np.zeros(4), np.int8)
        bias = g.constant(g.rng.integers(-2000, 2000, 4), np.int32)
        y = g.add(kind, x, scale, zero, *weight, *ends, bias, pads=[1, 1, 1, 1])
    else:
        integers = g.constant(g.rng.integers(-127, 128, (F, 5)), np.int8)
        y = g.add(
            kind, x, scale, zero, integers, g.constant(g.scale(-7)), g.constant(0, np.int8), *ends
        )
    return g.add("DequantizeLinear", y, *ends)


def _qonnx_network(g):
    x = g.quant("x", 5, -3)
    y = g.quant(g.add("Relu", g.norm(g.conv(x, 3, 6, pads=[1, 1, 1, 1]), 6)), 3, -1, signed=0)
    y = g.add("MaxPool", y, kernel_shape=[2, 2], strides=[2, 2])
    a = g.quant(g.norm(g.conv(y, 6, 6, pads=[1, 1, 1, 1], bias=True), 6), 4, -2)
    y = g.quant(g.add("Relu", g.add("Add", a, g.quant(g.conv(y, 6, 6, 1), 4, -2))), 4, -2, signed=0)
    y = g.quant(g.add("GlobalAveragePool", y), 5, -3, signed=0)
    return g.quant(g.linear(g.add("Flatten", y), 6, 4, bias=True), 6, -3)


NETWORKS = {
    "QONNX": ((3, 4, 4), _qonnx_network),
    "QDQ": ((3, 4, 4), _qdq_network),
    "channels last": ((6, 7, 3), _channels_last),
}
QDQ = {
    "conv": (IMAGE, lambda g: g.qdq(_qdq_conv(g, g.qdq("x"), 3, 4, pads=[1, 0, 1, 0]), -3)),
    "conv: 16 bits": (
        IMAGE,
        lambda g: g.qdq(_qdq_conv(g, g.qdq("x", -11, np.int16, 0), 3, 4), -8, np.int16, 0),
    ),
    "add": (IMAGE, _qdq_residual),
    "sub": (IMAGE, lambda g: _qdq_residual(g, "Sub")),
    "averagepool": (
        IMAGE,
        lambda g: g.qdq(g.add("AveragePool", g.qdq("x"), kernel_shape=[2, 2]), -6),
    ),
    "relu on the grid": (
        IMAGE,
        lambda g: g.qdq(_qdq_conv(g, g.add("Relu", g.qdq("x", zero=100)), 3, 4), -3),
    ),
    "sigmoid": (IMAGE, lambda g: g.qdq(g.add("Sigmoid", g.qdq("x")), -8, zero=0)),
}
QLINEAR = {
    "conv": (IMAGE, lambda g: _qlinear(g, "QLinearConv")),
    "matmul": ((F,), lambda g: _qlinear(g, "QLinearMatMul")),
}


def made(cases, name, seed, scales, path):
    """Write the file of a case, and return real inputs for it."""
    shape, make = cases[name]
    g = Graph(seed, shape, scales)
    g.save(path, make(g))
    x = g.rng.normal(0, 1.2, (64, *shape)).astype(np.float32)
    x[0], x[1] = -40, 40
    return x


def integers_enter(seed, path):
    """Write a file that integers enter, and return such."""
    g = Graph(seed, IMAGE, "free", type=TensorProto.UINT8)
    ends = g.constant(g.scale(-5)), g.constant(113, np.uint8)
    y = _qdq_conv(g, g.add("DequantizeLinear", "x", *ends), 3, 4, pads=[1, 1, 1, 1])
    g.save(path, g.qdq(y, -3))
    return g.rng.integers(0, 256, (64, *IMAGE), np.uint8)


def _conv_of_conv(g):
    return g.conv(g.conv(g.quant("x", 8), 3, 4, bits=8), 4, 4)


# Files that are refused, and what is said of each
REFUSED = {
    "float weights": (
        lambda g: g.add("Conv", g.quant("x"), g.constant(g.rng.normal(0, 1, (4, 3, 3, 3)))),
        ("weights that are not quantized: Conv_1", "put a quantizer on them"),
    ),
    "sums into a layer": (
        _conv_of_conv,
        ("sums that are not quantized: Conv_", "put a quantizer before it"),
    ),
    "a product of two shapes": (
        lambda g: g.add("Mul", g.quant("x"), g.quant(g.conv(g.quant("x"), 3, 2, 1))),
        ("Mul of shapes (64, 3, 6, 6) and (64, 2, 6, 6)", "a number a channel"),
    ),
    "a function of many bits": (
        lambda g: g.quant(g.add("HardSwish", g.conv(g.quant("x", 5), 3, 4))),
        ("a function that falls and rises, of more than 10 bits: Quant_", "fewer bits in front"),
    ),
    "a function into a layer": (
        lambda g: g.conv(g.add("HardSwish", g.quant("x")), 3, 4),
        ("a function whose result is not quantized: Conv_", "put a quantizer behind it"),
    ),
    "many bits of many channels": (
        lambda g: g.quant(g.conv(g.quant("x", 8), 3, 33, bias=True), 16, -12, shape=(1, 33, 1, 1)),
        ("a quantizer of too many thresholds: Quant_", "use fewer bits"),
    ),
    "a curve into a layer": (
        lambda g: g.conv(g.add("Sigmoid", g.quant("x")), 3, 4),
        ("a function whose result is not quantized: Conv_", "put a quantizer behind it"),
    ),
    "softmax inside": (
        lambda g: g.quant(g.add("Softmax", g.quant("x"))),
        ("softmax inside of a network: Quant_", "use it as the last node alone"),
    ),
    "17 bits": (lambda g: g.quant(g.quant("x"), 17, -9), ("a quantizer of 17 bits",)),
    "a zero that is no integer": (
        lambda g: g.conv(g.quant("x", 5, -3, zero=0.5), 3, 4, pads=[1, 1, 1, 1]),
        ("zeros around values whose grid has no zero", "quantize in front of the padding"),
    ),
    "scales that are computed": (
        lambda g: g.add(
            *("Quant", "x", g.add("Relu", "x"), g.constant(0), g.constant(4)), domain=DOMAIN
        ),
        ("scales that are computed: Quant_1", "make them constants"),
    ),
    "a constant a pixel": (
        lambda g: g.quant(g.add("Mul", g.quant("x"), g.constant(g.rng.normal(0, 1, (6, 6))))),
        ("a constant that differs from pixel to pixel: Mul_1", "use one a channel"),
    ),
    "a batch that moves": (
        lambda g: g.add("Transpose", g.quant("x"), perm=[1, 0, 2, 3]),
        ("a Transpose of the batch", "leave the batch in front"),
    ),
    "resize": (
        lambda g: g.add("Resize", g.quant("x"), "", g.constant([1, 1, 2, 2]), mode="linear"),
        ("a Resize that is 'linear': Resize_1", "use the nearest neighbour"),
    ),
    "a constant off the grid": (
        lambda g: g.conv(
            g.add(
                "Pad", g.quant("x", 5, -3), g.constant([0, 0, 1, 1] * 2, np.int64), g.constant(0.3)
            ),
            3,
            4,
        ),
        (
            "constants that are not on the grid of what they stand beside: Conv_",
            "quantize in front",
        ),
    ),
}
