"""The planner: the cheapest folding of each layer that meets the goal on the target."""

__all__ = ["Override", "parse_goal", "parse_override", "plan"]

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from hwgen.errors import PlanError, meant
from hwgen.network.graph import Network
from hwgen.planning.dataflow import adapters, suits
from hwgen.planning.estimate.resources import Resources, estimate, weigh
from hwgen.planning.implementations import (
    IMPLEMENTATIONS,
    Core,
    implementation_of,
    min_cycles,
    plain_foldings,
)
from hwgen.planning.implementations.unrolled import UNROLLED
from hwgen.planning.layers.find import find_layers
from hwgen.planning.layers.folding import SHAPE, Folding
from hwgen.planning.layers.layer import Layer
from hwgen.planning.plan import Plan, Stage
from hwgen.planning.search.allocation import Option, needs_of
from hwgen.planning.search.candidates import NO_HURRY, LayerCandidates
from hwgen.planning.search.fitting import cheapest_fitting
from hwgen.planning.search.headroom import check_headroom
from hwgen.planning.search.queue_depths import with_queues
from hwgen.planning.search.runs import run_way
from hwgen.progress import Progress, silent
from hwgen.targets import Target, get_target

_FPS = re.compile(r"\s*([0-9][0-9_]*(?:\.[0-9]+)?(?:[eE][0-9]+)?)\s*fps\s*")
MIN_LATENCY = "min latency"
MIN_AREA = "min area"
ROUNDS = 4  # in which what the options leave out is taken off the device
CLOSE = 32  # how close to the quickest budget that fits, as a share of it
Maker = Callable[[int], Plan]  # from a budget of clocks a frame


@dataclass(frozen=True)
class Override:
    """A choice that the user makes: `layer.pe=4`."""

    layer: str
    what: str
    value: int


CHOICES = (*SHAPE, *IMPLEMENTATIONS)
OR_NOT = CHOICES[3:]  # choices that may be 0
UNSTORED = [name for name, way in IMPLEMENTATIONS.items() if not way.stored]
_OVERRIDE = re.compile(rf"(?P<layer>.+)\.(?P<what>{'|'.join(CHOICES)})=(?P<value>[0-9]{{1,6}})")


def parse_override(text: str) -> Override:
    """Return the override that a text such as "conv1.pe=4" means.

    Raises
    ------
    PlanError : it is not written like that
    """
    match = _OVERRIDE.fullmatch(text)
    if match is None or (match["what"] not in OR_NOT and int(match["value"]) < 1):
        raise PlanError(
            f"Override must be written like conv1.pe=4, with {', '.join(CHOICES[:-1])} or "
            f"{CHOICES[-1]}, not {text!r}"
        )
    return Override(match["layer"], match["what"], int(match["value"]))


def parse_goal(goal: str) -> float | None:
    """Return the frames a second that a goal such as "10000 fps" asks for, or None for
    "min latency" and "min area".

    Raises
    ------
    PlanError : it is not written like that, or is not positive
    """
    if goal in (MIN_LATENCY, MIN_AREA):
        return None
    match = _FPS.fullmatch(goal) if isinstance(goal, str) else None
    rate = float(match[1]) if match else 0.0
    if not 0 < rate < 1e12:
        hint = meant(goal, (MIN_LATENCY, MIN_AREA)).removesuffix(" ")
        raise PlanError(
            f'Goal must be a throughput such as "10000 fps", or "{MIN_LATENCY}", or '
            f'"{MIN_AREA}", not {goal!r}' + (f"; {hint}" if hint else "")
        )
    return rate


def _drained(
    layer: Layer,
    folding: Folding,
    core: Core,
    words: Sequence[int],
    forced: int | None,
    target: Target,
) -> Core:
    """Return a component with the drain that is cheapest with the units behind it and the adapters
    to the `words` of those who take its beats: the narrowest, unless a wider one saves adapters.

    Raises
    ------
    PlanError : the user's own choice does not fit
    """
    way = implementation_of(folding)
    options = way.drains(core, layer) if way.drains else [core.lanes]
    if forced is not None and forced not in options:
        raise PlanError(
            f"{layer.name}: lanes must be one of {', '.join(map(str, options))} "
            f"with pe={folding.pe} and {way.name}={folding.choice(way.name)}"
        )
    if way.drains is None:
        return core
    if forced is not None:
        return way.with_lanes(core, layer, forced, target)
    suitable = [n for n in options if all(suits(n, word) for word in words)]
    tried = {options[0], core.lanes, *suitable[:1], *(n for n in options if n in words)}

    def cost(trial: Core) -> float:
        shape = (layer.outputs, trial.lanes)
        between = (adapters(*shape, min(word, shape[0]), *trial.element) for word in words)
        parts = (part for needed in between for part in needed)
        needs = sum((estimate(part, target) for part in parts), estimate(trial, target))
        return weigh(needs, target)

    return min((way.with_lanes(core, layer, n, target) for n in sorted(tried)), key=cost)


