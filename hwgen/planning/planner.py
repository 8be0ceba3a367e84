"""The planner: the cheapest folding of each layer that meets the goal on the target."""

__all__ = ["Override", "parse_goal", "parse_override", "plan"]

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from hwgen.errors import PlanError
from hwgen.network.graph import Network
from hwgen.planning.allocation import Option, allocate, frontier
from hwgen.planning.assembly import adapters, suits, word_of
from hwgen.planning.constants import may_be_constant
from hwgen.planning.estimate import DSP_LUTS, estimate, weigh
from hwgen.planning.folding import Folding, drains, foldings, turns
from hwgen.planning.layers import Layer, find_layers
from hwgen.planning.lowering import blocks_for, core_for, relaned, styled, sums_by_entry
from hwgen.planning.plan import Plan, Stage
from hwgen.planning.queues import with_queues
from hwgen.targets import Target, get_target
from rtl_templates.engine import EngineParameters

_FPS = re.compile(r"\s*([0-9][0-9_]*(?:\.[0-9]+)?(?:[eE][0-9]+)?)\s*fps\s*")
MIN_LATENCY = "min latency"
MIN_AREA = "min area"
NO_HURRY = 1 << 40  # clocks a frame that anything can keep
Maker = Callable[[int], Plan]  # from a budget of clocks a frame


@dataclass(frozen=True)
class Override:
    """A choice that the user makes: `layer.pe=4`."""

    layer: str
    what: str
    value: int


OR_NOT = ("skip", "dsp", "pasm", "parallel", "serial")  # choices that may be 0
DIGITS = (1, 2, 4)  # bits that serial adders may take a clock
_CHOICES = "|".join(("pe", "simd", "lanes", *OR_NOT))
_OVERRIDE = re.compile(rf"(?P<layer>.+)\.(?P<what>{_CHOICES})=(?P<value>[0-9]{{1,6}})")


