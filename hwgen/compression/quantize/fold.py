"""Folding: batch norms, factors and offsets become part of the layers around them, exactly.

A batch norm in evaluation is a factor gamma / sqrt(var + eps) and an offset, one a channel: an
`Affine`. Several in a row are one. It goes into the Conv2d or Linear before it, also through what
it may pass: pools, sums, concatenations and, where its factors are positive and it adds nothing,
ReLU. Where something else takes a value on that way too, or where there is no such layer, it goes
into those that take its own value, if all of them can: sums take one factor for all channels,
Conv2d and Linear anything, but no offset where they pad. What is left stays, with a factor and an
offset a channel.

A sum of sums, where nothing else takes the inner ones, is one sum.
"""

__all__ = ["fold_batch_norm"]

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from hwgen.torch_graph.float_graph import FloatGraph, FloatNode
from hwgen.torch_graph.modules import Add, Affine, AvgPool, Concat, MaxPool
from hwgen.torch_graph.support import CONVOLUTIONS, NORMS, TRANSPOSED, WEIGHTED

Even = Callable[[str], bool]


@torch.no_grad()
def fold_batch_norm(graph: FloatGraph, even: Even = lambda path: True) -> FloatGraph:
    """Return the graph without batch norms and, as far as they fold, without affine layers.

    Every Conv2d and Linear of the result is a copy and has a bias.

    Parameters
    ----------
    even : whether the weights of a layer of that path will lie on an even grid: others lose what
        factors of unlike channels make of them
    """
    folder = _Folder(graph, even)
    while any([folder.fold(layer.path) for layer in graph.layers]):  # one may wait for another
        pass
    for layer in graph.layers:
        folder.join_sums(layer.path)
    return folder.finish(graph)


