"""What hwgen has a meaning for: modules and their settings, and what to use instead of others."""

__all__ = ["DROPPED", "KEPT", "OWNED", "SUPPORTED", "instead", "module_problem"]

from collections.abc import Callable, Sequence
from typing import Any

from torch import nn

from hwgen.torch_graph.float_graph import Shape
from hwgen.torch_graph.modules import Above, Add, ArgMax, Concat

KEPT = (
    *(nn.Conv2d, nn.Linear, nn.BatchNorm1d, nn.BatchNorm2d, nn.ReLU, nn.Flatten),
    *(nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, Add, Concat, ArgMax, Above),
)
DROPPED = (
    *(nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout),
    *(nn.FeatureAlphaDropout, nn.Identity),
)
OWNED = (nn.Conv2d, nn.Linear, nn.BatchNorm1d, nn.BatchNorm2d)  # hold weights: one use each

SUPPORTED = (
    "Conv2d, Linear, BatchNorm, ReLU, MaxPool2d, AvgPool2d, AdaptiveAvgPool2d, "
    "Flatten, Dropout, Identity, adding, torch.cat, a mean over the image, a last argmax, "
    "a last Softmax, LogSoftmax, Softmin, Sigmoid or LogSigmoid, a last comparison > or >="
)
SQUASHING = (  # often the last; its outputs are ordered as its inputs are
    *("Sigmoid", "Tanh", "Hardsigmoid", "LogSigmoid", "Softsign", "Softplus"),
    *("sigmoid", "tanh", "hardsigmoid", "logsigmoid", "softsign", "softplus"),
)
NORMALIZING = ("Softmax", "LogSoftmax", "Softmin", "softmax", "log_softmax", "softmin")
BENT = (
    *("ReLU6", "LeakyReLU", "PReLU", "RReLU", "ELU", "CELU", "SELU", "GELU", "SiLU", "Mish"),
    *("Hardtanh", "Hardswish", "Threshold", "gelu", "silu", "leaky_relu", "relu6", "prelu"),
    *("elu", "celu", "selu", "mish", "hardtanh", "hardswish", "rrelu", "clamp", "clip"),
)
LAST = "leave it out, and let what reads the outputs compute it: they are in the same order"
INSTEAD: dict[str, str] = {
    **dict.fromkeys((*BENT, *SQUASHING), "use ReLU instead"),
    **dict.fromkeys(("view", "reshape", "flatten"), "use flatten(1) or view(x.size(0), -1)"),
    **dict.fromkeys(
        ("squeeze", "unsqueeze"),
        "keep (batch, features), and squeeze what the model returns outside of it",
    ),
    **dict.fromkeys(
        ("add", "iadd"), "add two values that the model computes, without constants or alpha"
    ),
    **dict.fromkeys(("sub", "mul", "div", "truediv"), "join branches with + or torch.cat instead"),
    **dict.fromkeys(("cat", "concat", "concatenate"), "use torch.cat([a, b], 1)"),
    **dict.fromkeys(NORMALIZING, "use it for the last operation, over the classes"),
    "mean": "use x.mean((2, 3)), over the whole image",
    **dict.fromkeys(
        ("gt", "ge", "lt", "le", "greater", "greater_equal", "less", "less_equal"),
        "compare with > or >= and a number, for the last operation",
    ),
    "argmax": "use argmax(1), over the features",
    "adaptive_avg_pool2d": "use an output size that divides the input's",
    "conv2d": "use nn.Conv2d, which holds the weights itself",
    **dict.fromkeys(
        ("linear", "matmul", "mm", "addmm"), "use nn.Linear, which holds the weights itself"
    ),
    "Conv1d": "use Conv2d with a height of 1 instead",
    "dropout": "give it training=self.training, or use nn.Dropout",
}
Problem = tuple[str, str]  # what it is, and what to use instead
Shapes = Sequence[Shape | None]  # of inputs, without the batch; None where it is not known


def instead(name: str, last: bool = False) -> str:
    """Return what to use instead of a module or function, "" where that is any of `SUPPORTED`.

    Parameters
    ----------
    last : whether no layer with weights comes after it
    """
    if last and name in SQUASHING:
        return LAST
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
    if shape is not None and len(shape) != 1:
        return f"Linear on an input of {len(shape) + 1} dimensions", "put a Flatten before it"
    return None


