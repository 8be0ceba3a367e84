"""A network the whole way: planned, generated, simulated, and compared."""

import numpy as np

import hwgen
from hwgen.api import choose_frames
from hwgen.errors import PlanError
from support.networks import random_input

FRAMES = 5


def random_goal(seed):
    """Return frames a second, from 100,000 to 3 million."""
    return 10.0 ** np.random.default_rng(seed).uniform(5, 6.5)


def planned(network, goal=300_000.0, target="ulx3s-85f", overrides=()):
    """Return a plan; a goal is what `hwgen.plan` takes, or frames a second, which are halved until
    the network reaches them."""
    while True:
        wanted = goal if isinstance(goal, str) else f"{goal:.0f} fps"
        try:
            return hwgen.plan(network, target=target, goal=wanted, overrides=overrides)
        except PlanError:
            if isinstance(goal, str) or goal < 1:  # it is not for want of speed
                raise
            goal /= 2


def check(network, folder, seed, simulator="icarus"):
    """Generate, simulate without stalls, with stalls, and with a reset in mid-frame."""
    plan = planned(network, random_goal(seed))
    package = hwgen.generate(plan, folder)
    x = random_input(network, FRAMES, seed)
    where = f"seed {seed}, foldings {[stage.folding for stage in plan.stages]}"

    result = package.simulate(x, simulator=simulator, timeout=300)
    assert result.equal, f"{where}: {result.first_difference}"
    assert result.violations == (), where
    timing = plan.timing_of(FRAMES)
    assert result.frame_starts == timing.frame_starts, where
    assert result.frame_ends == timing.frame_ends, where
    assert result.interval == plan.interval and result.latency == plan.latency, where

    # steady state: the busiest component is idle for at most 3 %, or 3 clocks
    assert plan.interval <= max(plan.busy + 3, plan.busy / 0.97), where

    middle = int(timing.frame_ends[1] + plan.interval // 2)
    stalls = [(0.3, 0.3), (0.0, 0.6), (0.6, 0.0)][seed % 3]
    result = package.simulate(
        x, simulator=simulator, seed=seed, stalls=stalls, reset_at=middle, timeout=300
    )
    assert result.equal, f"{where}, stalls {stalls}: {result.first_difference}"
    assert result.violations == (), f"{where}, stalls {stalls}"
    return plan


def check_simulated(package, plan, frames, *, stage="rtl"):
    """Simulate a few frames without stalls, on the clocks predicted, and with them."""
    x = choose_frames(plan.network, frames, 1)
    for stalls in (0.0, 0.3):
        result = package.simulate(x, stage=stage, simulator="icarus", stalls=stalls)
        assert result.ok, f"{stage}, stalls {stalls}: {result.first_difference}"
        assert stalls or result.frame_ends == plan.timing_of(frames).frame_ends
