"""Transposed convolutions as convolutions that make all phases of a pixel, and their order.

With stride s an output at u takes the taps k = (u mod s) + s * j of the inputs u // s - j, j = 0,
1, ...: a convolution of ceil(taps / s) taps whose s outputs, one a phase u mod s, are then put side
by side. Padding cuts outputs off. After Shi et al., "Is the deconvolution layer the same as a
convolutional layer?" (2016).
"""

__all__ = ["expand_transposed", "expanded_masks"]

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from hwgen.torch_graph.float_graph import FloatGraph, FloatNode, Shape
from hwgen.torch_graph.modules import Rearrange
from hwgen.torch_graph.support import TRANSPOSED

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d)


def expand_transposed(graph: FloatGraph) -> FloatGraph:
    """Return the graph with a convolution, and layers that order what it makes, in the place of
    each transposed one.

    Parameters
    ----------
    graph : from `fold_batch_norm`: every layer with weights has a bias
    """
    if not any(isinstance(layer.module, TRANSPOSED) for layer in graph.layers):
        return graph
    names = {layer.path for layer in graph.layers}
    shapes = {**graph.entries, **{layer.path: layer.shape for layer in graph.layers}}
    values: dict[str, str] = {}
    layers: list[FloatNode] = []
    for layer in graph.layers:
        inputs = tuple(values.get(name, name) for name in layer.inputs)
        made = [replace(layer, inputs=inputs)]
        if isinstance(layer.module, TRANSPOSED):
            made = _expanded(made[0], shapes[layer.inputs[0]], names)
            values[layer.path] = made[-1].path
        layers += made
    returns = graph.returns
    ends = tuple(values.get(path, path) for path in returns.values)
    return replace(graph, layers=tuple(layers), returned=replace(returns, values=ends))


