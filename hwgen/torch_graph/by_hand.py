"""Functions of one value that a forward spells out: x * sigmoid(x), torch.where(x > 0, x, a * x).

Of a product, a larger one or a choice whose sides all come of the same value, each by itself, what
lies between is one function of that value, and so is what is done to the result by numbers alone.
"""

__all__ = ["HandWritten", "hand_written"]

import operator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, fx, nn

from hwgen.torch_graph.functions.activations import MANY, spellings
from hwgen.torch_graph.modules import Elementwise
from hwgen.torch_graph.one_value import CLAMPS, CURVES


def _called(*names: str) -> set[Any]:
    """Return what functions are called: operators, in torch, and as methods; in place as well."""
    found = {getattr(operator, name) for name in names if hasattr(operator, name)}
    found |= {getattr(operator, f"i{name}") for name in names if hasattr(operator, f"i{name}")}
    return found.union(*(spellings(name) for name in names))


# Of two values at the same place, or of one and a number
SUMS = _called("add", "sub", "subtract", "rsub")
JOINS = _called(
    *("mul", "multiply", "div", "divide", "true_divide", "truediv", "pow"),
    *("max", "min", "maximum", "minimum", "where"),
)
TESTS = _called("gt", "lt", "ge", "le", "greater", "less", "greater_equal", "less_equal")
CALLS = SUMS | JOINS | TESTS | _called("neg", "abs", *(MANY.keys() - {"rrelu"}))
MODULES = {*CLAMPS, *CURVES} - {nn.PReLU, nn.RReLU}  # without weights, the same in training
NUMBERS = (int, float, bool, str, type(None))


@dataclass(frozen=True)
class HandWritten:
    """A function of one value.

    source : gives the value
    module : makes of it what `end` gives
    inside : what it replaces, but for `end`
    """

    source: fx.Node
    module: Elementwise
    inside: frozenset[fx.Node]


def hand_written(
    graph: fx.Graph, modules: Mapping[str, nn.Module], shapes: Mapping[fx.Node, tuple[int, ...]]
) -> dict[fx.Node, HandWritten]:
    """Return the functions of one value in a graph, by the node that gives their results.

    Parameters
    ----------
    modules : of the model, by path
    shapes : of the values, as far as they are known
    """
    reader = _Reader(modules, shapes)
    for node in graph.nodes:
        reader.read(node)
    found: dict[fx.Node, HandWritten] = {}
    taken: set[fx.Node] = set()
    for node in reversed(graph.nodes):
        if node in taken or not reader.joins(node):
            continue
        source, end = reader.before[node], reader.with_numbers(node)
        between = reader.between(source, end)
        if between is None or taken & between or not any(map(reader.multiplies, {node} | between)):
            continue
        order = [other for other in graph.nodes if other in between or other is end]
        module = Elementwise(_function(source, order, modules))
        found[end] = HandWritten(source, module, frozenset(between))
        taken |= between | {end}
    return found


class _Reader:
    """Finds of what single value each value is made, one step before another."""

    def __init__(self, modules: Mapping[str, nn.Module], shapes: Mapping[fx.Node, tuple[int, ...]]):
        self.before: dict[fx.Node, fx.Node] = {}  # the nearest value that all of a value comes of
        self._depths: dict[fx.Node, int] = {}
        self._modules = modules
        self._shapes = shapes

    def read(self, node: fx.Node) -> None:
        """Note what a node comes of; nothing where that is not one value."""
        self._depths[node] = 0
        sources = node.all_input_nodes
        if not sources or not self._is_of_places(node):
            return
        nearest: fx.Node | None = sources[0]
        for other in sources[1:]:
            nearest = self._common(nearest, other)
        if nearest is not None and self._shapes.get(nearest) == self._shapes.get(node, ()):
            self.before[node] = nearest
            self._depths[node] = self._depths[nearest] + 1

    def joins(self, node: fx.Node) -> bool:
        """Say whether a node is made of several values that come of one."""
        several = len(node.all_input_nodes) > 1
        return several and node in self.before and node.target in SUMS | JOINS

    def multiplies(self, node: fx.Node) -> bool:
        """Say whether it does more than add these: a sum needs no table."""
        return self.joins(node) and node.target in JOINS

    def with_numbers(self, node: fx.Node) -> fx.Node:
        """Return the last of what is done to a value by numbers alone."""
        while len(node.users) == 1:
            (user,) = node.users
            numbers = user.target in SUMS | JOINS and user.all_input_nodes == [node]
            if not numbers or self.before.get(user) is not node:
                break
            node = user
        return node

    def between(self, source: fx.Node, end: fx.Node) -> set[fx.Node] | None:
        """Return what lies between two values; None if something else takes one of these."""
        found: set[fx.Node] = set()
        waiting = [end]
        while waiting:
            for node in waiting.pop().all_input_nodes:
                if node is not source and node not in found:
                    found.add(node)
                    waiting.append(node)
        closed = all(user in found or user is end for node in found for user in node.users)
        return found if closed else None

    def _common(self, a: fx.Node | None, b: fx.Node) -> fx.Node | None:
        while a is not None and a is not b:
            if self._depths[a] >= self._depths[b]:
                a = self.before.get(a)
            else:
                b = self.before[b]
        return a

    def _is_of_places(self, node: fx.Node) -> bool:
        """Say whether each value that a node gives is made of those at its place and numbers."""
        if node.op == "call_module":
            return type(self._modules.get(str(node.target))) in MODULES
        if node.op not in ("call_function", "call_method") or node.target not in CALLS:
            return False
        others = [a for a in (*node.args, *node.kwargs.values()) if not isinstance(a, fx.Node)]
        return all(isinstance(a, NUMBERS) for a in others)


class _Function:
    """What nodes of a graph make of a value."""

    def __init__(self, graph: fx.Graph, modules: dict[str, nn.Module]):
        self._run = fx.GraphModule(modules, graph)

    def __call__(self, x: Tensor) -> Tensor:
        result: Tensor = self._run(x)
        return result


def _function(source: fx.Node, order: list[fx.Node], modules: Mapping[str, nn.Module]) -> _Function:
    graph = fx.Graph()
    value = graph.placeholder("x")
    copies = {source: graph.call_method("clone", (value,))}  # some may be done in place
    used: dict[str, nn.Module] = {}
    for node in order:
        copies[node] = graph.node_copy(node, copies.__getitem__)
        if node.op == "call_module":
            name = f"part{len(used)}"
            used[name] = modules[str(node.target)]
            copies[node].target = name
    graph.output(copies[order[-1]])
    return _Function(graph, used)
