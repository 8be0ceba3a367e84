"""Operators of TFLite on each value by itself that only round and clamp, and those at the ends."""

__all__ = ["VALUES"]

from collections.abc import Mapping

from hwgen.errors import StoreError
from hwgen.importers.tflite.arithmetic import NONE, RELU, RELU6, RELU_N1_TO_1
from hwgen.importers.tflite.builder import Builder, Refusal
from hwgen.importers.tflite.file import TfliteOperator
from hwgen.importers.tflite.settings import Convert, clamped
from hwgen.network import ArgMax, HostStep


def _requantized(function: int) -> Convert:
    """Return what brings a value to another grid, and clamps it."""

    def convert(builder: Builder, operator: TfliteOperator) -> None:
        (x,), (out,) = operator.inputs, operator.outputs
        if builder.is_given(out):  # the grid on which real numbers enter
            return
        real = builder.scale(x) / builder.scale(out)
        made = builder.requantize(out, [real], function)
        if real == 1 and made.lo is not None and made.hi is not None:
            moved = builder.zero_point(x) == builder.zero_point(out)
            made = clamped(builder, out, (made.lo, made.hi)) if moved else made
        builder.finish(operator, made, [builder.value(x)])

    return convert


def _dequantize(builder: Builder, operator: TfliteOperator) -> None:
    """Note that real numbers are those of a tensor; a network's outputs stand for them."""
    (x,), (out,) = operator.inputs, operator.outputs
    if builder.tensor(out).type != "FLOAT32":
        raise Refusal(f"a DEQUANTIZE to {builder.tensor(out).type}")
    builder.check_known(x)
    builder.free(out)
    builder.reals[out] = x


def _softmax(builder: Builder, operator: TfliteOperator) -> None:
    """Note that the host computes a tensor."""
    (x,), (out,) = operator.inputs, operator.outputs
    types = {builder.tensor(n).type for n in (x, out)}
    if types != {"INT8"}:
        raise Refusal(f"a SOFTMAX of {', '.join(sorted(types))}", "quantize to int8")
    if (builder.scale(out), builder.zero_point(out)) != (1 / 256, -128):
        raise StoreError("softmax must have a scale of 1/256 and a zero point of -128")
    beta = float(operator.options.get("Beta", 0.0))
    builder.check_known(x)
    builder.free(out)
    builder.steps[out] = x, HostStep("int8_softmax", 0, (builder.scale(x), beta))


def _arg_max(builder: Builder, operator: TfliteOperator) -> None:
    x = operator.inputs[0]
    shape = builder.tensor(x).shape
    (axis,) = builder.constant(operator.inputs[1]).reshape(-1).tolist()
    if len(shape) != 2 or axis not in (1, -1):
        raise Refusal(f"an ARG_MAX of axis {axis} of {shape}", "reshape to (1, features)")
    builder.finish(operator, ArgMax(), [builder.value(x)])


VALUES: Mapping[str, Convert] = {
    "QUANTIZE": _requantized(NONE),
    "DEQUANTIZE": _dequantize,
    "RELU": _requantized(RELU),
    "RELU6": _requantized(RELU6),
    "RELU_N1_TO_1": _requantized(RELU_N1_TO_1),
    "SOFTMAX": _softmax,
    "ARG_MAX": _arg_max,
}