def _stages(
    ways: Sequence[LayerCandidates], options: Sequence[Option], overrides: Sequence[Override]
) -> tuple[Stage, ...]:
    """Return the stages that are built as the options say, with drains that suit one another."""
    layers = [way.layer for way in ways]
    chosen = {layer.name: option for layer, option in zip(layers, options, strict=True)}
    words: dict[str, list[int]] = {}
    for layer in layers:
        for source in layer.sources:
            words.setdefault(source, []).append(chosen[layer.name].core.word)
    forced = {o.layer: o.value for o in overrides if o.what == "lanes"}
    stages = []
    for way in ways:
        layer, target = way.layer, way.target
        folding, core = chosen[layer.name].folding, chosen[layer.name].core
        users = words.get(layer.name, ())
        core = _drained(layer, folding, core, users, forced.get(layer.name), target)
        core = implementation_of(folding).finished(core, layer, target)
        stages.append(Stage(layer, replace(folding, lanes=core.lanes), core))
    return tuple(stages)


def _device(target: Target) -> Resources:
    """Return what a target holds; of standard cells there are as many as are wanted."""
    if target.library:
        return Resources(math.inf, math.inf)
    return Resources(target.luts, target.ffs, target.dsps, target.block_rams)


def _excess(plan: Plan, slower: str = "") -> PlanError | None:
    """Return what is wrong where the plan does not fit its target.

    Parameters
    ----------
    slower : a way out, where a slower plan fits
    """
    need, target = plan.resources, plan.target
    if need.within(_device(target)):
        return None
    budgets = {
        "luts": ("LUTs", target.luts),
        "ffs": ("flip-flops", target.ffs),
        "dsps": ("DSP blocks", target.dsps),
        "block_rams": ("block RAMs", target.block_rams),
    }
    over = {
        name: getattr(need, name) / max(1, has)
        for name, (_, has) in budgets.items()
        if getattr(need, name) > has
    }
    name = max(over, key=lambda key: over[key])
    what, has = budgets[name]
    stage = max(plan.stages, key=lambda s: float(getattr(plan.resources_of(s), name)))
    used, share = getattr(need, name), getattr(plan.resources_of(stage), name)
    return PlanError(
        f"{stage.name}: network does not fit {target.name}: about {used:.0f} {what} needed, "
        f"{has} there ({over[name]:.1f} times too many), {share:.0f} of them for "
        f"{stage.name}; {slower}prune or quantize further, or choose a larger target"
    )


def plan(
    network: Network,
    *,
    target: str | Target,
    goal: str,
    clock_hz: int | None = None,
    overrides: Sequence[str] = (),
    progress: Progress | None = None,
) -> Plan:
    """Return the best plan for the goal on the target.

    Parameters
    ----------
    network : what to implement
    target : a target or its name
    goal : a throughput such as "10000 fps", reached with the smallest design; "min latency", as
        far as the target's budget goes; or "min area"
    clock_hz : the clock in Hz, or None for the target's own
    overrides : the user's own choices of pe, simd, lanes, skip or an implementation, such as
        "conv1.pe=4" or "conv1.dsp=1"
    progress : called with (layer, layers looked at, layers), again from 0 where the goal asks for
        another look

    Raises
    ------
    PlanError : the goal cannot be reached, or the network does not fit
    """
    target = get_target(target) if isinstance(target, str) else target
    clock = target.clock_hz if clock_hz is None else clock_hz
    if clock <= 0:
        raise PlanError(f"Clock must be positive, not {clock} Hz")
    rate = parse_goal(goal)
    layers = find_layers(network)
    choices = [parse_override(text) for text in overrides]
    names = [layer.name for layer in layers]
    for choice in choices:
        if choice.layer not in names:
            raise PlanError(
                f"{choice.layer}: there is no such layer; {meant(choice.layer, names)}the layers "
                f"are {', '.join(names)}"
            )

    unrolled = {o.layer: o.value for o in choices if o.what == UNROLLED.name}
    choices = [o for o in choices if o.what != UNROLLED.name]
    way = run_way(layers, target, clock, unrolled, bool(choices))
    empty, report = Plan(network, target, clock, goal, ()), progress or silent

    def maker(ways: Sequence[LayerCandidates]) -> Maker:
        return partial(_cheapest, ways, overrides=choices, empty=empty, progress=report)

    if way is not None and way.only:
        made = maker([way.ways])
    else:
        wired = {o.layer for o in choices if o.value and o.what in UNSTORED}
        check_headroom(layers, target, wired)
        wanted = {name: {o.what: o.value for o in choices if o.layer == name} for name in names}
        ways = [LayerCandidates(layer, target, clock, wanted[layer.name]) for layer in layers]
        made = maker(ways)
        if way is not None:
            made = way.or_pipeline(maker([way.ways]), made, _device(target))
    if goal == MIN_LATENCY:
        return _quickest(made, layers, target)
    smallest = made(NO_HURRY) if rate is None else None
    best = smallest or _reaching(made, goal, clock, rate or 0.0)
    problem = _excess(best)
    if problem and rate is not None:
        smallest = made(NO_HURRY)
        if _excess(smallest) is None:
            most = math.floor(smallest.frames_per_second)
            slower = f"ask for fewer frames a second ({most} fit), "
            problem = _excess(best, slower)
    if problem:
        raise problem
    return best