class _Folder:
    def __init__(self, graph: FloatGraph, even: Even):
        self._layers = {layer.path: replace(layer, module=_own(layer)) for layer in graph.layers}
        self._returns = graph.returns
        self._even = even

    def finish(self, graph: FloatGraph) -> FloatGraph:
        """Return the graph; what stays has numbers for each of its channels."""
        layers = []
        for layer in self._layers.values():
            if isinstance(layer.module, Affine):
                channels = layer.shape[0] if layer.shape else layer.module.channels
                layer = replace(layer, module=layer.module.spread(channels))
            layers.append(layer)
        return replace(graph, layers=tuple(layers), returned=self._returns)

    def fold(self, path: str) -> bool:
        """Fold a layer, if it is an affine one that is still there, into others that take it."""
        layer = self._layers.get(path)
        if layer is None or not isinstance(layer.module, Affine):
            return False
        module, (source,) = layer.module, layer.inputs
        if self._takers(source) == 1 and self._goes_back(source, module):
            self._go_back(source, module)
            self._drop(path)
            return True
        users = [layer for layer in self._layers.values() if path in layer.inputs]
        if (
            path in self._returns.values
            or not users
            or not all(self._goes_on(path, u, module) for u in users)
        ):
            return False
        for user in users:
            self._go_on(path, user, module)
        self._drop(path)
        return True

    def join_sums(self, path: str) -> None:
        """Let a sum add what sums that it alone takes add."""
        layer = self._layers.get(path)
        if layer is None or type(layer.module) is not Add:
            return
        inputs: list[str] = []
        factors: list[float] = []
        for source, by in zip(layer.inputs, layer.module.factors, strict=True):
            inner = self._layers.get(source)
            if (
                inner is None
                or type(inner.module) is not Add
                or self._takers(source) > 1
                or inner.shape != layer.shape
            ):
                inputs.append(source)
                factors.append(by)
                continue
            inputs += inner.inputs
            factors += [by * each for each in inner.module.factors]
            del self._layers[source]
        together: dict[str, float] = {}
        for source, by in zip(inputs, factors, strict=True):
            together[source] = together.get(source, 0.0) + by
        if len(together) > 1 and all(together.values()):
            inputs, factors = list(together), list(together.values())
        self._layers[path] = replace(layer, module=Add(factors), inputs=tuple(inputs))

    def _takers(self, name: str) -> int:
        taken = sum(layer.inputs.count(name) for layer in self._layers.values())
        return taken + self._returns.values.count(name)

    def _drop(self, path: str) -> None:
        """Leave a layer out: who took its value takes what it took."""
        (source,) = self._layers.pop(path).inputs
        values = (source if value == path else value for value in self._returns.values)
        self._returns = replace(self._returns, values=tuple(values))
        for name, layer in self._layers.items():
            inputs = tuple(source if taken == path else taken for taken in layer.inputs)
            self._layers[name] = replace(layer, inputs=inputs)

    def _goes_back(self, name: str, affine: Affine) -> bool:
        """Say whether the layer of a value, which nobody else takes, or layers before it can take
        an affine layer in."""
        layer = self._layers.get(name)
        if layer is None:
            return False
        if isinstance(layer.module, (*WEIGHTED, Affine)):
            return True
        if not _passes(layer.module, affine):
            return False
        if isinstance(layer.module, Add) and affine.channels > 1:  # some may have but one
            inputs = [self._layers.get(source) for source in layer.inputs]
            if any(one is None or one.shape[:1] != (affine.channels,) for one in inputs):
                return False
        return all(
            self._takers(source) == 1 and self._goes_back(source, part)
            for source, part in self._parts(layer, affine)
        )

    def _go_back(self, name: str, affine: Affine) -> None:
        layer = self._layers[name]
        if isinstance(layer.module, WEIGHTED):
            _into_outputs(layer.module, affine)
        elif isinstance(layer.module, Affine):
            factor, before = affine.weight.reshape(-1), layer.module
            weight, bias = before.weight.reshape(-1) * factor, before.bias * factor + affine.bias
            self._layers[name] = replace(layer, module=Affine(weight, bias))
        else:
            for source, part in self._parts(layer, affine):
                self._go_back(source, part)

    def _parts(self, layer: FloatNode, affine: Affine) -> list[tuple[str, Affine]]:
        """Return what of an affine layer each input of a layer gets."""
        if isinstance(layer.module, Add):
            first, *others = layer.inputs
            offset, nothing = affine.bias / layer.module.factors[0], torch.zeros_like(affine.bias)
            parts = [(source, Affine(affine.weight, nothing)) for source in others]
            return [(first, Affine(affine.weight, offset)), *parts]
        if not isinstance(layer.module, Concat) or affine.channels == 1:
            return [(source, affine) for source in layer.inputs]
        counts = [self._layers[n].shape[0] if n in self._layers else 0 for n in layer.inputs]
        if sum(counts) != affine.channels:  # one of them is the network's input
            return [("", affine)]
        weights, biases = (torch.split(values, counts) for values in (affine.weight, affine.bias))
        return [
            (source, Affine(weight, bias))
            for source, weight, bias in zip(layer.inputs, weights, biases, strict=True)
        ]

    def _goes_on(self, path: str, user: FloatNode, affine: Affine) -> bool:
        """Say whether a layer that takes the value can take the affine layer in."""
        module, adds = user.module, bool(affine.bias.any())
        if isinstance(module, Add):
            return not adds and affine.channels == 1 and bool(affine.weight.all())
        if isinstance(module, WEIGHTED):
            pads = isinstance(module, CONVOLUTIONS) and not _meets_all_taps(module)
            alike = affine.channels == 1
            return not (pads and adds) and (alike or self._even(user.path))
        if (
            self._takers(user.path) == 1
            and isinstance(module, nn.Flatten)
            and path not in self._returns.values
        ):
            after = [layer for layer in self._layers.values() if user.path in layer.inputs]
            return (
                len(after) == 1
                and isinstance(after[0].module, nn.Linear)
                and (affine.channels == 1 or self._even(after[0].path))
            )
        return False

    def _go_on(self, path: str, user: FloatNode, affine: Affine) -> None:
        module = user.module
        if isinstance(module, Add):
            by = float(affine.weight)
            factors = [
                factor * (by if name == path else 1.0)
                for name, factor in zip(user.inputs, module.factors, strict=True)
            ]
            self._layers[user.path] = replace(user, module=Add(factors))
        elif isinstance(module, nn.Flatten):
            (after,) = [layer for layer in self._layers.values() if user.path in layer.inputs]
            _into_inputs(after.module, affine)
        else:
            _into_inputs(module, affine)


