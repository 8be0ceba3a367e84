"""From a user's module to the graph of the layers that it runs.

Everything hwgen has no meaning for is found here, all at once.
"""

__all__ = ["check_finite", "evaluating", "float_graph_of", "trace_graph"]

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, fx, nn

from hwgen.errors import FormatError, FoundUnsupported, HwgenError, NetworkError, UnsupportedError
from hwgen.torch_graph.by_hand import hand_written
from hwgen.torch_graph.float_graph import INPUT, FloatGraph, FloatNode, Shape
from hwgen.torch_graph.functions import Call, is_size, modules_of, operands
from hwgen.torch_graph.hidden import find_hidden
from hwgen.torch_graph.modules import ArgMax, Elementwise
from hwgen.torch_graph.self_check import check_same
from hwgen.torch_graph.support import DROPPED, KEPT, OWNED, SUPPORTED, instead, module_problem
from hwgen.torch_graph.threads import thrifty_threads
from hwgen.torch_graph.tracer import Traced, Tracer, place_of, why

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
Shapes = dict[fx.Node, Shape]


def trace_graph(
    model: nn.Module, example: Tensor, leaves: tuple[type[nn.Module], ...] = ()
) -> Traced:
    """Return the live part of the model's `fx.Graph` in evaluation mode, and the shapes in it.

    Raises
    ------
    UnsupportedError : the forward depends on values, so that it has no graph; names its line
    """
    try:
        with evaluating(model):
            return Tracer((*leaves, Elementwise), example).traced(model)
    except HwgenError:
        raise
    except Exception as error:  # whatever the user's forward raises when it meets a proxy
        found = [
            FoundUnsupported(path, type(module).__name__, instead(type(module).__name__))
            for path, module in model.named_modules()
            if not list(module.children()) and type(module) not in (*KEPT, *DROPPED, *leaves)
            if type(module).__module__.startswith("torch.nn")
        ]
        what = f"a forward that torch.fx cannot trace ({why(error)})"
        way = "write it without ifs, loops and conversions that depend on the values of tensors"
        found.append(FoundUnsupported("forward", what, way))
        raise UnsupportedError(found, SUPPORTED) from error


def float_graph_of(model: nn.Module, example: Tensor) -> FloatGraph:
    """Return the graph of the layers that the model runs in evaluation mode.

    Functions become modules of the same meaning, averages over adaptive windows become
    `AvgPool2d`; Dropout and Identity disappear. Modules with weights are the model's own, not
    copies.

    Parameters
    ----------
    example : (batch, channels, height, width) or (batch, features), a float tensor

    Raises
    ------
    UnsupportedError : with everything that is not supported
    NetworkError : the example does not fit the model
    """
    _check_example(example)
    with evaluating(model), thrifty_threads(model, example):
        traced = trace_graph(model, example)
        reader = _Reader(traced, model)
        found = [*find_hidden(model), *reader.found]
        if found:
            raise UnsupportedError(found, SUPPORTED)
        if traced.problem is not None:
            raise traced.problem
        graph = FloatGraph(tuple(reader.layers), tuple(example.shape[1:]))
        check_same(graph, model, example)
    return graph


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


def _check_example(example: object) -> None:
    if not isinstance(example, Tensor) or not example.is_floating_point():
        kind = str(example.dtype) if isinstance(example, Tensor) else type(example).__name__
        raise NetworkError(f"Example must be a float tensor, not {kind}")
    if example.dim() not in (2, 4) or example.shape[0] == 0:
        signal = "; give a signal a height of 1, x[:, :, None], and take Conv2d for Conv1d"
        raise NetworkError(
            "Example must have shape (batch, channels, height, width) or (batch, features), "
            f"not {tuple(example.shape)}{signal * (example.dim() == 3)}"
        )