def expanded_masks(
    model: nn.Module, quantized: nn.Module, masks: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Return the masks of a quantized model, from those of the float one: taps that only fill a
    phase up stay zero too."""
    found = dict(masks)
    paths = dict(quantized.named_modules())
    for path, module in model.named_modules():
        if isinstance(module, TRANSPOSED) and path in paths:
            mask = masks.get(path, torch.ones_like(module.weight, dtype=torch.bool))
            found[path] = _phases(mask, [_Axis.of(module, axis) for axis in _axes(module)])
            if bool(found[path].all()):
                del found[path]
    return found


@dataclass(frozen=True)
class _Axis:
    """One axis of a transposed convolution.

    taps : of the kernel, those that dilation leaves out included
    """

    stride: int
    taps: int
    dilation: int
    padding: int
    output_padding: int

    @classmethod
    def of(cls, module: nn.Conv1d | nn.Conv2d, axis: int) -> "_Axis":
        dilation, padding = module.dilation[axis], module.padding[axis]
        assert isinstance(padding, int)
        return cls(
            module.stride[axis],
            dilation * (module.kernel_size[axis] - 1) + 1,
            dilation,
            padding,
            module.output_padding[axis],
        )

    @property
    def kernel(self) -> int:
        """Taps of the convolution."""
        return -(-self.taps // self.stride)

    def outputs(self, extent: int) -> int:
        """Outputs of so many inputs."""
        most = (extent - 1) * self.stride + self.taps
        return most - 2 * self.padding + self.output_padding

    def padded(self, extent: int) -> int:
        """Zeros that the convolution needs on both sides of so many inputs."""
        first = self.padding // self.stride  # input of the first output's tap 0, and of the last's
        last = (self.padding + self.outputs(extent) - 1) // self.stride
        return max(0, self.kernel - 1 - first, last - (extent - 1))

    def start(self, extent: int) -> int:
        """Which of the outputs side by side is the first that stays."""
        return self.padding - (self.kernel - 1 - self.padded(extent)) * self.stride


def _axes(module: nn.Conv1d | nn.Conv2d) -> range:
    return range(len(module.kernel_size))


def _phases(weight: Tensor, axes: list[_Axis]) -> Tensor:
    """Return (outputs * phases, inputs of a group, ...) for (outputs, inputs of a group, ...)."""
    outputs, inputs = weight.shape[:2]
    strides, kernels = [axis.stride for axis in axes], [axis.kernel for axis in axes]
    made = weight.new_zeros(outputs, *strides, inputs, *kernels)
    for at in np.ndindex(*weight.shape[2:]):
        places = [tap * axis.dilation for tap, axis in zip(at, axes, strict=True)]
        phases = tuple(place % axis.stride for place, axis in zip(places, axes, strict=True))
        taps = tuple(
            axis.kernel - 1 - place // axis.stride for place, axis in zip(places, axes, strict=True)
        )
        made[:, *phases, :, *taps] = weight[:, :, *at]
    return made.reshape(outputs * math.prod(strides), inputs, *kernels)


def _expanded(layer: FloatNode, shape: Shape, names: set[str]) -> list[FloatNode]:
    """Return the layers of a transposed convolution that takes a value of a shape."""
    module = layer.module
    assert isinstance(module, CONVOLUTIONS)
    axes, (inputs, *extents) = [_Axis.of(module, axis) for axis in _axes(module)], shape
    strides = [axis.stride for axis in axes]
    padding = [axis.padded(extent) for axis, extent in zip(axes, extents, strict=True)]
    phases = math.prod(strides)
    conv = CONVOLUTIONS[len(axes) - 1](
        inputs,
        module.out_channels * phases,
        tuple(axis.kernel for axis in axes),  # type: ignore[arg-type]
        padding=tuple(padding),  # type: ignore[arg-type]
        groups=module.groups,
    )
    assert conv.bias is not None and module.bias is not None
    with torch.no_grad():
        conv.weight.copy_(_phases(module.weight, axes))
        conv.bias.copy_(module.bias.repeat_interleave(phases))
    sizes = [
        extent + 2 * pad - axis.kernel + 1
        for axis, extent, pad in zip(axes, extents, padding, strict=True)
    ]
    made = [replace(layer, module=conv, shape=(module.out_channels * phases, *sizes))]
    if phases > 1:
        shuffle = _shuffle(module.out_channels, strides, sizes)
        made.append(_behind(made[-1], "shuffle", shuffle, shuffle.shape, names))
    side_by_side = [size * axis.stride for size, axis in zip(sizes, axes, strict=True)]
    starts = [axis.start(extent) for axis, extent in zip(axes, extents, strict=True)]
    counts = [axis.outputs(extent) for axis, extent in zip(axes, extents, strict=True)]
    if counts != side_by_side:
        index = torch.arange(math.prod(side_by_side)).reshape(side_by_side)
        for axis, (start, count) in enumerate(zip(starts, counts, strict=True)):
            index = index.narrow(axis, start, count)
        crop = Rearrange(index, tuple(counts), 0.0, each=True)
        made.append(_behind(made[-1], "crop", crop, (module.out_channels, *counts), names))
    return made


def _shuffle(channels: int, strides: list[int], sizes: list[int]) -> Rearrange:
    """Return what puts the phases of each channel side by side."""
    rank = len(sizes)
    index = torch.arange(channels * math.prod(strides) * math.prod(sizes))
    index = index.reshape(channels, *strides, *sizes)
    order = [n for axis in range(rank) for n in (1 + rank + axis, 1 + axis)]
    shape = [size * stride for size, stride in zip(sizes, strides, strict=True)]
    return Rearrange(index.permute(0, *order), (channels, *shape), 0.0)


def _behind(
    before: FloatNode, what: str, module: nn.Module, shape: Shape, names: set[str]
) -> FloatNode:
    name = f"{before.path.removesuffix('_shuffle')}_{what}"
    while name in names:
        name += "_"
    names.add(name)
    return FloatNode(name, module, (before.path,), shape, written=False)
