"""Operators on constants alone, computed as the file says, in its own types."""

__all__ = ["FOLD", "folded"]

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from hwgen.errors import StoreError
from hwgen.importers.onnx.file import MOST_ELEMENTS, OnnxNode
from hwgen.importers.onnx.values import Constant

Array = npt.NDArray[Any]
Fold = Callable[[OnnxNode, Sequence[Constant]], Constant]
TYPES: dict[int, type[np.generic]] = {
    **{1: np.float32, 2: np.uint8, 3: np.int8, 4: np.uint16, 5: np.int16, 6: np.int32},
    **{7: np.int64, 9: np.bool_, 10: np.float16, 11: np.float64, 12: np.uint32, 13: np.uint64},
}  # of TensorProto.DataType


def _check(elements: int) -> None:
    if not 0 <= elements <= MOST_ELEMENTS:
        raise StoreError(f"a constant must have at most {MOST_ELEMENTS} elements, not {elements}")


def _plainly(function: Callable[..., Any]) -> Fold:
    """Return what computes data from data, without regard for grids."""

    def fold(node: OnnxNode, inputs: Sequence[Constant]) -> Constant:
        shapes = [each.shape for each in inputs]
        if len(shapes) > 1:
            _check(math.prod(np.broadcast_shapes(*shapes)))
        return Constant(np.asarray(function(*(each.data for each in inputs))))

    return fold


def _moving(move: Callable[[OnnxNode, Sequence[Constant], Array], Array]) -> Fold:
    """Return what moves elements of the first input: where it is quantized, it stays so."""
    return lambda node, inputs: inputs[0].moved(lambda a: move(node, inputs, a))


def _axes(node: OnnxNode, inputs: Sequence[Constant]) -> tuple[int, ...] | None:
    if len(inputs) > 1:
        return tuple(int(n) for n in inputs[1].data.ravel())
    found = node.attributes.get("axes")
    return None if found is None else tuple(found)


def _unsqueeze(node: OnnxNode, inputs: Sequence[Constant], a: Array) -> Array:
    return np.expand_dims(a, _axes(node, inputs) or ())


def _reshape(node: OnnxNode, inputs: Sequence[Constant], a: Array) -> Array:
    given = inputs[1].data if len(inputs) > 1 else node.attributes["shape"]
    shape = [int(n) for n in np.asarray(given).ravel()]
    return a.reshape([a.shape[at] if n == 0 else n for at, n in enumerate(shape)])


def _flatten(node: OnnxNode, inputs: Sequence[Constant], a: Array) -> Array:
    axis = int(node.attributes.get("axis", 1)) % (a.ndim + 1)
    return a.reshape(math.prod(a.shape[:axis]), -1)


def _mul(node: OnnxNode, inputs: Sequence[Constant]) -> Constant:
    a, b = inputs
    data: Array = _plainly(np.multiply)(node, inputs).data
    quantized, plain = (a, b) if a.integers is not None else (b, a)
    if quantized.integers is None or quantized.unit is None or plain.data.dtype.kind != "f":
        return Constant(data)
    if plain.integers is not None or (plain.data <= 0).any():
        return Constant(data)
    unit = quantized.unit * plain.data.astype(np.float64)
    integers = np.broadcast_to(quantized.integers, data.shape)
    return Constant(data, integers, np.broadcast_to(unit, data.shape), quantized.bits)


def _constant(node: OnnxNode, inputs: Sequence[Constant]) -> Constant:
    for name, value in node.attributes.items():
        if name == "value" and isinstance(value, np.ndarray):
            return Constant(value)
        if name in ("value_float", "value_floats"):
            return Constant(np.array(value, np.float32))
        if name in ("value_int", "value_ints"):
            return Constant(np.array(value, np.int64))
    raise StoreError("Constant must hold numbers")


def _constant_of_shape(node: OnnxNode, inputs: Sequence[Constant]) -> Constant:
    shape = [int(n) for n in inputs[0].data.ravel()]
    _check(math.prod(shape))
    value = node.attributes.get("value", np.zeros(1, np.float32))
    return Constant(np.full(shape, value.ravel()[0], value.dtype))


def _expand(node: OnnxNode, inputs: Sequence[Constant]) -> Constant:
    shape = np.broadcast_shapes(inputs[0].shape, tuple(int(n) for n in inputs[1].data.ravel()))
    _check(math.prod(shape))
    return inputs[0].moved(lambda a: np.broadcast_to(a, shape))