def parse_override(text: str) -> Override:
    """Return the override that a text such as "conv1.pe=4" means.

    Raises
    ------
    PlanError : it is not written like that
    """
    match = _OVERRIDE.fullmatch(text)
    if match is None or (match["what"] not in OR_NOT and int(match["value"]) < 1):
        raise PlanError(
            "Override must be written like conv1.pe=4, with pe, simd, lanes, skip, dsp, "
            f"pasm, parallel or serial, not {text!r}"
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
        raise PlanError(
            f'Goal must be a throughput such as "10000 fps", or "{MIN_LATENCY}", or '
            f'"{MIN_AREA}", not {goal!r}'
        )
    return rate


def _candidates(layer: Layer, overrides: Sequence[Override], target: Target) -> list[Folding]:
    """Return the foldings of a layer that agree with the user's choices.

    Raises
    ------
    PlanError : none does
    """
    wanted = {o.what: o.value for o in overrides if o.layer == layer.name and o.what != "lanes"}
    plain = list(foldings(layer))
    needed = {f: blocks_for(layer, f, target) for f in plain}
    most = NO_HURRY if "dsp" in wanted else target.dsps
    found = [*plain]
    found += [replace(f, dsp=1) for f, n in needed.items() if n is not None and n <= most]
    if sums_by_entry(layer, target):
        found += [replace(f, pasm=1) for f in plain]
    if may_be_constant(layer) and not {"parallel", "serial"}.isdisjoint(wanted):
        whole = [f for f in plain if f.pe == layer.outputs and not f.skip]
        found += [replace(f, parallel=1) for f in whole]
        found += [replace(f, serial=digit) for f in whole for digit in DIGITS]
    agreeing = [f for f in found if all(getattr(f, what) == n for what, n in wanted.items())]
    if agreeing or not wanted:
        return agreeing
    sizes = {what: sorted({getattr(f, what) for f in found}) for what in wanted}
    text = " and ".join(f"{what} one of {', '.join(map(str, s))}" for what, s in sizes.items())
    raise PlanError(f"{layer.name}: folding must have {text}; others only idle longer")


def _options(
    layer: Layer, budget: int, target: Target, overrides: Sequence[Override], dsp_luts: float
) -> list[Option]:
    """Return the cheapest foldings, by DSP blocks, whose busiest part needs at most `budget`
    clocks.

    Raises
    ------
    PlanError : not even the most parallel one does
    """
    found: list[Option] = []
    least: int | None = None
    for folding in _candidates(layer, overrides, target):
        clocks = turns(layer, folding)
        least_cost = dsp_luts * (blocks_for(layer, folding, target) or 0) if folding.dsp else 0.0
        if any(option.cost <= least_cost for option in found):
            continue  # the blocks alone are worth more than the whole of another
        if clocks <= budget:
            core = core_for(layer, folding, target)
            clocks = Stage(layer, folding, core).busy
        least = clocks if least is None else min(least, clocks)
        if clocks > budget:
            continue
        cost = estimate(core, target)
        found.append(Option(weigh(cost, dsp_luts), cost.dsps, folding, core))
    if not found:
        raise PlanError(
            f"{layer.name}: needs at least {least} clocks a frame, however parallel, and the goal "
            f"leaves {budget}; ask for fewer frames a second or a faster clock"
        )
    return frontier(found)


def _drained(
    layer: Layer, core: EngineParameters, words: Sequence[int], forced: int | None, target: Target
) -> EngineParameters:
    """Return an engine with the drain that is cheapest with the units behind it and the adapters to
    the `words` of those who take its beats: the narrowest, unless a wider one saves adapters.

    Raises
    ------
    PlanError : the user's own choice does not fit
    """
    options = drains(layer.outputs, core.datapath.lanes, min(core.folds))
    if forced is not None:
        if forced not in options:
            raise PlanError(f"{layer.name}: lanes must be one of {', '.join(map(str, options))}")
        return relaned(core, layer, forced, target)
    suitable = [n for n in options if all(suits(n, word) for word in words)]
    candidates = {options[0], *suitable[:1], *(n for n in options if n in words)}

    def cost(engine: EngineParameters) -> float:
        shape = (layer.outputs, engine.lanes)
        between = (adapters(*shape, word, *engine.element) for word in words)
        parts = (part for needed in between for part in needed)
        return weigh(sum((estimate(part, target) for part in parts), estimate(engine, target)))

    return min((relaned(core, layer, n, target) for n in sorted(candidates)), key=cost)


def _stages(
    layers: Sequence[Layer],
    options: Sequence[Sequence[Option]],
    blocks: int,
    target: Target,
    overrides: Sequence[Override],
) -> tuple[Stage, ...]:
    """Return the stages of least cost with so many DSP blocks."""
    chosen = {
        layer.name: (option.folding, option.core)
        for layer, option in zip(layers, allocate(options, blocks), strict=True)
    }
    words: dict[str, list[int]] = {}
    for layer in layers:
        for source in layer.sources:
            words.setdefault(source, []).append(word_of(chosen[layer.name][1]))
    forced = {o.layer: o.value for o in overrides if o.what == "lanes"}
    stages = []
    for layer in layers:
        folding, core = chosen[layer.name]
        if isinstance(core, EngineParameters):
            core = _drained(layer, core, words.get(layer.name, ()), forced.get(layer.name), target)
            folding = replace(folding, lanes=core.lanes)
            core = core.at_full_rate()
            core = replace(core, window=styled(core.window, target))
        stages.append(Stage(layer, folding, core))
    return tuple(stages)


def _within_blocks(
    layers: Sequence[Layer],
    budget: int,
    target: Target,
    overrides: Sequence[Override],
    dsp_luts: float,
) -> tuple[Stage, ...]:
    """Return the stages of least cost that the target has the DSP blocks for."""
    options = [_options(layer, budget, target, overrides, dsp_luts) for layer in layers]
    blocks = target.dsps
    while True:
        stages = _stages(layers, options, blocks, target, overrides)
        # wider drains may have brought more requantizers since, each with a multiplier
        over = sum(estimate(stage.core, target).dsps for stage in stages) - target.dsps
        if over <= 0 or blocks == 0:
            return stages
        blocks = max(0, blocks - over)


def _excess(plan: Plan) -> PlanError | None:
    """Return what is wrong where the plan does not fit its target."""
    need, target = plan.resources, plan.target
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
    if not over:
        return None
    name = max(over, key=lambda key: over[key])
    what, has = budgets[name]
    stage = max(plan.stages, key=lambda s: float(getattr(plan.resources_of(s), name)))
    used, share = getattr(need, name), getattr(plan.resources_of(stage), name)
    return PlanError(
        f"{stage.name}: network does not fit {target.name}: about {used:.0f} {what} needed, "
        f"{has} there ({over[name]:.1f} times too many), {share:.0f} of them for "
        f"{stage.name}; ask for fewer frames a second, prune or quantize further, or choose a "
        "larger target"
    )


def plan(
    network: Network,
    *,
    target: str | Target,
    goal: str,
    clock_hz: int | None = None,
    overrides: Sequence[str] = (),
) -> Plan:
    """Return the best plan for the goal on the target.

    Parameters
    ----------
    network : what to implement
    target : a target or its name
    goal : a throughput such as "10000 fps", reached with the smallest design; "min latency", as
        far as the target's budget goes; or "min area"
    clock_hz : the clock in Hz, or None for the target's own
    overrides : the user's own choices of pe, simd, lanes, skip, dsp, pasm, parallel or serial,
        such as "conv1.pe=4"

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
    for choice in choices:
        if choice.layer not in {layer.name for layer in layers}:
            raise PlanError(
                f"{choice.layer}: there is no such layer; the layers are "
                f"{', '.join(layer.name for layer in layers)}"
            )

    def priced(budget: int, dsp_luts: float) -> Plan:
        stages = _within_blocks(layers, budget, target, choices, dsp_luts)
        return with_queues(Plan(network, target, clock, goal, stages))

    def made(budget: int) -> Plan:
        found = priced(budget, DSP_LUTS)
        if _excess(found) and target.dsps:  # then blocks are worth whatever they save
            other = priced(budget, 0.0)
            return found if _excess(other) else other
        return found

    if goal == MIN_LATENCY:
        return _quickest(made, layers)
    found = made(NO_HURRY) if rate is None else _reaching(made, goal, clock, rate)
    problem = _excess(found)
    if problem:
        raise problem
    return found


def _reaching(made: Maker, goal: str, clock: int, rate: float) -> Plan:
    """Return the smallest plan of at least `rate` frames a second."""
    wanted = int(clock / rate)
    if wanted < 1:
        raise PlanError(
            f"Goal {goal!r} must leave at least one clock a frame at {clock / 1e6:g} MHz"
        )
    budget = wanted
    while True:
        found = made(budget)
        if found.interval <= wanted:
            return found
        budget = min(budget - 1, budget * wanted // found.interval)  # a few clocks are overhead
        if budget < 1:
            raise PlanError(
                f"{found.bottleneck.name}: goal {goal!r} leaves {wanted} clocks a frame, and "
                f"{found.interval} are needed; ask for fewer frames a second or a faster clock"
            )


def _quickest(made: Maker, layers: Sequence[Layer]) -> Plan:
    """Return the plan of lowest latency among those that fit, over budgets half an octave apart."""
    most = max(turns(layer, folding) for layer in layers for folding in foldings(layer))
    budgets = {round(most / 2 ** (step / 2)) for step in range(2 * most.bit_length() + 1)}
    best: Plan | None = None
    problem: PlanError | None = None
    for budget in sorted(budgets | {1}, reverse=True):
        try:
            found = made(max(1, budget))
        except PlanError as error:
            problem = problem or error
            break
        over = _excess(found)
        if over:
            problem = problem or over
            break
        if best is None or found.latency < best.latency:
            best = found
    if best is None:
        raise problem or PlanError("No plan was found")
    return best
