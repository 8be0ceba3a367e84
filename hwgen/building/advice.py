"""What a user can do about a design that does not fit its board, or is too slow for its clock."""

__all__ = ["advise", "too_slow"]

from hwgen.cost import CriticalPath, Route
from hwgen.errors import PlanError
from hwgen.network.graph import Network
from hwgen.package.manifest import Manifest, PackageLayer
from hwgen.planning import Plan, plan
from hwgen.planning.search.planner import MIN_AREA, parse_goal
from hwgen.targets import Target

HALVINGS = 6  # of a goal that is too high
MARGIN = 0.97  # of the highest clock, for the one that is proposed: the placer's luck differs
ACCELERATOR = "core.accelerator."  # instances that its own stand in


def advise(network: Network, target: Target, clock_hz: int, goal: str) -> str:
    """Return what would fit a target of what does not, with numbers.

    Parameters
    ----------
    network : what to implement
    target : what it has to fit, less what the board needs besides
    clock_hz : of the plan
    goal : that does not fit
    """
    try:
        smallest = plan(network, target=target, goal=MIN_AREA, clock_hz=clock_hz)
    except PlanError as error:
        return f"nor does its smallest plan: {error}"
    fits = [smallest]
    rate = parse_goal(goal)
    if rate is not None:
        for _ in range(HALVINGS):
            rate /= 2
            if rate <= smallest.frames_per_second:
                break
            try:
                faster = plan(network, target=target, goal=f"{rate:g} fps", clock_hz=clock_hz)
                fits.insert(0, faster)
                break
            except PlanError:
                continue
    return "what would fit: " + "; ".join(_describe(found) for found in fits)


def _describe(found: Plan) -> str:
    need, has = found.resources, found.target
    return (
        f'--goal "{found.goal}" ({found.frames_per_second:,.0f} frames a second with about '
        f"{need.luts:,.0f} of the {has.luts:,} LUTs that a plan may count on here, {need.dsps} of "
        f"{has.dsps} DSP blocks and "
        f"{need.block_rams} of {has.block_rams} block memories)"
    )


def too_slow(best: Route, clock_hz: float, manifest: Manifest, seeds: int) -> PlanError:
    """Return what is to be said of a design that no seed of the placer made fast enough.

    Parameters
    ----------
    best : the fastest
    clock_hz : that was to be reached
    manifest : of the package, for the layers' names
    seeds : how many were tried
    """
    fmax = best.fmax_mhz or 0.0
    layers = _layers(best.critical_path, manifest)
    where = ", ".join(layer.name for layer in layers) or "the board's own logic"
    lower = int(fmax * MARGIN) or round(fmax * MARGIN, 2)
    fewer = [
        f"--set {layer.name}.parallel={layer.folding.parameter - 1} for fewer adders "
        "between two registers"
        for layer in layers
        if layer.folding.choice("parallel") > 1
    ]
    return PlanError(
        f"{where}: the critical path leads through it, and allows {fmax:.1f} MHz of the "
        f"{clock_hz / 1e6:g} MHz planned, the best of {seeds} "
        f"{'seed' if seeds == 1 else 'seeds'} of the placer "
        f"({best.critical_path}); try " + ", or ".join([f"--clock {lower:g}", *fewer, "--seeds"])
    )


def _layers(path: CriticalPath | None, manifest: Manifest) -> list[PackageLayer]:
    """Return the layers that a path runs through, in order."""
    cells = path.cells if path else ()
    inside = [cell.removeprefix(ACCELERATOR) for cell in cells if cell.startswith(ACCELERATOR)]
    instances = dict.fromkeys(cell.partition(".")[0] for cell in inside)
    by_instance = {layer.path[0]: layer for layer in manifest.layers}
    return [by_instance[name] for name in instances if name in by_instance]
