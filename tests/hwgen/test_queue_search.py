"""The search for queue depths: no clock is lost, of the interval or of the latency, and no queue
could be halved without losing one."""

from types import SimpleNamespace

import numpy as np
import pytest

import hwgen
from hwgen.formats import Fixed, Ternary
from hwgen.network import Add, Conv2d, Flatten, Input, Linear, Network, Node, Requantize
from hwgen.planning.search.queue_depths import LEAST, _no_slower
from hwgen_rtl_templates.timing import DeadlockError

ONE = [1.0]


def residual(width):
    """Return x + conv(x) and a layer behind it, which is slower: a queue beside the convolution
    that is too short for its delay costs clocks of the latency, and none of the interval."""
    taps = np.zeros((1, 1, 5, 5), dtype=np.int64)
    taps[0, 0, (0, 2, 4), (0, 2, 4)] = -1, 1, 1
    down = Requantize([1], [1], Fixed(4), ONE)
    dense = np.ones((2, width * width), dtype=np.int64)
    return Network(
        (
            Node("x", Input((1, width, width), Fixed(4), ONE)),
            Node("conv", Conv2d(taps, [0], Ternary(), ONE, padding=(2, 2)), ("x",)),
            Node("down", down, ("conv",)),
            Node("sum", Add((1, 1)), ("x", "down")),
            Node("less", down, ("sum",)),
            Node("flat", Flatten(), ("less",)),
            Node("dense", Linear(dense, [0, 1], Ternary(), ONE), ("flat",)),
        )
    )


CHOICES = ["conv.parallel=1", "conv.simd=25", "dense.simd=1", "dense.parallel=0", "dense.serial=0"]


def figures(plan):
    try:
        return plan.interval, plan.latency
    except DeadlockError:
        return None


@pytest.mark.parametrize(("width", "pe"), [(8, 1), (10, 1), (10, 2), (12, 1)])
def test_queues_are_as_short_as_cost_no_clock(width, pe):
    choices = [*CHOICES, f"dense.pe={pe}"]
    plan = hwgen.plan(residual(width), target="ulx3s-85f", goal="min area", overrides=choices)
    found = figures(plan)
    queues = {s.name: 8 * s.core.depth for s in plan.stages if hasattr(s.core, "depth")}
    ample = plan.with_queues(queues).with_depths({b: 8 * n for b, n in plan.depths.items()})
    # longer queues are no quicker; they may be slower, since a deep one takes a clock more
    assert all(a <= b for a, b in zip(found, figures(ample), strict=True))
    halved = [(b, n // 2) for b, n in plan.depths.items() if n > LEAST]
    assert halved
    for branch, depth in halved:
        trial = figures(plan.with_depths({**plan.depths, branch: depth}))
        slower = trial is None or any(a > b for a, b in zip(trial, found, strict=True))
        assert slower, f"{branch}: {depth} beats would do, not {2 * depth}"


def test_a_queue_that_costs_the_latency_alone_is_kept():
    """The case above in figures: half the queue keeps the interval, and takes 14 clocks more."""
    plan = hwgen.plan(
        residual(10), target="ulx3s-85f", goal="min area", overrides=[*CHOICES, "dense.pe=1"]
    )
    branch, depth = max(plan.depths.items(), key=lambda item: item[1])
    half = plan.with_depths({**plan.depths, branch: depth // 2})
    assert depth == 64
    assert half.interval == plan.interval and half.latency > plan.latency


@pytest.mark.parametrize(
    ("trial", "is_no_slower"),
    [((10, 20), True), ((9, 20), True), ((11, 20), False), ((10, 21), False), ((11, 19), False)],
)
def test_interval_and_latency_both_stay(trial, is_no_slower):
    than = SimpleNamespace(interval=10, latency=20)
    assert _no_slower(SimpleNamespace(interval=trial[0], latency=trial[1]), than) == is_no_slower
