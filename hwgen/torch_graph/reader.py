"""Reads the layers of a graph that torch.fx traced, and everything in it that is not supported."""

__all__ = ["Reader"]

import math
from collections import Counter
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, fx, nn

from hwgen.errors import FoundUnsupported
from hwgen.torch_graph.batches import Returns
from hwgen.torch_graph.by_hand import HandWritten, hand_written
from hwgen.torch_graph.float_graph import (
    INPUT,
    FloatNode,
    Shape,
    input_key,
    is_input,
)
from hwgen.torch_graph.functions import (
    Call,
    host_layer_of,
    is_comparison,
    is_host_call,
    is_size,
    modules_of,
    operands,
    takes_constants,
)
from hwgen.torch_graph.functions.pads import PADS as ZEROS_AROUND
from hwgen.torch_graph.meaning import run_layer
from hwgen.torch_graph.modules import Above, Add, ArgMax, HostLayer, Multiply, ZeroPad
from hwgen.torch_graph.modules.windows import Sides
from hwgen.torch_graph.moving import MOST_AXES, MOVING_MODULES, Moved, Moving
from hwgen.torch_graph.pools import POOLS, pools_of
from hwgen.torch_graph.returned import is_opened, opened, parts_of, returns_of
from hwgen.torch_graph.support import (
    CONVOLUTIONS,
    DROPPED,
    OWNED,
    PADS,
    instead,
    module_problem,
)
from hwgen.torch_graph.swaps import channels_first, channels_last
from hwgen.torch_graph.tracer import Traced, place_of


