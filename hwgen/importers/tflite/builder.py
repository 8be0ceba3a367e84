"""What the converters of operators share: the tensors of a file, and the network as it grows."""

__all__ = ["Builder", "Refusal"]

import math
from collections.abc import Sequence

import numpy as np

from hwgen.errors import StoreError
from hwgen.formats import Fixed
from hwgen.importers.growing import Refusal
from hwgen.importers.tflite.arithmetic import activation_range, of_15_bits, quantized_multiplier
from hwgen.importers.tflite.file import TfliteModel, TfliteOperator, TfliteTensor
from hwgen.importers.tflite.orders import MOST, Order, channels_first, channels_last, moving
from hwgen.network import HostStep, Node, Op, Output, Requantize
from hwgen.network.ops import IntArray

LONGEST = 180  # characters of a name: something is put behind it
TYPES = {"INT8": Fixed(8), "INT16": Fixed(16), "UINT8": Fixed(8, signed=False)}


class Builder:
    """A network in the making, and which of its nodes gives each tensor of the file.

    Attributes
    ----------
    nodes : so far
    orders : tensors that are elements of others, of which no node is made until one takes them
    pads : of a tensor that is another with its zero point around it: that one, and how many
        (above, below), (left, right)
    steps : tensors that the host makes of others: that one, and the step
    reals : of a tensor of real numbers the one of integers that stand for them
    """

    def __init__(self, model: TfliteModel):
        self.model = model
        self.nodes: list[Node] = []
        self.orders: dict[int, Order] = {}
        self.pads: dict[int, tuple[int, tuple[tuple[int, int], tuple[int, int]]]] = {}
        self.steps: dict[int, tuple[int, HostStep]] = {}
        self.reals: dict[int, int] = {}
        self._values: dict[int, str] = {}
        self._names: set[str] = set()

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
        if number in self.orders:
            return self._moved(number, self.orders[number])
        if number in self.steps:
            raise Refusal(
                f"a {self.steps[number][1].kind.removeprefix('int8_')} before other operators",
                "end the graph before it; the host computes what is behind",
            )
        if number in self.reals or self.tensor(number).type == "FLOAT32":
            raise Refusal("an operator on real numbers", "quantize the whole model to int8")
        if self.tensor(number).data is not None:
            raise Refusal("a constant as an input", "fold it into the layers around it")
        raise StoreError(f"{self.tensor(number).name}: tensor is used before it is computed")

    def _moved(self, number: int, order: Order) -> str:
        """Add the node of a tensor that is elements of another."""
        source, shape = self.value(order.source), self.shape(order.source)
        index = channels_first(order.index)
        op = moving(index, shape, self.shape(number), order.value)
        self._values[number] = (
            source if op is None else self.add(op, [source], self.tensor(number).name)
        )
        return self._values[number]

    def order(self, number: int) -> Order:
        """Return which elements of which value a tensor is; (height, width, channels)."""
        if number in self.orders:
            return self.orders[number]
        self.value(number)
        if math.prod(self.shape(number)) > MOST:
            raise Refusal(f"a tensor of more than {MOST} elements in another order")
        return Order.same(number, self.shape(number))

    def end(self, number: int) -> Output:
        """Return the output that a tensor is."""
        name, steps = self.tensor(number).name[:LONGEST] or "output", list[HostStep]()
        while number in self.steps or number in self.reals:
            if number in self.steps:
                number, step = self.steps[number]
                steps.insert(0, step)
            else:
                number = self.reals[number]
        return Output(name, self.value(number), tuple(steps))

    def check_known(self, number: int) -> None:
        """Refuse a tensor that nothing gives.

        Raises
        ------
        Refusal, StoreError : nothing does, nor does the host compute it
        """
        if not self.is_given(number) and number not in self.steps and number not in self.reals:
            self.value(number)

    def is_given(self, number: int) -> bool:
        """Say whether something gives a tensor."""
        return number in self._values or number in self.orders

    def constant(self, number: int) -> IntArray:
        """Return what a constant holds."""
        data = self.tensor(number).data
        if data is None:
            raise Refusal("weights that are computed", "make them constants")
        return data

    def add(self, op: Op, inputs: Sequence[str], name: str, part: str = "") -> str:
        """Add a node, and return its name: that of a tensor, and which part of its computation."""
        name = (name[:LONGEST] or "value") + (f".{part}" if part else "")
        while name in self._names:
            name += "_"
        self._names.add(name)
        self.nodes.append(Node(name, op, tuple(inputs)))
        return name

    def gives(self, number: int, name: str) -> None:
        """Note that a node gives a tensor."""
        self.free(number)
        self._values[number] = name

    def free(self, number: int) -> None:
        """Refuse a tensor that is computed already.

        Raises
        ------
        StoreError : it is
        """
        if self.is_given(number) or number in self.steps or number in self.reals:
            raise StoreError(f"{self.tensor(number).name}: tensor is computed twice")

    def finish(self, operator: TfliteOperator, op: Op, inputs: Sequence[str]) -> None:
        """Add the node that gives the operator's tensor, under the file's name for it."""
        (out,) = operator.outputs
        self.gives(out, self.add(op, inputs, self.tensor(out).name))

    def finish_as(
        self, operator: TfliteOperator, op: Op, inputs: Sequence[str], made: tuple[int, ...]
    ) -> None:
        """Add the node that gives the operator's tensor, of a shape that becomes the tensor's."""
        (out,) = operator.outputs
        name, shape = self.tensor(out).name, self.tensor(out).shape
        if made == self.shape(out):
            self.finish(operator, op, inputs)
            return
        if math.prod(made) != math.prod(shape):
            raise StoreError(f"{name}: must have {math.prod(made)} elements, not {shape}")
        value = self.add(op, inputs, name, "kept")
        index = channels_last(np.arange(math.prod(made)).reshape(made)).reshape(shape[1:])
        move = moving(channels_first(index), made, self.shape(out), 0)
        self.gives(out, value if move is None else self.add(move, [value], name))

    def flat(self, number: int) -> str:
        """Return the node that gives a tensor's elements as features, in the file's order."""
        order = self.order(number)
        if order.index.ndim == 1:
            return self.value(number)
        made = (order.index.size,)
        op = moving(order.index, self.shape(order.source), made, order.value)
        source = self.value(order.source)
        return source if op is None else self.add(op, [source], self.tensor(number).name, "flat")

    def image(self, number: int) -> tuple[int, int, int]:
        """Return (channels, height, width) of a tensor of the file."""
        shape = self.tensor(number).shape
        if len(shape) != 4 or shape[0] != 1:
            raise Refusal(f"a tensor of shape {shape}", "use (1, height, width, channels)")
        return shape[3], shape[1], shape[2]

    def shape(self, number: int) -> tuple[int, ...]:
        """Return the shape of a tensor in the network: channels first, without the batch."""
        shape = self.tensor(number).shape
        if not 2 <= len(shape) <= 4 or shape[0] != 1:
            raise Refusal(
                f"a tensor of shape {shape}", "use (1, height, width, channels) or (1, features)"
            )
        return shape[-1], *shape[1:-1]

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

    def requantize(
        self, number: int, reals: Sequence[float], function: int, is_wide: bool = False
    ) -> Requantize:
        """Return the requantizer that gives a tensor from accumulators.

        Parameters
        ----------
        reals : scales of the accumulators over that of the tensor, one or one a channel
        is_wide : whether the reference has accumulators of 64 bits, as behind int16
        """
        if not all(math.isfinite(real) for real in reals):
            raise StoreError(f"{self.tensor(number).name}: scales are too far apart")
        pairs, rounding = [quantized_multiplier(real) for real in reals], "double"
        if is_wide:
            pairs, rounding = [of_15_bits(*pair) for pair in pairs], "half_up"
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
            rounding=rounding,
        )
