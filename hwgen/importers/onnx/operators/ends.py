"""Operators that stand last, and what an output must be."""

__all__ = ["ENDS", "output_of"]

import warnings
from dataclasses import replace
from fractions import Fraction

import numpy as np

from hwgen.errors import HwgenWarning, StoreError
from hwgen.formats import MAX_BITS, Fixed, bits_for
from hwgen.importers.growing import Refusal
from hwgen.importers.onnx.builder import Builder
from hwgen.importers.onnx.file import OnnxNode
from hwgen.importers.onnx.operators.moves import moved_of
from hwgen.importers.onnx.settling import plain
from hwgen.importers.onnx.steps import Affine, Curve, Fractions, Step
from hwgen.importers.onnx.values import Computed, Value
from hwgen.network import (
    ArgMax,
    Conv1d,
    Conv2d,
    HostStep,
    Linear,
    Output,
    Requantize,
    Threshold,
)

FULL_SCALE = 1 << 16  # units of an output to whose sums something is added that is no multiple
NEAR = Fraction(1, 1 << 22)  # of a bias beside its rounding: float32 would not tell


ALONG = {"Softmax": "softmax", "LogSoftmax": "log_softmax"}
ALONE = {"Sigmoid": "sigmoid"}


def _last(builder: Builder, node: OnnxNode) -> None:
    """Leave what goes along an axis to the host."""
    value, older = builder.value(node), builder.opset < 13
    rank = len(value.shape)
    axis = int(node.attributes.get("axis", 1 if older else -1))
    if not -rank <= axis < rank:
        raise StoreError(f"axis must be one of {rank}, not {axis}")
    axis %= rank
    if axis == 0 or (older and axis != rank - 1):
        raise Refusal(f"{node.kind} along several axes of {value.shape}", "use one, of opset 13")
    step = HostStep(ALONG[node.kind], value.axes[axis - 1])
    builder.give(node, replace(value, host=(*value.host, *_alone(value), step), steps=_real(value)))


def _alone(value: Value) -> tuple[HostStep, ...]:
    """Return what the host makes of each number, where that is what is done last to a value."""
    last = value.steps[-1] if value.steps else None
    if isinstance(last, Curve) and last.name in ALONE and not value.host:
        return (HostStep(ALONE[last.name]),)
    return ()


def _real(value: Value) -> tuple[Step, ...]:
    return value.steps[:-1] if _alone(value) else value.steps


def _in_order(builder: Builder, value: Value, name: str) -> Value:
    """Return features in the file's order."""
    if value.order is None:
        return value
    bare = builder.settled(replace(value, host=()), name)
    moved = builder.single(moved_of(builder, bare, lambda index: index[None]), f"{name}.ordered")
    flat = builder.single(moved_of(builder, moved, lambda index: index[0]), f"{name}.flat")
    return replace(flat, host=value.host)


def _arg_max(builder: Builder, node: OnnxNode) -> None:
    value = builder.value(node)
    axis = int(node.attributes.get("axis", 0)) % len(value.shape)
    if axis != 1 or len(value.shape) != 2 or node.attributes.get("select_last_index", 0):
        raise Refusal(f"{node.kind} along axis {axis} of {value.shape}", "use (batch, features)")
    value = _in_order(builder, value, node.inputs[0])
    found = builder.add(ArgMax(), [_ranked(builder, value, node.inputs[0])], node.outputs[0])
    keeps = node.attributes.get("keepdims", 1)
    shape = (value.shape[0], 1) if keeps else (value.shape[0],)
    builder.give(node, Value(found, shape, (0,)))


def _top_k(builder: Builder, node: OnnxNode) -> None:
    k = builder.constant(node, 1, "counts").data.ravel().tolist()
    if k != [1] or not node.attributes.get("largest", 1) or len(node.outputs) < 2:
        raise Refusal("a TopK of more than the largest", "use k = 1")
    attributes = {"axis": node.attributes.get("axis", -1)}
    indices = replace(node, outputs=(node.outputs[1],), attributes=attributes)
    _arg_max(builder, indices)


def _ranked(builder: Builder, value: Value, name: str) -> str:
    """Return a node whose integers are ordered as the value is."""
    value = replace(value, host=())
    steps = tuple(step for step in value.steps if not isinstance(step, Curve))
    if all(isinstance(step, Affine) for step in steps):
        step = Affine.of()
        for each in steps:
            assert isinstance(each, Affine)
            step = step.then(each)
        alike = step.factor.size == 1 and step.offset.size == 1 and step.factor[0] > 0
        if alike and builder.type(value).scale.size == 1 and not value.pools:
            return value.node
        value = replace(value, steps=(step,))
    return output_of(builder, value, name).node


def output_of(builder: Builder, value: Computed, name: str) -> Output:
    """Return an output: what its node's integers stand for is its scale times them.

    Raises
    ------
    Refusal : there is no such node
    """
    value = builder.single(value, name)
    value = replace(value, host=(*_alone(value), *value.host), steps=_real(value))
    value = _in_order(builder, value, name)
    steps, left = value.steps, list[str]()
    while steps and isinstance(steps[-1], Curve) and not value.host:
        left.insert(0, steps[-1].name)
        steps = steps[:-1]
    if left:
        warnings.warn(
            f"{name}: {', '.join(left)} is left to the host; the network's output is what goes in",
            HwgenWarning,
            stacklevel=2,
        )
    bare = replace(value, host=(), steps=steps)
    return Output(
        name, _output_node(builder, bare, f"{name}.before" if value.host else name), value.host
    )