def _cheapest(
    ways: Sequence[LayerCandidates],
    budget: int,
    overrides: Sequence[Override],
    empty: Plan,
    progress: Progress,
) -> Plan:
    """Return the plan of least cost whose parts need at most `budget` clocks a frame: each layer's
    cheapest way, or where these do not fit together those of least cost that do.

    What the options leave out, adapters and wider drains, is taken off the device where it
    makes the difference.
    """

    def built(options: Sequence[Option]) -> Plan:
        stages = _stages(ways, options, overrides)
        alternatives = {way.layer.name: way.alternatives(budget) for way in ways}
        return with_queues(replace(empty, stages=stages, alternatives=alternatives))

    device = _device(empty.target)
    options = []
    for number, way in enumerate(ways):
        progress(way.layer.name, number, len(ways))
        options.append(way.cheapest(budget))
    progress("queues", len(ways), len(ways))
    found = built(options)
    for _ in range(ROUNDS):
        if found.resources.within(device):
            break
        progress("what fits the device", 0, 0)
        besides = found.resources.without(needs_of(options))
        options = cheapest_fitting(ways, budget, device.without(besides))
        found = built(options)
    return found


def _reaching(made: Maker, goal: str, clock: int, rate: float) -> Plan:
    """Return the smallest plan of at least `rate` frames a second."""
    wanted = int(clock / rate)
    if wanted < 1:
        raise PlanError(
            f"Goal {goal!r} must leave at least one clock a frame at {clock / 1e6:g} MHz"
        )
    budget = wanted
    quickest: Plan | None = None
    while budget:
        try:
            found = made(budget)
        except PlanError:
            if quickest is None:
                raise
            break
        if found.interval <= wanted:
            return found
        if quickest is None or found.interval < quickest.interval:
            quickest = found
        budget = min(budget - 1, budget * wanted // found.interval)  # a few clocks are overhead
    assert quickest is not None
    raise PlanError(
        f"{quickest.bottleneck.name}: goal {goal!r} leaves {wanted} clocks a frame, and "
        f"{quickest.interval} are needed; ask for fewer frames a second or a faster clock"
    )


def _quickest(made: Maker, layers: Sequence[Layer], target: Target) -> Plan:
    """Return the plan of lowest latency among those that fit: over budgets half an octave apart,
    and between the last of these that fits and the first that does not."""
    most = max(
        min_cycles(layer, folding) for layer in layers for folding in plain_foldings(layer, target)
    )
    budgets = {max(1, round(most / 2 ** (step / 2))) for step in range(2 * most.bit_length() + 1)}
    found: list[Plan] = []
    problem: PlanError | None = None

    def fits(budget: int) -> bool:
        nonlocal problem
        try:
            plan = made(budget)
            wrong = _excess(plan)
        except PlanError as error:
            wrong = error
        if wrong:
            problem = problem or wrong
            return False
        found.append(plan)
        return True

    low, high = 0, most
    for budget in sorted(budgets, reverse=True):
        if not fits(budget):
            low = budget
            break
        high = budget
    if not found:
        raise problem or PlanError("No plan was found")
    while high - low > max(1, high // CLOSE):
        middle = (low + high) // 2
        low, high = (low, middle) if fits(middle) else (middle, high)
    return _with_low_latency(min(found, key=lambda plan: plan.latency))


def _with_low_latency(plan: Plan) -> Plan:
    """Return the plan with quicker units behind its sums, where these lower its latency and fit."""
    for place, stage in enumerate(plan.stages):
        way = implementation_of(stage.folding)
        core = way.with_low_latency(stage.core, stage.layer, plan.target)
        if core is stage.core:
            continue
        stages = (*plan.stages[:place], replace(stage, core=core), *plan.stages[place + 1 :])
        trial = with_queues(replace(plan, stages=stages))
        if trial.latency < plan.latency and _excess(trial) is None:
            plan = trial
    return plan
