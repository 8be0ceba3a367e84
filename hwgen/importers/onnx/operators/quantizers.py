"""Operators that quantize, and that undo it."""

__all__ = ["DECOMPOSED", "QDQ", "QONNX", "dequantized", "linear_grid"]

import re
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from hwgen.errors import StoreError
from hwgen.importers.growing import Refusal
from hwgen.importers.onnx.builder import Builder
from hwgen.importers.onnx.file import OnnxNode
from hwgen.importers.onnx.grids import ROUNDINGS, Grid, integer_range, truncated
from hwgen.importers.onnx.steps import Affine, as_fractions
from hwgen.importers.onnx.tensors import Known
from hwgen.importers.onnx.values import Computed, Constant

Array = npt.NDArray[Any]
MOST_BITS = 32
INTEGERS = re.compile(r"(u?)int(\d+)")
NUMPY: dict[str, Callable[[Array], Array]] = {
    "HALF_EVEN": np.round,
    "ROUND": np.round,
    "FLOOR": np.floor,
    "CEIL": np.ceil,
    "DOWN": np.trunc,
    "ROUND_TO_ZERO": np.trunc,
    "UP": lambda x: np.sign(x) * np.ceil(np.abs(x)),
    "HALF_UP": lambda x: np.sign(x) * np.floor(np.abs(x) + 0.5),
    "HALF_DOWN": lambda x: np.sign(x) * np.ceil(np.abs(x) - 0.5),
}


def _number(constant: Constant, what: str) -> Fraction:
    if constant.data.size != 1:
        raise Refusal(f"{what} of shape {constant.shape}", "use a single number")
    return as_fractions(constant.data.ravel().tolist())[0]  # type: ignore[no-any-return]


def _bits(constant: Constant) -> int:
    bits = _number(constant, "a bit width")
    if bits.denominator != 1 or not 1 <= bits <= MOST_BITS:
        raise Refusal(f"a bit width of {float(bits):g}", "use an integer from 1 to 16")
    return int(bits)


def _positive(scale: Array) -> None:
    real = scale.astype(np.float64)
    if not np.isfinite(real).all() or (real <= 0).any():
        raise StoreError("scales must be positive and finite")


def _mode(node: OnnxNode) -> str:
    mode = str(node.attributes.get("rounding_mode", "ROUND")).upper()
    if mode not in ROUNDINGS:
        raise Refusal(f"rounding {mode!r:.40}", f"use one of {', '.join(ROUNDINGS)}")
    return mode


def _quant(builder: Builder, node: OnnxNode) -> None:
    x = builder.get(node, 0)
    scale = builder.constant(node, 1, "scales")
    zero_point = builder.constant(node, 2, "zero points")
    bits = _bits(builder.constant(node, 3, "bit widths"))
    signed = bool(node.attributes.get("signed", 1))
    narrow = bool(node.attributes.get("narrow", 0))
    mode = _mode(node)
    _positive(scale.data)
    zero = _number(zero_point, "a zero point")
    binary = bits == 1 and signed
    lo, hi = (-1, 1) if binary else integer_range(bits, signed, narrow)
    if isinstance(x, Constant):
        real = x.data / scale.data + zero_point.data
        levels = np.where(real >= 0, 1.0, -1.0) if binary else NUMPY[mode](np.clip(real, lo, hi))
        builder.give(node, _on_grid(levels - float(zero), scale.data, bits, x.data.dtype))
        return
    grid = Grid(
        builder.per_channel(scale.data, x),
        zero,
        lo,
        hi,
        ROUNDINGS[mode],
        before=zero,
        binary=binary,
    )
    builder.give(node, builder.quantize(x, grid, node.outputs[0]))


def _on_grid(levels: Array, scale: Array, bits: int, dtype: Any) -> Constant:
    """Return a constant that is levels * scale."""
    if not np.isfinite(levels).all():
        raise Refusal("a constant that is infinite or NaN", "remove it from the file")
    data = (levels * scale).astype(dtype)
    if (levels != np.rint(levels)).any():
        return Constant(data)
    unit = np.broadcast_to(scale.astype(np.float64), data.shape)
    return Constant(data, np.broadcast_to(levels, data.shape).astype(np.int64), unit, bits)


