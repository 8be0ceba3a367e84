"""What the tensors of a file are, as a network of them grows."""

__all__ = ["Known", "Tensors", "channel_orders", "places_of"]

from typing import Any

import numpy as np
import numpy.typing as npt

from hwgen.errors import StoreError
from hwgen.importers.growing import GrowingNetwork, Refusal
from hwgen.importers.onnx.file import OnnxNode
from hwgen.importers.onnx.grids import Grid
from hwgen.importers.onnx.steps import Affine, Fractions, as_fractions
from hwgen.importers.onnx.values import Computed, Constant, Joined, Moved, Value
from hwgen.network.ops import IntArray
from hwgen.network.tensor import Tensor

Known = Constant | Computed


class Tensors(GrowingNetwork):
    """A network in the making, and what each tensor of the file is.

    Attributes
    ----------
    known : by the file's names
    opset : of ONNX's own operators
    channels_last : whether images lie so in the file, where nothing else is known of them
    entries : the Inputs' nodes, and those that hold their integers in another shape
    first : of what quantizes an input: nodes, and the grid that each puts it on
    wants_other_layout : whether an operator wants its channels elsewhere than they lie
    """

    def __init__(self, opset: int = 21, channels_last: bool = False) -> None:
        super().__init__()
        self.known: dict[str, Known] = {}
        self.opset, self.channels_last = opset, channels_last
        self.entries: dict[str, str] = {}
        self.first: dict[str, tuple[Grid, Affine]] = {}
        self.wants_other_layout = False
        self._pools: dict[tuple[str, int], str] = {}

    def found_other_layout(self) -> None:
        """Note that an operator wants its channels elsewhere than they lie."""
        self.wants_other_layout = True

    # what a node of the file takes

    def has(self, node: OnnxNode, index: int) -> bool:
        """Say whether an input is there."""
        return index < len(node.inputs) and node.inputs[index] != ""

    def get(self, node: OnnxNode, index: int) -> Known:
        """Return an input of a node.

        Raises
        ------
        StoreError : it has fewer
        """
        if not self.has(node, index):
            raise StoreError(f"{node.kind} must have an input {index}")
        return self.known[node.inputs[index]]

    def constant(self, node: OnnxNode, index: int, what: str) -> Constant:
        """Return an input that must be known.

        Raises
        ------
        Refusal : it is computed
        """
        found = self.get(node, index)
        if not isinstance(found, Constant):
            raise Refusal(f"{what} that are computed", "make them constants")
        return found

    def give(self, node: OnnxNode, value: Known) -> None:
        """Note what the first output of a node is."""
        self.known[node.outputs[0]] = value

    def unused(self, name: str) -> str:
        """Return a name of no tensor, which begins with a name."""
        while name in self.known:
            name += "_"
        return name

    # types

    def type(self, value: Value) -> Tensor:
        """Return the type of the node that a value is of."""
        return self.types[value.node]

    def per_channel(self, data: npt.NDArray[Any], value: Computed) -> Fractions:
        """Return what is one for all, or one a channel, in the network's order of channels.

        Raises
        ------
        Refusal : it differs from pixel to pixel, or has another shape
        """
        rank, shape = len(value.shape), value.shape
        array = np.asarray(data)
        while array.ndim > rank and array.shape[0] == 1:
            array = array[0]
        if array.ndim > rank:
            raise Refusal(f"a constant of shape {data.shape} beside {shape}")
        array = array.reshape((1,) * (rank - array.ndim) + array.shape)
        if any(n not in (1, m) for n, m in zip(array.shape, shape, strict=True)):
            raise Refusal(f"a constant of shape {data.shape} beside {shape}")
        for axis in range(rank):
            if axis != value.channel_axis and array.shape[axis] > 1:
                first = array.take([0], axis)
                if (array != first).any():
                    raise Refusal(
                        "a constant that differs from pixel to pixel", "use one a channel"
                    )
                array = first
        row = array.ravel()
        orders = channel_orders(value)
        if row.size > 1 and any(order is not None for order in orders):
            row = row[np.concatenate([o for o in orders if o is not None])]
        return as_fractions(row.tolist())


def channel_orders(value: Computed) -> list[IntArray | None]:
    """Return the order of channels that a value has, of what is joined part by part."""
    if isinstance(value, Moved):
        return [None]
    if not isinstance(value, Joined):
        return [value.order]
    if all(part.order is None for part in value.parts):
        return [None]
    places, orders = places_of(value), []
    for part, at in zip(value.parts, places, strict=True):
        own = np.arange(at.stop - at.start) if part.order is None else part.order
        orders.append(own + at.start)
    return [*orders]


def places_of(value: Joined) -> list[slice]:
    """Return where the channels of each part are."""
    ends = np.cumsum([0, *(part.shape[value.channel_axis] for part in value.parts)]).tolist()
    return [slice(a, b) for a, b in zip(ends[:-1], ends[1:], strict=True)]
