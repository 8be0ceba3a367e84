"""Runs: a network's layers as one that takes a frame a clock, beside a component a layer."""

__all__ = ["RunWay", "run_way"]

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from hwgen.errors import PlanError
from hwgen.planning.estimate.resources import Resources
from hwgen.planning.implementations.unrolled import UNROLLED, whole_run
from hwgen.planning.layers.layer import Layer
from hwgen.planning.plan import Plan
from hwgen.planning.search.candidates import LayerCandidates
from hwgen.targets import Target

Maker = Callable[[int], Plan]  # from a budget of clocks a frame


@dataclass(frozen=True)
class RunWay:
    """The way to build all layers as one.

    ways : its candidates
    only : whether the user has chosen it
    """

    ways: LayerCandidates
    only: bool

    def or_pipeline(self, run: Maker, pipeline: Maker, device: Resources) -> Maker:
        """Return what makes plans of the run for a frame a clock and for more than a pixel a clock,
        if the device has room for it, and else of a component a layer: for less, nobody asks for a
        border as wide as a frame, and as quick none takes less."""
        _, height, width = self.ways.layer.x_frame
        enough = max(2, height * width)  # clocks that let a pixel enter a clock
        once = cache(lambda: run(1))  # whatever the budget, it takes a clock
        (folding,) = self.ways.foldings

        def made(budget: int) -> Plan:
            if budget >= enough:
                return pipeline(budget)
            needs = self.ways.least(folding).needs
            if needs.within(device):
                needs = once().resources
                if needs.within(device):
                    return once()
            try:
                return pipeline(budget)
            except PlanError as error:
                raise PlanError(
                    f"{error}; unrolled, a frame a clock, all layers take about {needs.luts:,.0f} "
                    f"LUTs, and {device.luts:,.0f} are there"
                ) from error

        return made


def run_way(
    layers: Sequence[Layer],
    target: Target,
    clock_hz: int,
    levels: dict[str, int],
    others: bool,
) -> RunWay | None:
    """Return the way to build all layers as one, None where there is none.

    Parameters
    ----------
    levels : the user's own choices of it, by layer: adders between registers, 0 for another way
    others : whether the user has chosen anything else

    Raises
    ------
    PlanError : the user's choice cannot be
    """
    chosen = {name: n for name, n in levels.items() if n}
    last = layers[-1].name
    for name in chosen:
        if name != last:
            raise PlanError(
                f"{name}: {UNROLLED.name} is said of the last layer, {last}, and means all layers "
                "before it as well"
            )
    if not chosen and (levels or others):
        return None
    if chosen and others:
        raise PlanError(
            f"{last}: {UNROLLED.name} leaves nothing to be chosen for single layers; leave the "
            "other choices out"
        )
    run = whole_run(layers)
    if run is None:
        if chosen:
            raise PlanError(
                f"{last}: layers cannot be unrolled: there must be several, of one input and one "
                "output, of convolutions, linear layers, pools, sums and what requantizes, and of "
                f"few products; leave {UNROLLED.name} out"
            )
        return None
    wanted = {UNROLLED.name: chosen[last]} if chosen else {}
    return RunWay(LayerCandidates(run, target, clock_hz, wanted), bool(chosen))