def _bipolar_quant(builder: Builder, node: OnnxNode) -> None:
    x, scale = builder.get(node, 0), builder.constant(node, 1, "scales")
    _positive(scale.data)
    if isinstance(x, Constant):
        signs = np.where(x.data >= 0, 1.0, -1.0)
        builder.give(node, _on_grid(signs, scale.data, 1, x.data.dtype))
        return
    one, out = as_fractions([1]), builder.per_channel(scale.data, x)
    grid = Grid(one, Fraction(0), -1, 1, binary=True, out=out)
    builder.give(node, builder.quantize(x, grid, node.outputs[0]))


def _trunc(builder: Builder, node: OnnxNode) -> None:
    x = builder.computed(node)
    scale = builder.constant(node, 1, "scales")
    zero = _number(builder.constant(node, 2, "zero points"), "a zero point")
    before = _bits(builder.constant(node, 3, "bit widths"))
    _positive(scale.data)
    rounding = ROUNDINGS[_mode(node)]
    scales = builder.per_channel(scale.data, x)
    if builder.has(node, 5):  # of the second version, which says the scale behind it
        out = builder.constant(node, 4, "scales")
        _positive(out.data)
        bits = _bits(builder.constant(node, 5, "bit widths"))
        signed = bool(node.attributes.get("signed", 1))
        lo, hi = integer_range(bits, signed, bool(node.attributes.get("narrow", 0)))
        out_scales = builder.per_channel(out.data, x)
        shift = int(np.round(np.log2(float(out_scales[0] / scales[0]))))
        zero_behind = zero / Fraction(2) ** shift
    else:
        shift = before - _bits(builder.constant(node, 4, "bit widths"))
        bits, out_scales, zero_behind = before - shift, scales, zero
        lo, hi = -(1 << bits), (1 << bits) - 1  # it does not clamp
    if not 0 <= shift <= MOST_BITS:
        raise Refusal("a Trunc to more bits", "truncate to fewer")
    grid = Grid(
        scales,
        zero_behind,
        lo,
        hi,
        truncated(rounding, shift),
        before=zero,
        out=out_scales,
        is_truncated=True,
    )
    builder.give(node, builder.quantize(x, grid, node.outputs[0]))


def _along(data: Array, axis: int, rank: int) -> Array:
    """Return what is one an element of an axis, for an array of a rank."""
    if data.size == 1:
        return data.reshape(())
    if data.ndim != 1:
        raise Refusal("scales of blocks", "use one scale a tensor or a channel")
    if not -rank <= axis < rank:
        raise StoreError(f"axis must be one of {rank}, not {axis}")
    return data.reshape([-1 if n == axis % rank else 1 for n in range(rank)])


def _zero_point(builder: Builder, node: OnnxNode, index: int) -> Array:
    if not builder.has(node, index):
        return np.zeros((), np.uint8)
    return builder.constant(node, index, "zero points").data


def _range_of(zero_point: Array) -> tuple[int, int]:
    found = INTEGERS.fullmatch(zero_point.dtype.name)
    if not found or int(found[2]) > MOST_BITS:
        raise Refusal(f"quantizing to {zero_point.dtype.name}", "use int8 or uint8")
    return integer_range(int(found[2]), not found[1], False)


def linear_grid(builder: Builder, x: Known, scale: Array, zero_point: Array, axis: int) -> Grid:
    """Return the grid of QuantizeLinear."""
    assert not isinstance(x, Constant)
    _positive(scale)
    lo, hi = _range_of(zero_point)
    zeros = set(zero_point.astype(np.int64).ravel().tolist())
    if len(zeros) != 1:
        raise Refusal("one zero point a channel", "use one a tensor")
    zero = zeros.pop()
    scales = builder.per_channel(_along(scale, axis, len(x.shape)), x)
    return Grid(scales, Fraction(zero), lo, hi, behind=zero)


