"""Operators of TFLite that move, join and map values, each with random settings."""

__all__ = ["MORE", "pad"]

from collections.abc import Callable

import numpy as np

from support.tflite_files import Tensor
from support.tflite_maker import Maker


def like(make: Maker, x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return a tensor of the grid of another."""
    out = make.tensor(shape, x.scale)
    out.zero_point = x.zero_point
    return out


def ints(make: Maker, *values: object) -> Tensor:
    """Return a constant of plain integers."""
    return make.constant(np.array(values[0] if len(values) == 1 else values), None, "INT32")


def pair(kind: str) -> Callable[[Maker, Tensor, Tensor], Tensor]:
    """Return what adds an operator on two values, the output of the larger shape."""

    def add_pair(make: Maker, x: Tensor, y: Tensor) -> Tensor:
        out = make.tensor(tuple(np.broadcast_shapes(tuple(x.shape), tuple(y.shape))))
        reach = 127 * (x.scale + y.scale)
        make.grid_of(out, 127**2 * x.scale * y.scale if kind == "MUL" else reach)
        return make.add(kind, [x, y], out, FusedActivationFunction=make.function())

    return add_pair


def factor(make: Maker, *shape: int) -> Tensor:
    """Return a constant of int8 with a grid."""
    made = make.constant(make.rng.integers(-128, 128, shape), make.rng.uniform(0.01, 0.1))
    made.zero_point = int(make.rng.integers(-128, 128))
    return made


def spread(kind: str) -> Callable[[Maker], Tensor]:
    """Return what makes a pair of two inputs, one of them spread over the other."""

    def add_spread(make: Maker) -> Tensor:
        shapes = [(3, 4, 2), *([(1, 1, 2), (3, 4, 1), (1, 1, 1), (3, 4, 2)][make.rng.integers(4)],)]
        if make.rng.integers(2):
            shapes.reverse()
        return pair(kind)(make, make.entry(*shapes[0]), make.entry(*shapes[1]))

    return add_spread


def with_constant(kind: str) -> Callable[[Maker], Tensor]:
    """Return what makes a pair of an input and a constant."""

    def add_constant(make: Maker) -> Tensor:
        x = make.entry(3, 4, 2)
        y = factor(make, *[(1, 1, 1, 2), (2,), (1,), (1, 1, 1, 1)][make.rng.integers(4)])
        return pair(kind)(make, *((x, y) if make.rng.integers(2) else (y, x)))

    return add_constant


def mean(make: Maker) -> Tensor:
    """Add a mean along some axes."""
    rng = make.rng
    shape = [(5, 6, 3), (4, 3, 2), (6, 3), (9,)][rng.integers(4)]
    x = make.entry(*shape)
    axes = [a for a in range(1, len(x.shape)) if rng.integers(2)] or [len(x.shape) - 1]
    keep = bool(rng.integers(2)) or len(axes) == len(shape)
    kept = [1 if a in axes else n for a, n in enumerate(x.shape)]
    made = tuple(n for a, n in enumerate(kept) if keep or a not in axes)
    out = make.tensor(made)
    out.scale = float(np.float32(x.scale * rng.uniform(0.2, 1.2)))
    given = ints(make, [a - len(x.shape) * int(rng.integers(2)) for a in axes])
    return make.add("MEAN", [x, given], out, KeepDims=keep)


def pad(kind: str) -> Callable[[Maker, Tensor], Tensor]:
    """Return what pads by some elements on each side."""

    def add_pad(make: Maker, x: Tensor) -> Tensor:
        sides = make.rng.integers(0, 3, (len(x.shape), 2))
        sides[0] = 0
        if kind != "MIRROR_PAD" and make.rng.integers(2):
            sides[-1] = 0
        if kind == "MIRROR_PAD":
            sides = sides.clip(0, 1)
        out = like(make, x, tuple(int(n + a + b) for n, (a, b) in zip(x.shape, sides, strict=True)))
        inputs = [x, ints(make, sides)]
        if kind == "PADV2":
            value = make.constant(make.rng.integers(-128, 128, (1,)), x.scale)
            value.zero_point = x.zero_point
            inputs.append(value)
        options = {"Mode": int(make.rng.integers(2))} if kind == "MIRROR_PAD" else {}
        return make.add(kind, inputs, out, **options)

    return add_pad


def concatenation(make: Maker) -> Tensor:
    """Add a concatenation of two or three values along any axis."""
    axis = int(make.rng.integers(1, 4))
    shape = [3, 4, 2]
    values = []
    for _ in range(int(make.rng.integers(2, 4))):
        shape[axis - 1] = int(make.rng.integers(1, 4))
        values.append(make.entry(*shape))
        values[-1].scale, values[-1].zero_point = values[0].scale, values[0].zero_point
    made = list(values[0].shape)
    made[axis] = sum(v.shape[axis] for v in values)
    out = like(make, values[0], tuple(made))
    given = axis - 4 * int(make.rng.integers(2))
    return make.add("CONCATENATION", values, out, Axis=given)


def transpose(make: Maker, x: Tensor) -> Tensor:
    """Add a transpose of all axes but the batch."""
    axes = [0, *(1 + make.rng.permutation(len(x.shape) - 1)).tolist()]
    out = like(make, x, tuple(x.shape[a] for a in axes))
    return make.add("TRANSPOSE", [x, ints(make, axes)], out)


def reshape(make: Maker, x: Tensor, *shape: int) -> Tensor:
    """Add a reshape."""
    made = (1, *shape)
    return make.add("RESHAPE", [x, ints(make, made)], like(make, x, made))


def shuffled(make: Maker) -> Tensor:
    """Add a shuffle of channels, by way of five axes."""
    x = reshape(make, make.entry(2, 3, 6), 2, 3, 2, 3)
    out = like(make, x, (1, 2, 3, 3, 2))
    make.add("TRANSPOSE", [x, ints(make, [0, 1, 2, 4, 3])], out)
    return reshape(make, out, 2, 3, 6)


def activation(kind: str) -> Callable[[Maker], Tensor]:
    """Return what adds a function of one value."""

    def add_activation(make: Maker) -> Tensor:
        x = make.entry(8, 8, 4)
        out = make.tensor(tuple(x.shape))
        if make.rng.integers(3) == 0:
            out.scale, out.zero_point = x.scale, x.zero_point
        options = {}
        if kind == "LEAKY_RELU":
            options = {"Alpha": float(make.rng.uniform(0, 1.5))}
        if kind in ("LOGISTIC", "TANH"):  # whose output has one grid
            out.scale, out.zero_point = (1 / 256, -128) if kind == "LOGISTIC" else (1 / 128, 0)
        return make.add(kind, [x], out, **options)

    return add_activation


def resize(make: Maker) -> Tensor:
    """Add a resize to any size."""
    x = make.entry(*(int(n) for n in make.rng.integers(1, 6, 2)), 2)
    size = [int(n) for n in make.rng.integers(1, 9, 2)]
    if make.rng.integers(2):
        size = [int(n * by) for n, by in zip(x.shape[1:3], make.rng.integers(1, 4, 2), strict=True)]
    out = like(make, x, (1, *size, 2))
    aligned = bool(make.rng.integers(2))
    centred = bool(make.rng.integers(2)) and not aligned
    options = {"AlignCorners": aligned, "HalfPixelCenters": centred}
    return make.add("RESIZE_NEAREST_NEIGHBOR", [x, ints(make, size)], out, **options)


def transpose_conv(make: Maker) -> Tensor:
    """Add a transposed convolution."""
    rng = make.rng
    x, outs = make.entry(4, 3, 3), int(rng.integers(1, 4))
    kernel, strides = rng.integers(1, 5, 2).tolist(), rng.integers(1, 4, 2).tolist()
    padding = int(rng.integers(0, 2))
    w, scales = make.weights((outs, *kernel, 3), outs, 0)
    size = [
        n * s if padding == 0 else (n - 1) * s + max(k, s)
        for n, s, k in zip(x.shape[1:3], strides, kernel, strict=True)
    ]
    out = make.tensor((1, *size, outs))
    make.grid_of(out, x.scale * 60 * np.sqrt(kernel[0] * kernel[1] * 3))
    inputs = [ints(make, out.shape), w, x]
    if rng.integers(2):
        inputs.append(make.bias(x, scales, outs))
    options = {"Padding": padding, "StrideH": strides[0], "StrideW": strides[1]}
    return make.add("TRANSPOSE_CONV", inputs, out, **options)


def strided_slice(make: Maker) -> Tensor:
    """Add a slice with steps."""
    x = make.entry(7, 6, 5)
    begins, steps = make.rng.integers(0, 3, 3), make.rng.integers(1, 3, 3)
    masks = {"BeginMask": int(make.rng.integers(0, 8)) * 2 + 1, "EndMask": 1}
    ends = [0, *(int(n) for n in make.rng.integers(4, 6, 3))]
    slices = [
        slice(None if masks["BeginMask"] >> (a + 1) & 1 else begins[a], ends[a + 1], steps[a])
        for a in range(3)
    ]
    made = np.empty(x.shape[1:])[tuple(slices)].shape
    given = [ints(make, v) for v in ([0, *begins], ends, [1, *steps])]
    return make.add("STRIDED_SLICE", [x, *given], like(make, x, (1, *made)), **masks)


def cut(make: Maker) -> Tensor:
    """Add a slice."""
    x = make.entry(7, 6, 5)
    begins = [0, *make.rng.integers(0, 3, 3).tolist()]
    sizes = [1, 3, -1, 2]
    made = tuple(n - b if s == -1 else s for n, b, s in zip(x.shape, begins, sizes, strict=True))
    return make.add("SLICE", [x, ints(make, begins), ints(make, sizes)], like(make, x, made))


def then(move: Callable[[Maker], Tensor]) -> Callable[[Maker], Tensor]:
    """Return what moves elements and brings them to another grid: a network must compute."""

    def add_both(make: Maker) -> Tensor:
        x = move(make)
        return make.add("QUANTIZE", [x], make.tensor(tuple(x.shape)))

    return add_both


def blocks(kind: str) -> Callable[[Maker], Tensor]:
    """Return what moves channels to pixels or back."""

    def add_blocks(make: Maker) -> Tensor:
        by = int(make.rng.integers(2, 4))
        x, shape = make.entry(2, 3, 2 * by * by), (1, 2 * by, 3 * by, 2)
        if kind == "SPACE_TO_DEPTH":
            make.entries[0].shape, shape = shape, tuple(x.shape)
        return make.add(kind, [x], like(make, x, shape), BlockSize=by)

    return add_blocks


def squeeze(make: Maker) -> Tensor:
    """Add a squeeze, and what takes it back."""
    x = make.entry(1, 5, 3)
    y = make.add("SQUEEZE", [x], like(make, x, (1, 5, 3)), SqueezeDims=[1])
    return make.add("EXPAND_DIMS", [y, ints(make, 2)], like(make, y, (1, 5, 1, 3)))


def by_shape(make: Maker) -> Tensor:
    """Add a reshape to a shape that the file computes."""
    x = make.entry(3, 4, 2)
    names = ("shape", "batch", "flat")
    made = [Tensor(n, s, None, 0, "INT32") for n, s in zip(names, ((4,), (), (2,)), strict=True)]
    make.tensors += made
    shape, batch, flat = made
    make.add("SHAPE", [x], shape, OutType=2)
    bounds = [ints(make, [n]) for n in (0, 1, 1)]
    make.add("STRIDED_SLICE", [shape, *bounds], batch, ShrinkAxisMask=1)
    make.add("PACK", [batch, make.constant(np.array(24), None, "INT32")], flat, ValuesCount=2)
    return make.add("RESHAPE", [x, flat], like(make, x, (1, 24)))


def arg_max(make: Maker) -> Tensor:
    """Add an arg max."""
    x, out = make.entry(9), Tensor("largest", (1,), None, 0, "INT32")
    make.tensors.append(out)
    return make.add("ARG_MAX", [x, ints(make, 1)], out, OutputType=2)


MORE: dict[str, Callable[[Maker], Tensor]] = {
    "ADD of two shapes": spread("ADD"),
    "SUB": spread("SUB"),
    "MUL": spread("MUL"),
    "ADD of a constant": with_constant("ADD"),
    "SUB of a constant": with_constant("SUB"),
    "MUL of a constant": with_constant("MUL"),
    "MUL of a value and itself": lambda m: (lambda x: pair("MUL")(m, x, x))(m.entry(3, 4, 2)),
    "MEAN": mean,
    "PAD": lambda m: pad("PAD")(m, m.entry(3, 4, 2)),
    "PADV2": lambda m: pad("PADV2")(m, m.entry(3, 4, 2)),
    "PADV2, PADV2": lambda m: pad("PADV2")(m, pad("PADV2")(m, m.entry(3, 2, 2))),
    "MIRROR_PAD": lambda m: pad("MIRROR_PAD")(m, m.entry(3, 4, 3)),
    "CONCATENATION": concatenation,
    "TRANSPOSE": then(lambda m: transpose(m, m.entry(3, 4, 2))),
    "RESHAPE": lambda m: reshape(
        m, m.entry(3, 4, 2), *[(24,), (6, 4), (4, 2, 3)][m.rng.integers(3)]
    ),
    "RESHAPE, TRANSPOSE, RESHAPE": shuffled,
    "RELU": activation("RELU"),
    "RELU6": activation("RELU6"),
    "RELU_N1_TO_1": activation("RELU_N1_TO_1"),
    "LEAKY_RELU": activation("LEAKY_RELU"),
    "LOGISTIC": activation("LOGISTIC"),
    "TANH": activation("TANH"),
    "HARD_SWISH": activation("HARD_SWISH"),
    "RESIZE_NEAREST_NEIGHBOR": then(resize),
    "TRANSPOSE_CONV": transpose_conv,
    "SLICE": cut,
    "DEPTH_TO_SPACE": blocks("DEPTH_TO_SPACE"),
    "SPACE_TO_DEPTH": blocks("SPACE_TO_DEPTH"),
    "SQUEEZE, EXPAND_DIMS": squeeze,
    "ARG_MAX": arg_max,
    "SHAPE, STRIDED_SLICE, PACK, RESHAPE": then(by_shape),
    "STRIDED_SLICE": strided_slice,
}
