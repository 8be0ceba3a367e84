"""From a compressed PyTorch module to a `Network`.

What the module computes in `eval()` and what the network computes are equal in every bit.
"""

__all__ = ["import_torch", "trace_torch"]

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from torch import Tensor, fx, nn

from hwgen.compression import Compressed, Example
from hwgen.compression.quantize import (
    QuantHostLayer,
    QuantInput,
    Quantizer,
    QuantModel,
    QuantZeroPad,
    Weighted,
    quant_graph_of,
    quant_inputs,
)
from hwgen.compression.user_functions import accuracy_of, warn_at_chance
from hwgen.errors import FoundUnsupported, NetworkError, UnsupportedError
from hwgen.importers.torch_layers import CONVERT, LEAVES
from hwgen.network import (
    ArgMax,
    HostStep,
    Network,
    Node,
    Op,
    Output,
)
from hwgen.network import Tensor as NetworkTensor
from hwgen.network.ends import by_name
from hwgen.network.inference import infer
from hwgen.network.ops import Conv, Padding
from hwgen.torch_graph.adopt import unwrapped
from hwgen.torch_graph.batches import Batch, Returns, as_batch, shapes_of, tensors_of
from hwgen.torch_graph.float_graph import is_input
from hwgen.torch_graph.hidden import find_hidden
from hwgen.torch_graph.returned import returns_of
from hwgen.torch_graph.threads import thrifty_threads
from hwgen.torch_graph.trace import check_finite, evaluating, trace_graph

INSTEAD = "a compressed module has quantized layers, pools, joins and Flatten only"
Shape = tuple[int, ...]
Call = tuple[str, tuple[str, ...]]  # the path of a layer, and paths of those it takes values from
IntArray = np.ndarray[Any, np.dtype[np.int64]]


def import_torch(
    module: nn.Module | Compressed,
    example: Example,
    *,
    evaluate: Callable[[nn.Module], float] | None = None,
) -> Network:
    """Return the integer network of a module that `hwgen.compress` made.

    Nodes carry the paths of the module's layers. The module may sit inside another one, as long as
    nothing else is computed there.

    Parameters
    ----------
    module : what `compress` returned, its `.module`, or a module that holds that
    example : (batch, channels, height, width), (batch, channels, length) or (batch, features), a
        float tensor; of several inputs a tuple of them, or a dict by the names of the arguments
    evaluate : `evaluate(module)` returns the accuracy; there is a warning where it is that of
        guessing

    Raises
    ------
    UnsupportedError : with every hook, and every part that is not a quantized layer
    NetworkError : a float module, an example of the wrong shape, or a network that breaks a rule
    FormatError : a weight or scale is NaN; names the layer
    """
    module = _module_of(module)
    check_finite(module)
    given: Batch = _batch_of(module, example)
    if not any(isinstance(part, Weighted | Quantizer) for part in module.modules()):
        raise NetworkError(
            f"Module must be a compressed one, not a float {type(module).__name__}; "
            "call hwgen.compress(model, recipe, ...) first and import its .module"
        )
    if isinstance(module, Weighted | Quantizer):
        raise NetworkError(
            f"Module must be the whole compressed one, not its {type(module).__name__} alone"
        )
    network = _carried(module, given)
    if network is None:
        with thrifty_threads(module, given):
            network = _traced(module, given)
    if evaluate is not None:
        with evaluating(module):
            accuracy = accuracy_of(evaluate(module))
        last = network[network.ends[0].node]
        before = last.inputs[0] if isinstance(last.op, ArgMax) else last.name
        shape = network.tensors[before].shape
        classes = shape[0] if len(shape) == 1 and len(network.ends) == 1 else 0
        warn_at_chance(accuracy, classes)
    return network


def _batch_of(module: nn.Module, example: Any) -> Batch:
    """Return an example as a batch.

    Raises
    ------
    NetworkError : it is none
    """
    names = () if type(module) is not QuantModel else quant_inputs(module)
    if isinstance(example, Mapping) and names:
        example = tuple(by_name(example, names, "input").values())
    given = as_batch(module, example)
    for x in given if isinstance(given, tuple) else (given,):
        if not isinstance(x, Tensor) or x.dim() not in (2, 3, 4):
            shape = tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__
            raise NetworkError(
                "Example must be a tensor of shape (batch, channels, height, width), "
                f"(batch, channels, length) or (batch, features), not {shape}"
            )
    batch: Batch = given
    return batch


def _module_of(given: nn.Module | Compressed) -> nn.Module:
    return unwrapped(given.module if isinstance(given, Compressed) else given)


def trace_torch(module: nn.Module | Compressed, x: Example) -> dict[str, IntArray]:
    """Return the integers that a compressed module computes for every node of its network.

    Equal to `network.trace(network.quantize(x))`, where `network` is the module's import.

    Parameters
    ----------
    module : `compress(...).module`, or one that holds it
    x : (batch, channels, height, width) or (batch, features), real numbers; of several inputs a
        tuple of them, or a dict by their names

    Returns
    -------
    name -> (batch, *shape of that node) int64, in the order of the nodes

    Raises
    ------
    UnsupportedError, NetworkError, FormatError : from `import_torch`
    """
    module = _module_of(module)
    network = import_torch(module, x)
    reals: dict[str, Tensor] = {}

    def watcher(name: str) -> Callable[[nn.Module, object, Tensor], None]:
        def watch(_: nn.Module, inputs: object, output: Tensor) -> None:
            reals[name] = output

        return watch

    hooks = [
        module.get_submodule(node.name).register_forward_hook(watcher(node.name))
        for node in network.nodes
    ]
    try:
        given = _batch_of(module, x)
        with evaluating(module), thrifty_threads(module, given):
            module(*tensors_of(given))
    finally:
        for hook in hooks:
            hook.remove()
    return {
        name: _quotients(reals[name].cpu().numpy(), tensor)
        for name, tensor in network.tensors.items()
    }


