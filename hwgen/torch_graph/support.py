"""What hwgen has a meaning for: modules and their settings, and what to use instead of others."""

__all__ = [
    "CONVOLUTIONS",
    "DROPPED",
    "KEPT",
    "NORMS",
    "OWNED",
    "PADS",
    "SUPPORTED",
    "TRANSPOSED",
    "WEIGHTED",
    "instead",
    "module_problem",
]

from collections.abc import Callable, Sequence
from typing import Any

from torch import nn

from hwgen.torch_graph.float_graph import Shape
from hwgen.torch_graph.modules import (
    Above,
    Add,
    Affine,
    ArgMax,
    AvgPool,
    Concat,
    Maximum,
    MaxPool,
    Minimum,
    Multiply,
    Rearrange,
    TransposedConv1d,
    TransposedConv2d,
    ZeroPad,
)
from hwgen.torch_graph.one_value import CLAMPS, CURVES
from hwgen.torch_graph.pools import POOLS, MisfitError, pools_of

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d)
TRANSPOSED = (TransposedConv1d, TransposedConv2d)
WEIGHTED = (*CONVOLUTIONS, nn.Linear)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
PADS = (nn.ZeroPad1d, nn.ZeroPad2d, nn.ConstantPad1d, nn.ConstantPad2d)  # become a `ZeroPad`
KEPT = (
    *(*WEIGHTED, *NORMS, *CLAMPS, *CURVES, nn.Flatten),
    *(*POOLS, MaxPool, AvgPool, *PADS, ZeroPad, Rearrange, Add, Concat, ArgMax, Above),
    *(Affine, Multiply, Maximum, Minimum),
    *(*TRANSPOSED, nn.PixelShuffle, nn.PixelUnshuffle),
)
DROPPED = (
    *(
        nn.Dropout,
        nn.Dropout1d,
        nn.Dropout2d,
        nn.Dropout3d,
        nn.AlphaDropout,
        nn.FeatureAlphaDropout,
    ),
    nn.Identity,
)
OWNED = (*WEIGHTED, *TRANSPOSED, *NORMS, nn.PReLU)  # hold weights: one use each

SUPPORTED = (
    "Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d, Linear, BatchNorm, ReLU and other functions "
    "of one value, max, average and adaptive pools of lengths and images, zero padding, Flatten, "
    "Dropout, Identity, +, - and * of two values or of a value and constants, one for all or one a "
    "channel, torch.maximum, torch.minimum, torch.cat, a mean or largest value over the image, "
    "views, slices, transpositions, padding, upsampling and whatever else only moves elements, a "
    "last argmax, and a last Softmax, LogSoftmax, Softmin, Sigmoid, LogSigmoid, > or >="
)
NORMALIZING = ("Softmax", "LogSoftmax", "Softmin", "softmax", "log_softmax", "softmin")
NORMALIZE = "use BatchNorm instead, whose mean and deviation are constants once it is trained"
INSTEAD: dict[str, str] = {
    **dict.fromkeys(("clamp", "clip"), "clamp to numbers, the smaller one first"),
    "prelu": "use nn.PReLU",
    "pow": "use a number for the exponent",
    "rrelu": "use nn.RReLU, or give it training=False",
    **dict.fromkeys(
        ("add", "iadd", "sub", "isub", "subtract", "rsub", "mul", "imul", "multiply"),
        "use two values that the model computes, or a value and a number or one a channel, of "
        "shape (channels, 1, 1)",
    ),
    **dict.fromkeys(
        ("div", "truediv", "divide", "true_divide", "itruediv"),
        "divide by numbers, one for all or one a channel, not by what the model computes",
    ),
    **dict.fromkeys(("GroupNorm", "LayerNorm", "InstanceNorm2d", "InstanceNorm1d"), NORMALIZE),
    **dict.fromkeys(("cat", "concat", "concatenate"), "use torch.cat([a, b], 1)"),
    **dict.fromkeys(NORMALIZING, "use it for the last operation, over the classes"),
    **dict.fromkeys(
        ("gt", "ge", "lt", "le", "greater", "greater_equal", "less", "less_equal"),
        "compare with > or >= and a number, for the last operation",
    ),
    **dict.fromkeys(
        ("mean", "sum", "max", "amax"),
        "use x.mean((2, 3)) or x.amax((2, 3)), over the whole image, or keepdim=True",
    ),
    "argmax": "use argmax(1), over the features",
    **dict.fromkeys(
        ("interpolate", "upsample", "Upsample", "UpsamplingBilinear2d"),
        "use mode='nearest', and a convolution behind it where it is to be smooth",
    ),
    **dict.fromkeys(("conv1d", "conv2d"), "use nn.Conv1d or nn.Conv2d, which hold their weights"),
    **dict.fromkeys(("linear", "matmul", "mm", "einsum"), "use nn.Linear, which holds its weights"),
    "dropout": "give it training=self.training, or use nn.Dropout",
}
SPREADING = "a number a channel, (channels, 1, 1), or a pixel, (1, height, width)"
Problem = tuple[str, str]  # what it is, and what to use instead
Shapes = Sequence[Shape | None]  # of inputs, without the batch; None where it is not known


