"""The clocks of whole networks: Python and compiled code find the same, of every stream, with
queues of any depths, whether these are long enough or not."""

import random

import pytest

from hwgen.planning.timing import describe, evaluate_timing
from hwgen_rtl_templates.timing import DeadlockError, evaluate
from support.networks import GRAPH, MIXED, random_network
from support.whole import planned, random_goal

FRAMES = 3


def random_queues(plan, rng):
    """Return the plan with other queues, many of them too short."""
    behind = {}
    for stage in plan.stages:
        if hasattr(stage.core, "depth"):
            drain = getattr(stage.core, "drain", None)
            least = max(drain.pieces) if drain else 1
            behind[stage.name] = max(least, rng.choice((1, 2, stage.core.depth, 70)))
    depths = {b: rng.choice((1, 2, -(-n // 2), n, 70)) for b, n in plan.depths.items()}
    return plan.with_queues(behind).with_depths(depths)


def clocks_of(plan, compiled):
    """Return the clocks of every stream as far as they go, and whether they come to their ends."""
    links, recurrences = describe(plan.assembly, plan.beats_in, FRAMES)
    wanted = [clocks for link in links for clocks in (link.offered, link.taken)]
    try:
        evaluate(recurrences, wanted, compiled)
    except DeadlockError:
        return [list(clocks) for clocks in wanted], False
    return [list(clocks) for clocks in wanted], True


def timing_of(plan, compiled):
    try:
        return evaluate_timing(plan.assembly, plan.beats_in, FRAMES, compiled)
    except DeadlockError:
        return None


@pytest.mark.parametrize("seed", range(8))
def test_python_and_compiled_code_agree(seed):
    plan = planned(random_network(seed, MIXED if seed % 2 else GRAPH), random_goal(seed))
    rng = random.Random(seed)
    for trial in [plan, *(random_queues(plan, rng) for _ in range(4))]:
        where = f"seed {seed}, {trial.depths}"
        clocks = clocks_of(trial, compiled=False)
        assert clocks_of(trial, compiled=True) == clocks, where
        timing = timing_of(trial, compiled=False)
        assert timing_of(trial, compiled=True) == timing, where
        assert (timing is None) != clocks[1], where
        if timing:
            ends = trial.beats_in[0]
            assert timing.frame_starts == tuple(clocks[0][1][::ends]), where


def test_queues_that_are_too_short_are_among_them():
    plan = planned(random_network(4, GRAPH), random_goal(4))
    short = plan.with_depths(dict.fromkeys(plan.depths, 1))
    assert plan.depths and timing_of(short, compiled=False) is None
    assert timing_of(short, compiled=True) is None
