"""What the converters of operators share: the tensors of a file, and the network as it grows."""

__all__ = ["Builder"]

import math
from collections.abc import Sequence

import numpy as np

from hwgen.errors import StoreError
from hwgen.formats import Fixed
from hwgen.importers.growing import GrowingNetwork, Refusal
from hwgen.importers.tflite.arithmetic import activation_range, quantized_multiplier
from hwgen.importers.tflite.file import TfliteModel, TfliteOperator, TfliteTensor
from hwgen.network import Op, Requantize
from hwgen.network.ops import IntArray

TYPES = {"INT8": Fixed(8), "INT16": Fixed(16)}


class Builder(GrowingNetwork):
    """A network in the making, and which of its nodes gives each tensor of the file.

    Attributes
    ----------
    orders : of a flattened image, for each feature of the network the feature of the file
    """

    def __init__(self, model: TfliteModel):
        super().__init__()
        self.model = model
        self.orders: dict[int, IntArray] = {}
        self._values: dict[int, str] = {}

    def tensor(self, number: int) -> TfliteTensor:
        """Return a tensor of the file."""
        if number < 0:
            raise Refusal("an input that is left out")
        return self.model.tensors[number]

    def value(self, number: int) -> str:
        """Return the node that gives a tensor.

        Raises
        ------
        Refusal : it is a constant
        StoreError : nothing gives it
        """
        if number in self._values:
            return self._values[number]
        if self.tensor(number).data is not None:
            raise Refusal("a constant as an input", "fold it into the layers around it")
        raise StoreError(f"{self.tensor(number).name}: tensor is used before it is computed")

    def constant(self, number: int) -> IntArray:
        """Return what a constant holds."""
        data = self.tensor(number).data
        if data is None:
            raise Refusal("weights that are computed", "make them constants")
        return data

    def gives(self, number: int, name: str) -> None:
        """Note that a node gives a tensor."""
        if number in self._values:
            raise StoreError(f"{self.tensor(number).name}: tensor is computed twice")
        self._values[number] = name

    def finish(self, operator: TfliteOperator, op: Op, inputs: Sequence[str]) -> None:
        """Add the node that gives the operator's tensor, under the file's name for it."""
        (out,) = operator.outputs
        self.gives(out, self.add(op, inputs, self.tensor(out).name))

    def image(self, number: int) -> tuple[int, int, int]:
        """Return (channels, height, width) of a tensor of the file."""
        shape = self.tensor(number).shape
        if len(shape) != 4 or shape[0] != 1:
            raise Refusal(f"a tensor of shape {shape}", "use (1, height, width, channels)")
        return shape[3], shape[1], shape[2]

    def format(self, number: int) -> Fixed:
        """Return the number format of a quantized tensor."""
        tensor = self.tensor(number)
        if tensor.type not in TYPES or tensor.scale.size != 1:
            raise Refusal(f"a tensor of {tensor.type}", "quantize the whole model to int8")
        return TYPES[tensor.type]

    def scale(self, number: int) -> float:
        """Return the scale of a tensor that has one."""
        self.format(number)
        return float(self.tensor(number).scale[0])

    def zero_point(self, number: int) -> int:
        """Return the zero point of a tensor that has one."""
        self.format(number)
        return int(self.tensor(number).zero_point[0])

    def clamp(self, number: int, function: int) -> tuple[int, int]:
        """Return the clamp of a fused activation."""
        of = self.format(number)
        return activation_range(
            function, self.scale(number), self.zero_point(number), (of.lo, of.hi)
        )

    def requantize(self, number: int, reals: Sequence[float], function: int) -> Requantize:
        """Return the requantizer that gives a tensor from accumulators.

        Parameters
        ----------
        reals : scales of the accumulators over that of the tensor, one or one a channel
        """
        if not all(math.isfinite(real) for real in reals):
            raise StoreError(f"{self.tensor(number).name}: scales are too far apart")
        pairs = [quantized_multiplier(real) for real in reals]
        if min(shift for _, shift in pairs) < 0 or max(shift for _, shift in pairs) > 62:
            raise Refusal("scales that are too far apart")
        lo, hi = self.clamp(number, function)
        return Requantize(
            np.array([q for q, _ in pairs]),
            np.array([shift for _, shift in pairs]),
            self.format(number),
            np.array([self.scale(number)]),
            zero_point=self.zero_point(number),
            lo=lo,
            hi=hi,
            rounding="double",
        )
