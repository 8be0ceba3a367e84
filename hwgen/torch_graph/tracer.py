"""Tracing a forward with an example: its `fx.Graph`, and the shape of every value in it.

Each operation is run as it is traced, so that whatever the forward asks about shapes has an answer:
asserts, ifs, len(x) and loops over sizes run as they would. What asks for values has no graph, and
the line that asks is named.
"""

__all__ = ["SHAPE_ERRORS", "Traced", "Tracer", "place_of", "users_line", "why"]

import operator
import os
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, fx, nn

from hwgen.errors import HwgenError, NetworkError
from hwgen.torch_graph.batches import Batch, tensors_of
from hwgen.torch_graph.reductions import simplify_reduction

SHAPE_ERRORS = (RuntimeError, IndexError, ValueError, TypeError)  # torch's own, on shapes
FACTS = (  # of a tensor, that do not depend on its values
    *("shape", "ndim", "dtype", "device", "layout", "is_cuda", "is_quantized", "is_sparse"),
    *("size", "dim", "ndimension", "numel", "nelement", "stride", "is_contiguous"),
    *("is_floating_point", "is_complex", "element_size", "get_device"),
)
ASKING = (torch.numel, torch.is_floating_point, torch.is_complex)  # functions that give facts
RESHAPING = (
    *(torch.flatten, torch.reshape, torch.squeeze, torch.unsqueeze),
    *("flatten", "view", "reshape", "squeeze", "unsqueeze", "view_as", "reshape_as"),
    *("contiguous", "clone", torch.clone),
)
OVER_STACK: dict[Any, Callable[..., Any]] = {  # over the values of a stack: what joins two of them
    **dict.fromkeys((torch.sum, "sum", torch.mean, "mean"), torch.add),
    **dict.fromkeys((torch.amax, "amax"), torch.maximum),
    **dict.fromkeys((torch.amin, "amin"), torch.minimum),
    **dict.fromkeys((torch.prod, "prod"), torch.mul),
}
# Functions of a number and a tensor: where they are given a value of a graph, torch takes it for a
# tensor and the whole process ends
FRAGILE = ("pow", "float_power", "where", "remainder", "xlogy")
FOLDERS = (Path(torch.__file__).parent, Path(__file__).parents[1])
OURS = tuple(f"{folder}{os.sep}" for folder in FOLDERS)  # not the user's


@dataclass(frozen=True)
class Traced:
    """An `fx.Graph`, the shapes of its values with the batch, the values that are the same whatever
    enters, and why they end early if they do."""

    graph: fx.Graph
    shapes: dict[fx.Node, tuple[int, ...]]
    constants: dict[fx.Node, Tensor]
    problem: NetworkError | None


class _Value(fx.Proxy):
    """A value of the graph, which answers as a tensor what does not depend on what is in it."""

    _is_param = False  # torch.nn.Parameter asks each tensor
    tracer: "Tracer"

    @property  # type: ignore[misc]
    def __class__(self) -> type:  # for isinstance(x, torch.Tensor) in a forward
        return Tensor if self._tensor() is not None else type(self)

    def __getattr__(self, name: str) -> Any:
        tensor = self._tensor() if name in FACTS else None
        return super().__getattr__(name) if tensor is None else getattr(tensor, name)

    def __len__(self) -> int:
        value = self.tracer.values.get(self.node)
        return len(value) if isinstance(value, (Tensor, tuple, list)) else super().__len__()

    def __iter__(self) -> Iterator[Any]:
        """Unpack what has a length: a, b = x.chunk(2, 1)."""
        value = self.tracer.values.get(self.node)
        if not isinstance(value, (tuple, list)):
            return super().__iter__()
        return iter([operator.getitem(self, n) for n in range(len(value))])

    def _tensor(self) -> Tensor | None:
        value = self.tracer.values.get(self.node)
        return value if type(value) is Tensor or type(value) is nn.Parameter else None