class _Reader:
    """Reads an `fx.Graph`: its layers, and everything in it that is not supported."""

    def __init__(self, traced: Traced, model: nn.Module):
        graph = traced.graph
        self.layers: list[FloatNode] = []
        self.found: list[FoundUnsupported] = []
        self._shapes = {node: shape[1:] for node, shape in traced.shapes.items()}
        self._modules = dict(model.named_modules())
        self._names = set(self._modules)
        self._calls = Counter(node.target for node in graph.nodes if node.op == "call_module")
        self._values: dict[fx.Node, str] = {}  # the layer that gives each value
        functions = hand_written(graph, self._modules, traced.shapes)
        inside = set[fx.Node]().union(*(function.inside for function in functions.values()))
        for node in graph.nodes:
            if node in functions:
                named: list[tuple[str, nn.Module]] = [
                    (self._new_name(node.name), functions[node].module)
                ]
                self._place(named, node, [functions[node].source], written=False)
            elif node not in inside:
                self._read(node)
        if not self.layers and not self.found:
            self._refuse("forward", "a model without layers", "")

    def _refuse(self, path: str, what: str, way: str) -> None:
        self.found.append(FoundUnsupported(path, what, way))

    def _read(self, node: fx.Node) -> None:
        if node.op == "placeholder":
            if INPUT not in self._values.values():
                self._values[node] = INPUT
            elif node.users:
                what = f"a second input, {node.target},"
                self._refuse("forward", what, "give it one tensor and no other")
                self._values[node] = node.name
        elif node.op == "call_module":
            self._read_module(node)
        elif node.op in ("call_function", "call_method") and not is_size(node):
            self._read_function(node)
        elif node.op == "output" and not isinstance(node.args[0], fx.Node):
            what = f"an output that is a {type(node.args[0]).__name__}"
            self._refuse("forward", what, "return one tensor")

    def _read_module(self, node: fx.Node) -> None:
        module, calls = self._modules[str(node.target)], self._calls[node.target]
        sources = operands(node)
        name = type(module).__name__
        problem = module_problem(module, self._shapes_of(sources), self._is_last(node))
        if problem is None and isinstance(module, OWNED) and calls > 1:
            problem = f"{name} used {calls} times", "give each use a layer of its own"
        if problem is None and isinstance(module, NORMS):
            problem = self._norm_problem(name, sources)
        if problem is None and not self._are_values(sources):
            problem = f"{name} of a constant", "fold the constant into the layers around it"
        if problem is not None:
            self._refuse(str(node.target), *problem)
            self._values[node] = node.name
            return
        if isinstance(module, DROPPED):
            self._values[node] = self._named(sources)[0]
            return
        again = any(layer.path == node.target for layer in self.layers)
        path = self._new_name(node.name) if again else str(node.target)
        made = nn.ReLU() if isinstance(module, nn.ReLU) else module  # never in place
        self._place([(path, made)], node, sources, written=calls == 1)

    def _read_function(self, node: fx.Node) -> None:
        sources = operands(node)
        shapes = [None if shape is None else (-1, *shape) for shape in self._shapes_of(sources)]
        modules = modules_of(Call(node, tuple(shapes)))
        self._values[node] = node.name
        if modules is None or not self._are_values(sources):
            self._refuse(*_unsupported_function(node, self._is_last(node)))
            return
        problem = module_problem(modules[0], self._shapes_of(sources))
        is_last = all(user.op == "output" for user in node.users)
        if problem is None and isinstance(modules[0], ArgMax) and not is_last:
            problem = "argmax before the end", "leave it for the last operation"
        if problem is not None:
            self._refuse(place_of(node), *problem)
        elif isinstance(modules[0], nn.Identity):
            self._values[node] = self._named(sources)[0]
        else:
            named = [(self._new_name(node.name), module) for module in modules]
            self._place(named, node, sources, written=False)

    def _place(
        self,
        named: list[tuple[str, nn.Module]],
        node: fx.Node,
        sources: list[object],
        written: bool,
    ) -> None:
        inputs, shape = self._named(sources), self._shapes_of(sources)[0]
        for path, module in named:
            if isinstance(module, nn.AdaptiveAvgPool2d) and shape is not None:
                module, shape = _fixed_average(module, shape)
            if path == named[-1][0]:
                shape = self._shapes.get(node)
            self.layers.append(FloatNode(path, module, inputs, shape or (), written))
            inputs = (path,)
        self._values[node] = inputs[0]

    def _is_last(self, node: fx.Node) -> bool:
        """Say whether no layer with weights comes after a value."""
        waiting, seen = list(node.users), set(node.users)
        while waiting:
            user = waiting.pop()
            if user.op == "call_module" and isinstance(self._modules[str(user.target)], OWNED):
                return False
            waiting += [further for further in user.users if further not in seen]
            seen.update(user.users)
        return True

    def _norm_problem(self, name: str, sources: list[object]) -> tuple[str, str] | None:
        before = [la.module for la in self.layers if (la.path,) == self._named(sources)]
        if not before or not isinstance(before[0], (nn.Conv2d, nn.Linear)):
            return f"{name} that does not follow a Conv2d or Linear", "put it right after one"
        if any(_takers(source) > 1 for source in sources):
            return f"{name} of a value that is used elsewhere as well", "use its output there"
        return None

    def _are_values(self, sources: list[object]) -> bool:
        return bool(sources) and all(
            isinstance(source, fx.Node) and source in self._values for source in sources
        )

    def _named(self, sources: list[object]) -> tuple[str, ...]:
        return tuple(self._values[source] for source in sources if isinstance(source, fx.Node))

    def _shapes_of(self, sources: list[object]) -> list[Shape | None]:
        return [self._shapes.get(s) if isinstance(s, fx.Node) else None for s in sources]

    def _new_name(self, name: str) -> str:
        while name in self._names:
            name += "_"
        self._names.add(name)
        return name


def _fixed_average(module: nn.AdaptiveAvgPool2d, shape: Shape) -> tuple[nn.AvgPool2d, Shape]:
    """Return the pool of fixed windows that an adaptive one is on an image that it divides."""
    size = module.output_size
    wanted = size if isinstance(size, tuple) else (size, size)
    extents = tuple(n if o is None else int(o) for o, n in zip(wanted, shape[1:], strict=True))
    kernel = (shape[1] // extents[0], shape[2] // extents[1])
    return nn.AvgPool2d(kernel, kernel), (shape[0], *extents)


def _takers(value: object) -> int:
    """Return how many nodes take a value, those that ask for its size aside."""
    return sum(not is_size(user) for user in value.users) if isinstance(value, fx.Node) else 0


def _unsupported_function(node: fx.Node, last: bool) -> tuple[str, str, str]:
    name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", "?")
    kind = "method" if node.op == "call_method" else "function"
    return place_of(node), f"{kind} {name}", instead(name.strip("_"), last)
