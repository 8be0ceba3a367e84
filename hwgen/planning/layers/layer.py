"""A layer: what one engine computes of a network."""

__all__ = ["INPUT", "NONE", "Frame", "Layer", "Pair", "Sides"]

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from hwgen.network.inference import Tensor
from hwgen.network.ops import (
    Op,
    Requantize,
    Table,
    Threshold,
)
from hwgen.planning.layers.elements import ElementEncoding

if TYPE_CHECKING:
    from hwgen.planning.layers.orders import Order
    from hwgen.planning.layers.run import Run

Frame = tuple[int, int, int]  # channels, height, width of a stream
Pair = tuple[int, int]
Sides = tuple[Pair, Pair]
NONE: Sides = ((0, 0), (0, 0))  # of padding
INPUT = ""  # the source of what enters a network of one input; of several, their names are


@dataclass(frozen=True, eq=False)
class Layer:
    """One engine's worth of a network.

    name : of its first node
    nodes : names of the nodes it computes; the last one's value is what leaves
    sources : for each input, the layer it comes from, `INPUT`, or one of several inputs
    op : of its first node; of several layers as one, a `Run`; of elements in another order,
        an `Order`
    xs : types of the elements that enter
    acc : type of the values between the datapath and what follows
    y : type of the elements that leave
    x_encodings, y_encoding : what values these elements stand for
    x_frames, y_frame : (channels, height, width) of the streams
    weight : (outputs, kernel height, kernel width, channels / groups) of a convolution
    bias : (outputs,) of elements, with the share of the zero point and of what they stand for
    kernel, stride, dilation : (vertical, horizontal)
    padding : ((above, below), (left, right))
    groups : of a convolution
    ends : names of the outputs of the network that its value is
    spreads : whether what is less than the first input is taken again for the rest of it
    pads_low : whether padding is below every value, as a maximum wants it
    epilogue : what follows, in its order: a requantizer or thresholds, a table, both or nothing
    """

    name: str
    nodes: tuple[str, ...]
    sources: tuple[str, ...]
    op: "Op | Run | Order"
    xs: tuple[Tensor, ...]
    acc: Tensor
    y: Tensor
    x_frames: tuple[Frame, ...]
    y_frame: Frame
    weight: npt.NDArray[np.int64] | None = None
    bias: npt.NDArray[np.int64] | None = None
    kernel: Pair = (1, 1)
    stride: Pair = (1, 1)
    padding: Sides = NONE
    dilation: Pair = (1, 1)
    groups: int = 1
    ends: tuple[str, ...] = ()
    spreads: bool = False
    pads_low: bool = False
    epilogue: tuple[Requantize | Threshold | Table, ...] = ()
    x_encodings: tuple[ElementEncoding, ...] = ()
    y_encoding: ElementEncoding = ElementEncoding()

    @property
    def x(self) -> Tensor:
        """Type of the first input."""
        return self.xs[0]

    @property
    def padded(self) -> bool:
        """Whether windows may reach beyond the frame."""
        return any(map(any, self.padding))

    @property
    def pad_value(self) -> int:
        """Element that padding has."""
        return self.x.lo if self.pads_low else self.x.pad_value

    @property
    def x_frame(self) -> Frame:
        """Stream of the first input."""
        return self.x_frames[0]

    @property
    def needs_frames(self) -> bool:
        """Whether an input that is one pixel meets all pixels of another, which wait for it."""
        return self.spreads and any(f[1:] != self.x_frame[1:] for f in self.x_frames)

    def rounds(self, position: int, lanes: int) -> tuple[int, int]:
        """Return (fresh, period): how many beats of an input enter, and are met, in a turn, where
        it spreads over the first one; (1, 1) where it does not."""
        frame, whole = self.x_frames[position], self.x_frame
        if not self.spreads or frame == whole:
            return 1, 1
        groups = -(-whole[0] // lanes)
        fresh = groups if frame[0] == whole[0] else 1
        return fresh, groups if frame[1:] == whole[1:] else groups * self.pixels

    @property
    def outputs(self) -> int:
        """Channels of an output pixel."""
        return self.y_frame[0]

    @property
    def pixels(self) -> int:
        """Output pixels of a frame."""
        return self.y_frame[1] * self.y_frame[2]

    @property
    def depthwise(self) -> bool:
        """Whether each channel is on its own: pools, and convolutions of one channel a group."""
        if self.weight is None:
            return True
        return self.groups > 1 and self.groups == self.x_frame[0] == self.outputs

    @property
    def inputs(self) -> int:
        """Elements of a dot product, K; the taps of a pool."""
        taps = self.kernel[0] * self.kernel[1]
        return taps if self.weight is None else taps * int(self.weight.shape[3])

    @cached_property
    def values(self) -> tuple[int, ...]:
        """The different weights, ascending."""
        return () if self.weight is None else tuple(np.unique(self.weight).tolist())

    @property
    def macs(self) -> int:
        """Multiply-accumulates of a frame."""
        return 0 if self.weight is None else self.outputs * self.inputs * self.pixels
