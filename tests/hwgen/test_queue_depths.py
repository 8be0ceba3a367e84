"""Queues on branches of forks: as short as they can be without a clock more."""

import numpy as np
import pytest

from hwgen.formats import Fixed
from hwgen.network import Add, Conv2d, Input, Network, Node, Requantize
from hwgen.planning.search.planner import plan


def residual(size):
    """A block of two quick convolutions beside its input, and a slow one behind the sum."""
    rng = np.random.default_rng(0)

    def conv(outputs):
        weight, bias = rng.integers(-3, 4, (outputs, 2, 3, 3)), rng.integers(-4, 5, outputs)
        return Conv2d(weight, bias, Fixed(3), [1.0], padding=1)

    def narrow(shift):
        return Requantize([1], [shift], Fixed(4), [1.0])

    return Network(
        (
            Node("x", Input((2, size, size), Fixed(4), [1.0])),
            Node("a", conv(2), ("x",)),
            Node("ra", narrow(3), ("a",)),
            Node("b", conv(2), ("ra",)),
            Node("rb", narrow(3), ("b",)),
            Node("sum", Add((1, 1)), ("x", "rb")),
            Node("rsum", narrow(1), ("sum",)),
            Node("last", conv(8), ("rsum",)),
            Node("y", narrow(3), ("last",)),
        )
    )


@pytest.mark.parametrize("size", [5, 6])
def test_they_cost_no_clock(size):
    """The last layer alone decides on the interval, so that a queue that is too short shows in
    latency; with one a step shorter it does."""
    choices = ["a.pe=2", "b.pe=2", "last.pe=1", "a.simd=18", "b.simd=18", "last.simd=1"]
    choices += [
        f"{layer}.{way}=0" for layer in ("a", "b", "last") for way in ("parallel", "serial")
    ]
    made = plan(residual(size), target="ulx3s-85f", goal="min area", overrides=tuple(choices))
    ample = made.with_depths({branch: 2 * depth for branch, depth in made.depths.items()})
    assert (made.interval, made.latency) == (ample.interval, ample.latency)
    least = min(made.depths.values())
    short = made.with_depths({branch: least for branch in made.depths})
    assert short.depths != made.depths
    assert short.interval == made.interval and short.latency > made.latency
