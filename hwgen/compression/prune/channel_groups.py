"""Channels that can only be removed together, read off the graph.

An addition ties the channels that it adds, a product those that it multiplies, a depthwise
convolution its outputs to its inputs, and a grouped convolution the channels at one place in all
its groups. What takes elements out of their channels, as slices of channels do, has the user's own
numbers in it: it keeps them all. (`torch_pruning`'s dependency graph follows autograd, and loses a
flatten behind a depthwise convolution: it then prunes nothing, and says nothing.)
"""

__all__ = ["NORMS", "WEIGHTED", "ChannelGroups", "is_depthwise"]

import math

from torch import nn

from hwgen.torch_graph.float_graph import FloatGraph, FloatNode
from hwgen.torch_graph.modules import Add, Affine, Concat, Maximum, Minimum, Multiply, Rearrange
from hwgen.torch_graph.support import CONVOLUTIONS, NORMS, WEIGHTED


def is_depthwise(module: nn.Module) -> bool:
    """Say whether a convolution filters every channel on its own."""
    return isinstance(module, CONVOLUTIONS) and 1 < module.groups == module.in_channels


class ChannelGroups:
    """A number for every channel of every value; channels that go together have the same one.

    Layers with weights make new numbers; the others hand on those of their inputs, or join two into
    one. The numbers that the same layers have are a group: pruning chooses among them.

    Attributes
    ----------
    kept : numbers that must stay
    """

    def __init__(self, graph: FloatGraph):
        self._parents: list[int] = []
        self._fixed: list[int] = []  # those whose numbers no module holds that could lose some
        self._moved: list[int] = []  # numbers of channels that nobody can follow
        self._values = {key: self._new(shape[0]) for key, shape in graph.entries.items()}
        for layer in graph.layers:
            self._values[layer.path] = self._follow(layer)
        ends = (
            *self._fixed,
            *self._moved,
            *(channel for end in (*graph.entries, *graph.ends) for channel in self._values[end]),
        )
        self.kept = {self._find(channel) for channel in ends}
        self._owners: dict[int, list[str]] = {}
        for layer in graph.layers:
            if isinstance(layer.module, WEIGHTED):
                for channel in dict.fromkeys(self.of(layer.path)):
                    self._owners.setdefault(channel, []).append(layer.path)

    def removable(self) -> dict[tuple[str, ...], list[int]]:
        """Return each group's numbers that may go, by the paths of its layers with weights.

        The channels of the network's inputs and outputs stay, and what is tied to them.
        """
        groups: dict[tuple[str, ...], list[int]] = {}
        for channel, paths in self._owners.items():
            if channel not in self.kept:
                groups.setdefault(tuple(paths), []).append(channel)
        return groups

    def of(self, name: str) -> list[int]:
        """Return the number of each channel (or feature) of a value."""
        return [self._find(channel) for channel in self._values[name]]

    def _new(self, count: int) -> list[int]:
        start = len(self._parents)
        self._parents.extend(range(start, start + count))
        return list(range(start, start + count))

    def _find(self, channel: int) -> int:
        while self._parents[channel] != channel:
            self._parents[channel] = channel = self._parents[self._parents[channel]]
        return channel

    def _join(self, a: list[int], b: list[int]) -> None:
        for one, other in zip(a, b, strict=True):
            first, second = sorted((self._find(one), self._find(other)))
            self._parents[second] = first

    def _join_groups(self, channels: list[int], groups: int) -> None:
        size = len(channels) // groups
        for start in range(size, len(channels), size):
            self._join(channels[:size], channels[start : start + size])

    def _follow(self, layer: FloatNode) -> list[int]:
        module, inputs = layer.module, [self._values[name] for name in layer.inputs]
        if isinstance(module, CONVOLUTIONS) and is_depthwise(module):
            each = module.out_channels // module.in_channels
            return [channel for channel in inputs[0] for _ in range(each)]
        if isinstance(module, WEIGHTED):
            made = self._new(layer.shape[0])
            if isinstance(module, CONVOLUTIONS):
                self._join_groups(inputs[0], module.groups)
                self._join_groups(made, module.groups)
            return made
        if isinstance(module, (Add, Multiply, Maximum, Minimum)):
            for other in inputs[1:]:
                if len(other) == len(inputs[0]):
                    self._join(inputs[0], other)
                else:  # a factor a pixel
                    self._fixed += other
            return inputs[0]
        if isinstance(module, Affine) and module.channels > 1:
            self._fixed += inputs[0]
            return inputs[0]
        if isinstance(module, Concat):
            return [channel for channels in inputs for channel in channels]
        if isinstance(module, nn.Flatten):
            each = math.prod(layer.shape) // len(inputs[0])
            return [channel for channel in inputs[0] for _ in range(each)]
        if isinstance(module, nn.PixelShuffle):  # of channels side by side one is made
            area = module.upscale_factor**2
            for first in range(0, len(inputs[0]), area):
                self._join(inputs[0][first : first + 1] * area, inputs[0][first : first + area])
            return inputs[0][::area]
        if isinstance(module, nn.PixelUnshuffle):
            return [channel for channel in inputs[0] for _ in range(module.downscale_factor**2)]
        if isinstance(module, Rearrange) and not module.each:
            made = self._new(layer.shape[0] if layer.shape else 1)
            self._moved += [*inputs[0], *made]
            return made
        return inputs[0]  # one channel in, one out; of an ArgMax the channels must all stay
