"""Shape and range of two values element by element."""

__all__ = ["PAIRS"]

from collections.abc import Callable, Sequence

import numpy as np

from hwgen.errors import NetworkError
from hwgen.network.fields import IntArray
from hwgen.network.inference.joins import require_one_grid, require_shapes_of_first
from hwgen.network.inference.rules import Rule, require_format, require_one_scale
from hwgen.network.ops import Maximum, Minimum, Multiply, Op
from hwgen.network.tensor import Tensor


def _multiply(op: Multiply, inputs: Sequence[Tensor]) -> Tensor:
    a, b = inputs
    require_shapes_of_first(inputs)
    for x in inputs:
        require_format(x, "multiplied")
        require_one_scale(x)
    ends = [
        (one - a.zero_point) * (other - b.zero_point)  # of 17 bits each
        for one in (a.lows, a.highs)
        for other in (b.lows, b.highs)
    ]
    lows, highs = np.minimum.reduce(ends), np.maximum.reduce(ends)
    return Tensor(a.shape, lows, highs, a.scale * b.scale, 0, None)


def _extreme(
    choose: Callable[[IntArray, IntArray], IntArray],
) -> Callable[[Op, Sequence[Tensor]], Tensor]:
    def infer(op: Op, inputs: Sequence[Tensor]) -> Tensor:
        a, b = inputs
        if a.shape != b.shape:
            raise NetworkError(f"Inputs must have one shape, not {a.shape} and {b.shape}")
        require_one_grid(inputs, "compared")
        lows, highs = choose(a.lows, b.lows), choose(a.highs, b.highs)
        return Tensor(a.shape, lows, highs, a.scale, a.zero_point, a.format)

    return infer


PAIRS: dict[type[Op], Rule] = {
    Multiply: Rule(_multiply, 2, 2),
    Maximum: Rule(_extreme(np.maximum), 2, 2),
    Minimum: Rule(_extreme(np.minimum), 2, 2),
}