def _own(layer: FloatNode) -> nn.Module:
    """Return a module of a layer that may be changed."""
    module: Any = layer.module
    if isinstance(module, NORMS):
        return _affine_of(module)
    if isinstance(module, WEIGHTED):
        module = copy.deepcopy(module)
        if module.bias is None:
            module.bias = nn.Parameter(module.weight.new_zeros(module.weight.shape[0]))
    found: nn.Module = module
    return found


def _affine_of(norm: nn.BatchNorm1d | nn.BatchNorm2d) -> Affine:
    """Return what a batch norm computes in evaluation."""
    assert norm.running_mean is not None and norm.running_var is not None
    factor = torch.rsqrt(norm.running_var.double() + norm.eps)
    if norm.weight is not None:
        factor = factor * norm.weight.double()
    offset = -norm.running_mean.double() * factor
    if norm.bias is not None:
        offset = offset + norm.bias.double()
    return Affine(factor, offset)


def _meets_all_taps(module: nn.Conv1d | nn.Conv2d) -> bool:
    """Say whether every output of a convolution takes elements with all of its taps."""
    padding = (0,) if module.padding == "valid" else module.padding
    return not isinstance(module, TRANSPOSED) and padding != "same" and not any(padding)


def _is_mean(pool: AvgPool) -> bool:
    """Say whether a pool takes as many elements as it divides by."""
    return pool.divisor == math.prod(pool.kernel) and not any(map(any, pool.padding))


# Whether a factor and an offset may as well come before a layer as behind it
PASSES: Mapping[type[nn.Module], Callable[[Any, Affine], bool]] = {
    nn.ReLU: lambda m, affine: bool((affine.weight > 0).all()) and not bool(affine.bias.any()),
    MaxPool: lambda m, affine: bool((affine.weight > 0).all()),
    AvgPool: lambda m, affine: _is_mean(m) or not bool(affine.bias.any()),
    nn.Flatten: lambda m, affine: affine.channels == 1,
    Add: lambda m, affine: True,
    Concat: lambda m, affine: True,
}


def _passes(module: nn.Module, affine: Affine) -> bool:
    passes = PASSES.get(type(module))
    return passes is not None and passes(module, affine)


def _into_outputs(module: nn.Module, affine: Affine) -> None:
    """Let a Conv2d or Linear do what an affine layer does behind it."""
    weight, bias = module.get_parameter("weight"), module.get_parameter("bias")
    factor = affine.weight.reshape(-1)
    weight.copy_(weight.double() * factor.reshape(-1, *[1] * (weight.dim() - 1)))
    bias.copy_(bias.double() * factor + affine.bias)


def _into_inputs(module: nn.Module, affine: Affine) -> None:
    """Let a Conv2d or Linear do what an affine layer does before it."""
    weight, bias = module.get_parameter("weight"), module.get_parameter("bias")
    by_input = _spread_over(weight, module, affine.weight.reshape(-1))
    offsets = _spread_over(weight, module, affine.bias)
    bias.copy_(bias.double() + (weight.double() * offsets).flatten(1).sum(1))
    weight.copy_(weight.double() * by_input)


def _spread_over(weight: Tensor, module: nn.Module, values: Tensor) -> Tensor:
    """Return the value of the channel that each weight meets, shaped to broadcast against them."""
    if values.numel() == 1:
        return values.reshape([1] * weight.dim())
    if isinstance(module, CONVOLUTIONS):
        groups = module.groups
        each = values.reshape(groups, -1).repeat_interleave(weight.shape[0] // groups, 0)
        return each.reshape(*each.shape, *[1] * (weight.dim() - 2))
    return values.repeat_interleave(weight.shape[1] // values.numel())[None]  # flattened images