def _quotients(real: np.ndarray[Any, np.dtype[np.float64]], tensor: NetworkTensor) -> IntArray:
    real = real.reshape(-1, *tensor.shape)
    scale = tensor.scale.reshape(-1, *[1] * (len(tensor.shape) - 1))
    integers: IntArray = np.rint(real / scale).astype(np.int64)  # never near a tie
    return integers + tensor.zero_point


def _carried(module: nn.Module, example: Batch) -> Network | None:
    """Return the network of a compressed module, read off the graph that it carries.

    None where that is not all there is to it: another module holds it, its layers were changed or
    hooked since, or the example does not fit. A trace then says what is wrong.
    """
    if type(module) is not QuantModel or find_hidden(module):
        return None
    try:
        graph = quant_graph_of(module)
    except AttributeError:
        return None
    layers = graph.layers
    if any(type(layer.module) not in LEAVES for layer in layers):
        return None
    calls = [(la.path, tuple(name for name in la.inputs if not is_input(name))) for la in layers]
    shapes = shapes_of(example)
    if len(shapes) != len(graph.entries):
        return None
    try:
        return _network(calls, module, shapes, graph.returns)
    except NetworkError:
        return None


def _traced(module: nn.Module, example: Batch) -> Network:
    """Return the network of what a trace of a module shows.

    Raises
    ------
    UnsupportedError, NetworkError : as `import_torch`
    """
    traced = trace_graph(module, example, leaves=LEAVES)
    _check_supported(traced.graph, module)
    if traced.problem is not None:
        raise traced.problem
    calls: list[Call] = []
    names: dict[fx.Node, str] = {}  # of the value that a graph node gives
    returns = None
    for node in traced.graph.nodes:
        if node.op == "call_module":
            sources = tuple(names[source] for source in node.args if source in names)
            calls.append((node.target, sources))
            names[node] = node.target
        elif node.op == "output":
            returns = returns_of(node.args[0], names)
    return _network(calls, module, shapes_of(example), returns)


def _network(
    calls: Iterable[Call], module: nn.Module, shapes: tuple[Shape, ...], returns: Returns | None
) -> Network:
    """Return the network of a module's layers, in the order in which they run.

    Parameters
    ----------
    shapes : of each input, without the batch
    returns : what leaves, by path; None where that is the last layer's value
    """
    nodes: list[Node] = []
    types: dict[str, NetworkTensor] = {}
    pads: dict[str, tuple[str, Padding]] = {}  # what each pad is around; convolutions take it
    hosted: dict[str, tuple[str, tuple[HostStep, ...]]] = {}  # of each value: the node, and steps
    waiting = list(shapes)
    for path, sources in calls:
        layer = module.get_submodule(path)
        if isinstance(layer, QuantHostLayer):
            node, steps = hosted[sources[0]]
            hosted[path] = node, (*steps, layer.step)
            continue
        if isinstance(layer, QuantZeroPad):
            pads[path] = (sources[0], layer.padding)
            continue
        of = [types[name].shape for name in sources if name in types]
        if isinstance(layer, QuantInput) and waiting:
            of.append(waiting.pop(0))
        op = CONVERT[type(layer)](layer, of[0] if of else shapes[0])
        for source in set(sources) & pads.keys():
            inner, around = pads[source]
            if not isinstance(op, Conv):
                kind = type(op).__name__
                raise NetworkError(f"{path}: {kind} cannot pad; put it behind a convolution")
            op, sources = _padded(op, around), (inner,)
        nodes.append(Node(path, op, sources))
        hosted[path] = path, ()
        try:
            types[path] = infer(op, [types[name] for name in sources])
        except NetworkError:
            return Network(nodes)  # which says of which node
    if returns is None:
        return Network(nodes)
    plain = returns.kind is None and not hosted[returns.values[0]][1]
    ends = [
        Output(hosted[path][0] if plain else name, *hosted[path])
        for name, path in zip(returns.names, returns.values, strict=True)
    ]
    return Network(nodes, ends)


def _padded(op: Any, around: Padding) -> Op:
    """Return a convolution with so much padding more."""
    both = zip(around, op.padding, strict=True)
    padded: Op = replace(op, padding=tuple((a + c, b + d) for (a, b), (c, d) in both))
    return padded


def _check_supported(graph: fx.Graph, module: nn.Module) -> None:
    found = find_hidden(module)
    for node in graph.nodes:
        if node.op == "call_module":
            layer = module.get_submodule(node.target)
            if type(layer) not in LEAVES:
                found.append(FoundUnsupported(node.target, type(layer).__name__, INSTEAD))
        elif node.op in ("call_function", "call_method"):
            name = getattr(node.target, "__name__", str(node.target))
            found.append(FoundUnsupported(node.name, f"function {name}", INSTEAD))
    if found:
        raise UnsupportedError(found)
