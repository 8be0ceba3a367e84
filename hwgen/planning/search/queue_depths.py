"""Queue depths: the smallest that cost no clock, found on the exact timing."""

__all__ = ["with_queues"]

from hwgen.families.memories import queue_step
from hwgen.planning.dataflow import Branch, branches_of
from hwgen.planning.plan import Plan, Stage
from hwgen.targets import Target
from hwgen_rtl_templates.fifo import DEEP
from hwgen_rtl_templates.timing import DeadlockError

LEAST = 16  # beats of a queue that is not worth halving


def _rounded(depth: int, target: Target) -> int:
    """Return the depth that a memory of at least `depth` words has anyway."""
    if depth <= DEEP or target.library:  # of which a word more is a word more
        step = queue_step(target)
        return -(-depth // step) * step
    return 1 << (depth - 1).bit_length()


def _behind(stage: Stage, target: Target) -> int | None:
    depth = getattr(stage.core, "full_rate_depth", None)
    return None if depth is None else _rounded(depth, target)


def _branches(plan: Plan) -> list[Branch]:
    """Return the ways out of every fork."""
    exits = [stage.name for stage in plan.exits]
    ways = branches_of([stage.layer for stage in plan.stages], exits)
    return [branch for branches in ways.values() if len(branches) > 1 for branch in branches]


def _no_slower(plan: Plan, than: Plan) -> bool:
    """Say whether a plan's interval and latency are no longer than another's."""
    try:
        return plan.interval <= than.interval and plan.latency <= than.latency
    except DeadlockError:
        return False


def with_queues(plan: Plan) -> Plan:
    """Return the plan with queues that cost no clock, each as short as it can be.

    A queue behind an engine starts with the depth at which the engine never waits for it. A queue
    on a branch of a fork holds, to begin with, two frames, more than a join can make it wait for,
    so that nothing can stand still; and one more for each stage where a value of a whole frame is
    waited for, for each may take as long as a frame. It is then as long as what it has held at
    most, and halved as long as interval and latency stay.
    """
    plan = plan.with_queues(
        {
            stage.name: depth
            for stage in plan.stages
            if (depth := _behind(stage, plan.target)) is not None
        }
    )
    beats = {name: end.beats for name, end in plan.entries.items()}
    beats |= {stage.name: stage.output.beats for stage in plan.stages}
    waits = any(stage.layer.needs_frames for stage in plan.stages)
    frames = 2 + len(plan.stages) * waits
    ample: dict[Branch, int] = {}
    for branch in _branches(plan):
        frame = beats[branch.source]
        ample[branch] = _rounded(max(LEAST, frames * frame), plan.target)
    plan = plan.with_depths(ample)
    least = max(LEAST, queue_step(plan.target))
    best = _without_spare(_shortened(_lengthened(plan), least))
    for branch in ample:
        while best.depths[branch] > least:
            half = _rounded(best.depths[branch] // 2, plan.target)
            trial = best.with_depths({**best.depths, branch: half})
            if not _no_slower(trial, best):
                break
            best = trial
    return best


def _lengthened(plan: Plan) -> Plan:
    """Return the plan with longer queues behind its engines, if these make it faster."""
    if plan.interval <= plan.busy:  # nothing makes it faster
        return plan
    queues = {s.name: s.core.depth for s in plan.stages if hasattr(s.core, "depth")}
    ample = plan.with_queues({name: 16 * depth for name, depth in queues.items()})
    while plan.interval > ample.interval:
        queues = {name: 2 * depth for name, depth in queues.items()}
        plan = plan.with_queues(queues)
    return plan


def _without_spare(plan: Plan) -> Plan:
    """Return the plan without the queues of components that need none, where these make it no
    faster."""
    for stage in plan.stages:
        if _behind(stage, plan.target) is None and getattr(stage.core, "depth", 1) > 1:
            trial = plan.with_queues({stage.name: 1})
            plan = trial if _no_slower(trial, plan) else plan
    return plan


def _shortened(plan: Plan, least: int) -> Plan:
    """Return the plan with queues on branches no longer than what they have held, nor than `least`
    beats, if these make it no slower."""
    depths = dict(plan.depths)
    for branch, name in plan.assembly.queues.items():
        held = plan.timing.held[name] + 1  # a place is free a clock after its beat has left
        depths[branch] = min(depths[branch], _rounded(max(least, held), plan.target))
    shorter = plan.with_depths(depths)
    return shorter if depths and _no_slower(shorter, plan) else plan