def _cast(node: OnnxNode, inputs: Sequence[Constant]) -> Constant:
    to = TYPES.get(node.attributes.get("to", 1))
    if to is None:
        raise StoreError(f"Cast to the type {node.attributes.get('to')} cannot be computed")
    data: Array = inputs[0].data.astype(to)
    if data.dtype.kind != "f":
        return Constant(data)
    return Constant(data, inputs[0].integers, inputs[0].unit, inputs[0].bits)


def _concat(node: OnnxNode, inputs: Sequence[Constant]) -> Constant:
    _check(sum(each.data.size for each in inputs))
    return Constant(np.concatenate([each.data for each in inputs], int(node.attributes["axis"])))


def _gather(node: OnnxNode, inputs: Sequence[Constant]) -> Constant:
    a, indices = inputs
    _check(a.data.size * indices.data.size)
    axis = int(node.attributes.get("axis", 0))
    return a.moved(lambda each: np.take(each, indices.data.astype(np.int64), axis))


def _slice(node: OnnxNode, inputs: Sequence[Constant]) -> Constant:
    a = inputs[0]
    if len(inputs) > 1:
        given = [each.data.ravel().tolist() for each in inputs[1:]]
    else:
        given = [node.attributes["starts"], node.attributes["ends"]]
        given += [node.attributes["axes"]] if "axes" in node.attributes else []
    starts, ends, *more = given
    axes = more[0] if more else range(len(starts))
    steps = more[1] if len(more) > 1 else [1] * len(starts)
    at = [slice(None)] * a.data.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        at[axis] = slice(start, end if abs(end) < 1 << 31 else None, step)
    return a.moved(lambda each: each[tuple(at)])


def _div(a: Array, b: Array) -> Array:
    if a.dtype.kind in "iu" and b.dtype.kind in "iu":
        if (b == 0).any():
            raise StoreError("divisor must not be zero")
        return np.trunc(a / b).astype(a.dtype)
    return a / b


def _clip(node: OnnxNode, inputs: Sequence[Constant]) -> Constant:
    ends = [each.data for each in inputs[1:]] or [
        np.array(node.attributes.get(name, default), np.float32)
        for name, default in (("min", -np.inf), ("max", np.inf))
    ]
    data = np.maximum(inputs[0].data, ends[0])
    return Constant(np.minimum(data, ends[1]) if len(ends) > 1 else data)


def _pow(a: Array, b: Array) -> Array:
    powers: Array = np.power(a, b.astype(a.dtype))
    return powers


FOLD: dict[str, Fold] = {
    "Constant": _constant,
    "ConstantOfShape": _constant_of_shape,
    "Identity": _moving(lambda node, inputs, a: a),
    "Transpose": _moving(lambda node, inputs, a: a.transpose(node.attributes.get("perm"))),
    "Reshape": _moving(_reshape),
    "Flatten": _moving(_flatten),
    "Unsqueeze": _moving(_unsqueeze),
    "Squeeze": _moving(lambda node, inputs, a: a.squeeze(_axes(node, inputs))),
    "Expand": _expand,
    "Cast": _cast,
    "Concat": _concat,
    "Gather": _gather,
    "Slice": _slice,
    "Mul": _mul,
    "Clip": _clip,
    "Add": _plainly(np.add),
    "Sub": _plainly(np.subtract),
    "Div": _plainly(_div),
    "Pow": _plainly(_pow),
    "Max": _plainly(lambda *arrays: np.maximum.reduce(np.broadcast_arrays(*arrays))),
    "Min": _plainly(lambda *arrays: np.minimum.reduce(np.broadcast_arrays(*arrays))),
    "Neg": _plainly(np.negative),
    "Abs": _plainly(np.abs),
    "Sqrt": _plainly(np.sqrt),
    "Reciprocal": _plainly(np.reciprocal),
    "Exp": _plainly(np.exp),
    "Log": _plainly(np.log),
    "Tanh": _plainly(np.tanh),
    "Floor": _plainly(np.floor),
    "Ceil": _plainly(np.ceil),
    "Round": _plainly(np.rint),
}


def folded(node: OnnxNode, inputs: Sequence[Constant]) -> Constant:
    """Return what a node makes of constants.

    Raises
    ------
    StoreError : too much of it
    """
    with np.errstate(all="ignore"):
        found = FOLD[node.kind](node, inputs)
    _check(found.data.size)
    return found