class Tracer(fx.Tracer):
    """Traces a module and runs it on an example at the same time.

    Parameters
    ----------
    leaves : modules that are one layer each, besides torch's own
    example : (batch, ...), or a tuple of them for the first arguments of its forward
    """

    def __init__(self, leaves: tuple[type[nn.Module], ...], example: Batch):
        super().__init__()
        self.values: dict[fx.Node, Any] = {}
        self._leaves = leaves
        self._examples = tensors_of(example)
        self._problem: NetworkError | None = None
        self._computing = False

    def traced(self, model: nn.Module) -> Traced:
        """Return the live part of the model's graph."""
        with _noted():
            graph = self.trace(model)
        shapes = {n: tuple(v.shape) for n, v in self.values.items() if isinstance(v, Tensor)}
        for node in list(graph.nodes):
            _simplify(node, shapes)
            simplify_reduction(node, shapes)
            _unstack(node, shapes)
        for node in reversed(graph.nodes):
            if not node.users and node.op not in ("placeholder", "output"):
                graph.erase_node(node)
        return Traced(graph, shapes, self._constants(graph), self._problem)

    def _constants(self, graph: fx.Graph) -> dict[fx.Node, Tensor]:
        """Return the values of parameters and buffers, and of what is made of these alone."""
        found: dict[fx.Node, Tensor] = {}
        for node in graph.nodes:
            value, made_of = self.values.get(node), node.all_input_nodes
            calls = node.op in ("call_function", "call_method")
            given = node.op == "get_attr" or (
                calls and bool(made_of) and all(n in found for n in made_of)
            )
            if given and isinstance(value, Tensor) and value.is_floating_point():
                found[node] = value.detach().clone()
        return found

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Say whether a module is a layer."""
        return isinstance(m, self._leaves) or super().is_leaf_module(m, module_qualified_name)

    def proxy(self, node: fx.Node) -> fx.Proxy:
        """Return what the forward gets to see of a value."""
        return _Value(node, self)

    def create_arg(self, a: Any) -> Any:
        """Return a value's node; `isinstance` takes it for a tensor. Tensors that the forward made
        are values of the graph."""
        if issubclass(type(a), fx.Proxy):
            return a.node
        made = super().create_arg(a)
        if isinstance(made, fx.Node) and isinstance(a, Tensor):
            self.values.setdefault(made, a)
        return made

    def create_proxy(self, kind: str, target: Any, *args: Any, **kwargs: Any) -> Any:
        """Note an operation in the graph, and run it."""
        made = super().create_proxy(kind, target, *args, **kwargs)
        if self._problem is None:
            self._compute(made.node)
        return self.values.get(made.node, made) if target in ASKING else made

    def call_module(self, m: nn.Module, forward: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Trace a module, or run it where an operation is being run."""
        if self._computing:
            return forward(*args, **kwargs)
        return super().call_module(m, forward, args, kwargs)

    def iter(self, obj: fx.Proxy) -> Iterator[Any]:
        """Return the parts of a value that is several, as of x.chunk(2)."""
        value = self.values.get(obj.node)
        if isinstance(value, (tuple, list)):
            return iter([operator.getitem(obj, n) for n in range(len(value))])
        return super().iter(obj)

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: Any) -> Any:
        """Return an attribute of a module, a parameter as a value of the graph."""
        if self._computing:
            return attr_val
        return super().getattr(attr, attr_val, parameter_proxy_cache)

    def _compute(self, node: fx.Node) -> None:
        self._computing = True
        try:
            self.values[node] = self._result(node)
        except KeyError:  # of a value that could not be computed
            return
        except SHAPE_ERRORS as error:
            place = node.target if node.op == "call_module" else place_of(node)
            self._problem = NetworkError(
                f"{place}: example of shape {_shapes(self._examples)} must fit the model; torch "
                f"says: {(str(error) or type(error).__name__).splitlines()[0]}"
            )
        finally:
            self._computing = False

    def _result(self, node: fx.Node) -> Any:
        args = fx.node.map_arg(node.args, self.values.__getitem__)
        kwargs = fx.node.map_arg(node.kwargs, self.values.__getitem__)
        target: Any = node.target
        match node.op:
            case "placeholder":
                number = sum(known.op == "placeholder" for known in self.values)
                if number < len(self._examples):
                    return self._examples[number].clone()  # the model may write into it
                return args[0] if args else None
            case "get_attr":
                return operator.attrgetter(target)(self.root)
            case "call_module":
                return self.root.get_submodule(target)(*args, **kwargs)
            case "call_method":
                return getattr(args[0], target)(*args[1:], **kwargs)
        return target(*args, **kwargs)