def _decomposed_grid(builder: Builder, node: OnnxNode, x: Known) -> Grid:
    """Return the grid of PyTorch's operators, which say the ends of their integers."""
    scale, zero_point = (builder.constant(node, n, "scales").data for n in (1, 2))
    grid = linear_grid(builder, x, scale, zero_point.astype(np.int32), node.attributes["axis"])
    lo, hi = node.attributes["lo"], node.attributes["hi"]
    if not lo < hi:
        raise StoreError(f"a quantizer's integers must ascend, not from {lo} to {hi}")
    return replace(grid, lo=lo, hi=hi)


def _quantize_decomposed(builder: Builder, node: OnnxNode) -> None:
    x = builder.computed(node)
    _give_integers(builder, node, x, _decomposed_grid(builder, node, x))


def _dequantize_decomposed(builder: Builder, node: OnnxNode) -> None:
    scale, zero_point = (builder.constant(node, n, "scales").data for n in (1, 2))
    axis = node.attributes["axis"]
    builder.give(node, dequantized(builder, builder.get(node, 0), scale, zero_point, axis))


def _axis(node: OnnxNode) -> int:
    if node.attributes.get("block_size", 0):
        raise Refusal("scales of blocks", "use one scale a tensor or a channel")
    return int(node.attributes.get("axis", 1))


def _quantize_linear(builder: Builder, node: OnnxNode) -> None:
    x, scale = builder.get(node, 0), builder.constant(node, 1, "scales").data
    zero_point = _zero_point(builder, node, 2)
    if not builder.has(node, 2) and node.attributes.get("output_dtype", 0) not in (0, 2):
        zero_point = np.zeros(
            (), {3: np.int8, 4: np.uint16, 5: np.int16}[node.attributes["output_dtype"]]
        )
    if isinstance(x, Constant):
        _positive(scale)
        lo, hi = _range_of(zero_point)
        scales, zeros = (_along(a, _axis(node), x.data.ndim) for a in (scale, zero_point))
        levels = np.clip(np.rint(x.data / scales) + zeros.astype(np.int64), lo, hi)
        if not np.isfinite(levels).all():
            raise Refusal("a constant that is infinite or NaN", "remove it from the file")
        builder.give(node, Constant(levels.astype(zero_point.dtype)))
        return
    grid = linear_grid(builder, x, scale, zero_point, _axis(node))
    _give_integers(builder, node, x, grid)


def _give_integers(builder: Builder, node: OnnxNode, x: Computed, grid: Grid) -> None:
    """Give what a value is on a grid: the integers themselves, not what they stand for."""
    value = builder.quantize(x, grid, node.outputs[0])
    undone = Affine(as_fractions(1 / grid.scale), as_fractions([grid.zero_point]))
    builder.give(node, builder.step(value, undone))


def dequantized(builder: Builder, x: Known, scale: Array, zero_point: Array, axis: int) -> Known:
    """Return what DequantizeLinear makes of integers."""
    _positive(scale)
    if isinstance(x, Constant):
        rank = x.data.ndim
        scales, zeros = (_along(a, axis, rank) for a in (scale, zero_point))
        levels = x.data.astype(np.int64) - zeros.astype(np.int64)
        return _on_grid(levels, scales, 0, np.float32)
    scales = builder.per_channel(_along(scale, axis, len(x.shape)), x)
    zeros = builder.per_channel(_along(zero_point.astype(np.int64), axis, len(x.shape)), x)
    return builder.step(x, Affine(scales, as_fractions(-zeros * scales)))


def _dequantize_linear(builder: Builder, node: OnnxNode) -> None:
    x, scale = builder.get(node, 0), builder.constant(node, 1, "scales").data
    zero_point = _zero_point(builder, node, 2)
    builder.give(node, dequantized(builder, x, scale, zero_point, _axis(node)))


QONNX = {"Quant": _quant, "IntQuant": _quant, "BipolarQuant": _bipolar_quant, "Trunc": _trunc}
DECOMPOSED = {"quantize": _quantize_decomposed, "dequantize": _dequantize_decomposed}
QDQ = {"QuantizeLinear": _quantize_linear, "DequantizeLinear": _dequantize_linear}
