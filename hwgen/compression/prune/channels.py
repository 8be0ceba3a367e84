"""Channel pruning by L1 norm, with real removal.

After Li et al., "Pruning Filters for Efficient ConvNets" (ICLR 2017): the output channels whose
weights have the smallest L1 norm go, together with everything that belongs to them (batch norm,
the inputs of the next layers, also through a flatten). Norms are those of the unpruned network,
and the same share goes in every layer.

Channels that only make sense together go together, and their norms add up: those that an addition
adds, a depthwise convolution and what it filters, the same place in every group of a grouped
convolution. What belongs together is read off the flow; `torch_pruning` takes the channels out of
each module. (Its own dependency graph follows autograd, and loses a flatten behind a depthwise
convolution: it then prunes nothing, and says nothing.)
"""

__all__ = ["check_prunable", "prune_channels"]

import math

import torch_pruning
from torch import Tensor, nn

from hwgen.compression.flow import INPUT, Add, ArgMax, Concat, Flow, Layer
from hwgen.compression.recipe import PruneRecipe
from hwgen.compression.trace import find_layers
from hwgen.errors import HwgenError, InternalError

WEIGHTED = (nn.Conv2d, nn.Linear)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


def check_prunable(flow: Flow, recipe: PruneRecipe) -> None:
    """Check that every layer keeps a channel.

    Raises
    ------
    HwgenError : a layer would keep none
    """
    _weakest(_Channels(flow), flow, recipe)


def prune_channels(model: nn.Module, recipe: PruneRecipe, example: Tensor) -> None:
    """Remove channels of the model, in place: its tensors become smaller.

    The channels of the network's output stay, and so does whatever is added to its input.

    Parameters
    ----------
    example : (batch, channels, height, width) or (batch, features), a float tensor

    Raises
    ------
    HwgenError : a layer would keep no channel
    UnsupportedError, NetworkError : from `find_layers`
    """
    flow = find_layers(model, example)
    channels = _Channels(flow)
    gone = _weakest(channels, flow, recipe)
    left = {}
    for layer in flow.layers:
        lost = [
            [index for index, kind in enumerate(channels.of(name)) if kind in gone]
            for name in (layer.path, layer.inputs[0])
        ]
        left[layer.path] = len(channels.of(layer.path)) - len(lost[0])
        _remove(layer, lost[0], lost[1])
    for after in find_layers(model, example).layers:  # the pruned model runs
        if not isinstance(after.module, ArgMax) and after.shape[0] != left[after.path]:
            raise InternalError(f"{after.path}: {after.shape[0]} are left, not {left[after.path]}")


def _is_depthwise(module: nn.Module) -> bool:
    return isinstance(module, nn.Conv2d) and 1 < module.groups == module.in_channels


class _Channels:
    """Which channels go together: equal numbers, found by joining sets.

    Every channel of every value has a number. Layers with weights make new ones; the others hand
    on those of their inputs, or join them.
    """

    def __init__(self, flow: Flow):
        self._parents: list[int] = []
        self._values = {INPUT: self._new(flow.input_shape[0])}
        for layer in flow.layers:
            self._values[layer.path] = self._follow(layer)
        ends = (*self._values[INPUT], *self._values[flow.layers[-1].path])
        self.kept = {self._find(kind) for kind in ends}

    def of(self, name: str) -> list[int]:
        """Return the number of each channel (or feature) of a value."""
        return [self._find(kind) for kind in self._values[name]]

    def _new(self, count: int) -> list[int]:
        start = len(self._parents)
        self._parents.extend(range(start, start + count))
        return list(range(start, start + count))

    def _find(self, kind: int) -> int:
        while self._parents[kind] != kind:
            self._parents[kind] = kind = self._parents[self._parents[kind]]
        return kind

    def _join(self, a: list[int], b: list[int]) -> None:
        for one, other in zip(a, b, strict=True):
            first, second = sorted((self._find(one), self._find(other)))
            self._parents[second] = first

    def _join_groups(self, kinds: list[int], groups: int) -> None:
        size = len(kinds) // groups
        for start in range(size, len(kinds), size):
            self._join(kinds[:size], kinds[start : start + size])

    def _follow(self, layer: Layer) -> list[int]:
        module, inputs = layer.module, [self._values[name] for name in layer.inputs]
        if isinstance(module, nn.Conv2d) and _is_depthwise(module):
            each = module.out_channels // module.in_channels
            return [kind for kind in inputs[0] for _ in range(each)]
        if isinstance(module, WEIGHTED):
            made = self._new(layer.shape[0])
            if isinstance(module, nn.Conv2d):
                self._join_groups(inputs[0], module.groups)
                self._join_groups(made, module.groups)
            return made
        if isinstance(module, Add):
            self._join(*inputs)
            return inputs[0]
        if isinstance(module, Concat):
            return [kind for kinds in inputs for kind in kinds]
        if isinstance(module, nn.Flatten):
            each = math.prod(layer.shape) // len(inputs[0])
            return [kind for kind in inputs[0] for _ in range(each)]
        return inputs[0]  # one channel in, one out; of an ArgMax the channels must all stay


