"""From a user's module to the plain list of layers it runs, one after another.

Everything hwgen has no meaning for is found here, all at once, before anything is trained.
"""

__all__ = ["Layer", "check_finite", "evaluating", "find_layers", "trace_graph"]

import operator
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from hwgen.errors import FormatError, FoundUnsupported, NetworkError, UnsupportedError

KEPT = (nn.Conv2d, nn.Linear, nn.BatchNorm1d, nn.BatchNorm2d, nn.ReLU, nn.MaxPool2d, nn.Flatten)
DROPPED = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Identity)
OWNED = (nn.Conv2d, nn.Linear, nn.BatchNorm1d, nn.BatchNorm2d)  # hold weights: one use each

SUPPORTED = "supported are Conv2d, Linear, BatchNorm, ReLU, MaxPool2d, Flatten, Dropout, Identity"
RELU = "use ReLU instead"
POOL = "use MaxPool2d, or a Conv2d with a stride, instead"
INSTEAD: dict[str, str] = {
    **dict.fromkeys(
        (
            *("ReLU6", "LeakyReLU", "PReLU", "ELU", "GELU", "SiLU", "Sigmoid", "Tanh"),
            *("Hardtanh", "Hardswish", "gelu", "silu", "leaky_relu", "relu6", "sigmoid", "tanh"),
        ),
        RELU,
    ),
    **dict.fromkeys(("AvgPool2d", "AdaptiveAvgPool2d", "avg_pool2d", "adaptive_avg_pool2d"), POOL),
    **dict.fromkeys(
        ("Softmax", "LogSoftmax", "softmax", "log_softmax"),
        "leave it to the loss: the largest output is the class without it",
    ),
    **dict.fromkeys(("view", "reshape"), "use flatten(1) or view(x.size(0), -1) instead"),
    **dict.fromkeys(("add", "cat", "iadd", "mul"), "use one layer after another, without branches"),
    "Conv1d": "use Conv2d with a height of 1 instead",
    "dropout": "give it training=self.training, or use nn.Dropout",
}


@dataclass(frozen=True)
class Layer:
    """A torch module and its path in the user's model.

    written : whether the path is a module of the user's, used once, not a function's made-up name
    """

    path: str
    module: nn.Module
    written: bool = True


class _Tracer(fx.Tracer):
    def __init__(self, leaves: tuple[type[nn.Module], ...]):
        super().__init__()
        self.leaves = leaves

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, self.leaves) or super().is_leaf_module(m, module_qualified_name)


def trace_graph(model: nn.Module, leaves: tuple[type[nn.Module], ...] = ()) -> fx.Graph:
    """Return the live part of the model's graph in evaluation mode.

    Raises
    ------
    UnsupportedError : the forward depends on values, so that it has no graph
    """
    try:
        with evaluating(model):
            graph = _Tracer(leaves).trace(model)
    except Exception as error:  # whatever the user's forward raises when it meets a proxy
        found = [
            FoundUnsupported(path, type(module).__name__, _instead(type(module).__name__))
            for path, module in model.named_modules()
            if not list(module.children()) and type(module) not in (*KEPT, *DROPPED, *leaves)
            if type(module).__module__.startswith("torch.nn")
        ]
        why = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        what = f"a forward that torch.fx cannot trace ({why})"
        way = "write it without ifs, loops and conversions that depend on the values of tensors"
        raise UnsupportedError([*found, FoundUnsupported("forward", what, way)]) from error
    for node in reversed(graph.nodes):
        if not node.users and node.op not in ("placeholder", "output"):
            graph.erase_node(node)
    return graph


