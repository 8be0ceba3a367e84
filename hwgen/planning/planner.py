"""The planner: the cheapest folding of each layer that meets the goal on the target."""

__all__ = ["parse_goal", "plan"]

import re
from collections.abc import Sequence
from dataclasses import replace

from hwgen.errors import PlanError
from hwgen.network.graph import Network
from hwgen.planning.estimate import Resources, estimate
from hwgen.planning.folding import Folding, adapters, drains, engine_for, foldings, suits
from hwgen.planning.layers import Layer, find_layers
from hwgen.planning.plan import Plan, Stage
from hwgen.targets import Target, get_target
from rtl_templates.engine import EngineParameters

_FPS = re.compile(r"\s*([0-9][0-9_]*(?:\.[0-9]+)?(?:[eE][0-9]+)?)\s*fps\s*")
DSP_LUTS = 150  # LUTs that a DSP block is worth when foldings are compared
BLOCK_RAM_LUTS = 60  # LUTs that a block RAM is worth
QUEUE_STEP = 16  # a LUT memory holds 16 words, so a queue may as well


def parse_goal(goal: str) -> float:
    """Return the frames a second that a goal such as "10000 fps" asks for.

    Raises
    ------
    PlanError : it is not written like that, or is not positive
    """
    match = _FPS.fullmatch(goal) if isinstance(goal, str) else None
    rate = float(match[1]) if match else 0.0
    if not 0 < rate < 1e12:
        raise PlanError(f'Goal must be a throughput such as "10000 fps", not {goal!r}')
    return rate


def _weigh(cost: Resources) -> float:
    """Return one number to compare costs by, in LUTs. Flip-flops come with LUTs, at half price."""
    return (
        max(cost.luts, cost.ffs / 2)
        + cost.ffs / 8
        + DSP_LUTS * cost.dsps
        + BLOCK_RAM_LUTS * cost.block_rams
    )


def _fold(layer: Layer, budget: int, target: Target) -> tuple[Folding, EngineParameters]:
    """Return the cheapest folding whose busiest part needs at most `budget` clocks.

    Raises
    ------
    PlanError : not even the most parallel one does
    """
    best: tuple[float, Folding, EngineParameters] | None = None
    least = None
    for folding in foldings(layer):
        fold = -(-layer.inputs // folding.simd) if layer.weight is not None else layer.inputs
        turns = layer.pixels * -(-layer.outputs // folding.pe) * fold
        if turns > budget and (least is None or turns >= least):
            least = turns if least is None else least
            continue
        engine = engine_for(layer, folding, target)
        least = engine.busy if least is None else min(least, engine.busy)
        if engine.busy > budget:
            continue
        cost = _weigh(estimate(engine, target))
        if best is None or cost < best[0]:
            best = (cost, folding, engine)
    if best is None:
        raise PlanError(
            f"{layer.name}: needs at least {least} clocks a frame, however parallel, and the goal "
            f"leaves {budget}; ask for fewer frames a second or a faster clock"
        )
    return best[1], best[2]


def _stages(layers: Sequence[Layer], budget: int, target: Target) -> tuple[Stage, ...]:
    chosen = [_fold(layer, budget, target) for layer in layers]
    words: list[int | None] = [engine.window.word for _, engine in chosen[1:]]
    stages: list[Stage] = []
    for layer, (folding, engine), word in zip(layers, chosen, [*words, None], strict=True):
        options = drains(layer.outputs, folding.pe, engine.window.fold)
        if word is not None:
            # adjacent widths that divide each other need no gathering of whole pixels
            options = [lanes for lanes in options if suits(lanes, word)] or options
        folding = replace(folding, lanes=options[0])
        engine = engine_for(layer, folding, target).at_full_rate()
        before: tuple = ()  # type: ignore[type-arg]
        if stages:
            previous = stages[-1].engine
            before = adapters(
                previous.channels, previous.lanes, engine.window.word, *previous.element
            )
        stages.append(Stage(layer, folding, engine, before))
    return tuple(stages)


def _with_queues(plan: Plan) -> Plan:
    """Return the plan with the smallest queues that cost no clock."""
    least = [-(-stage.engine.full_rate_depth // QUEUE_STEP) * QUEUE_STEP for stage in plan.stages]
    ample = plan.with_depths([16 * depth for depth in least])
    plan = plan.with_depths(least)
    while plan.interval > ample.interval:
        depths = [2 * stage.engine.depth for stage in plan.stages]
        plan = plan.with_depths(depths)
    return plan


def _check_fits(plan: Plan) -> None:
    need, target = plan.resources, plan.target
    budgets = (
        ("LUTs", need.luts, target.luts),
        ("flip-flops", need.ffs, target.ffs),
        ("DSP blocks", need.dsps, target.dsps),
        ("block RAMs", need.block_rams, target.block_rams),
    )
    over = [(what, used, has) for what, used, has in budgets if used > has]
    if not over:
        return
    what, used, has = max(over, key=lambda item: item[1] / max(1, item[2]))
    attribute = {"LUTs": "luts", "flip-flops": "ffs", "DSP blocks": "dsps"}.get(what, "block_rams")
    stage = max(plan.stages, key=lambda s: getattr(plan.resources_of(s), attribute))
    share = getattr(plan.resources_of(stage), attribute)
    raise PlanError(
        f"{stage.name}: network does not fit {target.name}: about {used:.0f} {what} needed, "
        f"{has} there ({used / max(1, has):.1f} times too many), {share:.0f} of them for "
        f"{stage.name}; ask for fewer frames a second, prune or quantize further, or choose a "
        "larger target"
    )


def plan(
    network: Network,
    *,
    target: str | Target,
    goal: str,
    clock_hz: int | None = None,
) -> Plan:
    """Return the cheapest plan that reaches the goal on the target.

    Parameters
    ----------
    network : what to implement
    target : a target or its name
    goal : a throughput such as "10000 fps"
    clock_hz : the clock in Hz, or None for the target's own

    Raises
    ------
    PlanError : the goal cannot be reached, or the network does not fit
    """
    target = get_target(target) if isinstance(target, str) else target
    clock = target.clock_hz if clock_hz is None else clock_hz
    if clock <= 0:
        raise PlanError(f"Clock must be positive, not {clock} Hz")
    wanted = int(clock / parse_goal(goal))
    if wanted < 1:
        raise PlanError(
            f"Goal {goal!r} must leave at least one clock a frame at {clock / 1e6:g} MHz"
        )
    layers = find_layers(network)
    budget = wanted
    while True:
        made = _with_queues(Plan(network, target, clock, goal, _stages(layers, budget, target)))
        if made.interval <= wanted:
            break
        budget = min(budget - 1, budget * wanted // made.interval)  # a few clocks are overhead
        if budget < 1:
            raise PlanError(
                f"{made.bottleneck.name}: goal {goal!r} leaves {wanted} clocks a frame, and "
                f"{made.interval} are needed; ask for fewer frames a second or a faster clock"
            )
    _check_fits(made)
    return made