def _weakest(channels: _Channels, flow: Flow, recipe: PruneRecipe) -> set[int]:
    """Return the numbers of the channels to remove."""
    owners: dict[int, list[str]] = {}  # the layers that have channels of a number
    norms: dict[int, float] = {}
    for layer in flow.layers:
        if isinstance(layer.module, WEIGHTED):
            weight = layer.module.get_parameter("weight").detach()
            sums = weight.abs().flatten(1).sum(1).tolist()
            for kind, norm in zip(channels.of(layer.path), sums, strict=True):
                norms[kind] = norms.get(kind, 0.0) + norm
                if layer.path not in owners.setdefault(kind, []):
                    owners[kind].append(layer.path)
    families: dict[tuple[str, ...], list[int]] = {}
    for kind, paths in owners.items():
        if kind not in channels.kept:
            families.setdefault(tuple(paths), []).append(kind)
    gone: set[int] = set()
    for family, kinds in families.items():
        # the nudge makes 0.29 of 100 channels 29, although 0.29 * 100 < 29 in floating point
        count = int(recipe.channels * len(kinds) + 1e-9)
        if count >= len(kinds):
            raise HwgenError(
                f"{family[0]}: pruning must leave at least one of its {len(kinds)} channels, "
                f"not remove a share of {recipe.channels}; prune less"
            )
        gone.update(sorted(kinds, key=norms.__getitem__)[:count])
    return gone


def _remove(layer: Layer, outputs: list[int], inputs: list[int]) -> None:
    """Take channels out of a module, and check what is left."""
    module = layer.module
    if isinstance(module, NORMS):
        wanted = [module.num_features - len(outputs)]
        torch_pruning.prune_batchnorm_out_channels(module, outputs)
        found = [module.num_features]
        if module.running_mean is not None:
            found = list(module.running_mean.shape)
    elif isinstance(module, nn.Linear):
        before = module.weight.shape
        wanted = [before[0] - len(outputs), before[1] - len(inputs)]
        torch_pruning.prune_linear_out_channels(module, outputs)
        torch_pruning.prune_linear_in_channels(module, inputs)
        found = list(module.weight.shape)
    elif isinstance(module, nn.Conv2d):
        before, groups = module.weight.shape, module.groups
        depthwise = _is_depthwise(module)
        of_group = before[1] if depthwise else before[1] - len(inputs) // groups
        wanted = [before[0] - len(outputs), of_group, *before[2:]]
        torch_pruning.prune_conv_out_channels(module, outputs)
        if depthwise:  # of any number of outputs a channel
            module.in_channels -= len(inputs)
            module.groups -= len(inputs)
        else:
            torch_pruning.prune_conv_in_channels(module, inputs)
        found = list(module.weight.shape)
    else:
        return
    if found != wanted:
        raise InternalError(f"{layer.path}: pruned to {found}, not to {wanted}")