def find_layers(model: nn.Module, example: Tensor) -> tuple[Layer, ...]:
    """Return the layers that the model runs in evaluation mode, in order.

    Functions become modules of the same meaning; Dropout and Identity disappear. The modules are
    the model's own, not copies.

    Parameters
    ----------
    example : (batch, channels, height, width) or (batch, features), a float tensor

    Raises
    ------
    UnsupportedError : with everything that is not supported
    NetworkError : the example does not fit the model
    """
    graph = trace_graph(model)
    layers, found = _read(graph, model)
    if found:
        raise UnsupportedError(found)
    shapes = _check_example(model, layers, example)
    for layer, shape in zip(layers, shapes, strict=True):
        if isinstance(layer.module, nn.Linear) and len(shape) != 2:
            what = f"Linear on an input of {len(shape)} dimensions"
            found.append(FoundUnsupported(layer.path, what, "put a Flatten before it"))
        if isinstance(layer.module, nn.BatchNorm1d) and len(shape) != 2:
            what = f"BatchNorm1d on an input of {len(shape)} dimensions"
            found.append(FoundUnsupported(layer.path, what, "put it after a Linear"))
    if found:
        raise UnsupportedError(found)
    return layers


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put every module in evaluation mode, without gradients, and back as it was afterwards."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, mode in modes:
            module.training = mode


def check_finite(model: nn.Module) -> None:
    """Refuse NaN and infinity in parameters and buffers.

    Raises
    ------
    FormatError : names the layer
    """
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            path, _, what = name.rpartition(".")
            raise FormatError(
                f"{path or 'model'}: {what} must be finite, not NaN or infinity; "
                "train with a smaller learning rate or mend the checkpoint"
            )


def _check_example(
    model: nn.Module, layers: Sequence[Layer], example: Tensor
) -> list[tuple[int, ...]]:
    if not isinstance(example, Tensor) or not example.is_floating_point():
        raise NetworkError(f"Example must be a float tensor, not {_kind(example)}")
    if example.dim() not in (2, 4) or example.shape[0] == 0:
        raise NetworkError(
            "Example must have shape (batch, channels, height, width) or (batch, features), "
            f"not {tuple(example.shape)}"
        )
    shapes, x, path = [], example, "input"
    try:
        with evaluating(model):
            for layer in layers:
                path = layer.path
                shapes.append(tuple(x.shape))
                x = layer.module(x)
    except RuntimeError as error:
        raise NetworkError(
            f"{path}: example of shape {tuple(example.shape)} must fit the model; torch says: "
            f"{str(error).splitlines()[0]}"
        ) from error
    return shapes


def _kind(value: object) -> str:
    return str(value.dtype) if isinstance(value, Tensor) else type(value).__name__


def _instead(name: str) -> str:
    return INSTEAD.get(name, SUPPORTED)


def _read(graph: fx.Graph, model: nn.Module) -> tuple[tuple[Layer, ...], list[FoundUnsupported]]:
    modules = dict(model.named_modules())
    uses = Counter(node.target for node in graph.nodes if node.op == "call_module")
    names = set(modules)
    layers: list[Layer] = []
    found: list[FoundUnsupported] = []
    for index, node in enumerate(graph.nodes):
        if node.op == "call_module":
            module = modules[node.target]
            problem = _module_problem(module, layers[-1] if layers else None, uses[node.target])
            if problem:
                found.append(FoundUnsupported(node.target, *problem))
            if not isinstance(module, DROPPED):
                again = any(layer.path == node.target for layer in layers)
                path = _new_name(node.name, names) if again else node.target
                layers.append(Layer(path, module, written=uses[node.target] == 1))
        elif node.op in ("call_function", "call_method") and not _is_size(node):
            made = _function(node)
            if made is None:
                found.append(_unsupported_function(node))
            elif not isinstance(made, nn.Identity):
                layers.append(Layer(_new_name(node.name, names), made, written=False))
                problem = _module_problem(made, None, 1)
                if problem:
                    found.append(FoundUnsupported(_place(node), *problem))
        elif node.op == "placeholder" and index > 0 and node.users:
            instead = "give it one tensor and no other"
            found.append(FoundUnsupported("forward", f"a second input, {node.target},", instead))
        elif node.op == "output" and not isinstance(node.args[0], fx.Node):
            what = f"an output that is a {type(node.args[0]).__name__}"
            found.append(FoundUnsupported("forward", what, "return one tensor"))
    if not layers and not found:
        found.append(FoundUnsupported("forward", "a model without layers", SUPPORTED))
    return tuple(layers), found


def _new_name(name: str, names: set[str]) -> str:
    while name in names:
        name += "_"
    names.add(name)
    return name