class Reader:
    """Reads an `fx.Graph`: its layers, and everything in it that is not supported."""

    def __init__(self, traced: Traced, model: nn.Module, shapes: tuple[Shape, ...]):
        graph = traced.graph
        self.entries: dict[str, Shape] = {}
        self.returned: Returns | None = None
        self._given = shapes  # of the example's tensors
        self._ends = {node for node in graph.nodes if node.op == "output"}
        self.layers: list[FloatNode] = []
        self.found: list[FoundUnsupported] = []
        self._shapes = {node: shape[1:] for node, shape in traced.shapes.items()}
        self._constants = traced.constants
        self._moving = Moving(model, traced.shapes)
        self._modules = dict(model.named_modules())
        self._names = set(self._modules)
        self._calls = Counter(node.target for node in graph.nodes if node.op == "call_module")
        self._values: dict[fx.Node, str] = {}  # the layer that gives each value
        functions = hand_written(graph, self._modules, traced.shapes)
        inside = set[fx.Node]().union(*(function.inside for function in functions.values()))
        for node in graph.nodes:
            if node in functions:
                self._read_hand_written(node, functions[node])
            elif node not in inside:
                self._read(node)
        self.layers = self._without_idle_host_layers()
        if not self.layers and not self.found:
            self._refuse("forward", "a model without layers", "")

    def _refuse(self, path: str, what: str, way: str) -> None:
        self.found.append(FoundUnsupported(path, what, way))

    def _read(self, node: fx.Node) -> None:
        if node.op == "placeholder":
            self._read_input(node)
        elif node.op == "call_module":
            self._read_module(node)
        elif node in self._constants:
            return
        elif node.op == "output":
            self._read_output(opened(node.args[0]))
            if self.layers and self.returned is None and not self.found:
                self._refuse("forward", *self._unsettled(node))
        elif not is_size(node) and node.op != "get_attr" and not is_opened(node):
            self._read_function(node)

    def _read_input(self, node: fx.Node) -> None:
        number = len(self.entries)
        if number < len(self._given):
            name = str(node.target).lstrip("*")
            key = INPUT if len(self._given) == 1 else input_key(name)
            self.entries[key] = self._given[number]
            self._values[node] = key
            if not node.users and key != INPUT:
                self._refuse("forward", f"an input that is not used, {name},", "leave it out")
        elif node.users:
            what = f"a second input, {node.target}," if number == 1 else f"an input, {node.target},"
            way = "give example=(a, b), a tensor for each argument, or give it no other tensor"
            self._refuse("forward", what, way)
            self._values[node] = node.name

    def _read_output(self, given: Any) -> None:
        names, values, kind = parts_of(given)
        if not isinstance(given, fx.Node | dict | tuple | list):
            what = f"an output that is a {type(given).__name__}"
            self._refuse("forward", what, "return one tensor")
            return
        for name, value in zip(names, values, strict=True):
            if not isinstance(value, fx.Node):
                what = f"an output that is a {kind.__name__ if kind else ''} of a "
                what += f"{type(value).__name__}, {name},"
                self._refuse("forward", what, "return tensors in one tuple, list or dict")
                return
            if self.layers and is_input(self._values.get(value, "-")):
                self._refuse("forward", f"an output that is an input, {name},", "leave it out")
                return
        if not values:
            self._refuse("forward", "an output without a tensor", "return one tensor")
        elif all(value in self._values for value in values):
            self.returned = returns_of(given, self._values)

    def _read_host_layer(self, node: fx.Node) -> bool:
        """Take what the host can compute, where nothing but outputs comes after it."""
        sources = operands(node)
        if not self._is_end(node) or not self._are_values(sources):
            return False
        made = host_layer_of(node, self._modules.__getitem__, self._shapes_of(sources)[0])
        if made is None:
            return False
        written = node.op == "call_module" and self._calls[node.target] == 1
        path = str(node.target) if written else self._new_name(node.name)
        self._place([(path, made)], node, sources, written)
        return True

    def _is_end(self, node: fx.Node) -> bool:
        """Say whether a value leaves, perhaps through other host layers or an argmax."""
        return all(
            user in self._ends
            or is_opened(user)
            or user.target in (torch.argmax, "argmax")
            or is_comparison(user)
            or (is_host_call(user, self._modules.__getitem__) and self._is_end(user))
            for user in node.users
        )

    def _is_decided(self, node: fx.Node) -> bool:
        """Say whether a comparison leaves, perhaps as another type."""
        return all(
            user in self._ends
            or is_opened(user)
            or (is_comparison(user) and self._is_decided(user))
            for user in node.users
        )

    def _read_hand_written(self, node: fx.Node, function: HandWritten) -> None:
        self._values[node] = node.name
        if function.source not in self._values:
            self._refuse(place_of(node), *self._unsettled(node))
            return
        named: list[tuple[str, nn.Module]] = [(self._new_name(node.name), function.module)]
        self._place(named, node, [function.source], written=False)

    def _read_module(self, node: fx.Node) -> None:
        if self._read_host_layer(node):
            return
        module, calls = self._modules[str(node.target)], self._calls[node.target]
        sources = operands(node)
        name = type(module).__name__
        settled = all(source in self._values for source in sources)
        moves = _moves(module, next(iter(self._shapes_of(sources)), None), settled)
        moved = self._moving.run_module(node, module) if moves else None
        if moved is not None:
            self._read_moved(node, moved, str(node.target) if calls == 1 else None)
            return
        if any(source not in self._values for source in sources):
            self._refuse(str(node.target), *self._unsettled(node))
            self._values[node] = node.name
            return
        problem = module_problem(module, self._shapes_of(sources), self._is_last(node))
        if problem is None and isinstance(module, OWNED) and calls > 1:
            problem = f"{name} used {calls} times", "give each use a layer of its own"
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
        named = [(path, made)]
        shape = self._shapes_of(sources)[0]
        if isinstance(module, nn.Linear) and shape is not None and len(shape) > 1:
            named.insert(0, (self._new_name(f"{node.name}_in"), channels_first(shape)))
            made_of = (module.out_features, *shape[:-1])
            named.append((self._new_name(f"{node.name}_out"), channels_last(made_of)))
        if isinstance(module, CONVOLUTIONS) and module.padding_mode != "zeros":
            moved = self._moving.padded(node, module)
            before = None if moved is None else self._moving.module_of(moved)
            assert before is not None
            if not isinstance(before, nn.Identity):  # of no width
                named.insert(0, (self._new_name(f"{node.name}_pad"), before))
        self._place(named, node, sources, written=calls == 1)

    def _read_moved(self, node: fx.Node, moved: Moved, path: str | None = None) -> None:
        """Read what only moves elements; a shape that no value may have is left to what follows."""
        ends = all(user.op == "output" for user in node.users)
        module = self._moving.module_of(moved, ends)
        if module is None or moved.root not in self._values:
            self._moving.keep(node, moved)
        elif isinstance(module, nn.Identity):
            self._values[node] = self._values[moved.root]
        else:
            named = [(path or self._new_name(node.name), module)]
            self._place(named, node, [moved.root], written=path is not None)

    def _unsettled(self, node: fx.Node) -> tuple[str, str]:
        """Return what is refused of a value that no layer gives, and the way out."""
        shape = next(self._shapes.get(n) for n in node.all_input_nodes if n not in self._values)
        way = "use flatten(1), or bring it into the shape (batch, channels, height, width) first"
        if shape is None:
            return "several tensors where one is computed with", way
        if 2 <= len(shape) + 1 <= MOST_AXES:
            return "a value whose first axis is not the batch", way
        return f"a value of {len(shape) + 1} dimensions where one is computed with", way

    def _read_function(self, node: fx.Node) -> None:
        if self._read_host_layer(node):
            return
        sources = operands(node)
        moved = None if self._puts_zeros(node, sources) else self._moving.called(node)
        if moved is not None:
            self._read_moved(node, moved)
            return
        if any(isinstance(s, fx.Node) and self._moving.knows(s) for s in sources):
            self._refuse(place_of(node), *self._unsettled(node))
            self._values[node] = node.name
            return
        shapes = [None if shape is None else (-1, *shape) for shape in self._shapes_of(sources)]
        constants: list[Tensor | None] = [None] * len(sources)
        if takes_constants(node):
            constants = [self._constant(source) for source in sources]
        modules = modules_of(Call(node, tuple(shapes), tuple(constants)))
        sources = [s for s, constant in zip(sources, constants, strict=True) if constant is None]
        self._values[node] = node.name
        if modules is None or not self._are_values(sources):
            self._refuse(*_unsupported_function(node, self._is_last(node)))
            return
        if isinstance(modules[0], (Add, Multiply)):  # what spreads is not the first one
            order = sorted(range(len(sources)), key=lambda n: -self._size(sources[n]))
            sources = [sources[n] for n in order]
            if isinstance(modules[0], Add):
                modules = (Add([modules[0].factors[n] for n in order]), *modules[1:])
        problem = module_problem(modules[0], self._shapes_of(sources))
        is_last = self._ends.issuperset(node.users)
        is_last = is_last or (is_comparison(node) and self._is_decided(node))
        if problem is None and isinstance(modules[0], ArgMax | Above) and not is_last:
            what = "argmax" if isinstance(modules[0], ArgMax) else "comparison"
            problem = f"{what} before the end", "leave it for the last operation"
        if problem is not None:
            self._refuse(place_of(node), *problem)
        elif isinstance(modules[0], nn.Identity):
            self._values[node] = self._named(sources)[0]
            if (shape := self._shapes_of(sources)[0]) is not None:
                self._shapes[node] = shape
        else:
            named = [(self._new_name(node.name), module) for module in modules]
            self._place(named, node, sources, written=False)
            if isinstance(modules[0], ArgMax):
                self._pass_by_host_layers()
            if isinstance(modules[0], Above):
                self._compare_before_host_layers(node)

    def _puts_zeros(self, node: fx.Node, sources: list[object]) -> bool:
        """Say whether a call puts zeros around a value, as what takes it may do by itself."""
        if node.target not in ZEROS_AROUND or not self._are_values(sources):
            return False
        shapes = [None if shape is None else (-1, *shape) for shape in self._shapes_of(sources)]
        return modules_of(Call(node, tuple(shapes), (None,) * len(sources))) is not None

    def _place(
        self,
        named: list[tuple[str, nn.Module]],
        node: fx.Node,
        sources: list[object],
        written: bool,
    ) -> None:
        inputs, shape = self._named(sources), self._shapes_of(sources)[0]
        for path, module in named:
            for name, part in self._parts(path, module, shape):
                if name == named[-1][0]:
                    shape = self._shapes.get(node)
                elif shape is not None:
                    shape = tuple(run_layer(part, torch.zeros(1, *shape)).shape[1:])
                own = written and name == node.target
                self.layers.append(FloatNode(name, part, inputs, shape or (), own))
                inputs = (name,)
        self._values[node] = inputs[0]

    def _parts(
        self, path: str, module: nn.Module, shape: Shape | None
    ) -> list[tuple[str, nn.Module]]:
        """Return what a module is in our own words, under names; the last one has its path."""
        if isinstance(module, PADS):
            return [(path, ZeroPad(_sides(module)))]
        if type(module) not in POOLS or shape is None:
            return [(path, module)]
        *before, last = pools_of(module, shape)
        return [
            *((self._new_name(f"{path}_{n}"), part) for n, part in enumerate(before)),
            (path, last),
        ]

    def _pass_by_host_layers(self) -> None:
        """Let the last layer, an argmax, take what was before a softmax or the like, whose order
        is the same."""
        by_path = {layer.path: layer for layer in self.layers}
        (source,) = self.layers[-1].inputs
        while source in by_path and _keeps_order(by_path[source].module):
            (source,) = by_path[source].inputs
        self.layers[-1] = replace(self.layers[-1], inputs=(source,))

    def _compare_before_host_layers(self, node: fx.Node) -> None:
        """Let the last layer, a comparison, take what was before a sigmoid, with another bound."""
        by_path = {layer.path: layer for layer in self.layers}
        (source,), decided = self.layers[-1].inputs, self.layers[-1].module
        while source in by_path and isinstance(host := by_path[source].module, HostLayer):
            before = decided.before(host.kind) if isinstance(decided, Above) else None
            if before is None:
                way = "compare what comes before it, or a sigmoid with a number between 0 and 1"
                self._refuse(place_of(node), f"comparing a {host.kind} with a number", way)
                return
            (source,), decided = by_path[source].inputs, before
        self.layers[-1] = replace(self.layers[-1], inputs=(source,), module=decided)

    def _without_idle_host_layers(self) -> list[FloatNode]:
        """Return the layers without host layers that an argmax passed by and nothing else takes."""
        taken = set(self.returned.values) if self.returned else set()
        kept = []
        for layer in reversed(self.layers):
            if layer.path in taken or not isinstance(layer.module, HostLayer):
                kept.append(layer)
                taken.update(layer.inputs)
        return kept[::-1]

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

    def _constant(self, source: object) -> Tensor | None:
        """Return an operand that is the same whatever enters, None for another."""
        if isinstance(source, (int, float)) and not isinstance(source, bool):
            return torch.tensor([source], dtype=torch.float64)
        if isinstance(source, Tensor):
            return source.detach()
        return self._constants.get(source) if isinstance(source, fx.Node) else None

    def _are_values(self, sources: list[object]) -> bool:
        return bool(sources) and all(
            isinstance(source, fx.Node) and source in self._values for source in sources
        )

    def _named(self, sources: list[object]) -> tuple[str, ...]:
        return tuple(self._values[source] for source in sources if isinstance(source, fx.Node))

    def _shapes_of(self, sources: list[object]) -> list[Shape | None]:
        return [self._shapes.get(s) if isinstance(s, fx.Node) else None for s in sources]

    def _size(self, source: object) -> int:
        return math.prod(self._shapes_of([source])[0] or ())

    def _new_name(self, name: str) -> str:
        while name in self._names:
            name += "_"
        self._names.add(name)
        return name


def _sides(module: nn.ConstantPad1d | nn.ConstantPad2d) -> Sides:
    """Return the padding of each axis: torch names the sides of the last axis first."""
    sides = list(module.padding)
    return tuple(zip(sides[::2], sides[1::2], strict=True))[::-1]


def _moves(module: nn.Module, shape: Shape | None, settled: bool) -> bool:
    """Say whether a module only moves elements, other than a Flatten of all axes.

    Parameters
    ----------
    settled : whether its input is a value; zeros around one may be padding of what takes it
    """
    if isinstance(module, nn.Flatten):
        last = -1 if shape is None else len(shape)
        return (module.start_dim, module.end_dim) not in ((1, -1), (1, last))
    is_padding = isinstance(module, PADS) and module_problem(module, [shape]) is None
    return isinstance(module, MOVING_MODULES) and not (is_padding and settled)


def _keeps_order(module: nn.Module) -> bool:
    return isinstance(module, HostLayer) and module.keeps_order


def _unsupported_function(node: fx.Node, last: bool) -> tuple[str, str, str]:
    name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", "?")
    kind = "method" if node.op == "call_method" else "function"
    return place_of(node), f"{kind} {name}", instead(name.strip("_"), last)
