"""Weights as integers, and dot products with them."""

__all__ = ["add_dot", "integer_weights"]

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from hwgen.formats import MAX_BITS, MIN_BITS, Binary, Fixed, Format, Ternary, bits_for
from hwgen.importers.growing import Refusal
from hwgen.importers.onnx.builder import Builder
from hwgen.importers.onnx.settling import common_unit
from hwgen.importers.onnx.steps import Affine, Fractions, as_fractions
from hwgen.importers.onnx.values import Constant, Value
from hwgen.network.ops import FloatArray, IntArray
from hwgen.network.ops.weighted import Weighted

MOST_WEIGHT = 1 << (MAX_BITS - 1)
Make = Callable[[IntArray, IntArray, Format, FloatArray], Weighted]


def integer_weights(weight: Constant) -> tuple[IntArray, list[Fraction]]:
    """Return integers of the shape of some weights, and a unit for each of the first axis.

    Raises
    ------
    Refusal : they are no multiples of one unit in each output channel
    """
    rows = len(weight.data)
    if weight.integers is not None and weight.unit is not None:
        unit = weight.unit.reshape(rows, -1)
        if (unit == unit[:, :1]).all():
            return weight.integers, [Fraction(u) for u in unit[:, 0].tolist()]
    real = weight.data.astype(np.float64).reshape(rows, -1)
    if weight.integers is not None and weight.unit is not None:
        real = (weight.integers * weight.unit).reshape(rows, -1)
    if not np.isfinite(real).all():
        raise Refusal("weights that are infinite or NaN", "train the network anew")
    # plain numbers: multiples of a power of two, such as what a quantizer left behind
    most = np.frexp(np.abs(real).max(axis=1))[1] - (MAX_BITS - 1)
    scaled = np.ldexp(real, -most[:, None])
    if (scaled != np.rint(scaled)).any():
        raise Refusal("weights that are not quantized", "put a quantizer on them")
    integers = scaled.astype(np.int64)
    common = np.maximum(np.gcd.reduce(integers, axis=1), 1)
    units = [Fraction(int(c)) * Fraction(2) ** int(m) for c, m in zip(common, most, strict=True)]
    return (integers // common[:, None]).reshape(weight.shape), units


def _format(weights: IntArray, bits: int) -> Format:
    if bits == 1 and (np.abs(weights) == 1).all():
        return Binary()
    if np.abs(weights).max() <= 1:
        return Ternary()
    needed, signed = bits_for(int(weights.min()), int(weights.max()))
    needed += not signed  # weights are signed
    return Fixed(max(needed, bits if bits <= MAX_BITS else 0, MIN_BITS))


def add_dot(
    builder: Builder,
    value: Value,
    weight: Constant,
    bias: Fractions | None,
    make: Make,
    name: str,
    groups: int = 1,
    padded: bool = False,
) -> tuple[str, tuple[Affine, ...]]:
    """Add a dot product of a settled value, and return its node and what its sums stand for.

    Parameters
    ----------
    value : with one affine step
    weight : (out channels, channels of a group, ...), in the network's order
    bias : one, or one an output channel
    make : the op of weights, bias, format and scales of weights
    padded : whether zeros stand around it
    """
    step, x = value.steps[0], builder.type(value)
    assert isinstance(step, Affine)
    integers, units = integer_weights(weight)
    rows = len(integers)
    offset = as_fractions([0] * rows if bias is None else bias)
    offset = np.broadcast_to(offset, (rows,))
    if (step.offset != 0).any():
        if padded:
            raise Refusal(
                "zeros around values whose grid has no zero", "quantize in front of the padding"
            )
        offset = offset + _of_offset(integers, units, step.offset, groups)
    integers, factors = _with_factors(integers, units, step.factor, groups)
    if np.abs(integers).max() >= MOST_WEIGHT:
        raise Refusal("weights of more than 16 bits", "use scales that are powers of two apart")
    whole = [round(o / f) for o, f in zip(offset, factors, strict=True)]
    if max(map(abs, whole)) >= 1 << 61:
        raise Refusal("a bias that is too large beside the weights")
    rest = [o - w * f for o, w, f in zip(offset, whole, factors, strict=True)]
    factor = as_fractions(factors)
    scale = np.array([float(f) for f in factor]) / x.scale[0]
    if not np.isfinite(scale).all() or not scale.all():
        raise Refusal("scales that are too far apart")
    op = make(integers, np.array(whole, np.int64), _format(integers, weight.bits), scale)
    node = builder.add(op, [value.node], name)
    return node, (Affine(factor, as_fractions(rest)),)


def _by_group(channels: Fractions, groups: int, inner: int) -> Any:
    return np.broadcast_to(channels, (groups * inner,)).reshape(groups, inner)


def _of_offset(
    integers: IntArray, units: list[Fraction], offset: Fractions, groups: int
) -> Fractions:
    """Return what the input's offsets add to each output channel."""
    rows, inner = integers.shape[:2]
    sums = integers.reshape(groups, rows // groups, inner, -1).sum(axis=3)
    offsets = _by_group(offset, groups, inner)
    found = np.empty(rows, dtype=object)
    for group in range(groups):
        for row in range(rows // groups):
            terms = zip(sums[group, row].tolist(), offsets[group], strict=True)
            found[group * (rows // groups) + row] = sum((n * o for n, o in terms), Fraction(0))
    result: Fractions = found * np.array(units, dtype=object)
    return result


def _with_factors(
    integers: IntArray, units: list[Fraction], factor: Fractions, groups: int
) -> tuple[IntArray, list[Fraction]]:
    """Return weights times the factors of the input's channels, and the units of the sums."""
    rows, inner = integers.shape[:2]
    factors = _by_group(factor, groups, inner)
    bases = [
        common_unit(map(abs, group)) for group in (factors if factor.size > 1 else factors[:1])
    ]
    if not all(bases):
        raise Refusal("channels that are all zero", "prune them")
    bases *= groups // len(bases)
    by = [[int(f / base) for f in group] for group, base in zip(factors, bases, strict=True)]
    if max(abs(f) for group in by for f in group) >= MOST_WEIGHT:
        raise Refusal("channels of unlike scales", "use scales that are powers of two apart")
    of = np.repeat(np.array(by, np.int64), rows // groups, axis=0)
    of = of.reshape(rows, inner, *[1] * (integers.ndim - 2))
    sums = [u * bases[row // (rows // groups)] for row, u in enumerate(units)]
    return integers * of, sums
