"""Shape and range of dot products."""

__all__ = ["WEIGHTED"]

from collections.abc import Sequence

from hwgen.errors import NetworkError
from hwgen.network.inference.rules import Rule, require_format, require_one_scale
from hwgen.network.ops import Affine, Conv, Conv1d, Conv2d, IntArray, Linear, Op
from hwgen.network.ops.weighted import Weighted
from hwgen.network.ranges import AXES, count_windows, dot_range
from hwgen.network.tensor import Tensor


def _accumulator(
    op: Weighted,
    weight: IntArray,
    x: Tensor,
    shape: tuple[int, ...],
    groups: int,
    padded: bool,
) -> Tensor:
    require_format(x, "multiplied again")
    require_one_scale(x)
    lows, highs = dot_range(weight, op.bias, x, groups, padded)
    return Tensor(shape, lows, highs, x.scale * op.weight_scale, 0, None)


def _conv(op: Conv, inputs: Sequence[Tensor]) -> Tensor:
    (x,) = inputs
    channels = op.weight.shape[1] * op.groups
    if len(x.shape) != 1 + op.rank or x.shape[0] != channels:
        wanted = ", ".join((str(channels), *AXES[op.rank]))
        raise NetworkError(f"Input must have shape ({wanted}), not {x.shape}")
    windows = count_windows(x, op.kernel, op.stride, op.padding, op.dilation)
    padded = any(map(any, op.padding))
    return _accumulator(op, op.weight, x, (op.weight.shape[0], *windows), op.groups, padded)


def _linear(op: Linear, inputs: Sequence[Tensor]) -> Tensor:
    (x,) = inputs
    if x.shape != (op.weight.shape[1],):
        raise NetworkError(f"Input must have shape ({op.weight.shape[1]},), not {x.shape}")
    return _accumulator(op, op.weight, x, (op.weight.shape[0],), 1, padded=False)


def _affine(op: Affine, inputs: Sequence[Tensor]) -> Tensor:
    (x,) = inputs
    count = op.weight.shape[0]
    if x.shape[0] != count:
        raise NetworkError(f"Input must have {count} channels or features, not shape {x.shape}")
    return _accumulator(op, op.weight[:, None], x, x.shape, count, padded=False)


WEIGHTED: dict[type[Op], Rule] = {
    Conv1d: Rule(_conv),
    Conv2d: Rule(_conv),
    Linear: Rule(_linear),
    Affine: Rule(_affine),
}