def _shapes(examples: tuple[Tensor, ...]) -> str:
    return " and ".join(str(tuple(x.shape)) for x in examples)


@contextmanager
def _noted() -> Iterator[None]:
    """Note calls of fragile functions in the graph before torch looks at what they are given."""

    def noting(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            for value in (*args, *kwargs.values()):
                if issubclass(type(value), _Value):
                    return value.tracer.create_proxy("call_function", function, args, kwargs)
            return function(*args, **kwargs)

        return call

    known = {name: getattr(torch, name) for name in FRAGILE}
    try:
        for name, function in known.items():
            setattr(torch, name, noting(function))
        yield
    finally:
        for name, function in known.items():
            setattr(torch, name, function)


def place_of(node: fx.Node) -> str:
    """Return the name of an operation, behind the path of the module that runs it."""
    owners = [path for path in node.meta.get("nn_module_stack", {}) if path]
    return f"{owners[-1]}.{node.name}" if owners else node.name


def _simplify(node: fx.Node, shapes: dict[fx.Node, tuple[int, ...]]) -> None:
    """Write a reshape that flattens, or changes nothing, as that, for batches of any size."""
    source = node.args[0] if node.args else node.kwargs.get("input")
    called = node.op in ("call_function", "call_method")  # a module may have such a name
    if not called or node.target not in RESHAPING or not isinstance(source, fx.Node):
        return
    before, after = shapes.get(source), shapes.get(node)
    if before is None or after is None or before[:1] != after[:1]:
        return
    if before == after:
        node.replace_all_uses_with(source)
    elif len(after) == 2:
        node.op, node.target = "call_function", torch.flatten
        node.args, node.kwargs = (source, 1), {}


def _unstack(node: fx.Node, shapes: dict[fx.Node, tuple[int, ...]]) -> None:
    """Write a sum over the values of a stack as that of these values, and the like."""
    source = node.args[0] if node.args else node.kwargs.get("input")
    called = node.op in ("call_function", "call_method") and node.target in OVER_STACK
    if not called or not isinstance(source, fx.Node) or source.target is not torch.stack:
        return
    values = source.args[0] if source.args else source.kwargs.get("tensors")
    axis = source.args[1] if len(source.args) > 1 else source.kwargs.get("dim", 0)
    over = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim")
    over = over[0] if isinstance(over, (tuple, list)) and len(over) == 1 else over
    if len(node.args) + len(node.kwargs) > 2 or not isinstance(values, (tuple, list)):
        return
    dims = len(shapes.get(source, ()))
    if not isinstance(axis, int) or not isinstance(over, int) or not dims:
        return
    if (axis - over) % dims or len(values) < 2 or not all(isinstance(v, fx.Node) for v in values):
        return
    total: Any = values[0]
    with node.graph.inserting_before(node):
        for value in values[1:]:
            total = node.graph.call_function(OVER_STACK[node.target], (total, value))
            shapes[total] = shapes[node]
        if node.target in (torch.mean, "mean"):
            total = node.graph.call_function(torch.mul, (total, 1 / len(values)))
            shapes[total] = shapes[node]
    node.replace_all_uses_with(total)


def users_line(error: BaseException) -> str:
    """Return the line of the user's source that raised an error, such as "net.py:12: if x > 0:"."""
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if not frame.filename.startswith(OURS)]
    if not theirs:
        return ""
    last = theirs[-1]
    return f"{Path(last.filename).name}:{last.lineno}: {last.line}".rstrip(": ")


def why(error: BaseException) -> str:
    """Return what an error says in one line, and the line of the user's that raised it."""
    text = str(error).strip()
    said = text.splitlines()[0] if text else ""
    if not isinstance(error, HwgenError | fx.proxy.TraceError):
        said = f"{type(error).__name__}: {said}" if said else type(error).__name__
    line = users_line(error)
    return f"{line}: {said}" if line else said