def instead(name: str, last: bool = False) -> str:
    """Return what to use instead of a module or function, "" where that is any of `SUPPORTED`.

    Parameters
    ----------
    last : whether no layer with weights comes after it
    """
    return INSTEAD.get(name, "")


def module_problem(module: nn.Module, shapes: Shapes, last: bool = False) -> Problem | None:
    """Return what hwgen has no meaning for in a module and its settings, and the way out.

    Parameters
    ----------
    shapes : of its inputs, without the batch; None where it is not known
    last : whether no layer with weights comes after it
    """
    name = type(module).__name__
    if type(module) not in (*KEPT, *DROPPED):
        return name, instead(name, last)
    problem_of = PROBLEMS.get(type(module))
    return None if problem_of is None else problem_of(module, shapes)


def _linear_problem(module: nn.Linear, shapes: Shapes) -> Problem | None:
    shape = shapes[0]
    if shape is not None and len(shape) > 1 and shape[-1] != module.in_features:
        return f"Linear on an input of {len(shape) + 1} dimensions", "put a Flatten before it"
    return None


def _norm_problem(module: nn.BatchNorm1d | nn.BatchNorm2d, shapes: Shapes) -> Problem | None:
    name, shape = type(module).__name__, shapes[0]
    if not module.track_running_stats:
        return f"{name} without running statistics", "use track_running_stats=True"
    if isinstance(module, nn.BatchNorm1d) and shape is not None and len(shape) > 2:
        what = f"BatchNorm1d on an input of {len(shape) + 1} dimensions"
        return what, "put it after a Linear or Conv1d"
    return None


def _shuffle_problem(module: nn.PixelShuffle | nn.PixelUnshuffle, shapes: Shapes) -> Problem | None:
    shape = shapes[0]
    if shape is not None and len(shape) != 3:
        name = type(module).__name__
        return f"{name} on an input of {len(shape) + 1} dimensions", "put it before the Flatten"
    return None


def _compared_problem(module: Maximum | Minimum, shapes: Shapes) -> Problem | None:
    if None not in shapes and shapes[0] != shapes[1]:
        what = f"comparing of shapes {shapes[0]} and {shapes[1]}"
        return what, "give both the same shape, without broadcasting"
    return None


def _spread_problem(module: Add | Multiply, shapes: Shapes) -> Problem | None:
    first = shapes[0]
    for shape in shapes[1:]:
        if first is None or shape is None:
            continue
        ones = [1] * len(first[1:])
        if shape not in (first, (*first[:1], *ones), (1, *first[1:]), (1, *ones)):
            verb = "adding" if isinstance(module, Add) else "multiplying"
            what = f"{verb} of shapes {first} and {shape}"
            return what, f"give both the same shape, or one of them {SPREADING}"
    return None


def _argmax_problem(module: ArgMax, shapes: Shapes) -> Problem | None:
    shape = shapes[0]
    if shape is not None and len(shape) != 1:
        return f"argmax on an input of {len(shape) + 1} dimensions", "put a Flatten before it"
    return None


def _rank_problem(name: str, rank: int, shape: Shape | None) -> Problem | None:
    """Say what is wrong where a module of so many spatial axes takes a value of others."""
    if shape is None or len(shape) == 1 + rank:
        return None
    way = "put it before the Flatten" if len(shape) == 1 else f"use {name[:-2]}{len(shape) - 1}d"
    if len(shape) == rank == 2:
        way += ", or give the example a batch of one, x[None]"
    return f"{name} on an input of {len(shape) + 1} dimensions", way


def _conv_problem(module: nn.Conv1d | nn.Conv2d, shapes: Shapes) -> Problem | None:
    name = type(module).__name__
    return _rank_problem(name, len(module.kernel_size), shapes[0])


def _pool_problem(module: nn.Module, shapes: Shapes) -> Problem | None:
    name, shape = type(module).__name__, shapes[0]
    problem = _rank_problem(name, int(name[-2]), shape)
    if problem is not None or shape is None:
        return problem
    try:
        pools_of(module, shape)
    except MisfitError as misfit:
        what, way = misfit.args
        return what, way
    return None


def _pad_problem(module: nn.ConstantPad1d | nn.ConstantPad2d, shapes: Shapes) -> Problem | None:
    name = type(module).__name__
    if module.value != 0:
        return f"{name} with another value than 0", "pad with zeros"
    if min(module.padding) < 0:
        return f"{name} with padding below 0, which cuts off", "pad with 0 or more"
    return _rank_problem(name, len(module.padding) // 2, shapes[0])


PROBLEMS: dict[type[nn.Module], Callable[[Any, Shapes], Problem | None]] = {
    **dict.fromkeys(CONVOLUTIONS, _conv_problem),
    nn.Linear: _linear_problem,
    **dict.fromkeys(NORMS, _norm_problem),
    **dict.fromkeys(POOLS, _pool_problem),
    **dict.fromkeys(PADS, _pad_problem),
    nn.PixelShuffle: _shuffle_problem,
    nn.PixelUnshuffle: _shuffle_problem,
    Add: _spread_problem,
    Maximum: _compared_problem,
    Minimum: _compared_problem,
    Multiply: _spread_problem,
    ArgMax: _argmax_problem,
}