def _output_node(builder: Builder, value: Value, name: str) -> str:
    steps = value.steps
    x = builder.type(value)
    op = builder.nodes[value.node].op
    is_plain = not value.pools and all(isinstance(step, Affine) for step in steps)
    if isinstance(op, (Conv1d, Conv2d, Linear)) and is_plain:
        return _sums(builder, value, name)
    if x.format is not None or not is_plain:
        value = builder.settled(value, name)
    (step,) = value.steps or (Affine.of(),)
    assert isinstance(step, Affine)
    return _scaled(builder, value, step, name)


def _sums(builder: Builder, value: Value, name: str) -> str:
    """Return accumulators whose biases hold what steps add to them."""
    (step,) = value.steps or (Affine.of(),)
    assert isinstance(step, Affine)
    node, rows = builder.nodes[value.node], builder.type(value).channels
    op = node.op
    assert isinstance(op, (Conv1d, Conv2d, Linear))
    factor, offset = (np.broadcast_to(v, (rows,)) for v in (step.factor, step.offset))
    if (factor == 0).any():
        raise Refusal("an output that is always the same", "leave it out")
    ratio = offset / np.abs(factor)
    finer, most = 0, max(-builder.type(value).lo, builder.type(value).hi, 1)
    weights = int(np.abs(op.weight).max())
    while (
        _rounded(ratio * 2**finer)
        and most << finer < FULL_SCALE
        and weights << (finer + 1) < 1 << (MAX_BITS - 1)
    ):
        finer += 1
    sign = np.array([-1 if f < 0 else 1 for f in factor])
    weight = op.weight * sign.reshape(-1, *[1] * (op.weight.ndim - 1)) << finer
    whole = np.array([round(r) for r in ratio * 2**finer], dtype=object)
    bias = ((op.bias.astype(object) * sign) << finer) + whole
    of = op.weight_format
    if not of.holds(weight):
        of = Fixed(bits_for(int(weight.min()), int(weight.max()))[0])
    scale = np.array([float(abs(f) / 2**finer) for f in step.factor])
    entry = float(builder.types[node.inputs[0]].scale[0])
    if not finer and not whole.any() and (sign > 0).all():
        same = np.array_equal(op.weight_scale * entry, scale) or len(scale) == 1
        if same and np.array_equal(np.unique(op.weight_scale * entry), np.unique(scale)):
            return value.node
    if finer or _rounded(ratio):
        unit = max(float(abs(f)) for f in factor) / 2 ** (finer + 1)
        warnings.warn(
            f"{name}: what is added behind the last sums is no multiple of their unit; it is "
            f"rounded, by at most {unit:g}; end with a quantizer to be exact",
            HwgenWarning,
            stacklevel=2,
        )
    if max(map(abs, bias.tolist())) >= 1 << 61:
        raise Refusal("a bias that is too large beside the weights")
    made = replace(
        op,
        weight=weight,
        bias=bias.astype(np.int64),
        weight_format=of,
        weight_scale=scale / entry,
    )
    return builder.add(made, node.inputs, f"{name}.out" if name in builder.nodes else name)


def _rounded(ratios: Fractions) -> bool:
    return any(abs(r - round(r)) > NEAR * max(1, abs(r)) for r in ratios)


def _scaled(builder: Builder, value: Value, step: Affine, name: str) -> str:
    """Return the value's node, with the scale that it stands for."""
    x = builder.type(value)
    factor, offset = step.factor, step.offset
    if factor.size == 1 and offset.size == 1 and factor[0] == 1 and offset[0] == x.zero_point:
        return value.node  # the integers themselves, whose scale is known
    if factor.size > 1 or offset.size > 1 or factor[0] <= 0:
        raise Refusal("an output of one scale a channel", "end with one scale for all channels")
    real = float(factor[0])
    if offset[0] == 0 and x.scale.size == 1 and abs(real / float(x.scale[0]) - 1) < 1e-12:
        return value.node
    op = builder.nodes[value.node].op
    inputs = builder.nodes[value.node].inputs
    zero = x.zero_point - offset[0] / factor[0]
    of = x.format
    if isinstance(op, Threshold) and zero.denominator == 1 and op.format.lo <= zero <= op.format.hi:
        changed = replace(op, scale=np.array([real]), zero_point=int(zero))
        return builder.add(changed, inputs, f"{name}.out")
    if offset[0] != 0:
        raise Refusal("an output with something added behind its quantizer", "quantize behind it")
    if isinstance(op, (Threshold, Requantize)):
        return builder.add(replace(op, scale=np.array([real])), inputs, f"{name}.out")
    if not isinstance(of, Fixed):
        bits, signed = bits_for(x.lo, x.hi)
        if bits > MAX_BITS:
            raise Refusal("an output of scaled averages", "put a quantizer behind it")
        of = Fixed(max(bits, 2), signed)
    made = replace(plain(of, real), zero_point=x.zero_point)
    return builder.add(made, [value.node], f"{name}.out")


ENDS = {
    "Softmax": _last,
    "LogSoftmax": _last,
    "ArgMax": _arg_max,
    "TopK": _top_k,
}