def _norm_problem(module: nn.BatchNorm1d | nn.BatchNorm2d, shapes: Shapes) -> Problem | None:
    name, shape = type(module).__name__, shapes[0]
    if not module.track_running_stats:
        return f"{name} without running statistics", "use track_running_stats=True"
    if isinstance(module, nn.BatchNorm1d) and shape is not None and len(shape) != 1:
        return f"BatchNorm1d on an input of {len(shape) + 1} dimensions", "put it after a Linear"
    return None


def _flatten_problem(module: nn.Flatten, shapes: Shapes) -> Problem | None:
    count = 0 if shapes[0] is None else len(shapes[0]) + 1
    ends = [d + count if d < 0 and count else d for d in (module.start_dim, module.end_dim)]
    if ends not in ([1, -1], [1, count - 1]):
        return f"Flatten({module.start_dim}, {module.end_dim})", "use Flatten(1)"
    return None


def _add_problem(module: Add, shapes: Shapes) -> Problem | None:
    if None not in shapes and shapes[0] != shapes[1]:
        what = f"adding of shapes {shapes[0]} and {shapes[1]}"
        return what, "give both the same shape, without broadcasting"
    return None


def _argmax_problem(module: ArgMax, shapes: Shapes) -> Problem | None:
    shape = shapes[0]
    if shape is not None and len(shape) != 1:
        return f"argmax on an input of {len(shape) + 1} dimensions", "put a Flatten before it"
    return None


def _conv2d_problem(module: nn.Conv2d, shapes: Shapes) -> Problem | None:
    if module.padding_mode != "zeros":
        return f"Conv2d with padding_mode={module.padding_mode!r}", "use 'zeros'"
    spans = [d * (k - 1) for d, k in zip(module.dilation, module.kernel_size, strict=True)]
    if module.padding == "same" and any(span % 2 for span in spans):
        return "Conv2d with padding='same' and an even kernel", "use an odd kernel"
    return None


def _pool_problem(
    module: nn.MaxPool2d | nn.AvgPool2d | nn.AdaptiveAvgPool2d, shapes: Shapes
) -> Problem | None:
    name, shape = type(module).__name__, shapes[0]
    if shape is not None and len(shape) != 3:
        return f"{name} on an input of {len(shape) + 1} dimensions", "put it before the Flatten"
    if isinstance(module, nn.AdaptiveAvgPool2d):
        size = module.output_size
        wanted = size if isinstance(size, tuple) else (size, size)
        if shape is not None and any(
            o is not None and (o < 1 or n % o) for o, n in zip(wanted, shape[1:], strict=True)
        ):
            what = f"AdaptiveAvgPool2d({size}) on an image of {shape[1]} x {shape[2]}"
            return what, "use an output size that divides it, such as 1"
        return None
    if module.ceil_mode and (shape is None or not _fits(module, shape)):
        return f"{name} with ceil_mode", "use ceil_mode=False, which leaves the last windows out"
    if isinstance(module, nn.AvgPool2d):
        if module.divisor_override is not None:
            return "AvgPool2d with divisor_override", "leave it out"
        if not module.count_include_pad and module.padding not in (0, (0, 0)):
            return "AvgPool2d with count_include_pad=False", "use count_include_pad=True"
        return None
    if module.return_indices:
        return "MaxPool2d with return_indices", "use return_indices=False"
    if module.dilation not in (1, (1, 1)):
        return "MaxPool2d with dilation", "use dilation=1"
    return None


def _fits(module: nn.MaxPool2d | nn.AvgPool2d, shape: Shape) -> bool:
    """Say whether windows cover an image to its end, so that `ceil_mode` changes nothing."""
    fields = (module.kernel_size, module.stride, module.padding)
    pairs = ((value, value) if isinstance(value, int) else value for value in fields)
    sizes = zip(shape[1:], *pairs, strict=True)
    return all((extent + 2 * pad - kernel) % stride == 0 for extent, kernel, stride, pad in sizes)


PROBLEMS: dict[type[nn.Module], Callable[[Any, Shapes], Problem | None]] = {
    nn.Conv2d: _conv2d_problem,
    nn.Linear: _linear_problem,
    nn.BatchNorm1d: _norm_problem,
    nn.BatchNorm2d: _norm_problem,
    nn.MaxPool2d: _pool_problem,
    nn.AvgPool2d: _pool_problem,
    nn.AdaptiveAvgPool2d: _pool_problem,
    nn.Flatten: _flatten_problem,
    Add: _add_problem,
    ArgMax: _argmax_problem,
}