def _module_problem(module: nn.Module, before: Layer | None, uses: int) -> tuple[str, str] | None:
    name = type(module).__name__
    if type(module) not in (*KEPT, *DROPPED):
        return name, _instead(name)
    if isinstance(module, OWNED) and uses > 1:
        return f"{name} used {uses} times", "give each use a layer of its own"
    match module:
        case nn.Conv2d():
            if module.groups != 1:
                return f"Conv2d with groups={module.groups}", "use groups=1"
            if module.padding_mode != "zeros":
                return f"Conv2d with padding_mode={module.padding_mode!r}", "use 'zeros'"
            spans = [d * (k - 1) for d, k in zip(module.dilation, module.kernel_size, strict=True)]
            if module.padding == "same" and any(span % 2 for span in spans):
                return "Conv2d with padding='same' and an even kernel", "use an odd kernel"
        case nn.BatchNorm1d() | nn.BatchNorm2d():
            if before is None or not isinstance(before.module, (nn.Conv2d, nn.Linear)):
                return f"{name} that does not follow a Conv2d or Linear", "put it right after one"
            if not module.track_running_stats:
                return f"{name} without running statistics", "use track_running_stats=True"
        case nn.MaxPool2d():
            if module.ceil_mode:
                return "MaxPool2d with ceil_mode", "use ceil_mode=False, with padding"
            if module.return_indices:
                return "MaxPool2d with return_indices", "use return_indices=False"
            if module.dilation not in (1, (1, 1)):
                return "MaxPool2d with dilation", "use dilation=1"
        case nn.Flatten():
            if module.start_dim != 1 or module.end_dim != -1:
                return f"Flatten({module.start_dim}, {module.end_dim})", "use Flatten(1)"
    return None


def _is_size(node: fx.Node) -> bool:
    """Say whether the node is about a shape: x.size(), x.size(0), x.shape, x.shape[0]."""
    if node.op == "call_method":
        return node.target == "size"
    if node.target is getattr:
        return node.args[1] == "shape"
    return node.target is operator.getitem and _is_node_size(node.args[0])


def _is_node_size(value: object) -> bool:
    return isinstance(value, fx.Node) and value.op != "call_module" and _is_size(value)


def _is_batch(value: object) -> bool:
    """Say whether the value is the batch size: x.size(0) or x.shape[0]."""
    return _is_node_size(value) and isinstance(value, fx.Node) and value.args[1:] == (0,)


def _argument(node: fx.Node, position: int, name: str, default: Any) -> Any:
    return node.args[position] if len(node.args) > position else node.kwargs.get(name, default)


def _function(node: fx.Node) -> nn.Module | None:
    """Return the module that means the same as a call of a function or method, if any."""
    target = node.target
    if target in (F.relu, F.relu_, torch.relu, torch.relu_, "relu", "relu_"):
        return nn.ReLU()
    if target in (F.max_pool2d, torch.max_pool2d):
        kernel = _argument(node, 1, "kernel_size", None)
        return nn.MaxPool2d(
            kernel,
            _argument(node, 2, "stride", None) or kernel,
            _argument(node, 3, "padding", 0),
            _argument(node, 4, "dilation", 1),
            _argument(node, 6, "return_indices", False),
            _argument(node, 5, "ceil_mode", False),
        )
    if target in (torch.flatten, "flatten"):
        return nn.Flatten(_argument(node, 1, "start_dim", 0), _argument(node, 2, "end_dim", -1))
    if target in (torch.reshape, "view", "reshape"):
        shape = node.args[1] if len(node.args) == 2 else node.args[1:]
        if not isinstance(shape, (tuple, list)) or len(shape) != 2:
            return None
        return nn.Flatten() if _is_batch(shape[0]) and shape[1] == -1 else None
    if target in (F.dropout, F.dropout2d) and not _argument(node, 2, "training", True):
        return nn.Identity()
    return None


def _place(node: fx.Node) -> str:
    owners = [path for path in node.meta.get("nn_module_stack", {}) if path]
    return f"{owners[-1]}.{node.name}" if owners else node.name


def _unsupported_function(node: fx.Node) -> FoundUnsupported:
    name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", "?")
    kind = "method" if node.op == "call_method" else "function"
    return FoundUnsupported(_place(node), f"{kind} {name}", _instead(name.strip("_")))
